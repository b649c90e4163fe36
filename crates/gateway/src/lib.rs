//! Transports, authentication, aggregation, the call pipeline and metrics.
//!
//! Every door (stdio, Streamable HTTP, HTTP+SSE, REST, the command line) turns what it got into a
//! [`ToolCall`](homelab_core::call::ToolCall) and hands it to [`pipeline::Dispatcher`]; there is no
//! second way to run a tool.

pub mod approval;
pub mod auth;
pub mod limits;
pub mod mcp;
pub mod metrics;
pub mod pipeline;
mod refusals;
pub mod rest;
mod trail;
pub mod transport;
