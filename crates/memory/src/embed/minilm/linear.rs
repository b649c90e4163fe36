//! The products of a BERT layer, which take nearly all of its time.
//!
//! Every function is inlined into the one that was compiled for what the processor has: see [`fearless_simd::dispatch`].
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, f32x16, i16x32, i32x16, u32x16};

use super::math::ROUND;
use super::packed::{GROUP, GROUP_BYTES, LANES, PAIRS, ZERO, pair_up, unpack_group};

/// Groups of inputs whose weights are unpacked at once: with [`LANES`] outputs 12 kB, which stay in the nearest cache.
const CHUNK: usize = 12;
/// Tokens that share one reading of the weights at most. Their sums fill 12 registers: of 16 with AVX2, where each
/// takes two of them, of 32 with AVX-512. More sums than that do not fit, fewer wait for each other.
const TOKENS: usize = 6;
const TOKENS_OF_WIDE: usize = 12;
/// Largest number that an input is rounded to: with it each has 16 bits.
const FINE: f32 = 32_767.0;

/// `y = W x + b`.
///
/// A token's inputs are rounded to whole numbers of 16 bits, and multiplied with the weights' four two at a time:
/// processors do twice as many of those as of floating-point numbers. Their sums are exact.
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
        let mut output = self.bias.repeat(input.len() / self.inputs);
        let input = Turned::of(simd, input, self.inputs);
        let (groups, _) = self.weight.as_chunks::<GROUP_BYTES>();
        let mut weights = vec![[[0_i32; LANES]; PAIRS]; CHUNK];
        let mut scales = [[0.0; LANES]; CHUNK];
        for (block, groups) in groups.chunks_exact(self.inputs / GROUP).enumerate() {
            for (chunk, groups) in groups.chunks(CHUNK).enumerate() {
                for ((group, into), scales) in groups.iter().zip(&mut weights).zip(&mut scales) {
                    *scales = unpack_group(simd, group, into);
                }
                let part = Part {
                    weights: &weights[..groups.len()],
                    scales: &scales,
                    before: chunk * CHUNK,
                    outputs,
                };
                part.apply(simd, &input, &mut output[block * LANES..]);
            }
        }
        output
    }
}

/// Inputs as [`Linear`] reads them: tile after tile, and in each the same number of all its tokens side by side.
struct Turned {
    /// How many tokens each tile has.
    tiles: Vec<usize>,
    groups: usize,
    /// Pairs of inputs.
    pairs: Vec<i32>,
    /// What each group's sum of products begins with: weights stand for [`ZERO`] less than they are.
    starts: Vec<i32>,
    /// What each token's numbers were divided by.
    scales: Vec<f32>,
}

impl Turned {
    #[inline(always)]
    fn of<S: Simd>(simd: S, input: &[f32], inputs: usize) -> Self {
        let tokens = input.len() / inputs;
        let mut turned = Self {
            tiles: tiles(tokens, most_tokens::<S>()),
            groups: inputs / GROUP,
            pairs: vec![0; input.len() / 2],
            starts: vec![0; input.len() / GROUP],
            scales: Vec::with_capacity(tokens),
        };
        let (mut rows, mut pairs, mut starts) = (
            input.chunks_exact(inputs),
            turned.pairs.as_mut_slice(),
            turned.starts.as_mut_slice(),
        );
        for size in &turned.tiles {
            let (of_tile, rest) = pairs.split_at_mut(size * inputs / 2);
            let (starts_of_tile, rest_starts) = starts.split_at_mut(size * inputs / GROUP);
            for (token, row) in rows.by_ref().take(*size).enumerate() {
                let scale = largest(simd, row) / FINE;
                let factor = if scale > 0.0 { scale.recip() } else { 0.0 };
                turned.scales.push(scale);
                let columns = of_tile.chunks_exact_mut(size * PAIRS);
                let starts = starts_of_tile.chunks_exact_mut(*size);
                let (groups, _) = row.as_chunks::<GROUP>();
                for ((group, columns), starts) in groups.iter().zip(columns).zip(starts) {
                    let (whole, start) = rounded(simd, group, factor);
                    starts[token] = start;
                    for (pair, column) in pair_up(&whole)
                        .into_iter()
                        .zip(columns.chunks_exact_mut(*size))
                    {
                        column[token] = pair;
                    }
                }
            }
            (pairs, starts) = (rest, rest_starts);
        }
        turned
    }
}

/// The largest of some numbers without their signs.
#[inline(always)]
fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let mut most = f32x16::splat(simd, 0.0);
    for block in row.as_chunks::<LANES>().0 {
        most = most.max(f32x16::from_slice(simd, block).abs());
    }
    most.reduce_max()
}

/// A group's inputs as whole numbers, in the lower halves of words, and what its sum of products begins with.
#[inline(always)]
fn rounded<S: Simd>(simd: S, group: &[f32; GROUP], factor: f32) -> ([u32; GROUP], i32) {
    let mut whole = [0; GROUP];
    let mut sum = f32x16::splat(simd, 0.0);
    for (whole, block) in whole
        .as_chunks_mut::<LANES>()
        .0
        .iter_mut()
        .zip(group.as_chunks::<LANES>().0)
    {
        let rounded = f32x16::from_slice(simd, block) * factor + ROUND;
        sum += rounded - ROUND;
        let bits: u32x16<S> = rounded.bitcast();
        bits.store_slice(whole);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "32 whole numbers of 16 bits, times 8"
    )]
    let start = (sum.reduce_sum() * -ZERO) as i32;
    (whole, start)
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

/// The weights of some groups of inputs and [`LANES`] outputs.
struct Part<'w> {
    weights: &'w [[[i32; LANES]; PAIRS]],
    scales: &'w [[f32; LANES]],
    /// Groups before these.
    before: usize,
    outputs: usize,
}

/// The inputs of one tile, from the part's on.
struct Tile<'t> {
    pairs: &'t [i32],
    starts: &'t [i32],
    scales: &'t [f32],
}

impl Part<'_> {
    /// Adds its share to the outputs of all tokens.
    #[inline(always)]
    fn apply<S: Simd>(&self, simd: S, input: &Turned, mut output: &mut [f32]) {
        let is_wide = most_tokens::<S>() == TOKENS_OF_WIDE;
        let mut before = 0;
        for tokens in &input.tiles {
            let from = before * input.groups + self.before * tokens;
            let tile = Tile {
                pairs: &input.pairs[from * PAIRS..],
                starts: &input.starts[from..],
                scales: &input.scales[before..],
            };
            match tokens {
                12 if is_wide => self.tile::<S, 12>(simd, &tile, output),
                11 if is_wide => self.tile::<S, 11>(simd, &tile, output),
                10 if is_wide => self.tile::<S, 10>(simd, &tile, output),
                9 if is_wide => self.tile::<S, 9>(simd, &tile, output),
                8 if is_wide => self.tile::<S, 8>(simd, &tile, output),
                7 if is_wide => self.tile::<S, 7>(simd, &tile, output),
                6 => self.tile::<S, 6>(simd, &tile, output),
                5 => self.tile::<S, 5>(simd, &tile, output),
                4 => self.tile::<S, 4>(simd, &tile, output),
                3 => self.tile::<S, 3>(simd, &tile, output),
                2 => self.tile::<S, 2>(simd, &tile, output),
                _ => self.tile::<S, 1>(simd, &tile, output),
            }
            before += tokens;
            // The last row is cut short: it begins at the block.
            output = output.get_mut(tokens * self.outputs..).unwrap_or_default();
        }
    }

    /// The same for a tile of `N` tokens.
    #[inline(always)]
    fn tile<S: Simd, const N: usize>(&self, simd: S, tile: &Tile<'_>, output: &mut [f32]) {
        let mut sums = [f32x16::splat(simd, 0.0); N];
        let (columns, _) = tile.pairs.as_chunks::<N>();
        let columns = columns.as_chunks::<PAIRS>().0.iter();
        let starts = tile.starts.as_chunks::<N>().0.iter();
        let groups = self.weights.iter().zip(self.scales);
        for ((weights, scales), (columns, starts)) in groups.zip(columns.zip(starts)) {
            let mut products = [i32x16::splat(simd, 0); N];
            for (product, start) in products.iter_mut().zip(starts) {
                *product = i32x16::splat(simd, *start);
            }
            for (weights, column) in weights.iter().zip(columns) {
                let weights: i16x32<S> = i32x16::from_slice(simd, weights).bitcast();
                for (product, pair) in products.iter_mut().zip(column) {
                    let pair: i16x32<S> = i32x16::splat(simd, *pair).bitcast();
                    *product += weights.pairwise_dot_product(pair);
                }
            }
            let scales = f32x16::from_slice(simd, scales);
            for (sum, product) in sums.iter_mut().zip(products) {
                let product: f32x16<S> = product.to_float();
                *sum = product.mul_add(scales, *sum);
            }
        }
        for ((token, sum), scale) in sums.into_iter().enumerate().zip(tile.scales) {
            let output = &mut output[token * self.outputs..][..LANES];
            let before = f32x16::from_slice(simd, output);
            sum.mul_add(f32x16::splat(simd, *scale), before)
                .store_slice(output);
        }
    }
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::super::packed::tests::pack;
    use super::*;

    #[test]
    fn a_product_is_the_same_for_any_number_of_tokens_inputs_and_outputs() {
        let whole = CHUNK * GROUP;
        for (inputs, outputs) in [(GROUP, LANES), (whole, 3 * LANES), (whole + GROUP, LANES)] {
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
                for (found, expected) in output.iter().zip(&expected) {
                    // The largest input is 10; each is rounded to a 6,500th of 1.
                    assert!(
                        (found - expected).abs()
                            < 0.002 * f32::from(u16::try_from(inputs).unwrap()).sqrt(),
                        "{inputs} {outputs} {tokens}: {found} {expected}"
                    );
                }
                assert_eq!(output.len(), expected.len());
            }
        }
    }
}
