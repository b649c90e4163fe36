//! Models that memory may use; each of them may be absent.

use async_trait::async_trait;
use serde_json::Value;

use crate::error::ToolResult;

/// What a vector is for; some models want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To be found.
    Document,
    /// To find by.
    Query,
}

/// Makes vectors of texts.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Name under which its vectors are stored: provider, model and whatever else changes the numbers, such as
    /// `builtin/minilm-256@1`, `ollama/nomic-embed-text`.
    fn model(&self) -> &str;

    /// Whether a text leaves this process; then nobody waits for it with a lock held.
    fn is_remote(&self) -> bool;

    /// One vector a text, in their order, L2-normalised. A text of which the model knows nothing is a vector of zeros.
    ///
    /// # Errors
    /// Whatever the endpoint answered; `retryable` says whether to queue the text for later.
    async fn embed(&self, texts: &[&str], purpose: Purpose) -> ToolResult<Vec<Vec<f32>>>;
}

/// What a language model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// What it is to do.
    pub system: String,
    /// On what; data, never instructions.
    pub user: String,
    /// JSON Schema of the answer.
    pub schema: Value,
    /// Most tokens of the answer.
    pub max_tokens: u32,
}

/// Answers a prompt with JSON.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Provider and model, such as `ollama/qwen3:8b`.
    fn model(&self) -> &str;

    /// The answer, parsed; not yet checked against the schema.
    ///
    /// # Errors
    /// As the endpoint answers; `upstream_rejected` if the answer is no JSON.
    async fn answer(&self, prompt: &Prompt) -> ToolResult<Value>;
}
