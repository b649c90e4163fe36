//! Rules of the contract that need no storage.

mod graph;
mod name;
mod order;
mod transition;

pub use graph::cycle;
pub use name::{RESERVED, check_agent_name, fold_name};
pub use order::{importance_rank, message_rank, task_rank};
pub use transition::{Review, allowed, check_transition, needs_reason, synonym};
