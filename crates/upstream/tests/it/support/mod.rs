//! A server of our own, so that answers can be wrong on the level of bytes.

pub(crate) mod certificates;
mod server;

use std::time::Duration;

use homelab_core::redact::Redactor;
use homelab_upstream::{Client, ClientConfig, UpstreamError, Url};

pub(crate) use server::{Reply, Seen, Server};

/// Settings for tests: repeats at once.
pub(crate) fn settings(base: &Url) -> ClientConfig {
    ClientConfig {
        base_url: Some(base.clone()),
        retry_delay: Duration::from_millis(1),
        ..ClientConfig::new("pve")
    }
}

/// A client for the server, with these settings.
pub(crate) fn client(config: &ClientConfig) -> Client {
    Client::new(config, Redactor::default()).unwrap()
}

/// What a caller of a tool would see.
pub(crate) fn envelope(error: UpstreamError) -> homelab_core::error::Envelope {
    homelab_core::error::ToolError::from(error)
        .envelope()
        .clone()
}
