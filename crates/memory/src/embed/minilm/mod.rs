//! all-MiniLM-L6-v2, rounded to four bits a number and run by ourselves on one thread.

mod encoder;
mod linear;
mod math;
mod packed;

use async_trait::async_trait;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::memory::{Embedder, Purpose};

use super::wordpiece;
use encoder::Encoder;

/// Pieces that the model was trained to read at once, the two that frame them included.
const WINDOW: usize = 256;
/// Windows of a longer text that are read; about 5,000 characters.
const MAX_WINDOWS: usize = 5;

/// Embeds with the sentence model in the binary: no network, no file, some milliseconds of one core a sentence.
///
/// A text of more than 254 pieces is read in windows, whose vectors are averaged; beyond the fifth window nothing is
/// read. The model knows English: a text that is mostly of another script has a vector of zeros and is found by its
/// words alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct MiniLm;

impl MiniLm {
    /// Numbers of one vector.
    pub const DIMENSIONS: usize = encoder::DIMENSIONS;
    /// Under what its vectors are stored; the last number changes whenever the numbers in the file do.
    pub const MODEL: &str = "builtin/minilm-256@1";

    /// The vector of a text, of length 1; zeros if there is nothing in it that the model can read. Asynchronous code
    /// calls [`Embedder::embed`], this takes its time.
    pub fn vector(self, text: &str) -> Vec<f32> {
        if !is_readable(text) {
            return vec![0.0; Self::DIMENSIONS];
        }
        let windows = windows(&wordpiece::pieces(text));
        Encoder::embedded().vector(&windows)
    }
}

/// Whether it has anything, and most of its letters are of the script that the model reads.
fn is_readable(text: &str) -> bool {
    let (mut latin, mut other, mut digits) = (0_usize, 0_usize, 0_usize);
    for character in text.chars() {
        if character.is_alphabetic() {
            let is_latin = matches!(character, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
            *(if is_latin { &mut latin } else { &mut other }) += 1;
        } else if character.is_ascii_digit() {
            digits += 1;
        }
    }
    latin + digits > other
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
            let (model, text) = (*self, (*text).to_owned());
            let vector = tokio::task::spawn_blocking(move || model.vector(&text)).await;
            vectors.push(vector.map_err(|error| {
                tracing::error!(%error, "the embedding model stopped");
                ToolError::internal("the embedding model stopped")
            })?);
        }
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests;
