//! What the stand-ins of language and embedding models have in common.

use serde_json::Value;

use crate::hash::hex;

/// What a language model says when it is asked next.
#[derive(Debug, Clone, PartialEq)]
pub enum Saying {
    /// This value, in the form that it was asked for.
    Json(Value),
    /// This text, whatever it was asked for.
    Text(String),
    /// The beginning of a JSON value, because there was no more room.
    Cut,
    /// That it will not.
    Refused,
}

impl Saying {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Json(value) => value.to_string(),
            Self::Text(text) => text.clone(),
            Self::Cut => "{\"cut\": [".to_owned(),
            Self::Refused => "I cannot help with that.".to_owned(),
        }
    }
}

/// How vectors are answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Vectors {
    /// One for each text, in their order.
    #[default]
    Right,
    /// One for each text, in the reverse order where each says which it is.
    Reversed,
    /// One less than there are texts.
    OneMissing,
    /// With this many numbers, whatever was asked for.
    Dimensions(usize),
}

impl Vectors {
    pub(crate) fn dimensions(self) -> Option<usize> {
        match self {
            Self::Dimensions(dimensions) => Some(dimensions),
            _ => None,
        }
    }
}

/// A vector of length 1 that depends on the text's words: texts that share some are near.
pub(crate) fn vector(text: &str, dimensions: usize) -> Vec<f64> {
    let mut vector = vec![0.0; dimensions];
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for word in words {
        let digest = hex(word.to_lowercase().as_bytes());
        for (n, digit) in digest.bytes().enumerate() {
            let place = (n * 37 + usize::from(digit) * 11) % dimensions;
            vector[place] += f64::from(digit) - 77.0;
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    } else if let Some(first) = vector.first_mut() {
        *first = 1.0;
    }
    vector
}
