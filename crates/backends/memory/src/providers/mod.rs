//! Models behind HTTP, and the choice of what is used.
//!
//! Everything here goes through `homelab_upstream`: capped, timed, redacted. Asking for a vector or an
//! answer changes nothing anywhere, so requests are repeated where that may help.

mod anthropic;
mod answer;
mod endpoint;
mod ollama;
mod openai;
mod vectors;

use std::sync::Arc;

use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, LanguageModel};

use crate::config::{Chosen, EmbeddingConfig, LlmConfig, LlmProvider};

/// Models that are not behind HTTP, for the choice.
pub struct Local {
    /// The embedded table.
    pub builtin: Arc<dyn Embedder>,
    /// The installed model; the error says how to install it.
    pub minilm: ToolResult<Arc<dyn Embedder>>,
}

/// Whoever makes vectors, by these settings; nobody where they say so.
///
/// # Errors
/// `not_configured` or `invalid_argument` naming the setting that is wrong.
pub fn embedder(
    instance: &str,
    config: &EmbeddingConfig,
    local: Local,
    env: &Env,
) -> ToolResult<Option<Arc<dyn Embedder>>> {
    Ok(Some(match config.chosen() {
        Chosen::None => return Ok(None),
        Chosen::Builtin => local.builtin,
        Chosen::Minilm => local.minilm?,
        Chosen::BestLocal => local.minilm.unwrap_or(local.builtin),
        Chosen::Ollama => Arc::new(ollama::Vectors::new(instance, config, env)?),
        Chosen::Openai => Arc::new(openai::Vectors::new(instance, config, env)?),
    }))
}

/// Whoever answers prompts, by these settings; nobody where they say so.
///
/// # Errors
/// As [`embedder`].
pub fn language_model(
    instance: &str,
    config: &LlmConfig,
    env: &Env,
) -> ToolResult<Option<Arc<dyn LanguageModel>>> {
    Ok(Some(match config.provider {
        LlmProvider::None => return Ok(None),
        LlmProvider::Ollama => Arc::new(ollama::Chat::new(instance, config, env)?),
        LlmProvider::Openai => Arc::new(openai::Chat::new(instance, config, env)?),
        LlmProvider::Anthropic => Arc::new(anthropic::Messages::new(instance, config, env)?),
    }))
}
