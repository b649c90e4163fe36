//! The model that is always there: one vector a word piece, averaged.

use async_trait::async_trait;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, Purpose};

use super::normalise;
use super::wordpiece;

/// Rows of the table: for each piece from [`FIRST`] on its scale (f32, little endian), then
/// [`StaticEmbedder::DIMENSIONS`] numbers of one signed byte. How it is made: `tools/minilm.py`.
const TABLE: &[u8] = include_bytes!("../../data/minilm/static-128.bin");

/// The first piece that has a row; those below frame texts or are unused.
const FIRST: usize = 999;
const DIMENSIONS: usize = 128;
const SCALE: usize = size_of::<f32>();
const ROW: usize = SCALE + DIMENSIONS;

/// Embeds with the table in the binary: no network, no file, microseconds a sentence.
///
/// A text's vector is the sum of its pieces' rows, in which frequent pieces weigh little, brought to
/// length 1. Word order does not matter and the vocabulary is English: letters of other scripts have no
/// row, so such a text may end as zeros and is found by its words alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct StaticEmbedder;

impl StaticEmbedder {
    /// Numbers of one vector.
    pub const DIMENSIONS: usize = DIMENSIONS;
    /// Under what its vectors are stored; the last number changes whenever the table does.
    pub const MODEL: &str = "builtin/static-128@1";

    /// The vector of a text, of length 1; zeros if no piece of it has a row.
    pub fn vector(self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0_f32; DIMENSIONS];
        for piece in wordpiece::pieces(text) {
            let Some((scale, row)) = row(piece) else {
                continue;
            };
            for (total, byte) in sum.iter_mut().zip(row) {
                *total += scale * f32::from(byte.cast_signed());
            }
        }
        normalise(&mut sum);
        sum
    }
}

/// Scale and bytes of a piece's row.
fn row(piece: u16) -> Option<(f32, &'static [u8])> {
    let at = usize::from(piece).checked_sub(FIRST)? * ROW;
    let (scale, row) = TABLE.get(at..at + ROW)?.split_first_chunk::<SCALE>()?;
    Some((f32::from_le_bytes(*scale), row))
}

#[async_trait]
impl Embedder for StaticEmbedder {
    fn model(&self) -> &str {
        Self::MODEL
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        Ok(texts.iter().map(|text| self.vector(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn cosine(left: &str, right: &str) -> f32 {
        let (left, right) = (StaticEmbedder.vector(left), StaticEmbedder.vector(right));
        left.iter().zip(&right).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn the_files_are_those_whose_hashes_are_checked_in() {
        let sums = include_str!("../../data/minilm/SHA256SUMS");
        let files: [(&str, &[u8]); 2] = [
            ("static-128.bin", TABLE),
            ("vocab.txt", include_bytes!("../../data/minilm/vocab.txt")),
        ];

        for (name, bytes) in files {
            let line = format!("{}  {name}", hex::encode(Sha256::digest(bytes)));
            assert!(sums.lines().any(|known| known == line), "{line}");
        }
        assert_eq!(TABLE.len(), (30_522 - FIRST) * ROW);
    }

    #[test]
    fn a_vector_has_length_one() {
        let vector = StaticEmbedder.vector("the backup of nas-01 failed last night");

        assert_eq!(vector.len(), StaticEmbedder::DIMENSIONS);
        let square: f32 = vector.iter().map(|value| value * value).sum();
        assert!((square - 1.0).abs() < 1e-5, "{square}");
    }

    #[test]
    fn a_text_without_known_pieces_is_zeros() {
        for text in ["", "  ", "\u{200b}", "привет мир", "こんにちは"] {
            let vector = StaticEmbedder.vector(text);
            assert!(vector.iter().all(|value| *value == 0.0), "{text}");
        }
    }

    #[test]
    fn a_paraphrase_is_nearer_than_another_subject() {
        let memory = "The backup server stores its snapshots on the second disk.";

        let near = cosine(memory, "where are copies of the machines saved?");
        let far = cosine(memory, "the kitchen light turns on at sunset");

        assert!(near > far + 0.1, "{near} {far}");
    }

    #[tokio::test]
    async fn vectors_come_in_the_order_of_the_texts() {
        let embedder = StaticEmbedder;

        let vectors = embedder
            .embed(&["one router", "two disks"], Purpose::Document)
            .await
            .unwrap();

        assert_eq!(
            vectors,
            [embedder.vector("one router"), embedder.vector("two disks")]
        );
        assert!(!embedder.is_remote());
    }
}
