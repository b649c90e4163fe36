//! Models behind HTTP, and the choice of what is used.
//!
//! Everything here goes through `homelab_upstream`: capped, timed, redacted. Asking for a vector or an
//! answer changes nothing anywhere, so requests are repeated where that may help.

mod answer;
mod anthropic;
mod endpoint;
mod ollama;
mod openai;
mod vectors;

use std::sync::Arc;

use homelab_backend::Env;
use homelab_core::error::ToolResult;
use homelab_core::memory::{Embedder, LanguageModel};

use crate::config::{Chosen, Config, EmbeddingConfig, LlmConfig, LlmProvider};

/// Models that are not behind HTTP, for the choice.
pub struct Local {
    /// The embedded table.
    pub builtin: Arc<dyn Embedder>,
    /// The installed model; the error says how to install it.
    pub minilm: ToolResult<Arc<dyn Embedder>>,
}

/// The models that a section asks for.
pub struct Models {
    /// Makes vectors.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Those of this process that are not used now, for vectors that they made earlier.
    pub older: Vec<Arc<dyn Embedder>>,
    /// Answers prompts.
    pub llm: Option<Arc<dyn LanguageModel>>,
}

/// Chooses by these settings; nothing is asked of any endpoint.
///
/// # Errors
/// `not_configured` or `invalid_argument` naming the setting that is wrong.
pub fn models(instance: &str, config: &Config, local: Local, env: &Env) -> ToolResult<Models> {
    let embedder = embedder(instance, &config.embedding, &local, env)?;
    let current = embedder.as_ref().map(|one| one.model().to_owned());
    let older = [Some(local.builtin), local.minilm.ok()]
        .into_iter()
        .flatten()
        .filter(|one| {
            current
                .as_deref()
                .is_some_and(|current| current != one.model())
        });
    Ok(Models {
        older: older.collect(),
        embedder,
        llm: language_model(instance, &config.llm, env)?,
    })
}

fn embedder(
    instance: &str,
    config: &EmbeddingConfig,
    local: &Local,
    env: &Env,
) -> ToolResult<Option<Arc<dyn Embedder>>> {
    let builtin = || Arc::clone(&local.builtin);
    Ok(Some(match config.chosen() {
        Chosen::None => return Ok(None),
        Chosen::Builtin => builtin(),
        Chosen::Minilm => local.minilm.clone()?,
        Chosen::BestLocal => local.minilm.clone().unwrap_or_else(|_| builtin()),
        Chosen::Ollama => Arc::new(ollama::Vectors::new(instance, config, env)?),
        Chosen::Openai => Arc::new(openai::Vectors::new(instance, config, env)?),
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
