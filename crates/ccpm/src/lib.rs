//! Agents, messages, tasks, sprints and session reports as a service: the operations of the CCPM
//! contract, without HTTP and without MCP.
//!
//! [`Ccpm`] is what callers see; a client of another CCPM service implements it too.

mod api;
mod identity;

pub use api::{Actor, Call, Ccpm, Done, Health};
pub use identity::{ADMIN, BROADCAST, Identities, KIND, other_agent};
