//! The client against a server that behaves, and misbehaves, as each test says.

#![expect(
    clippy::unwrap_used,
    reason = "what the tests share may stop at the first surprise too"
)]

mod errors;
mod limits;
mod observer;
mod redirects;
mod retries;
mod secrets;
mod sending;
mod streaming;
mod support;
mod tls;
