//! Everything that looks into a text: one spelling, its hash, its words, the tokens that are found whole,
//! and what makes one statement another one than its neighbour.

mod exact;
mod identity;
mod normal;
mod pieces;
mod words;

pub use exact::{exact_of_query, exact_tokens};
pub use identity::{Identity, Succession};
pub use normal::{cut, hash, normalise, one_line};
pub use words::{is_stop_word, stem, words};
