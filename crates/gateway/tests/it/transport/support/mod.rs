//! A whole server with a fake [`Caller`](homelab_core::call::Caller) behind it, and a client that
//! sends exactly what a test says.

pub(crate) mod client;
pub(crate) mod lab;
pub(crate) mod server;
