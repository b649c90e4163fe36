//! Models that run inside this process.
//!
//! [`StaticEmbedder`] is in the binary and needs nothing. [`minilm`] is the model it was made from:
//! better, slower, and its weights have to be fetched once. Both read the same word pieces.

pub mod minilm;
mod static_table;
mod vocabulary;
mod wordpiece;

pub use static_table::StaticEmbedder;

/// Brings a vector to length 1; one of zeros stays.
fn normalise(values: &mut [f32]) {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        for value in values {
            *value /= length;
        }
    }
}
