//! Backup as JSON lines, and restore from either kind of backup into either engine.
//!
//! A dump is `{"backup": …}`, one `{"table", "row"}` for each row, and `{"end": {"rows": …}}`, by
//! which a dump that was cut short is told.

mod dump;
mod restore;

use std::path::Path;

use homelab_core::inventory::{
    Address, Device, Equipment, FirewallRule, Host, Network, Service, VirtualMachine,
};
use homelab_core::store::StoreError;
use serde::{Deserialize, Serialize};

pub(crate) use dump::dump;
pub use restore::{Overwrite, Restored, restore};

use crate::db::Values;
use crate::table::{Stored, Table};

/// Every table with data, in an order in which rows come after those they refer to.
const TABLES: [&Table; 35] = [
    Host::TABLE,
    Network::TABLE,
    Device::TABLE,
    VirtualMachine::TABLE,
    Equipment::TABLE,
    Service::TABLE,
    Address::TABLE,
    FirewallRule::TABLE,
    crate::sightings::TABLE,
    crate::credentials::TABLE,
    crate::archives::TABLE,
    crate::keys::TABLE,
    crate::settings::TABLE,
    crate::audit::TABLE,
    crate::audit::HEADS,
    crate::approvals::TABLE,
    // Short-lived, but a restore must not make a tainted caller clean nor a spent budget whole.
    crate::taints::TABLE,
    crate::budgets::TABLE,
    crate::audit::CHECKPOINTS,
    crate::ccpm::AGENTS,
    crate::ccpm::MESSAGES,
    crate::ccpm::TASKS,
    crate::ccpm::DEPENDENCIES,
    crate::ccpm::EVENTS,
    crate::ccpm::REPORTS,
    crate::ccpm::SPRINTS,
    crate::ccpm::SESSIONS,
    crate::ccpm::CONTEXTS,
    crate::ccpm::ANSWERS,
    crate::memories::OWNERS,
    crate::memories::REVISIONS,
    crate::memories::HISTORY,
    crate::memories::TOKENS,
    crate::memories::ABOUT,
    crate::memories::VECTORS,
];

/// Version of the format described above.
const FORMAT: u32 = 1;

/// One line of a dump.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Begin { backup: Begin },
    Row { table: String, row: Values },
    End { end: End },
}

#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    /// `homelab-mcp`.
    program: String,
    format: u32,
    /// Schema version of the rows.
    schema: i64,
    created_at: homelab_core::clock::Micros,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    rows: u64,
}

fn unavailable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("`{}`: {error}", path.display()))
}
