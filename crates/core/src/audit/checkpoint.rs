//! Signed statements of where a chain stands.
//!
//! All checkpoints of a database form one list: each names the hash of the one before it. Whoever
//! keeps one of them elsewhere therefore holds all earlier ones, and through them every row that was
//! written until then, of every chain.

use serde::{Deserialize, Serialize};

use super::{ChainHead, Link, PublicKey, SigningKey};
use crate::clock::Micros;

/// Name under which the end of the list of checkpoints is kept among the heads of chains: number
/// and hash of the newest one. No writer's chain is called that.
pub const CHECKPOINTS: &str = "checkpoints";

const DOMAIN: &[u8] = b"homelab-mcp audit checkpoint 1\0";

/// What a checkpoint says besides where the chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckpointKind {
    /// Nothing more.
    Head,
    /// The rows up to here were moved to an archive.
    Archive,
}

impl CheckpointKind {
    /// The kind as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Archive => "archive",
        }
    }

    /// The kind of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Head, Self::Archive]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A place in a chain: after this row, and what its MAC and the keyless hash are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Number of the row; 0 before the first.
    pub seq: i64,
    /// Its MAC; empty before the first.
    pub mac: String,
    /// The keyless chain after it.
    pub hash: Link,
}

impl Position {
    /// Before the first row.
    pub fn start() -> Self {
        Self {
            seq: 0,
            mac: String::new(),
            hash: Link::START,
        }
    }
}

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it says.
    pub kind: CheckpointKind,
    /// The chain.
    pub chain: String,
    /// Where it stands.
    pub at: Position,
    /// For an archive: the SHA-256 of its file.
    pub note: Option<String>,
}

/// A signed statement: at this time this chain stood here. As JSON on one line it is the *head
/// line* that is pinned elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// 1, 2, 3, … within the database.
    pub number: i64,
    /// When it was signed.
    pub timestamp: Micros,
    /// What it says.
    pub kind: CheckpointKind,
    /// The chain.
    pub chain: String,
    /// Number of the row it was signed after.
    pub seq: i64,
    /// MAC of that row.
    pub mac: String,
    /// The keyless chain after that row.
    pub hash: Link,
    /// For an archive: the SHA-256 of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Hash of the checkpoint before it; zeros for the first.
    pub previous: Link,
    /// Fingerprint of the key.
    pub key: String,
    /// Ed25519 signature, hexadecimal.
    pub signature: String,
}

impl Checkpoint {
    /// Signs a claim as the next checkpoint after another one.
    pub fn sign(claim: Claim, after: Option<&Self>, now: Micros, key: &SigningKey) -> Self {
        let mut made = Self {
            number: after.map_or(0, |last| last.number) + 1,
            timestamp: now,
            kind: claim.kind,
            chain: claim.chain,
            seq: claim.at.seq,
            mac: claim.at.mac,
            hash: claim.at.hash,
            note: claim.note,
            previous: after.map_or(Link::START, Self::id),
            key: key.public().fingerprint(),
            signature: String::new(),
        };
        made.signature = key.sign(&made.message());
        made
    }

    /// Where the chain stood.
    pub fn at(&self) -> Position {
        Position {
            seq: self.seq,
            mac: self.mac.clone(),
            hash: self.hash,
        }
    }

    /// Hash of the statement, by which the next one names it.
    pub fn id(&self) -> Link {
        Link::of(&self.message())
    }

    /// Whether the key signed it.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verifies(&self.message(), &self.signature)
    }

    /// Whether it follows on another one, or on none.
    pub fn follows(&self, last: Option<&Self>) -> bool {
        self.number == last.map_or(0, |last| last.number) + 1
            && self.previous == last.map_or(Link::START, Self::id)
    }

    /// Whether the kept end of the list names this one.
    pub fn is_end(&self, end: &ChainHead) -> bool {
        end.seq == self.number && end.mac == self.id().to_string()
    }

    /// The head line.
    pub fn line(&self) -> String {
        // Strings and numbers serialise without fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a head line; what a log wrote before or after it, or around it as JSON, is passed
    /// over.
    pub fn parse_line(line: &str) -> Option<Self> {
        let start = line.find('{')?;
        let end = line.rfind('}')?;
        let value = serde_json::from_str(line.get(start..=end)?).ok()?;
        Self::within(&value)
    }

    fn within(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::Object(members) => serde_json::from_value(value.clone())
                .ok()
                .or_else(|| members.values().find_map(Self::within)),
            serde_json::Value::String(text) if text.contains('{') => Self::parse_line(text),
            _ => None,
        }
    }

    /// All that is signed, each field with its length before it.
    fn message(&self) -> Vec<u8> {
        let mut message = DOMAIN.to_vec();
        let mut field = |text: &str| {
            message.extend_from_slice(&(text.len() as u64).to_be_bytes());
            message.extend_from_slice(text.as_bytes());
        };
        field(&self.number.to_string());
        field(&self.timestamp.0.to_string());
        field(self.kind.as_str());
        field(&self.chain);
        field(&self.seq.to_string());
        field(&self.mac);
        field(&self.hash.to_string());
        // Nothing and an empty note are two things.
        field(self.note.as_ref().map_or("0", |_| "1"));
        field(self.note.as_deref().unwrap_or_default());
        field(&self.previous.to_string());
        field(&self.key);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (Checkpoint, SigningKey) {
        let key = SigningKey::from_seed(&[5; 32]).unwrap();
        let claim = Claim {
            kind: CheckpointKind::Head,
            chain: "a".into(),
            at: Position::start(),
            note: None,
        };
        (Checkpoint::sign(claim, None, Micros(7), &key), key)
    }

    #[test]
    fn any_changed_field_breaks_the_signature() {
        let (good, key) = signed();
        let public = key.public();
        assert!(good.is_signed_by(&public));

        let changed = |change: fn(&mut Checkpoint)| {
            let mut other = good.clone();
            change(&mut other);
            assert_ne!(other, good);
            assert!(!other.is_signed_by(&public), "{other:?}");
        };

        changed(|one| one.number = 2);
        changed(|one| one.timestamp = Micros(8));
        changed(|one| one.kind = CheckpointKind::Archive);
        changed(|one| one.chain = "b".into());
        changed(|one| one.seq = 1);
        changed(|one| one.mac = "0".into());
        changed(|one| one.hash = Link::of(b"x"));
        changed(|one| one.note = Some(String::new()));
        changed(|one| one.previous = Link::of(b"x"));
        changed(|one| one.key = "0".into());
        changed(|one| one.signature = "00".repeat(64));
        assert!(!good.is_signed_by(&SigningKey::from_seed(&[6; 32]).unwrap().public()));
    }

    #[test]
    fn a_head_line_is_found_in_a_line_of_a_log() {
        let (good, _) = signed();
        let line = format!(
            "Nov 29 15:00:00 lab homelab-mcp[7]: audit head {}\n",
            good.line()
        );

        assert_eq!(Checkpoint::parse_line(&line), Some(good.clone()));
        let json = serde_json::json!({ "level": "INFO", "fields": { "message": line } });
        assert_eq!(Checkpoint::parse_line(&json.to_string()), Some(good));
        assert_eq!(Checkpoint::parse_line("} nothing {"), None);
    }
}
