//! Held calls: asking, deciding, running once.
//!
//! Every door that decides (a form in the client, the command line, REST, later the web page and chat
//! bots) calls [`ApprovalService`]; the pipeline asks it before a held call and tells it how the run
//! ended. What may follow on what is decided in [`homelab_core::approval`], in one transaction of the
//! store each, so any number of processes on one database agree.

mod control;
mod errors;
mod fault;
mod service;
mod switch;
mod undo;

pub use control::{Control, KIND};
pub use errors::VoteError;
pub use fault::{FaultPoint, Faults};
pub use service::{ApprovalParts, ApprovalService, Ballot};

pub(crate) use errors::{denied, waiting};
pub(crate) use service::Held;
