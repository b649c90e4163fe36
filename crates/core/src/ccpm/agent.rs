//! Agents: who sends, receives and works.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::{AgentId, Metadata};
use crate::clock::Micros;

choice! {
    /// What an agent is.
    AgentKind {
        /// Hands work to others.
        Orchestrator = "orchestrator",
        /// Looks after machines.
        Infrastructure = "infrastructure",
        /// Watches.
        Monitoring = "monitoring",
        /// Learns from what happened.
        Learning = "learning",
        /// Writes software.
        Developer = "developer",
        /// A person.
        Human = "human",
        /// A program.
        Service = "service",
        /// Anything else.
        Other = "other",
    }
}

choice! {
    /// How an agent stands.
    AgentStatus {
        /// At work; falls to `offline` when it was not seen for ten minutes.
        Active = "active",
        /// Waits for work.
        Idle = "idle",
        /// Takes no more work for now.
        Busy = "busy",
        /// Not there.
        Offline = "offline",
        /// Receives nothing.
        Disabled = "disabled",
    }
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its name, unique without case.
    pub name: String,
    /// A short mark of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AgentKind,
    /// How it stands.
    pub status: AgentStatus,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// Unread messages; counted when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<u64>,
    /// When it was seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Micros>,
    /// When it was registered.
    #[serde(default)]
    pub created_at: Micros,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Micros,
    /// Grows by one with each change.
    #[serde(default)]
    pub version: i64,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Registers an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentCreate {
    /// Its id, if it brings one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AgentId>,
    /// Its name: letters, digits, `.`, `_`, `-`; unique without case.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// A short mark of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub tag: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AgentKind,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub capabilities: Vec<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Changes an agent; absent fields stay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentPatch {
    /// How it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AgentStatus>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub description: Option<String>,
    /// What it can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub capabilities: Option<Vec<String>>,
    /// A short mark of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub tag: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Which agents to list; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFilter {
    /// Stands so now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AgentStatus>,
    /// Is this.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<AgentKind>,
    /// Has this name, without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
