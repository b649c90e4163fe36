//! all-MiniLM-L6-v2, run by ourselves: no other library, one thread, no more than a file of weights.
//!
//! The file is not in the binary: [`MODEL`] says where it comes from and what it must be, [`Artifact::install`] and
//! [`Install`] bring it to its place, [`Weights::open`] verifies it.

mod encoder;
mod math;
mod safetensors;
mod weights;

use std::sync::Arc;

use async_trait::async_trait;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::memory::{Embedder, Purpose};

use super::{normalise, wordpiece};
use encoder::Encoder;

pub use weights::{Artifact, Install, MODEL, ModelError, Weights};

/// Pieces that the model was trained to read at once, the two that frame them included.
const WINDOW: usize = 256;
/// Windows of a longer text that are read; about 5,000 characters.
const MAX_WINDOWS: usize = 5;

/// Embeds with all-MiniLM-L6-v2: 384 numbers a text, 20 to 60 ms of one core a sentence, 45 MB.
///
/// A text of more than 254 pieces is read in windows, whose vectors are averaged; beyond the fifth window
/// (about 5,000 characters) nothing is read.
#[derive(Debug, Clone)]
pub struct MiniLm(Arc<Encoder>);

impl MiniLm {
    /// Numbers of one vector.
    pub const DIMENSIONS: usize = 384;
    /// Under what its vectors are stored.
    pub const MODEL: &str = "minilm/all-MiniLM-L6-v2";

    /// Loads the layers; about 0.1 s.
    ///
    /// # Errors
    /// As reading fails, or [`ModelError::Damaged`].
    pub fn load(weights: Weights) -> Result<Self, ModelError> {
        Ok(Self(Arc::new(Encoder::load(weights, encoder::MINILM)?)))
    }

    /// The vector of a text, of length 1; zeros if there is nothing in it. This is a long computation: asynchronous
    /// code calls [`Embedder::embed`].
    ///
    /// # Errors
    /// As reading the vocabulary's rows fails.
    pub fn vector(&self, text: &str) -> Result<Vec<f32>, ModelError> {
        let mut sum = vec![0.0; Self::DIMENSIONS];
        for window in windows(&wordpiece::pieces(text)) {
            math::add(&mut sum, &self.0.encode(&window)?);
        }
        normalise(&mut sum);
        Ok(sum)
    }
}

/// The pieces as the model reads them: framed, and no more at once than it can.
fn windows(pieces: &[u16]) -> Vec<Vec<u16>> {
    pieces
        .chunks(WINDOW - 2)
        .take(MAX_WINDOWS)
        .map(|chunk| [&[wordpiece::START], chunk, &[wordpiece::END]].concat())
        .collect()
}

#[async_trait]
impl Embedder for MiniLm {
    fn model(&self) -> &str {
        Self::MODEL
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        let mut vectors = Vec::with_capacity(texts.len());
        for text in texts {
            // One text at a time: a cancelled call stops soon.
            let (model, text) = (self.clone(), (*text).to_owned());
            let vector = tokio::task::spawn_blocking(move || model.vector(&text))
                .await
                .map_err(|error| {
                    tracing::error!(%error, "the embedding model stopped");
                    ToolError::new(Code::Internal, "the embedding model stopped")
                })?;
            vectors.push(vector.map_err(|error| {
                tracing::error!(%error, "the embedding model cannot be read");
                ToolError::new(Code::Internal, "the embedding model cannot be read").hint(
                    "run `homelab-mcp models pull minilm` again, or choose another `provider`",
                )
            })?);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests;
