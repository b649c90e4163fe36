//! The tamper-evident audit: what a row holds and how rows are chained. Pure; the store keeps them.
//!
//! Each process that writes has a chain of its own. A row's `mac` is an HMAC-SHA256 over the row,
//! its place and the `mac` before it, so a changed, removed, inserted or moved row breaks the
//! chain; the head of each chain is kept (with a MAC of its own), so that removing the newest rows
//! is seen too.

mod canonical;

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Micros;

pub use canonical::{canonical, digest};

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
    /// MAC over the three, so that a head cannot be made up.
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
        let mut mac = self.0.clone();
        let mut field = |text: Option<&str>| {
            // Length first, so that moving text from one field to the next changes the MAC.
            let bytes = text.unwrap_or_default().as_bytes();
            mac.update(&[u8::from(text.is_some())]);
            mac.update(&(bytes.len() as u64).to_be_bytes());
            mac.update(bytes);
        };
        field(Some(previous));
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
        hex::encode(mac.finalize().into_bytes())
    }

    /// The head of a chain after its newest row.
    pub fn head(&self, chain: &str, seq: i64, mac: &str) -> ChainHead {
        let mut seal = self.0.clone();
        seal.update(format!("head\0{chain}\0{seq}\0{mac}").as_bytes());
        ChainHead {
            chain: chain.to_owned(),
            seq,
            mac: mac.to_owned(),
            seal: hex::encode(seal.finalize().into_bytes()),
        }
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
        let head = key.head(chain, 0, "");
        Self { key, head }
    }

    /// Chains the entries in order and returns them with the head after them. Nothing is kept
    /// until [`ChainWriter::commit`], so a failed write leaves the chain where it was.
    pub fn extend(&self, entries: Vec<AuditEntry>) -> (Vec<ChainedEntry>, ChainHead) {
        let mut seq = self.head.seq;
        let mut previous = self.head.mac.clone();
        let rows: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                seq += 1;
                let mac = self.key.mac(&self.head.chain, seq, &entry, &previous);
                previous.clone_from(&mac);
                ChainedEntry {
                    chain: self.head.chain.clone(),
                    seq,
                    entry,
                    mac,
                }
            })
            .collect();
        let head = self.key.head(&self.head.chain, seq, &previous);
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

/// What is wrong with a chain, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The chain.
    pub chain: String,
    /// The row's number in it.
    pub seq: i64,
    /// The row's id, where the row exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is wrong, for people.
    pub problem: String,
}

/// Checks rows as they are read, ordered by chain and number.
pub struct Verifier {
    key: AuditKey,
    heads: BTreeMap<String, ChainHead>,
    at: Option<(String, i64, String)>,
    rows: u64,
    faults: Vec<Fault>,
}

impl Verifier {
    /// Starts with the heads that the store keeps.
    pub fn new(key: AuditKey, heads: Vec<ChainHead>) -> Self {
        let mut faults = Vec::new();
        for head in &heads {
            if key.head(&head.chain, head.seq, &head.mac).seal != head.seal {
                faults.push(Fault {
                    chain: head.chain.clone(),
                    seq: head.seq,
                    id: None,
                    problem: "the kept head of this chain was altered".into(),
                });
            }
        }
        let heads = heads
            .into_iter()
            .map(|head| (head.chain.clone(), head))
            .collect();
        Self {
            key,
            heads,
            at: None,
            rows: 0,
            faults,
        }
    }

    /// Checks the next row.
    pub fn check(&mut self, row: &ChainedEntry) {
        self.rows += 1;
        let same_chain = self
            .at
            .as_ref()
            .is_some_and(|(chain, ..)| *chain == row.chain);
        if !same_chain {
            self.finish_chain();
            if !self.heads.contains_key(&row.chain) {
                self.fault(row, "this chain has no kept head");
            }
        }
        let (previous_seq, previous_mac) = match &self.at {
            Some((_, seq, mac)) if same_chain => (*seq, mac.clone()),
            _ => (0, String::new()),
        };
        if row.seq > previous_seq + 1 {
            let gap = format!(
                "rows {} to {} before it are missing",
                previous_seq + 1,
                row.seq - 1
            );
            self.fault(row, &gap);
        } else if row.seq <= previous_seq {
            self.fault(row, "the row is out of order");
        } else if self.key.mac(&row.chain, row.seq, &row.entry, &previous_mac) != row.mac {
            self.fault(row, "the row, or the one before it, was altered");
        }
        self.at = Some((row.chain.clone(), row.seq, row.mac.clone()));
    }

    /// Ends the check: what was read, and every fault found.
    pub fn finish(mut self) -> (u64, Vec<Fault>) {
        self.finish_chain();
        let unseen: Vec<_> = self
            .heads
            .values()
            .filter(|head| head.seq > 0)
            .cloned()
            .collect();
        for head in unseen {
            self.faults.push(Fault {
                problem: format!("all {} rows of this chain are missing", head.seq),
                chain: head.chain,
                seq: 1,
                id: None,
            });
        }
        (self.rows, self.faults)
    }

    fn finish_chain(&mut self) {
        let Some((chain, seq, mac)) = self.at.take() else {
            return;
        };
        let Some(head) = self.heads.remove(&chain) else {
            return;
        };
        let problem = if head.seq > seq {
            format!("rows {} to {} at the end are missing", seq + 1, head.seq)
        } else if head.seq < seq {
            format!(
                "rows after {} were appended without the kept head",
                head.seq
            )
        } else if head.mac != mac {
            "the newest row is not the one the kept head names".into()
        } else {
            return;
        };
        self.faults.push(Fault {
            chain,
            seq,
            id: None,
            problem,
        });
    }

    fn fault(&mut self, row: &ChainedEntry, problem: &str) {
        self.faults.push(Fault {
            chain: row.chain.clone(),
            seq: row.seq,
            id: Some(row.entry.id.clone()),
            problem: problem.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(number: usize) -> AuditEntry {
        AuditEntry {
            id: format!("id-{number}"),
            timestamp: Micros(1_000_000 + i64::try_from(number).unwrap()),
            kind: EntryKind::Outcome,
            user: "alice".into(),
            credential: "key-1".into(),
            transport: "http".into(),
            ip_address: None,
            action: "list_vms".into(),
            target_type: "proxmox".into(),
            target_id: "proxmox".into(),
            effect: Some("read".into()),
            arguments: Some("{}".into()),
            arguments_digest: Some(digest("{}")),
            outcome: Some("ok".into()),
            duration_us: Some(12),
            request_id: format!("req-{number}"),
            details: None,
        }
    }

    fn chain(length: usize) -> (AuditKey, Vec<ChainedEntry>, ChainHead) {
        let key = AuditKey::new(&[7; 32]);
        let writer = ChainWriter::start(key.clone(), "chain-1");
        let (rows, head) = writer.extend((0..length).map(entry).collect());
        (key, rows, head)
    }

    fn faults(key: AuditKey, rows: &[ChainedEntry], head: ChainHead) -> Vec<Fault> {
        let mut verifier = Verifier::new(key, vec![head]);
        for row in rows {
            verifier.check(row);
        }
        verifier.finish().1
    }

    #[test]
    fn an_untouched_chain_verifies() {
        let (key, rows, head) = chain(20);

        assert_eq!(faults(key, &rows, head), []);
    }

    #[test]
    fn removing_the_newest_rows_or_all_of_them_is_found() {
        let (key, rows, head) = chain(5);

        assert_eq!(faults(key.clone(), &rows[..4], head.clone()).len(), 1);
        assert_eq!(faults(key, &[], head).len(), 1);
    }

    proptest! {
        #[test]
        fn any_single_tampering_is_found(
            length in 2_usize..30, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
            kind in 0..5,
        ) {
            let (key, mut rows, head) = chain(length);
            let (at, other) = (at.index(length), other.index(length));
            match kind {
                0 => rows[at].entry.user = "mallory".into(),
                1 => { rows.remove(at); }
                2 => {
                    prop_assume!(at != other);
                    rows.swap(at, other);
                }
                3 => rows[at].entry.duration_us = None,
                _ => rows.insert(at, rows[other].clone()),
            }

            prop_assert!(!faults(key, &rows, head).is_empty());
        }
    }
}
