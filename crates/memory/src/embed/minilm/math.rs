//! The operations of a BERT layer, for one thread and whatever vector instructions the processor has.
//!
//! Every function is inlined into the one that was compiled for those instructions: see [`fearless_simd::dispatch`].
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, f32x16};

use super::packed::{GROUP, GROUP_BYTES, LANES, unpack_group};

/// Inputs whose weights are unpacked at once: with [`LANES`] outputs 24 kB, which stay in the nearest cache.
const CHUNK: usize = 384;
/// Tokens that share one reading of the weights at most. Their sums fill 12 registers: of 16 with AVX2, where each
/// takes two of them, of 32 with AVX-512. More sums than that do not fit, fewer wait for each other.
const TOKENS: usize = 6;
const TOKENS_OF_WIDE: usize = 12;

/// `y = W x + b`.
pub(super) struct Linear<'m> {
    pub(super) inputs: usize,
    /// Blocks of [`LANES`] outputs, each of them group after group.
    pub(super) weight: &'m [u8],
    pub(super) bias: Vec<f32>,
}

impl Linear<'_> {
    /// Applies it to each token of `input`; one row a token, on both sides.
    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, input: &[f32]) -> Vec<f32> {
        let outputs = self.bias.len();
        let tokens = input.len() / self.inputs;
        let mut output = self.bias.repeat(tokens);
        let tiles = tiles(tokens, most_tokens::<S>());
        let input = on_their_sides(input, self.inputs, &tiles);
        let (groups, _) = self.weight.as_chunks::<GROUP_BYTES>();
        let mut weights = vec![[0.0_f32; LANES]; CHUNK];
        for (block, groups) in groups.chunks_exact(self.inputs / GROUP).enumerate() {
            for (chunk, groups) in groups.chunks(CHUNK / GROUP).enumerate() {
                let (unpacked, _) = weights.as_chunks_mut::<GROUP>();
                for (group, into) in groups.iter().zip(unpacked) {
                    unpack_group(simd, group, into);
                }
                let part = Part {
                    weights: &weights[..groups.len() * GROUP],
                    before: chunk * CHUNK,
                    inputs: self.inputs,
                    outputs,
                };
                part.apply(simd, &tiles, &input, &mut output[block * LANES..]);
            }
        }
        output
    }
}

#[inline(always)]
const fn most_tokens<S: Simd>() -> usize {
    if S::f32s::LEN == LANES {
        TOKENS_OF_WIDE
    } else {
        TOKENS
    }
}

/// How many tokens are taken together, evenly: few together take as long as several.
fn tiles(tokens: usize, most: usize) -> Vec<usize> {
    let mut left = tokens;
    let mut tiles = Vec::new();
    while left > 0 {
        let size = left.div_ceil(left.div_ceil(most));
        tiles.push(size);
        left -= size;
    }
    tiles
}

/// Tile after tile, and in each the same number of all its tokens side by side.
#[inline(always)]
fn on_their_sides(input: &[f32], inputs: usize, tiles: &[usize]) -> Vec<f32> {
    let mut turned = vec![0.0; input.len()];
    let (mut from, mut into) = (input, turned.as_mut_slice());
    for size in tiles {
        let (rows, rest) = from.split_at(size * inputs);
        let (columns, rest_into) = into.split_at_mut(size * inputs);
        for (token, row) in rows.chunks_exact(inputs).enumerate() {
            for (number, column) in row.iter().zip(columns.chunks_exact_mut(*size)) {
                column[token] = *number;
            }
        }
        (from, into) = (rest, rest_into);
    }
    turned
}

/// Some inputs' weights of [`LANES`] outputs.
struct Part<'w> {
    weights: &'w [[f32; LANES]],
    /// Inputs before these.
    before: usize,
    inputs: usize,
    outputs: usize,
}

impl Part<'_> {
    /// Adds its share to the outputs of all tokens.
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, tiles: &[usize], mut input: &[f32], mut output: &mut [f32]) {
        let is_wide = most_tokens::<S>() == TOKENS_OF_WIDE;
        for tokens in tiles {
            match tokens {
                12 if is_wide => self.tile::<S, 12>(simd, input, output),
                11 if is_wide => self.tile::<S, 11>(simd, input, output),
                10 if is_wide => self.tile::<S, 10>(simd, input, output),
                9 if is_wide => self.tile::<S, 9>(simd, input, output),
                8 if is_wide => self.tile::<S, 8>(simd, input, output),
                7 if is_wide => self.tile::<S, 7>(simd, input, output),
                6 => self.tile::<S, 6>(simd, input, output),
                5 => self.tile::<S, 5>(simd, input, output),
                4 => self.tile::<S, 4>(simd, input, output),
                3 => self.tile::<S, 3>(simd, input, output),
                2 => self.tile::<S, 2>(simd, input, output),
                _ => self.tile::<S, 1>(simd, input, output),
            }
            input = &input[tokens * self.inputs..];
            // The last row is cut short: it begins at the block.
            output = output.get_mut(tokens * self.outputs..).unwrap_or_default();
        }
    }

    /// The same for `N` tokens.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&self, simd: S, input: &[f32], output: &mut [f32]) {
        let mut sums = [f32x16::splat(simd, 0.0); N];
        for (token, sum) in sums.iter_mut().enumerate() {
            *sum = f32x16::from_slice(simd, &output[token * self.outputs..][..LANES]);
        }
        let (columns, _) = input.as_chunks::<N>();
        for (weights, column) in self.weights.iter().zip(&columns[self.before..]) {
            let weights = f32x16::from_slice(simd, weights);
            for (sum, number) in sums.iter_mut().zip(column) {
                *sum = weights.mul_add(f32x16::splat(simd, *number), *sum);
            }
        }
        for (token, sum) in sums.into_iter().enumerate() {
            sum.store_slice(&mut output[token * self.outputs..][..LANES]);
        }
    }
}

/// Brings each token's numbers to mean 0 and variance 1, then scales and shifts them.
pub(super) struct LayerNorm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl LayerNorm {
    /// `layer_norm_eps` of the model.
    const EPSILON: f32 = 1e-12;

    #[inline(always)]
    pub(super) fn apply(&self, values: &mut [f32]) {
        let width = self.scale.len();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = width as f32;
        for row in values.chunks_exact_mut(width) {
            let mean = sum_of(row, |value| value) / count;
            for value in &mut *row {
                *value -= mean;
            }
            let variance = sum_of(row, |value| value * value) / count;
            let factor = (variance + Self::EPSILON).sqrt().recip();
            for ((value, scale), shift) in row.iter_mut().zip(&self.scale).zip(&self.shift) {
                *value = *value * factor * scale + shift;
            }
        }
    }
}

/// The sum of what each number gives, in as many sums side by side as a vector has lanes.
#[inline(always)]
fn sum_of(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += of(*value);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

/// Adds one list of numbers to another.
#[inline(always)]
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// Brings a vector to length 1; one of zeros stays.
#[inline(always)]
pub(super) fn normalise(values: &mut [f32]) {
    let length = sum_of(values, |value| value * value).sqrt();
    if length > 0.0 {
        for value in values {
            *value /= length;
        }
    }
}

/// The sum of the products.
#[inline(always)]
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, right) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut sums = [0.0_f32; LANES];
    for (left, right) in left.0.iter().zip(right.0) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest = left.1.iter().zip(right.1);
    sums.iter().sum::<f32>() + rest.map(|(left, right)| left * right).sum::<f32>()
}

/// `x (1 + erf(x / √2)) / 2`, in place.
#[inline(always)]
pub(super) fn gelu(values: &mut [f32]) {
    for value in values {
        *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// The error function to 1e-6; the rational approximation that Eigen uses. No branch and no call, so that
/// whole vectors are worked out at once.
#[inline(always)]
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

/// The exponential of what is not positive, to a hundred-thousandth of it; as branchless as [`erf`].
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it leaves no room for what stands behind the point.
    const ROUND: f32 = 12_582_912.0;
    // Below, the result is as good as 0 and its exponent would not fit.
    let power = x.max(-87.0) * std::f32::consts::LOG2_E;
    let rounded = power + ROUND;
    let whole = rounded - ROUND;
    let part = (power - whole) * std::f32::consts::LN_2;
    // The whole part of the power stands in the lowest bits of the rounded number, the exponent from bit 23 on.
    let scale = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    // Taylor's series: the part is at most ln(2) / 2.
    scale
        * horner(
            part,
            [
                1.0 / 720.0,
                1.0 / 120.0,
                1.0 / 24.0,
                1.0 / 6.0,
                0.5,
                1.0,
                1.0,
            ],
        )
}

#[inline(always)]
fn horner<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients
        .iter()
        .fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// What each token takes from all others, head by head. A row holds a token's query, then its key, then its value.
#[inline(always)]
pub(super) fn attention<S: Simd>(simd: S, of: &[f32], hidden: usize, heads: usize) -> Vec<f32> {
    let width = hidden / heads;
    let tokens = of.len() / (3 * hidden);
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let scale = (width as f32).sqrt().recip();
    let mut output = vec![0.0; tokens * hidden];
    // Keys on their sides, so that the scores of neighbouring tokens are worked out side by side.
    let padded = tokens.next_multiple_of(LANES);
    let mut keys = vec![0.0; width * padded];
    let mut weights = vec![0.0; padded];
    for head in 0..heads {
        let (query, key, value) = (
            head * width,
            hidden + head * width,
            2 * hidden + head * width,
        );
        for (token, row) in of.chunks_exact(3 * hidden).enumerate() {
            for (at, number) in row[key..key + width].iter().enumerate() {
                keys[at * padded + token] = number * scale;
            }
        }
        for (token, row) in of.chunks_exact(3 * hidden).enumerate() {
            for (block, weights) in weights.chunks_exact_mut(LANES).enumerate() {
                let mut sum = f32x16::splat(simd, 0.0);
                for (number, keys) in row[query..query + width]
                    .iter()
                    .zip(keys.chunks_exact(padded))
                {
                    let keys = f32x16::from_slice(simd, &keys[block * LANES..][..LANES]);
                    sum = keys.mul_add(f32x16::splat(simd, *number), sum);
                }
                sum.store_slice(weights);
            }
            softmax(&mut weights[..tokens]);
            let out = &mut output[token * hidden + head * width..][..width];
            for (weight, row) in weights.iter().zip(of.chunks_exact(3 * hidden)) {
                for (out, value) in out.iter_mut().zip(&row[value..value + width]) {
                    *out += weight * value;
                }
            }
        }
    }
    output
}

#[inline(always)]
fn softmax(values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in values.iter_mut() {
        *value = exp(*value - largest);
    }
    let sum = sum_of(values, |value| value);
    for value in values {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::super::packed::tests::pack;
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
    fn the_exponential_is_exact_to_a_hundred_thousandth_of_it() {
        for step in 0..=8600_u16 {
            let x = -f32::from(step) / 100.0;
            let (found, expected) = (exp(x), x.exp());
            assert!(
                (found - expected).abs() <= 1e-5 * expected,
                "{x}: {found} {expected}"
            );
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn a_product_is_the_same_for_any_number_of_tokens_inputs_and_outputs() {
        for (inputs, outputs) in [(GROUP, LANES), (CHUNK, 3 * LANES), (CHUNK + GROUP, LANES)] {
            let weight: Vec<i8> = (-8..=7)
                .cycle()
                .take(inputs * outputs + 5)
                .skip(5)
                .collect();
            let bias: Vec<f32> = (0..5_u8).cycle().take(outputs).map(f32::from).collect();
            let packed = pack(&weight, inputs);
            let linear = Linear {
                inputs,
                weight: &packed,
                bias: bias.clone(),
            };
            for tokens in 1..=26 {
                let input: Vec<f32> = (0..11_u8)
                    .cycle()
                    .take(inputs * tokens)
                    .map(f32::from)
                    .collect();

                let output = dispatch!(Level::new(), simd => linear.apply(simd, &input));

                let scale = |at: usize| if at + GROUP >= inputs { 2.0 } else { 1.0 };
                let expected: Vec<f32> = input
                    .chunks_exact(inputs)
                    .flat_map(|token| {
                        weight
                            .chunks_exact(inputs)
                            .zip(&bias)
                            .map(move |(row, bias)| {
                                let products = row.iter().zip(token).enumerate();
                                let sum: f32 = products
                                    .map(|(at, (a, b))| f32::from(*a) * scale(at) * b)
                                    .sum();
                                sum + bias
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
