//! The three protocols that Traefik routes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a router speaks.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    /// HTTP and HTTPS.
    #[default]
    Http,
    /// TCP, with or without TLS.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    pub(crate) const ALL: [Self; 3] = [Self::Http, Self::Tcp, Self::Udp];
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// Which protocols to list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocols {
    Http,
    Tcp,
    Udp,
    /// All three.
    #[default]
    All,
}

impl Protocols {
    pub(crate) fn each(self) -> &'static [Protocol] {
        match self {
            Self::Http => &[Protocol::Http],
            Self::Tcp => &[Protocol::Tcp],
            Self::Udp => &[Protocol::Udp],
            Self::All => &Protocol::ALL,
        }
    }
}
