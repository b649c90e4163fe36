//! The file of numbers, and numbers of four bits.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined is compiled for the oldest processor"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i32x16};

/// Neighbouring inputs that share a scale.
pub(super) const GROUP: usize = 32;
/// Outputs whose weights stand side by side.
pub(super) const LANES: usize = 16;
/// Bytes of a scale: the upper half of an f32.
const SCALE: usize = 2;
/// Bytes of a word of eight numbers.
const WORD: usize = 4;
/// What a number of four bits is larger by than what it stands for.
pub(super) const ZERO: f32 = 8.0;

/// Bytes of a row of so many numbers that stands for itself.
pub(super) const fn row_bytes(numbers: usize) -> usize {
    numbers / GROUP * SCALE + numbers / 2
}

/// Bytes of one group of [`LANES`] outputs.
pub(super) const GROUP_BYTES: usize = LANES * SCALE + LANES * GROUP / 2;

/// Reads a file from its beginning to its end.
pub(super) struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    pub(super) fn new(file: &'m [u8]) -> Self {
        Self(file)
    }

    /// # Panics
    /// If there are fewer. The file is in the binary, and a test reads it whole.
    pub(super) fn bytes(&mut self, count: usize) -> &'m [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    /// Whole numbers.
    pub(super) fn floats(&mut self, count: usize) -> Vec<f32> {
        let (numbers, _) = self.bytes(count * size_of::<f32>()).as_chunks();
        numbers.iter().copied().map(f32::from_le_bytes).collect()
    }

    /// Numbers of which only the upper halves are there.
    pub(super) fn halves(&mut self, count: usize) -> Vec<f32> {
        let (numbers, _) = self.bytes(count * SCALE).as_chunks();
        numbers.iter().map(half).collect()
    }

    pub(super) fn is_at_its_end(&self) -> bool {
        self.0.is_empty()
    }
}

#[inline(always)]
fn half(bytes: &[u8; SCALE]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16)
}

/// Adds a row to the end of a list.
pub(super) fn unpack_row(row: &[u8], numbers: usize, into: &mut Vec<f32>) {
    let (scales, pairs) = row.split_at(numbers / GROUP * SCALE);
    for (scale, pairs) in scales.as_chunks().0.iter().zip(pairs.chunks(GROUP / 2)) {
        let scale = half(scale);
        for pair in pairs {
            into.push((f32::from(pair & 15) - ZERO) * scale);
            into.push((f32::from(pair >> 4) - ZERO) * scale);
        }
    }
}

/// Pairs of inputs of a group.
pub(super) const PAIRS: usize = GROUP / 2;

/// The weights of one group of [`LANES`] outputs: pair by pair of inputs, each output with its two numbers from 0 to 15
/// in the halves of a word, and what [`ZERO`] less than them is multiplied by. A word of the file holds eight
/// neighbouring inputs of an output, so that all that is done is done to whole vectors of words; a pair is an input
/// and the fourth after it ([`pair_up`]).
#[inline(always)]
pub(super) fn unpack_group<S: Simd>(
    simd: S,
    bytes: &[u8; GROUP_BYTES],
    into: &mut [[i32; LANES]; PAIRS],
) -> [f32; LANES] {
    let (scales, words) = bytes.split_at(LANES * SCALE);
    let mut scale = [0.0_f32; LANES];
    for (scale, bytes) in scale.iter_mut().zip(scales.as_chunks().0) {
        *scale = half(bytes);
    }
    let (words, _) = words.as_chunks::<{ LANES * WORD }>();
    for (pairs, bytes) in into.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let mut words = [0_i32; LANES];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = i32::from_le_bytes(*bytes);
        }
        let mut words = i32x16::from_slice(simd, &words);
        for pair in pairs {
            (words & 0x000f_000f).store_slice(pair);
            words >>= 4;
        }
    }
    scale
}

/// The inputs of a group as pairs in the halves of words.
#[inline(always)]
pub(super) fn pair_up(inputs: &[u32; GROUP]) -> [i32; PAIRS] {
    let mut pairs = [0; PAIRS];
    let (words, _) = inputs.as_chunks::<8>();
    for (pairs, inputs) in pairs.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        let (low, high) = inputs.split_at(4);
        for ((pair, low), high) in pairs.iter_mut().zip(low).zip(high) {
            *pair = (low & 0xffff | high << 16).cast_signed();
        }
    }
    pairs
}

#[cfg(test)]
pub(super) mod tests {
    use fearless_simd::{Level, dispatch};

    use super::*;

    /// Packs whole numbers from -8 to 7, one row an output, with a scale of 1 for each group but of 2 for the last.
    pub(in super::super) fn pack(weight: &[i8], inputs: usize) -> Vec<u8> {
        let rows: Vec<&[i8]> = weight.chunks_exact(inputs).collect();
        let nibble = |number: i8| u32::try_from(number + 8).unwrap();
        let mut packed = Vec::new();
        for rows in rows.chunks_exact(LANES) {
            for group in (0..inputs).step_by(GROUP) {
                for _ in rows {
                    let scale: f32 = if group + GROUP == inputs { 2.0 } else { 1.0 };
                    packed.extend(&scale.to_le_bytes()[2..]);
                }
                for at in (group..group + GROUP).step_by(8) {
                    for row in rows {
                        let numbers = row[at..at + 8].iter().rev();
                        let word = numbers.fold(0, |word, number| word << 4 | nibble(*number));
                        packed.extend(word.to_le_bytes());
                    }
                }
            }
        }
        packed
    }

    #[test]
    fn a_group_is_unpacked_as_it_was_packed() {
        let weight: Vec<i8> = (-8..=7).cycle().take(LANES * GROUP).collect();
        let packed = pack(&weight, GROUP);
        let mut unpacked = [[0; LANES]; PAIRS];
        let places: [u32; GROUP] = std::array::from_fn(|at| u32::try_from(at).unwrap());

        let group = packed.as_slice().try_into().unwrap();
        let scales = dispatch!(Level::new(), simd => unpack_group(simd, group, &mut unpacked));

        assert!(
            scales
                .iter()
                .all(|scale| (scale - 2.0).abs() < f32::EPSILON)
        );
        for (pair, outputs) in pair_up(&places).iter().zip(&unpacked) {
            let inputs = [pair & 0xffff, pair >> 16].map(|at| usize::try_from(at).unwrap());
            for (output, found) in outputs.iter().enumerate() {
                let expected = inputs.map(|input| i32::from(weight[output * GROUP + input]) + 8);
                assert_eq!(
                    [found & 0xffff, found >> 16],
                    expected,
                    "{inputs:?} {output}"
                );
            }
        }
    }

    #[test]
    fn a_row_is_unpacked_group_by_group() {
        let mut row: Vec<u8> = [1.0_f32, -0.5]
            .iter()
            .flat_map(|scale| scale.to_le_bytes()[2..].to_vec())
            .collect();
        row.extend([0x0f; 16]);
        row.extend([0x98; 16]);
        assert_eq!(row.len(), row_bytes(2 * GROUP));
        let mut numbers = Vec::new();

        unpack_row(&row, 2 * GROUP, &mut numbers);

        let expected = [[7.0, -8.0].repeat(16), [0.0, -0.5].repeat(16)].concat();
        assert_eq!(numbers, expected);
    }
}
