//! The products of a BERT layer, which take nearly all of its time.
//!
//! Every function is inlined into the one that was compiled for what the processor has: see [`fearless_simd::dispatch`].
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

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::super::packed::tests::pack;
    use super::*;

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
}
