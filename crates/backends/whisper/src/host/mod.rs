//! Looking at a host as a whole, and at its services and logs.

pub(crate) mod logs;
pub(crate) mod service;
pub(crate) mod status;
