//! Models behind HTTP, and the choice of what is used.
//!
//! Everything here goes through `homelab_upstream`: capped, timed, redacted. Asking for a vector or an
//! answer changes nothing anywhere, so requests are repeated where that may help.

mod answer;
mod anthropic;
mod embedder;
mod endpoint;
mod ollama;
mod openai;
mod vectors;

use std::sync::Arc;

use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, LanguageModel};

use self::embedder::Remote;
use crate::config::{Chosen, Config, EmbeddingConfig, LlmConfig, LlmProvider};

/// The models that a section asks for.
pub struct Models {
    /// Makes vectors.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// That of this process where it is not used now, for vectors that it made earlier.
    pub older: Vec<Arc<dyn Embedder>>,
    /// Answers prompts.
    pub llm: Option<Arc<dyn LanguageModel>>,
}

/// Chooses by these settings, where `builtin` is the model of this process; nothing is asked of any endpoint.
///
/// # Errors
/// `not_configured` or `invalid_argument` naming the setting that is wrong.
pub fn models(
    instance: &str,
    config: &Config,
    builtin: Arc<dyn Embedder>,
    env: &Env,
) -> ToolResult<Models> {
    let embedder = embedder(instance, &config.embedding, &builtin, env)?;
    let is_older = embedder
        .as_ref()
        .is_some_and(|current| current.model() != builtin.model());
    Ok(Models {
        older: is_older.then_some(builtin).into_iter().collect(),
        embedder,
        llm: language_model(instance, &config.llm, env)?,
    })
}

fn embedder(
    instance: &str,
    config: &EmbeddingConfig,
    builtin: &Arc<dyn Embedder>,
    env: &Env,
) -> ToolResult<Option<Arc<dyn Embedder>>> {
    Ok(Some(match config.chosen() {
        Chosen::None => return Ok(None),
        Chosen::Builtin => builtin.clone(),
        Chosen::Ollama => Arc::new(Remote::new(&ollama::EMBED, instance, config, env)?),
        Chosen::Openai => Arc::new(Remote::new(&openai::EMBEDDINGS, instance, config, env)?),
    }))
}

fn language_model(
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
