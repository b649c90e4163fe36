//! The keyless chain: one SHA-256 for each row, over the row and the hash before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{AuditEntry, ChainedEntry};

/// Keeps these hashes apart from any other that is ever made of the same bytes.
const DOMAIN: &[u8] = b"homelab-mcp audit row 1\0";

/// Where the keyless chain stands after a row. Written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link([u8; 32]);

impl Link {
    /// Before the first row.
    pub const START: Self = Self([0; 32]);

    /// After one more row, given its [`encode`]d form and its MAC.
    pub(super) fn next(self, encoded: &[u8], mac: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.0);
        hash.update((mac.len() as u64).to_be_bytes());
        hash.update(mac.as_bytes());
        hash.update(encoded);
        Self(hash.finalize().into())
    }

    /// After one more row.
    #[must_use]
    pub fn after(self, row: &ChainedEntry) -> Self {
        self.next(&encode(&row.chain, row.seq, &row.entry), &row.mac)
    }

    /// The SHA-256 of some bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// A row at its place as bytes: what its MAC and its hash are made of. Every field has its length
/// before it, so that text which moves from one field to the next changes the bytes.
pub(super) fn encode(chain: &str, seq: i64, entry: &AuditEntry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    let mut field = |text: Option<&str>| {
        let value = text.unwrap_or_default().as_bytes();
        bytes.push(u8::from(text.is_some()));
        bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
        bytes.extend_from_slice(value);
    };
    field(Some(chain));
    field(Some(&seq.to_string()));
    field(Some(&entry.id));
    field(Some(&entry.timestamp.0.to_string()));
    field(Some(entry.kind.as_str()));
    field(Some(&entry.user));
    field(Some(&entry.credential));
    field(Some(&entry.transport));
    field(entry.ip_address.as_deref());
    field(Some(&entry.action));
    field(Some(&entry.target_type));
    field(Some(&entry.target_id));
    field(entry.effect.as_deref());
    field(entry.arguments.as_deref());
    field(entry.arguments_digest.as_deref());
    field(entry.outcome.as_deref());
    field(entry.duration_us.map(|us| us.to_string()).as_deref());
    field(Some(&entry.request_id));
    field(entry.details.as_deref());
    bytes
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Link {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        // Upper case would be another text for the same hash.
        let decoded = hex::decode_to_slice(text, &mut bytes);
        if decoded.is_err() || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("it is not a SHA-256 in lower-case hexadecimal digits".into());
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
