//! Places, and what was noted and changed.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Brief, Choice};

/// A row of `/extras/journal-entries/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JournalEntry {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default)]
    pub(crate) created_by: Option<Value>,
    #[serde(default)]
    pub(crate) kind: Option<Choice>,
    #[serde(default)]
    pub(crate) comments: Option<String>,
    #[serde(default)]
    pub(crate) assigned_object_type: Option<String>,
    #[serde(default)]
    pub(crate) assigned_object_id: Option<u64>,
    #[serde(default)]
    pub(crate) assigned_object: Option<Brief>,
}

/// A row of `/core/object-changes/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ObjectChange {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) time: Option<String>,
    #[serde(default)]
    pub(crate) user_name: Option<String>,
    #[serde(default)]
    pub(crate) request_id: Option<String>,
    #[serde(default)]
    pub(crate) action: Option<Choice>,
    #[serde(default)]
    pub(crate) changed_object_type: Option<String>,
    #[serde(default)]
    pub(crate) changed_object_id: Option<u64>,
    #[serde(default)]
    pub(crate) object_repr: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) prechange_data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) postchange_data: Option<Map<String, Value>>,
}

/// A row of `/dcim/sites/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Site {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) slug: String,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) region: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) device_count: Option<u64>,
    #[serde(default)]
    pub(crate) rack_count: Option<u64>,
    #[serde(default)]
    pub(crate) prefix_count: Option<u64>,
    #[serde(default)]
    pub(crate) vlan_count: Option<u64>,
    #[serde(default)]
    pub(crate) virtualmachine_count: Option<u64>,
}

/// A row of `/dcim/racks/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rack {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) site: Option<Brief>,
    #[serde(default)]
    pub(crate) location: Option<Brief>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) role: Option<Brief>,
    #[serde(default)]
    pub(crate) u_height: Option<u32>,
    #[serde(default)]
    pub(crate) device_count: Option<u64>,
    #[serde(default)]
    pub(crate) description: Option<String>,
}
