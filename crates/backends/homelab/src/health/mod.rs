//! Whether a service is well: a `GET` of its health endpoint, or a TCP connection.

pub(crate) mod address;
mod checker;
mod report;

pub(crate) use checker::{Checker, millis};
pub(crate) use report::ServiceHealth;
