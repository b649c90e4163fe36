//! A vector as text, and how near two are.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, i8x32, i16x16, i32x8};
use homelab_core::memory::Vector;
use homelab_core::store::{StoreError, StoreResult};
use serde_json::{Value, json};

use crate::memories::ENTITY;
use crate::text::refuse_as_key;

/// Most dimensions: sums of products stay within 32 bits.
const MOST: usize = 4_096;
/// Largest number of a question's dimension; with it a product has 19 bits.
const FINE: f32 = 4_095.0;

/// A stored vector: `values[i] * scale`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coded {
    pub(super) scale: f32,
    pub(super) values: Vec<i8>,
}

/// A vector to compare with, finer than those that are kept.
#[derive(Clone)]
pub(super) struct Question {
    scale: f32,
    values: Vec<i16>,
}

/// Its row in `memory_vectors`, and what pgvector would keep of it as `embedding`.
pub(in crate::memories) fn coded(number: i64, vector: &Vector, change: i64) -> StoreResult<Value> {
    refuse_as_key(ENTITY, "model", &vector.model)?;
    let coded = Coded::of(&vector.values)?;
    Ok(json!({
        "number": number,
        "model": vector.model,
        "dimensions": coded.values.len(),
        "vector": coded.text(),
        "embedding": coded.list(),
        "change": change,
    }))
}

impl Coded {
    pub(super) fn of(values: &[f32]) -> StoreResult<Self> {
        if values.is_empty() || values.len() > MOST || values.iter().any(|one| !one.is_finite()) {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field: "vector",
                detail: format!("it must have 1 to {MOST} finite numbers"),
            });
        }
        let scale = largest(values) / 127.0;
        #[expect(clippy::cast_possible_truncation, reason = "within 127 by the scale")]
        let code = |value: &f32| {
            if scale > 0.0 {
                (value / scale).round() as i8
            } else {
                0
            }
        };
        Ok(Self {
            scale,
            values: values.iter().map(code).collect(),
        })
    }

    fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(4 + self.values.len());
        bytes.extend(self.scale.to_le_bytes());
        bytes.extend(self.values.iter().flat_map(|value| value.to_le_bytes()));
        STANDARD_NO_PAD.encode(bytes)
    }

    /// As pgvector reads it.
    pub(super) fn list(&self) -> String {
        let numbers: Vec<String> = self
            .values
            .iter()
            .map(|value| (f32::from(*value) * self.scale).to_string())
            .collect();
        format!("[{}]", numbers.join(","))
    }

    /// Reads [`Coded::text`].
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (scale, values) = bytes.split_first_chunk::<4>()?;
        Some(Self {
            scale: f32::from_le_bytes(*scale),
            values: values
                .iter()
                .map(|byte| i8::from_le_bytes([*byte]))
                .collect(),
        })
    }
}

impl Question {
    /// Nothing for a vector that is near to none: zeros, or something that is no vector.
    pub(super) fn of(values: &[f32]) -> Option<Self> {
        let scale = largest(values) / FINE;
        if scale <= 0.0 || !scale.is_finite() || values.len() > MOST {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within 4,095 by the scale")]
        let values = values.iter().map(|value| (value / scale).round() as i16);
        Some(Self {
            scale,
            values: values.collect(),
        })
    }

    pub(super) fn dimensions(&self) -> usize {
        self.values.len()
    }

    /// The cosine with each of the stored ones, whose numbers stand one after the other.
    pub(super) fn cosines<'c>(
        &self,
        scales: &[f32],
        values: &[i8],
        into: impl Iterator<Item = &'c mut f32>,
    ) {
        static LEVEL: LazyLock<Level> = LazyLock::new(Level::new);
        dispatch!(*LEVEL, simd => self.each(simd, scales, values, into));
    }

    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "what is not inlined is compiled for the oldest processor"
    )]
    #[expect(
        clippy::cast_precision_loss,
        reason = "24 bits are more than the codes have"
    )]
    fn each<'c, S: Simd>(
        &self,
        simd: S,
        scales: &[f32],
        values: &[i8],
        into: impl Iterator<Item = &'c mut f32>,
    ) {
        let rows = values.chunks_exact(self.values.len()).zip(scales);
        for (cosine, (row, scale)) in into.zip(rows) {
            *cosine = product(simd, &self.values, row) as f32 * self.scale * scale;
        }
    }
}

/// Numbers that are multiplied at a time.
const WIDTH: usize = 32;

#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]
fn product<S: Simd>(simd: S, one: &[i16], other: &[i8]) -> i32 {
    let (parts, rest) = one.as_chunks::<WIDTH>();
    let (other_parts, other_rest) = other.as_chunks::<WIDTH>();
    let mut sums = [i32x8::splat(simd, 0); 2];
    for (part, other) in parts.iter().zip(other_parts) {
        let halves: [i16x16<S>; 2] = i8x32::from_slice(simd, other).widen().into();
        let (part, _) = part.as_chunks::<{ WIDTH / 2 }>();
        for ((sum, half), part) in sums.iter_mut().zip(halves).zip(part) {
            *sum += half.pairwise_dot_product(i16x16::from_slice(simd, part));
        }
    }
    let rest: i32 = (rest.iter().zip(other_rest))
        .map(|(one, other)| i32::from(*one) * i32::from(*other))
        .sum();
    (sums[0] + sums[1]).reduce_sum() + rest
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(values: &[f32]) -> Vec<f32> {
        let length = values.iter().map(|one| one * one).sum::<f32>().sqrt();
        values.iter().map(|one| one / length.max(1e-6)).collect()
    }

    fn cosine(question: &Question, stored: &Coded) -> f32 {
        let mut found = [0.0];
        question.cosines(&[stored.scale], &stored.values, found.iter_mut());
        found[0]
    }

    proptest! {
        #[test]
        fn a_code_keeps_what_is_near(
            (one, other) in (2_usize..300).prop_flat_map(|size| (
                prop::collection::vec(-1.0_f32..1.0, size),
                prop::collection::vec(-1.0_f32..1.0, size),
            )),
        ) {
            let (one, other) = (unit(&one), unit(&other));
            let exact: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
            let stored = Coded::of(&one).unwrap();
            let read = Coded::read(&stored.text()).unwrap();
            prop_assert_eq!(&read, &stored);

            if let Some(question) = Question::of(&other) {
                let found = cosine(&question, &read);
                prop_assert!((found - exact).abs() < 0.02, "{} instead of {}", found, exact);
            }
        }
    }

    #[test]
    fn the_longest_vectors_do_not_overflow() {
        let longest = vec![1.0; MOST];
        let question = Question::of(&longest).unwrap();
        let coded = Coded::of(&longest).unwrap();

        let found = cosine(&question, &coded);

        assert!((found - 4_096.0).abs() < 1.0, "{found}");
        assert!(Coded::of(&vec![1.0; MOST + 1]).is_err());
        assert!(Coded::of(&[f32::NAN]).is_err());
        assert!(Question::of(&[0.0, 0.0]).is_none());
    }
}
