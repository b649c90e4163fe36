//! The other operations of a BERT layer, for one thread and whatever vector instructions the processor has.
//!
//! Every function is inlined into the one that was compiled for those instructions: see [`fearless_simd::dispatch`].
//! They are written with vectors, because a compiler that builds for size makes none by itself.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, f32x16, u32x16};

use super::packed::LANES;

/// Adding it leaves no room for what stands behind the point; the number before it is in the lowest bits then.
pub(super) const ROUND: f32 = 12_582_912.0;

/// Brings each token's numbers to mean 0 and variance 1, then scales and shifts them.
pub(super) struct LayerNorm {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl LayerNorm {
    /// `layer_norm_eps` of the model.
    const EPSILON: f32 = 1e-12;

    #[inline(always)]
    pub(super) fn apply<S: Simd>(&self, simd: S, values: &mut [f32]) {
        let width = self.scale.len();
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let count = width as f32;
        for row in values.chunks_exact_mut(width) {
            let mean = sum_of(
                simd,
                row,
                #[inline(always)]
                |value| value,
            ) / count;
            each(
                simd,
                row,
                #[inline(always)]
                |value| value - mean,
            );
            let variance = sum_of(
                simd,
                row,
                #[inline(always)]
                |value| value * value,
            ) / count;
            let factor = (variance + Self::EPSILON).sqrt().recip();
            each_with(
                simd,
                row,
                &self.scale,
                #[inline(always)]
                |value, scale| value * factor * scale,
            );
            add(simd, row, &self.shift);
        }
    }
}

/// A whole vector of some numbers, of zeros behind them.
#[inline(always)]
fn padded<S: Simd>(simd: S, some: &[f32]) -> f32x16<S> {
    let mut block = [0.0; LANES];
    block[..some.len()].copy_from_slice(some);
    f32x16::from_slice(simd, &block)
}

/// The sum of what each number gives; 0 has to give 0.
#[inline(always)]
fn sum_of<S: Simd>(simd: S, values: &[f32], of: impl Fn(f32x16<S>) -> f32x16<S>) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut sums = of(padded(simd, rest));
    for block in blocks {
        sums += of(f32x16::from_slice(simd, block));
    }
    sums.reduce_sum()
}

/// Puts what each number gives in its place.
#[inline(always)]
fn each<S: Simd>(simd: S, values: &mut [f32], of: impl Fn(f32x16<S>) -> f32x16<S>) {
    let (blocks, rest) = values.as_chunks_mut::<LANES>();
    for block in blocks {
        of(f32x16::from_slice(simd, block)).store_slice(block);
    }
    if !rest.is_empty() {
        let mut block = [0.0; LANES];
        of(padded(simd, rest)).store_slice(&mut block);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// The same of each number and another.
#[inline(always)]
fn each_with<S: Simd>(
    simd: S,
    values: &mut [f32],
    others: &[f32],
    of: impl Fn(f32x16<S>, f32x16<S>) -> f32x16<S>,
) {
    let (blocks, rest) = values.as_chunks_mut::<LANES>();
    let (other_blocks, other_rest) = others.as_chunks::<LANES>();
    for (block, other) in blocks.iter_mut().zip(other_blocks) {
        of(
            f32x16::from_slice(simd, block),
            f32x16::from_slice(simd, other),
        )
        .store_slice(block);
    }
    let size = rest.len().min(other_rest.len());
    if size > 0 {
        let mut block = [0.0; LANES];
        of(
            padded(simd, &rest[..size]),
            padded(simd, &other_rest[..size]),
        )
        .store_slice(&mut block);
        rest[..size].copy_from_slice(&block[..size]);
    }
}

/// Adds one list of numbers to another.
#[inline(always)]
pub(super) fn add<S: Simd>(simd: S, to: &mut [f32], from: &[f32]) {
    each_with(
        simd,
        to,
        from,
        #[inline(always)]
        |to, from| to + from,
    );
}

/// Brings a vector to length 1; one of zeros stays.
#[inline(always)]
pub(super) fn normalise<S: Simd>(simd: S, values: &mut [f32]) {
    let length = sum_of(
        simd,
        values,
        #[inline(always)]
        |value| value * value,
    )
    .sqrt();
    if length > 0.0 {
        each(
            simd,
            values,
            #[inline(always)]
            |value| value / length,
        );
    }
}

/// The sum of the products.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, left: &[f32], right: &[f32]) -> f32 {
    let (left, right) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut sums = padded(simd, left.1) * padded(simd, right.1);
    for (left, right) in left.0.iter().zip(right.0) {
        sums = f32x16::from_slice(simd, left).mul_add(f32x16::from_slice(simd, right), sums);
    }
    sums.reduce_sum()
}

/// `x (1 + erf(x / √2)) / 2`, in place.
#[inline(always)]
pub(super) fn gelu<S: Simd>(simd: S, values: &mut [f32]) {
    each(
        simd,
        values,
        #[inline(always)]
        |value| value * 0.5 * (erf(value * std::f32::consts::FRAC_1_SQRT_2) + 1.0),
    );
}

/// The error function to 1e-6; the rational approximation that Eigen uses.
#[inline(always)]
fn erf<S: Simd>(x: f32x16<S>) -> f32x16<S> {
    let x = x.max(-4.0).min(4.0);
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

/// The exponential of what is not positive, to a hundred-thousandth of it.
#[inline(always)]
fn exp<S: Simd>(x: f32x16<S>) -> f32x16<S> {
    // Below, the result is as good as 0 and its exponent would not fit.
    let power = x.max(-87.0) * std::f32::consts::LOG2_E;
    let rounded = power + ROUND;
    let whole = rounded - ROUND;
    let part = (power - whole) * std::f32::consts::LN_2;
    // The whole part of the power stands in the lowest bits of the rounded number, the exponent from bit 23 on.
    let exponent: u32x16<S> = rounded.bitcast();
    let scale: f32x16<S> = ((exponent + 127) << 23).bitcast();
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
fn horner<S: Simd, const N: usize>(x: f32x16<S>, coefficients: [f32; N]) -> f32x16<S> {
    let mut sum = x * 0.0;
    for coefficient in coefficients {
        sum = sum * x + coefficient;
    }
    sum
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
            softmax(simd, &mut weights[..tokens]);
            let out = &mut output[token * hidden + head * width..][..width];
            for (weight, row) in weights.iter().zip(of.chunks_exact(3 * hidden)) {
                let values = &row[value..value + width];
                each_with(
                    simd,
                    out,
                    values,
                    #[inline(always)]
                    |out, value| value * *weight + out,
                );
            }
        }
    }
    output
}

#[inline(always)]
fn softmax<S: Simd>(simd: S, values: &mut [f32]) {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    each(
        simd,
        values,
        #[inline(always)]
        |value| exp(value - largest),
    );
    let sum = sum_of(
        simd,
        values,
        #[inline(always)]
        |value| value,
    );
    each(
        simd,
        values,
        #[inline(always)]
        |value| value / sum,
    );
}

#[cfg(test)]
mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    fn of_one(of: impl Fn(&mut [f32]), value: f32) -> f32 {
        let mut values = [value];
        of(&mut values);
        values[0]
    }

    fn erf(x: f32) -> f32 {
        of_one(
            |values| dispatch!(Level::new(), simd => each(simd, values, super::erf)),
            x,
        )
    }

    fn exp(x: f32) -> f32 {
        of_one(
            |values| dispatch!(Level::new(), simd => each(simd, values, super::exp)),
            x,
        )
    }

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
    fn weights_of_attention_sum_up_to_one_even_for_large_scores() {
        let mut values = [1000.0, 1000.0, -1000.0];

        dispatch!(Level::new(), simd => softmax(simd, &mut values));

        for (value, expected) in values.iter().zip([0.5, 0.5, 0.0]) {
            assert!((value - expected).abs() < f32::EPSILON, "{values:?}");
        }
    }
}
