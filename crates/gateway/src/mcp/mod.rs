//! The MCP side: our tools behind the SDK's `ServerHandler`, over [`Caller`](homelab_core::call::Caller).
//!
//! Only this module and [`transport`](crate::transport) know the SDK. Everything a request means
//! (permission, validation, audit, execution) happens behind `Caller`; here it is only translated.

mod changes;
mod convert;
mod direct;
mod elicit;
mod handler;
mod parts;
mod progress;

pub use changes::ToolListChanges;
pub use elicit::Sealer;
pub use handler::Handler;
pub use parts::HandlerParts;

pub(crate) use direct::DirectCalls;
pub(crate) use parts::call_context;
