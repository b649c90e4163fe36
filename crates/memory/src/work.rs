//! What is done in the background: vectors that are missing, and those of models that nobody uses any more.

use std::time::Duration;

use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, Purpose, Unembedded, Vector};
use serde::Serialize;

use crate::embedding::embed;
use crate::service::MemoryService;

/// Texts that a model is given at once.
const BATCH: u32 = 64;
/// Longest wait for a batch: nobody is waiting for it.
const BATCH_DEADLINE: Duration = Duration::from_mins(2);
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Worked {
    /// Vectors that were made.
    pub embedded: u64,
    /// Texts that the model refuses; they are found by their words alone.
    pub refused: u64,
    /// Vectors of former models that were dropped.
    pub forgotten: u64,
    /// Whether there may be more to do.
    pub more: bool,
}

impl MemoryService {
    /// One round: a batch of missing vectors, or, once the current model has them all, an end to those of former
    /// models. Search goes on all the while, with the model that has the most.
    ///
    /// # Errors
    /// As the model's or the store's; what was done until then is done.
    pub async fn work_once(&self) -> ToolResult<Worked> {
        let Some(current) = &self.parts.embedder else {
            return Ok(Worked::default());
        };
        let mut worked = self.catch_up(&**current).await?;
        if worked.more {
            // What is added meanwhile has to be found with the model that still searches.
            if let Some(searching) = self.searching().await?
                && searching.model() != current.model()
            {
                let older = self.catch_up(&**searching).await?;
                worked.embedded += older.embedded;
            }
            return Ok(worked);
        }
        for count in self.parts.store.models().await? {
            if count.model != current.model() {
                worked.forgotten += self.parts.store.forget_model(&count.model).await?;
            }
        }
        if worked.embedded + worked.forgotten > 0 {
            self.choose_anew();
        }
        Ok(worked)
    }

    /// Works until it is dropped: at once while there is something to do, then looks again every so often.
    pub async fn work(&self, period: Duration) {
        let mut pause = period;
        loop {
            match self.work_once().await {
                Ok(worked) if worked.more => pause = Duration::ZERO,
                Ok(_) => pause = period,
                Err(error) => {
                    tracing::warn!(%error, "vectors of memories were not made");
                    pause = (pause * 2).clamp(period, LONGEST_PAUSE.max(period));
                }
            }
            if pause > Duration::ZERO {
                tokio::time::sleep(pause).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Makes all that is missing now; with `anew` all of the current model's vectors again.
    ///
    /// # Errors
    /// As the model's or the store's; what was done until then is done.
    pub async fn reindex(&self, anew: bool) -> ToolResult<Worked> {
        if let Some(current) = self.parts.embedder.as_ref().filter(|_| anew) {
            self.parts.store.forget_model(current.model()).await?;
            self.choose_anew();
        }
        let mut all = Worked::default();
        loop {
            let round = self.work_once().await?;
            all.embedded += round.embedded;
            all.refused += round.refused;
            all.forgotten += round.forgotten;
            if !round.more {
                return Ok(all);
            }
        }
    }

    /// One batch of what a model lacks.
    async fn catch_up(&self, embedder: &dyn Embedder) -> ToolResult<Worked> {
        let store = &self.parts.store;
        let missing = store.unembedded(embedder.model(), BATCH).await?;
        if missing.is_empty() {
            return Ok(Worked::default());
        }
        let texts: Vec<&str> = missing.iter().map(|one| one.content.as_str()).collect();
        let (made, refused) = match embed(embedder, &texts, Purpose::Document, BATCH_DEADLINE).await
        {
            Ok(vectors) => (paired(&missing, vectors), 0),
            Err(error) if error.envelope().retryable => return Err(error),
            // One text that the model cannot take must not stop all the others for good.
            Err(error) => one_by_one(embedder, &missing).await.ok_or(error)?,
        };
        store.put_vectors(&made).await?;
        Ok(Worked {
            embedded: (made.len() as u64).saturating_sub(refused),
            refused,
            forgotten: 0,
            more: missing.len() == BATCH as usize,
        })
    }
}

fn paired(missing: &[Unembedded], vectors: Vec<Vector>) -> Vec<(String, u32, Vector)> {
    let pairs = missing.iter().zip(vectors);
    pairs
        .map(|(one, vector)| (one.id.clone(), one.version, vector))
        .collect()
}

/// Each text by itself. One that is refused gets a vector of zeros, which is near to nothing: it is not tried again.
/// Nothing if the model takes none of them: then the model is wrong and not the texts.
async fn one_by_one(
    embedder: &dyn Embedder,
    missing: &[Unembedded],
) -> Option<(Vec<(String, u32, Vector)>, u64)> {
    let mut made = Vec::new();
    let mut refused = Vec::new();
    for one in missing {
        match embed(embedder, &[&one.content], Purpose::Document, BATCH_DEADLINE).await {
            Ok(vectors) => made.extend(paired(std::slice::from_ref(one), vectors)),
            Err(error) if error.envelope().retryable => break,
            Err(error) => {
                tracing::warn!(memory = one.id, %error, "a memory has no vector: the model refuses its text");
                refused.push(one);
            }
        }
    }
    let dimensions = made.first().map(|(_, _, vector)| vector.values.len())?;
    let nothing = |one: &&Unembedded| {
        let vector = Vector {
            model: embedder.model().to_owned(),
            values: vec![0.0; dimensions],
        };
        (one.id.clone(), one.version, vector)
    };
    made.extend(refused.iter().map(nothing));
    Some((made, refused.len() as u64))
}
