//! The doors: HTTP (streamable, legacy SSE), stdio, and the accept loop under the former.

mod allow;
pub(crate) mod body;
mod detach;
pub(crate) mod edge;
mod endpoint;
pub mod http;
mod ids;
pub mod listen;
pub(crate) mod reply;
mod sessions;
mod sse;
pub mod stdio;
mod step_up;

pub use allow::{AllowedHost, AllowedOrigin};
pub use edge::PeerAddress;

pub(crate) use detach::detach;
pub(crate) use edge::{BeyondScope, Identity};
