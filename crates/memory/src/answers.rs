//! A memory as it is told.

use homelab_core::clock::Micros;
use homelab_core::memory::{About, Memory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::text::cut;

/// What was not to be had for this answer; the answer is right without it, but not as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Degraded {
    /// No vectors: the embedding model did not answer.
    Vector,
    /// No language model, or it did not answer usably.
    Llm,
}

/// A memory without what says nothing: defaults are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// The text.
    pub content: String,
    /// Whether the text was cut; `get_memory` tells all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What kind of knowledge it is.
    pub category: String,
    /// Whom it is about or for.
    pub user_id: String,
    /// Agent that learned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Run or session in which it was learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// What else is kept with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// 0 to 1; absent is 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<f64>,
    /// Things of the lab that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<About>,
    /// Number of the revision.
    pub version: u32,
    /// How often the same was told; absent is once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_count: Option<u32>,
    /// When the memory was made.
    pub created_at: Micros,
    /// When it was changed last; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Micros>,
    /// From when this revision held, where that is not when the memory was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Micros>,
    /// Until when it held; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Micros>,
    /// The memory that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// When it stops being told unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Micros>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Micros>,
}

impl From<Memory> for Told {
    fn from(memory: Memory) -> Self {
        let Memory {
            created_at,
            updated_at,
            valid_from,
            importance,
            seen_count,
            ..
        } = memory;
        Self {
            id: memory.id,
            content: memory.content,
            truncated: false,
            category: memory.category,
            user_id: memory.scope.user_id,
            agent_id: memory.scope.agent_id,
            run_id: memory.scope.run_id,
            metadata: memory.metadata,
            source: memory.source,
            importance: ((importance - 0.5).abs() > f64::EPSILON).then_some(importance),
            about: memory.about,
            version: memory.version,
            seen_count: (seen_count > 1).then_some(seen_count),
            created_at,
            updated_at: (updated_at != created_at).then_some(updated_at),
            valid_from: (valid_from != created_at).then_some(valid_from),
            valid_to: memory.valid_to,
            superseded_by: memory.superseded_by,
            expires_at: memory.expires_at,
            deleted_at: memory.deleted_at,
        }
    }
}

impl Told {
    /// The memory with at most so many characters of its text.
    pub(crate) fn short(memory: Memory, most: usize) -> Self {
        let mut told = Self::from(memory);
        let (content, truncated) = cut(&told.content, most);
        told.content = content;
        told.truncated = truncated;
        told
    }
}
