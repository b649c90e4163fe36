//! Vectors of texts, and the model to search with.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::memory::{Embedder, ModelCount, Purpose, Vector};

use crate::service::MemoryService;

/// How long the choice of a model holds before its vectors are counted anew.
const CHOICE_HOLDS: Duration = Duration::from_secs(30);

/// Share of the older model's vectors that the current one has to have before search goes over to it.
const ENOUGH: f64 = 0.98;

/// Which model to search with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The one that is configured.
    Current,
    /// One of those before, by its place.
    Older(usize),
}

/// The model to search with: the current one, unless one that still answers has clearly more vectors.
fn choose(current: &str, older: &[Arc<dyn Embedder>], counts: &[ModelCount]) -> Choice {
    let vectors = |model: &str| {
        let of_model = counts.iter().filter(|count| count.model == model);
        of_model.map(|count| count.vectors).sum::<u64>()
    };
    let most = older
        .iter()
        .enumerate()
        .map(|(place, one)| (vectors(one.model()), place))
        .max_by_key(|(count, place)| (*count, std::cmp::Reverse(*place)));
    #[expect(clippy::cast_precision_loss, reason = "a share needs no exact counts")]
    match most {
        Some((count, place)) if (vectors(current) as f64) < count as f64 * ENOUGH => {
            Choice::Older(place)
        }
        _ => Choice::Current,
    }
}

impl MemoryService {
    /// The model to search with; none if there is no embedder.
    pub(crate) async fn searching(&self) -> ToolResult<Option<&Arc<dyn Embedder>>> {
        let Some(current) = &self.parts.embedder else {
            return Ok(None);
        };
        if self.parts.older.is_empty() {
            return Ok(Some(current));
        }
        let now = self.now();
        let known = *self.choice.lock().unwrap_or_else(PoisonError::into_inner);
        let choice = match known {
            Some((since, choice)) if now < since.later(CHOICE_HOLDS) => choice,
            _ => {
                let counts = self.parts.store.models().await?;
                let choice = choose(current.model(), &self.parts.older, &counts);
                *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, choice));
                choice
            }
        };
        Ok(Some(match choice {
            Choice::Current => current,
            Choice::Older(place) => self.parts.older.get(place).unwrap_or(current),
        }))
    }

    pub(crate) fn choose_anew(&self) {
        *self.choice.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Vectors of the current model for texts that are kept; none where there is no embedder or it does not answer in
    /// time, then they are made later.
    pub(crate) async fn vectors_of(&self, texts: &[&str]) -> Option<Vec<Vector>> {
        let embedder = self.parts.embedder.as_ref()?;
        let made = embed(
            &**embedder,
            texts,
            Purpose::Document,
            self.settings().write_deadline,
        )
        .await;
        made.inspect_err(|error| {
            tracing::warn!(model = embedder.model(), %error, "texts were kept without vectors");
        })
        .ok()
    }
}

/// Vectors, one a text, or why not; never later than the deadline.
pub(crate) async fn embed(
    embedder: &dyn Embedder,
    texts: &[&str],
    purpose: Purpose,
    deadline: Duration,
) -> ToolResult<Vec<Vector>> {
    let made = tokio::time::timeout(deadline, embedder.embed(texts, purpose))
        .await
        .map_err(|_| {
            ToolError::new(Code::Timeout, "the embedding model did not answer in time")
                .reason("embedding_timeout")
        })??;
    let dimensions = made.first().map_or(0, Vec::len);
    let is_usable = made.len() == texts.len()
        && made.iter().all(|vector| {
            vector.len() == dimensions && !vector.is_empty() && vector.iter().all(|v| v.is_finite())
        });
    if !is_usable {
        let message = "the embedding model did not answer with one vector for each text";
        return Err(ToolError::new(Code::UpstreamRejected, message).reason("embedding_unusable"));
    }
    let model = embedder.model();
    Ok(made
        .into_iter()
        .map(|values| Vector {
            model: model.to_owned(),
            values,
        })
        .collect())
}

/// Whether the model knew anything of the text.
pub(crate) fn says_something(vector: &Vector) -> bool {
    vector.values.iter().any(|value| *value != 0.0)
}

/// Cosine of two vectors that are L2-normalised already.
pub(crate) fn cosine(left: &Vector, right: &Vector) -> f64 {
    let products = left.values.iter().zip(&right.values);
    products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}
