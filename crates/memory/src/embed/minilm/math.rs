//! The four operations of a BERT layer, for one thread.
//!
//! Everything is laid out so that the compiler finds whole vectors of the machine: blocks of [`LANES`]
//! neighbouring outputs, and [`TOKENS`] tokens at a time that share what was read of the weights.

/// Outputs that are worked out side by side.
const LANES: usize = 8;
/// Tokens that share one reading of the weights: with SSE2 their sums fill 12 of 16 registers.
const TOKENS: usize = 6;

/// `y = W x + b`.
#[derive(Debug)]
pub(super) struct Linear {
    inputs: usize,
    outputs: usize,
    /// Blocks of `LANES` outputs: for each input the weights of all of them. The last block is filled with zeros.
    blocks: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl Linear {
    /// From a weight matrix with one row an output, as PyTorch keeps it.
    pub(super) fn new(weight: &[f32], bias: Vec<f32>, inputs: usize) -> Self {
        let outputs = bias.len();
        let mut blocks = vec![[0.0; LANES]; outputs.div_ceil(LANES) * inputs];
        for (output, row) in weight.chunks_exact(inputs).enumerate() {
            let start = output / LANES * inputs;
            for (block, value) in blocks[start..].iter_mut().zip(row) {
                block[output % LANES] = *value;
            }
        }
        Self {
            inputs,
            outputs,
            blocks,
            bias,
        }
    }

    /// Applies it to each token of `input`; one row a token, on both sides.
    pub(super) fn apply(&self, input: &[f32]) -> Vec<f32> {
        let tokens = input.len() / self.inputs;
        let mut output = vec![0.0; tokens * self.outputs];
        // Weights outside, tokens inside: a block of weights stays in the nearest cache for all tokens.
        for (index, block) in self.blocks.chunks_exact(self.inputs).enumerate() {
            let first = index * LANES;
            let mut token = 0;
            while token < tokens {
                let rows = &input[token * self.inputs..];
                let out = &mut output[token * self.outputs + first..];
                match tokens - token {
                    TOKENS.. => self.tile::<TOKENS>(block, rows, out, first),
                    4.. => self.tile::<4>(block, rows, out, first),
                    2.. => self.tile::<2>(block, rows, out, first),
                    _ => self.tile::<1>(block, rows, out, first),
                }
                token += match tokens - token {
                    TOKENS.. => TOKENS,
                    4.. => 4,
                    2.. => 2,
                    _ => 1,
                };
            }
        }
        output
    }

    /// One block of outputs for `N` tokens; `output` begins at the first of them.
    #[inline]
    fn tile<const N: usize>(
        &self,
        block: &[[f32; LANES]],
        input: &[f32],
        output: &mut [f32],
        first: usize,
    ) {
        let mut sums = [[0.0_f32; LANES]; N];
        let mut rows = [input; N];
        for (token, row) in rows.iter_mut().enumerate() {
            *row = &input[token * self.inputs..][..block.len()];
        }
        for (at, weights) in block.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(&rows) {
                let value = row[at];
                for (sum, weight) in sum.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
        let bias = &self.bias[first..self.outputs.min(first + LANES)];
        for (token, sum) in sums.iter().enumerate() {
            let row = &mut output[token * self.outputs..];
            for ((out, sum), bias) in row.iter_mut().zip(sum).zip(bias) {
                *out = sum + bias;
            }
        }
    }
}

/// Brings each token's numbers to mean 0 and variance 1, then scales and shifts them.
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl LayerNorm {
    /// `layer_norm_eps` of the model.
    const EPSILON: f32 = 1e-12;

    pub(super) fn apply(&self, values: &mut [f32]) {
        let width = self.scale.len();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = width as f32;
        for row in values.chunks_exact_mut(width) {
            let mean = row.iter().sum::<f32>() / count;
            for value in &mut *row {
                *value -= mean;
            }
            let variance = row.iter().map(|value| value * value).sum::<f32>() / count;
            let factor = (variance + Self::EPSILON).sqrt().recip();
            for ((value, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *value = *value * factor * scale + shift;
            }
        }
    }
}

/// Adds one list of numbers to another.
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// `x (1 + erf(x / √2)) / 2`, in place.
pub(super) fn gelu(values: &mut [f32]) {
    for value in values {
        *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// The error function to 1e-6; the rational approximation that Eigen uses. No branch and no call, so that
/// whole vectors are worked out at once.
#[inline]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let over = horner(
        square,
        [
            -2.726_142e-10,
            2.770_681_4e-8,
            -2.101_024_1e-6,
            -5.692_506_4e-5,
            -7.349_906_5e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let under = horner(
        square,
        [
            -1.456_607_2e-5,
            -2.133_740_5e-4,
            -1.682_827e-3,
            -7.373_329e-3,
            -1.426_474e-2,
        ],
    );
    x * over / under
}

#[inline]
fn horner<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// Query, key and value of all tokens, one row a token.
pub(super) struct Projections {
    pub(super) query: Vec<f32>,
    pub(super) key: Vec<f32>,
    pub(super) value: Vec<f32>,
}

/// What each token takes from all others, head by head.
pub(super) fn attention(of: &Projections, hidden: usize, heads: usize) -> Vec<f32> {
    let width = hidden / heads;
    let tokens = of.query.len() / hidden;
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let scale = (width as f32).sqrt().recip();
    let mut output = vec![0.0; of.query.len()];
    let mut weights = vec![0.0; tokens];
    for head in 0..heads {
        let columns = head * width..(head + 1) * width;
        for (query, out) in of
            .query
            .chunks_exact(hidden)
            .zip(output.chunks_exact_mut(hidden))
        {
            let query = &query[columns.clone()];
            for (weight, key) in weights.iter_mut().zip(of.key.chunks_exact(hidden)) {
                *weight = dot(query, &key[columns.clone()]) * scale;
            }
            softmax(&mut weights);
            let out = &mut out[columns.clone()];
            for (weight, value) in weights.iter().zip(of.value.chunks_exact(hidden)) {
                for (out, value) in out.iter_mut().zip(&value[columns.clone()]) {
                    *out += weight * value;
                }
            }
        }
    }
    output
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left_blocks, left_rest) = left.as_chunks::<LANES>();
    let (right_blocks, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (left, right) in left_blocks.iter().zip(right_blocks) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// source: tables of the error function.
    #[test]
    fn the_error_function_is_exact_to_a_millionth() {
        for (x, expected) in [
            (0.0, 0.0),
            (0.1, 0.112_462_92),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (1.5, 0.966_105_1),
            (2.0, 0.995_322_3),
            (3.0, 0.999_977_9),
            (9.0, 1.0),
        ] {
            assert!((erf(x) - expected).abs() < 1e-6, "{x}: {}", erf(x));
            assert!((erf(-x) + expected).abs() < 1e-6, "{x}: {}", erf(-x));
        }
    }

    #[test]
    fn a_product_is_the_same_for_any_number_of_tokens_and_outputs() {
        for (inputs, outputs) in [(3, 1), (5, 8), (4, 19)] {
            let weight: Vec<f32> = (0..7_u8)
                .cycle()
                .take(inputs * outputs)
                .map(f32::from)
                .collect();
            let bias: Vec<f32> = (0..5_u8).cycle().take(outputs).map(f32::from).collect();
            let linear = Linear::new(&weight, bias.clone(), inputs);
            for tokens in 1..=14 {
                let input: Vec<f32> = (0..11_u8)
                    .cycle()
                    .take(inputs * tokens)
                    .map(f32::from)
                    .collect();

                let output = linear.apply(&input);

                let expected: Vec<f32> = input
                    .chunks_exact(inputs)
                    .flat_map(|token| {
                        weight
                            .chunks_exact(inputs)
                            .zip(&bias)
                            .map(move |(row, bias)| {
                                row.iter().zip(token).map(|(a, b)| a * b).sum::<f32>() + bias
                            })
                    })
                    .collect();
                // Whole numbers this small are exact in any order.
                assert_eq!(output, expected, "{inputs} {outputs} {tokens}");
            }
        }
    }

    #[test]
    fn weights_of_attention_sum_up_to_one_even_for_large_scores() {
        let mut values = [1000.0, 1000.0, -1000.0];

        softmax(&mut values);

        for (value, expected) in values.iter().zip([0.5, 0.5, 0.0]) {
            assert!((value - expected).abs() < f32::EPSILON, "{values:?}");
        }
    }
}
