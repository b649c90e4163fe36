//! Neighbours of a new text: what says the same, and what it may be a change of.

use homelab_core::error::ToolResult;
use homelab_core::memory::{Memory, TextQuery, Vector, Visible};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::embedding::says_something;
use crate::owners::Caller;
use crate::prepare::Prepared;
use crate::service::MemoryService;
use crate::text::{Identity, cut, words};

/// Neighbours that are looked at.
const LOOKED_AT: u32 = 10;
/// Most neighbours that are told of.
const TOLD: usize = 3;
/// Cosine below which nobody is a neighbour.
const NEAR: f64 = 0.6;
/// Share of common words from which two texts may say the same where there are no vectors.
const ALIKE: f64 = 0.85;

/// A memory that is like the new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Similar {
    /// Its id.
    pub id: String,
    /// Its text, cut to 200 characters.
    pub content: String,
    /// How alike they are, 0 to 1: the cosine of their vectors, or the share of common words.
    pub similarity: f64,
    /// Numbers, addresses, names that only the older one has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
    /// Numbers, addresses, names that only the new one has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub now: Vec<String>,
}

/// The neighbours of one text.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// They say the same.
    pub(crate) similar: Vec<Similar>,
    /// They say it with another value or name.
    pub(crate) change_of: Vec<Similar>,
    /// The very same text is there, whatever its labels: the store decides whether it is one memory.
    pub(crate) is_known: bool,
}

impl MemoryService {
    /// What the caller's owner has for the same `user_id` that is like this text. `except` is about to be
    /// superseded and says nothing new.
    pub(crate) async fn neighbours(
        &self,
        caller: &Caller,
        user_id: &str,
        text: &Prepared,
        vector: Option<&Vector>,
        except: Option<&str>,
    ) -> ToolResult<Neighbours> {
        let mut query = self.everything(&caller.visible);
        query.visible = Visible::Owner(caller.owner.clone());
        query.user_id = Some(user_id.to_owned());
        let vector = vector.filter(|vector| says_something(vector));
        let store = &self.parts.store;
        let hits = if let Some(vector) = vector {
            store.by_vector(&query, vector, LOOKED_AT).await?
        } else {
            let terms = TextQuery {
                words: words(&text.content).into_iter().take(32).collect(),
                exact: Vec::new(),
            };
            store.by_text(&query, &terms, LOOKED_AT).await?
        };
        let wanted: Vec<(String, u32)> = hits
            .iter()
            .map(|hit| (hit.id.clone(), hit.version))
            .collect();
        let mut rows = self.parts.store.revisions(&query.visible, &wanted).await?;
        let mut found = Neighbours::default();
        for hit in hits {
            let Some(at) = rows.iter().position(|row| row.id == hit.id) else {
                continue;
            };
            let row = rows.swap_remove(at);
            if except == Some(row.id.as_str()) {
                continue;
            }
            let cosine = vector.is_some().then_some(hit.score);
            self.sort_in(text, &row, cosine, &mut found);
        }
        found.similar.truncate(TOLD);
        found.change_of.truncate(TOLD);
        Ok(found)
    }

    fn sort_in(&self, text: &Prepared, row: &Memory, cosine: Option<f64>, found: &mut Neighbours) {
        if crate::text::hash(&row.content) == text.hash {
            found.is_known = true;
            return;
        }
        let other = Identity::of(&row.content);
        let overlap = text.identity.overlap(&other);
        let is_alike = cosine.map_or(overlap >= ALIKE, |cosine| {
            cosine >= self.settings().similar_from
        });
        let is_near = cosine.is_none_or(|cosine| cosine >= NEAR);
        let told = |was: Vec<String>, now: Vec<String>| Similar {
            id: row.id.clone(),
            content: cut(&row.content, 200).0,
            similarity: rounded(cosine.unwrap_or(overlap)),
            was,
            now,
        };
        if is_alike && text.identity.says_the_same(&other) {
            found.similar.push(told(Vec::new(), Vec::new()));
        } else if is_near && text.identity.differs_in_a_word_from(&other) {
            let (was, now) = (other.beyond(&text.identity), text.identity.beyond(&other));
            found.change_of.push(told(was, now));
        }
    }
}

/// To three digits: more of them say nothing.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
