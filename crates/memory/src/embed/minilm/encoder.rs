//! BERT's encoder: from word pieces to one vector.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, dispatch};

use super::WINDOW;
use super::linear::Linear;
use super::math::{LayerNorm, add, attention, dot, gelu, normalise};
use super::packed::{GROUP, GROUP_BYTES, LANES, Reader, row_bytes, unpack_row};
use crate::embed::wordpiece::{END, START, UNKNOWN};

/// The numbers of the model. How they are made and stand: `tools/minilm.py`.
pub(super) const FILE: &[u8] = include_bytes!("../../../data/minilm/minilm-q4.bin");

/// Numbers of one vector.
pub(super) const DIMENSIONS: usize = 256;

// source: config.json of all-MiniLM-L6-v2.
const LAYERS: usize = 6;
const HIDDEN: usize = 384;
const HEADS: usize = 12;
const MIDDLE: usize = 1536;
const VOCABULARY: usize = 30_522;

/// Pieces before the first word that have a row.
const SPECIAL: [u16; 3] = [UNKNOWN, START, END];
/// The first piece behind those that are unused.
const FIRST: u16 = 999;

struct Layer<'m> {
    /// Query, key and value at once.
    asked: Linear<'m>,
    attended: Linear<'m>,
    attended_norm: LayerNorm,
    up: Linear<'m>,
    down: Linear<'m>,
    norm: LayerNorm,
}

/// The model. The large matrices stay as they are in the binary: what is unpacked of them at a time fits into the
/// nearest cache, and once it is used for all tokens that costs less than reading eight times as much from memory.
pub(super) struct Encoder<'m> {
    level: Level,
    words: &'m [u8],
    /// Position and type of a token, added up.
    positions: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer<'m>>,
    /// Where the vectors of ordinary sentences lie.
    centre: Vec<f32>,
    /// The axes along which they differ most.
    axes: Vec<f32>,
}

impl Encoder<'static> {
    /// The one in the binary; what it keeps in memory (1 MB) is made when it is asked for first.
    pub(super) fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Encoder<'static>> = LazyLock::new(|| Encoder::new(FILE).0);
        &EMBEDDED
    }
}

impl<'m> Encoder<'m> {
    /// It, and whether it is the whole file.
    pub(super) fn new(file: &'m [u8]) -> (Self, bool) {
        let mut file = Reader::new(file);
        let rows = SPECIAL.len() + VOCABULARY - usize::from(FIRST);
        let encoder = Self {
            level: Level::new(),
            words: file.bytes(rows * row_bytes(HIDDEN)),
            positions: file.halves(WINDOW * HIDDEN),
            norm: layer_norm(&mut file),
            layers: (0..LAYERS).map(|_| Layer::read(&mut file)).collect(),
            centre: file.floats(HIDDEN),
            axes: file.halves(DIMENSIONS * HIDDEN),
        };
        (encoder, file.is_at_its_end())
    }

    /// The vector of a text in windows of at most [`WINDOW`] pieces, of length 1.
    pub(super) fn vector(&self, windows: &[Vec<u16>]) -> Vec<f32> {
        dispatch!(self.level, simd => self.placed(simd, windows))
    }

    #[inline(always)]
    fn placed<S: Simd>(&self, simd: S, windows: &[Vec<u16>]) -> Vec<f32> {
        let mut mean = vec![0.0; HIDDEN];
        for window in windows {
            add(simd, &mut mean, &self.encode(simd, window));
        }
        normalise(simd, &mut mean);
        for (number, centre) in mean.iter_mut().zip(&self.centre) {
            *number -= centre;
        }
        let axes = self.axes.chunks_exact(HIDDEN);
        let mut vector: Vec<f32> = axes.map(|axis| dot(simd, axis, &mean)).collect();
        normalise(simd, &mut vector);
        vector
    }

    /// The mean of what the last layer says of each piece, of length 1.
    #[inline(always)]
    fn encode<S: Simd>(&self, simd: S, pieces: &[u16]) -> Vec<f32> {
        let mut state = Vec::with_capacity(pieces.len() * HIDDEN);
        for piece in pieces {
            unpack_row(self.word(*piece), HIDDEN, &mut state);
        }
        add(simd, &mut state, &self.positions);
        self.norm.apply(simd, &mut state);
        for layer in &self.layers {
            layer.apply(simd, &mut state);
        }
        let mut sum = vec![0.0; HIDDEN];
        for row in state.chunks_exact(HIDDEN) {
            add(simd, &mut sum, row);
        }
        normalise(simd, &mut sum);
        sum
    }

    /// The row of a piece; those that are unused have that of the unknown one.
    fn word(&self, piece: u16) -> &'m [u8] {
        let row = match SPECIAL.iter().position(|special| *special == piece) {
            Some(row) => row,
            None => piece
                .checked_sub(FIRST)
                .map_or(0, |word| usize::from(word) + SPECIAL.len()),
        };
        &self.words[row * row_bytes(HIDDEN)..][..row_bytes(HIDDEN)]
    }
}

impl<'m> Layer<'m> {
    fn read(file: &mut Reader<'m>) -> Self {
        Self {
            asked: linear(file, HIDDEN, 3 * HIDDEN),
            attended: linear(file, HIDDEN, HIDDEN),
            attended_norm: layer_norm(file),
            up: linear(file, HIDDEN, MIDDLE),
            down: linear(file, MIDDLE, HIDDEN),
            norm: layer_norm(file),
        }
    }

    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, state: &mut [f32]) {
        let asked = self.asked.apply(simd, state);
        let attended = attention(simd, &asked, HIDDEN, HEADS);
        add(simd, state, &self.attended.apply(simd, &attended));
        self.attended_norm.apply(simd, state);

        let mut middle = self.up.apply(simd, state);
        gelu(simd, &mut middle);
        add(simd, state, &self.down.apply(simd, &middle));
        self.norm.apply(simd, state);
    }
}

fn linear<'m>(file: &mut Reader<'m>, inputs: usize, outputs: usize) -> Linear<'m> {
    Linear {
        inputs,
        weight: file.bytes(outputs / LANES * (inputs / GROUP) * GROUP_BYTES),
        bias: file.floats(outputs),
    }
}

fn layer_norm(file: &mut Reader<'_>) -> LayerNorm {
    LayerNorm {
        scale: file.floats(HIDDEN),
        shift: file.floats(HIDDEN),
    }
}
