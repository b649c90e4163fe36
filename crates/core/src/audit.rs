//! The tamper-evident audit: what a row holds and how rows are chained. Pure; the store keeps them.
//!
//! Each process that writes has a chain of its own. A row's `mac` is an HMAC-SHA256 over the row,
//! its place and the `mac` before it, so a changed, removed, inserted or moved row breaks the
//! chain; the head of each chain is kept (with a MAC of its own), so that removing the newest rows
//! is seen too.
//!
//! Beside the MACs, which only the holder of the key can check, runs a chain of plain SHA-256
//! hashes ([`Link`]) over the same bytes. [`Checkpoint`]s sign where it stands, so that an exported
//! range is verified with the public key alone ([`ExportVerifier`]).

mod canonical;
mod checkpoint;
mod export;
mod link;
mod signing;
mod verify;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Micros;

pub use canonical::{canonical, digest};
pub use checkpoint::{CHECKPOINTS, Checkpoint, CheckpointKind, Claim, Position};
pub use export::{ExportHeader, ExportLine, ExportVerifier, ExportedRow, Span, VerifiedExport};
pub use link::Link;
pub use signing::{BadKey, PublicKey, SigningKey};
pub use verify::{Archived, Fault, Verification, Verifier};

use link::encode;

/// What an audit row records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A change is about to run; durable before it does.
    Intent,
    /// How a call ended.
    Outcome,
    /// Something other than a call: sign-in refused, key created, kill switch.
    Event,
    /// Taken over from an older system; not chained there.
    Legacy,
}

impl EntryKind {
    /// The kind as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Event => "event",
            Self::Legacy => "legacy",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Intent, Self::Outcome, Self::Event, Self::Legacy]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// One audit row. Texts are redacted before they get here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// UUIDv7.
    pub id: String,
    /// When it was recorded.
    pub timestamp: Micros,
    /// What it records.
    pub kind: EntryKind,
    /// Who: the principal's name.
    pub user: String,
    /// With which credential.
    pub credential: String,
    /// Through which door.
    pub transport: String,
    /// From where, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// What: the tool's bare name, or the event.
    pub action: String,
    /// On which kind of thing: the server's kind for calls.
    pub target_type: String,
    /// On which one: the instance for calls.
    pub target_id: String,
    /// `read`, `write`, … for calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Redacted arguments as canonical JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    /// SHA-256 of the canonical arguments before redaction, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<String>,
    /// `ok`, an error code, or absent for an intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// How long it ran, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<i64>,
    /// The request.
    pub request_id: String,
    /// More: the error's message, the inverse for undo, how often a repeated refusal occurred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainedEntry {
    /// The writer's chain.
    pub chain: String,
    /// 1, 2, 3, … within the chain.
    pub seq: i64,
    /// The row.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// MAC of this row, hexadecimal.
    pub mac: String,
}

/// Where a chain ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// The chain.
    pub chain: String,
    /// Number of its newest row; 0 for none.
    pub seq: i64,
    /// MAC of its newest row; empty for none.
    pub mac: String,
    /// Where the keyless chain stands; absent for chains that were written before it existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Link>,
    /// MAC over all of this, so that a head cannot be made up.
    pub seal: String,
}

/// The key of the audit; 32 bytes.
#[derive(Clone)]
pub struct AuditKey(Hmac<Sha256>);

impl AuditKey {
    /// Takes over a key.
    pub fn new(key: &[u8; 32]) -> Self {
        // HMAC takes keys of any length; this cannot fail.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    /// Tells keys apart without revealing them.
    pub fn fingerprint(&self) -> String {
        let mut mac = self.0.clone();
        mac.update(b"homelab-mcp audit key fingerprint");
        hex::encode(&mac.finalize().into_bytes()[..8])
    }

    /// A key for another purpose: all processes that share this one get the same, and it tells
    /// nothing about this one.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(b"homelab-mcp derived key\0");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The MAC of a row at its place.
    pub fn mac(&self, chain: &str, seq: i64, entry: &AuditEntry, previous: &str) -> String {
        self.mac_of(&encode(chain, seq, entry), previous)
    }

    /// The MAC of a row that is [`encode`]d already.
    fn mac_of(&self, encoded: &[u8], previous: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(&[1]);
        mac.update(&(previous.len() as u64).to_be_bytes());
        mac.update(previous.as_bytes());
        mac.update(encoded);
        hex::encode(mac.finalize().into_bytes())
    }

    /// The head of a chain after its newest row.
    pub fn head(&self, chain: &str, seq: i64, mac: &str, hash: Option<Link>) -> ChainHead {
        let mut seal = self.0.clone();
        seal.update(format!("head\0{chain}\0{seq}\0{mac}").as_bytes());
        if let Some(hash) = hash {
            seal.update(format!("\0{hash}").as_bytes());
        }
        ChainHead {
            chain: chain.to_owned(),
            seq,
            mac: mac.to_owned(),
            hash,
            seal: hex::encode(seal.finalize().into_bytes()),
        }
    }

    /// Whether this key sealed the head.
    pub fn sealed(&self, head: &ChainHead) -> bool {
        self.head(&head.chain, head.seq, &head.mac, head.hash).seal == head.seal
    }
}

/// Extends one chain in memory; the store writes what it returns in one transaction.
pub struct ChainWriter {
    key: AuditKey,
    head: ChainHead,
}

impl ChainWriter {
    /// A new, empty chain.
    pub fn start(key: AuditKey, chain: &str) -> Self {
        let head = key.head(chain, 0, "", Some(Link::START));
        Self { key, head }
    }

    /// Chains the entries in order and returns them with the head after them. Nothing is kept
    /// until [`ChainWriter::commit`], so a failed write leaves the chain where it was.
    pub fn extend(&self, entries: Vec<AuditEntry>) -> (Vec<ChainedEntry>, ChainHead) {
        let mut seq = self.head.seq;
        let mut previous = self.head.mac.clone();
        let mut hash = self.head.hash.unwrap_or(Link::START);
        let rows: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                seq += 1;
                let encoded = encode(&self.head.chain, seq, &entry);
                let mac = self.key.mac_of(&encoded, &previous);
                hash = hash.next(&encoded, &mac);
                previous.clone_from(&mac);
                ChainedEntry {
                    chain: self.head.chain.clone(),
                    seq,
                    entry,
                    mac,
                }
            })
            .collect();
        let head = self.key.head(&self.head.chain, seq, &previous, Some(hash));
        (rows, head)
    }

    /// Moves on to a head that is durable now.
    pub fn commit(&mut self, head: ChainHead) {
        self.head = head;
    }

    /// Where the chain ends.
    pub fn head(&self) -> &ChainHead {
        &self.head
    }
}
