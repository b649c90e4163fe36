//! Agents, messages, tasks, sprints and session reports as a service: the operations of the CCPM
//! contract, without HTTP and without MCP.
//!
//! [`Ccpm`] is what callers see; a client of another CCPM service implements it too. [`Service`]
//! implements it over [`homelab_core::store::Ccpm`]: each change is one transaction that checks,
//! saves, and keeps its answer for a repeated idempotency key. What changed is told on
//! [`Service::changes`] once it is durable.
//!
//! Who an agent is, is the caller's business: it hands over an [`Actor`].

mod agents;
mod api;
mod bus;
mod check;
mod completion;
mod facade;
mod identity;
mod inbox;
mod messages;
mod resolve;
mod service;
mod session_context;
mod sessions;
mod sprints;
mod task_moves;
mod task_views;
mod tasks;
mod upkeep;
mod work;

pub use api::{Actor, Call, Ccpm, Done, Health};
pub use bus::Change;
pub use identity::{ADMIN, BROADCAST, Identities, KIND, other_agent};
pub use service::{Parts, Service, Settings};
pub use upkeep::Upkeep;
