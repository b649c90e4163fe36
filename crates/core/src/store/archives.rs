//! Archives that servers give out of themselves, kept so that they can be given back.

use async_trait::async_trait;
use serde::Serialize;

use super::{Rewrite, StoreResult};
use crate::clock::Micros;

/// What is told of an archive; its content is a secret and is read by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Archive {
    /// Our id.
    pub id: String,
    /// The instance that it is of.
    pub server: String,
    /// Which of the instance's machines gave it out.
    pub source: String,
    /// What it is, in the upstream's word, such as `teleporter`.
    pub kind: String,
    /// Its file's name.
    pub name: String,
    /// Why it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Bytes of the content before it was encrypted.
    pub size: u64,
    /// SHA-256 of the content before it was encrypted, hexadecimal.
    pub sha256: String,
    /// When it was stored.
    pub created_at: Micros,
}

/// How many archives of one server, source and kind there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep<'a> {
    /// The newest so many; the new one counts and always stays.
    pub newest: usize,
    /// One that stays although it is older.
    pub besides: Option<&'a str>,
}

/// What became of a new archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The archive as it is stored.
    pub archive: Archive,
    /// Those that had to go for it, newest first.
    pub removed: Vec<Archive>,
}

/// Stored archives. Contents arrive and leave as Fernet tokens.
#[async_trait]
pub trait Archives: Send + Sync {
    /// All of them, or those of one server, newest first.
    async fn list(&self, server: Option<&str>) -> StoreResult<Vec<Archive>>;
    /// The one with this id.
    async fn get(&self, id: &str) -> StoreResult<Option<Archive>>;
    /// Its content.
    async fn content(&self, id: &str) -> StoreResult<Option<String>>;
    /// Stores a new one, under a new id where it has none, and removes the oldest of its server,
    /// source and kind beyond `keep`, in one transaction.
    async fn insert(&self, archive: Archive, content: &str, keep: Keep<'_>) -> StoreResult<Kept>;
    /// Removes by id; false if there was none.
    async fn delete(&self, id: &str) -> StoreResult<bool>;
    /// As [`Credentials::rewrite`](super::Credentials::rewrite).
    async fn rewrite(&self, rewrite: &Rewrite<'_>) -> StoreResult<u64>;
}
