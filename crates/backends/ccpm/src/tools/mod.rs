//! The tools, one file for each subject.

pub(crate) mod agents;
pub(crate) mod board;
pub(crate) mod messages;
pub(crate) mod reports;
pub(crate) mod sessions;
pub(crate) mod sprints;
pub(crate) mod task_changes;
pub(crate) mod tasks;
pub(crate) mod threads;

use homelab_core::ccpm::Paging;

/// Rows of a page unless asked otherwise: less than the contract's, because models pay for them.
const FEW: u32 = 20;

/// The page that a tool's arguments ask for.
fn page(limit: Option<u32>, cursor: Option<String>) -> Paging {
    Paging {
        limit: Some(limit.unwrap_or(FEW)),
        cursor,
    }
}
