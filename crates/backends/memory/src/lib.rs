//! The `memory` server: what agents learned stays, can be found, corrected and erased.
//!
//! Sub-codes (`reason`) of its errors: `vectors_unusable`, `llm_answer_unusable`, and those of the HTTP client.

mod config;
mod providers;

pub use config::{Config, EmbeddingConfig, EmbeddingProvider, LlmConfig, LlmProvider};
pub use providers::{Local, Models, models};
