//! BERT's encoder: from word pieces to one vector.

use super::math::{LayerNorm, Linear, Projections, add, attention, gelu};
use super::safetensors::{Rows, Tensors};
use super::{ModelError, Weights};
use crate::embed::normalise;

/// How large a model of this family is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
}

/// source: config.json of all-MiniLM-L6-v2.
pub(super) const MINILM: Shape = Shape {
    layers: 6,
    hidden: 384,
    heads: 12,
    intermediate: 1536,
    vocabulary: 30_522,
    positions: 512,
};

#[derive(Debug)]
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    up: Linear,
    down: Linear,
    norm: LayerNorm,
}

/// The layers in memory (43 MB for MiniLM); the rows of the vocabulary (47 MB) stay in the file.
#[derive(Debug)]
pub(super) struct Encoder {
    shape: Shape,
    tensors: Tensors,
    words: Rows,
    /// Position and type of a token, added up.
    positions: Vec<f32>,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Encoder {
    pub(super) fn load(Weights(tensors): Weights, shape: Shape) -> Result<Self, ModelError> {
        let hidden = shape.hidden;
        let at = |name: &str| format!("embeddings.{name}");
        let words = tensors.rows(&at("word_embeddings.weight"), shape.vocabulary, hidden)?;
        let mut positions = tensors.tensor(
            &at("position_embeddings.weight"),
            &[shape.positions, hidden],
        )?;
        let kinds = tensors.tensor(&at("token_type_embeddings.weight"), &[2, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            add(row, &kinds[..hidden]);
        }
        let norm = layer_norm(&tensors, &at("LayerNorm"), hidden)?;
        let layers = (0..shape.layers)
            .map(|index| Layer::load(&tensors, index, shape))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            shape,
            tensors,
            words,
            positions,
            norm,
            layers,
        })
    }

    /// The mean of what the last layer says of each piece, of length 1. There must be no more pieces than
    /// positions.
    pub(super) fn encode(&self, pieces: &[u16]) -> Result<Vec<f32>, ModelError> {
        let hidden = self.shape.hidden;
        let mut state = Vec::with_capacity(pieces.len() * hidden);
        for piece in pieces {
            state.extend(self.tensors.row(&self.words, usize::from(*piece))?);
        }
        add(&mut state, &self.positions);
        self.norm.apply(&mut state);
        for layer in &self.layers {
            layer.apply(&mut state, self.shape);
        }
        let mut sum = vec![0.0; hidden];
        for row in state.chunks_exact(hidden) {
            add(&mut sum, row);
        }
        normalise(&mut sum);
        Ok(sum)
    }
}

impl Layer {
    fn load(tensors: &Tensors, index: usize, shape: Shape) -> Result<Self, ModelError> {
        let (hidden, middle) = (shape.hidden, shape.intermediate);
        let at = |name: &str| format!("encoder.layer.{index}.{name}");
        let square = |name: &str| linear(tensors, &at(name), hidden, hidden);
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            attended: square("attention.output.dense")?,
            attended_norm: layer_norm(tensors, &at("attention.output.LayerNorm"), hidden)?,
            up: linear(tensors, &at("intermediate.dense"), hidden, middle)?,
            down: linear(tensors, &at("output.dense"), middle, hidden)?,
            norm: layer_norm(tensors, &at("output.LayerNorm"), hidden)?,
        })
    }

    fn apply(&self, state: &mut [f32], shape: Shape) {
        let projections = Projections {
            query: self.query.apply(state),
            key: self.key.apply(state),
            value: self.value.apply(state),
        };
        let attended = attention(&projections, shape.hidden, shape.heads);
        add(state, &self.attended.apply(&attended));
        self.attended_norm.apply(state);

        let mut middle = self.up.apply(state);
        gelu(&mut middle);
        add(state, &self.down.apply(&middle));
        self.norm.apply(state);
    }
}

fn linear(
    tensors: &Tensors,
    name: &str,
    inputs: usize,
    outputs: usize,
) -> Result<Linear, ModelError> {
    let weight = tensors.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
    let bias = tensors.tensor(&format!("{name}.bias"), &[outputs])?;
    Ok(Linear::new(&weight, bias, inputs))
}

fn layer_norm(tensors: &Tensors, name: &str, width: usize) -> Result<LayerNorm, ModelError> {
    Ok(LayerNorm {
        scale: tensors.tensor(&format!("{name}.weight"), &[width])?,
        shift: tensors.tensor(&format!("{name}.bias"), &[width])?,
    })
}
