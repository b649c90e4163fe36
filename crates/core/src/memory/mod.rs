//! What agents learned: one memory, its revisions, who may see it and what is asked of the store.
//!
//! A memory belongs to exactly one [`Scope::owner`]: whoever authenticated, or a group of principals that the
//! configuration joins. Everything else in the scope is a label that its owner chose. The store takes
//! [`Visible`] with every question, so that no caller can forget it.
//!
//! Content is never overwritten: a change closes one revision and opens the next, and both carry from
//! when until when they held. `as_of` asks for the revisions that held at a moment.

mod filter;
mod model;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Micros;

pub use filter::{Condition, Filter, Op};
pub use model::{Embedder, LanguageModel, Prompt, Purpose};

/// The kind of the server.
pub const KIND: &str = "memory";
/// Longest content, bytes.
pub const MAX_CONTENT: usize = 16 * 1024;
/// Largest metadata, bytes as JSON.
pub const MAX_METADATA: usize = 8 * 1024;
/// Longest label: user, agent, run, category, source; characters.
pub const MAX_LABEL: usize = 128;
/// Most things one memory is about.
pub const MAX_ABOUT: usize = 16;

/// Whose a memory is, and how its owner sorts it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// Whoever may see it; from authentication, never from an argument.
    pub owner: String,
    /// Whom it is about or for; a label of the owner's.
    pub user_id: String,
    /// Agent that learned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Run or session in which it was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// Whose memories a question may touch at all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Visible {
    /// Those of one owner.
    Owner(String),
    /// All; for the machine's administrator on the command line alone.
    Everything,
}

/// A thing of the lab that a memory is about.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct About {
    /// Kind: a table of the inventory (`devices`, `services`, …), `memory`, `incident`, `runbook`, `run`.
    pub kind: String,
    /// Its name or id there, as it is written for people.
    pub name: String,
}

/// One memory, at one of its revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// UUIDv7.
    pub id: String,
    /// Whose it is.
    #[serde(flatten)]
    pub scope: Scope,
    /// The text.
    pub content: String,
    /// What kind of knowledge: `fact`, `preference`, `state`, `runbook`, `incident`, `summary` or the owner's own word.
    pub category: String,
    /// Whatever else the owner keeps with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Where it comes from, such as `proxmox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// 0 to 1; 0.5 unless said otherwise.
    pub importance: f64,
    /// Things of the lab that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<About>,
    /// Number of this revision, from 1.
    pub version: u32,
    /// How often the same was told.
    pub seen_count: u32,
    /// When the memory was made.
    pub created_at: Micros,
    /// When it was changed last.
    pub updated_at: Micros,
    /// From when this revision held.
    pub valid_from: Micros,
    /// Until when it held; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Micros>,
    /// The memory that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// When it stops being told unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// When it was deleted; the tombstone stays until it is purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Micros>,
}

/// What a store is given to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    /// UUIDv7, made by the caller.
    pub id: String,
    /// Whose it is.
    pub scope: Scope,
    /// Normalised text.
    pub content: String,
    /// Words of the text that are found whole; see [`TextQuery::exact`].
    pub exact: Vec<String>,
    /// SHA-256 of the normalised text, lower-case hex: the same text in one scope is one memory.
    pub hash: String,
    /// See [`Memory::category`].
    pub category: String,
    /// See [`Memory::metadata`].
    pub metadata: Map<String, Value>,
    /// See [`Memory::source`].
    pub source: Option<String>,
    /// See [`Memory::importance`].
    pub importance: f64,
    /// See [`Memory::about`].
    pub about: Vec<About>,
    /// When it was made.
    pub created_at: Micros,
    /// From when it held; an import knows earlier times.
    pub valid_from: Micros,
    /// See [`Memory::expires_at`].
    pub expires_at: Option<Micros>,
    /// Memory of the same owner whose place it takes; closed in the same transaction.
    pub supersedes: Option<String>,
    /// Its vector, where there is one already.
    pub vector: Option<Vector>,
}

/// A change of one memory: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// New text, with its hash, its exact words and its vector.
    pub text: Option<NewText>,
    /// New metadata, whole.
    pub metadata: Option<Map<String, Value>>,
    /// New category.
    pub category: Option<String>,
    /// New importance.
    pub importance: Option<f64>,
    /// New things it is about, all of them.
    pub about: Option<Vec<About>>,
    /// New expiry; `Some(None)` takes it away.
    pub expires_at: Option<Option<Micros>>,
    /// Only if it is still at this version.
    pub expected_version: Option<u32>,
}

/// The text of a revision with all that is found by it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewText {
    /// Normalised text.
    pub content: String,
    /// See [`NewMemory::exact`].
    pub exact: Vec<String>,
    /// See [`NewMemory::hash`].
    pub hash: String,
    /// Its vector, where there is one already.
    pub vector: Option<Vector>,
}

/// A vector and the model that made it; vectors of two models are never compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// Name of the model.
    pub model: String,
    /// L2-normalised.
    pub values: Vec<f32>,
}

/// Who did something to a memory, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// Principal.
    pub actor: String,
    /// The request, as the audit log has it.
    pub request_id: Option<String>,
    /// Reason that was given.
    pub reason: Option<String>,
    /// When.
    pub at: Micros,
}

/// What became of an [`add`](crate::store::Memories::add).
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    /// It is new.
    New(Memory),
    /// The scope held the same text already; it was counted.
    Same(Memory),
    /// The memory whose place it should take is not there for this owner.
    NothingToSupersede,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is looked at where it is made; a box would be one allocation more for each change"
)]
pub enum Changed {
    /// As it is now.
    Done(Memory),
    /// There is no such memory for this owner, or it is deleted, or another took its place.
    NotFound,
    /// It has this version by now; nothing was changed.
    OtherVersion(u32),
    /// Another open memory of the scope, by id, says the same already; nothing was changed.
    SameAs(String),
}

/// What happened to a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Event {
    /// It was made.
    Add,
    /// It was changed.
    Update,
    /// Another took its place.
    Supersede,
    /// It was deleted, as a tombstone.
    Delete,
    /// A deletion was taken back.
    Restore,
    /// It came from an import.
    Import,
}

/// One line of a memory's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryEntry {
    /// What happened.
    pub event: Event,
    /// Version after it.
    pub version: u32,
    /// Text before, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_content: Option<String>,
    /// Text after, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_content: Option<String>,
    /// Metadata before, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_metadata: Option<Map<String, Value>>,
    /// Metadata after, where it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_metadata: Option<Map<String, Value>>,
    /// Who did it.
    pub actor: String,
    /// The request, as the audit log has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When.
    pub at: Micros,
}

/// Which memories are meant.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryQuery {
    /// Whose may be touched at all.
    pub visible: Visible,
    /// Only with this label.
    pub user_id: Option<String>,
    /// Only with this label.
    pub agent_id: Option<String>,
    /// Only with this label.
    pub run_id: Option<String>,
    /// Further conditions.
    pub filter: Option<Filter>,
    /// Revisions that held then; absent: those that hold at `now`.
    pub as_of: Option<Micros>,
    /// The moment by which expiry is judged.
    pub now: Micros,
    /// Whether expired ones are told too.
    pub include_expired: bool,
    /// Made no earlier.
    pub since: Option<Micros>,
    /// Made earlier.
    pub until: Option<Micros>,
}

/// How a list is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By creation, newest first.
    #[default]
    Newest,
    /// By creation, oldest first.
    Oldest,
    /// By last change, newest first.
    Updated,
}

/// Words to find; any of them is enough, the store ranks by how many and how rare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextQuery {
    /// Plain words, lower case, without syntax; the store stems them.
    pub words: Vec<String>,
    /// Tokens that are found whole, lower case: addresses, host names, paths, error codes.
    pub exact: Vec<String>,
}

/// One revision that was found, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The memory's id.
    pub id: String,
    /// The revision's number.
    pub version: u32,
    /// How near: the cosine for vectors; for text the higher the better, comparable within one answer alone.
    pub score: f64,
    /// How many of the exact tokens it holds; 0 for vectors.
    pub exact: u32,
}

/// A revision that has no vector of a model yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unembedded {
    /// The memory's id.
    pub id: String,
    /// The revision's number.
    pub version: u32,
    /// Its text.
    pub content: String,
}

/// How far one model is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelCount {
    /// Its name.
    pub model: String,
    /// Numbers of one vector.
    pub dimensions: u32,
    /// Revisions that have a vector of it.
    pub vectors: u64,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryStats {
    /// Memories that hold.
    pub memories: u64,
    /// All revisions, old ones too.
    pub revisions: u64,
    /// Expired ones among those that hold.
    pub expired: u64,
    /// Superseded ones.
    pub superseded: u64,
    /// Tombstones.
    pub deleted: u64,
    /// Owners.
    pub owners: u64,
    /// By category, those that hold.
    pub categories: std::collections::BTreeMap<String, u64>,
    /// Vectors by model.
    pub models: Vec<ModelCount>,
}
