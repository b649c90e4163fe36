//! The `memory` server: what agents learned stays, can be found, corrected and erased.
//!
//! All of it works on our own database through [`homelab_memory`]. Whose a memory is follows from who is signed
//! in and from `owners`, never from an argument. Models are asked only where the configuration names them.
//!
//! Sub-codes (`reason`) of its errors: `embedding_unusable`, `llm_answer_unusable`, `model_not_installed`, those of
//! the service (`memory_unknown`, `memory_changed`, `memory_same`, `secret_in_memory`, …) and of the HTTP client.

#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

mod client;
mod config;
mod providers;
mod tools;
mod types;

use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::ToolResult;
use homelab_core::memory::KIND;
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

use client::Memory;
pub use config::{Config, EmbeddingConfig, EmbeddingProvider, LlmConfig, LlmProvider};
pub use providers::{Models, models};

/// The kind `memory`.
pub fn kind() -> Kind {
    Kind::of::<Memory>()
}

impl Backend for Memory {
    const KIND: &'static str = KIND;
    const TITLE: &'static str = "Memory";
    type Config = Config;
    const ENV_NAMES: &'static [(&'static str, &'static str)] =
        &[("ANTHROPIC_API_KEY", "llm.anthropic_api_key")];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, &config, env)
    }

    async fn health(&self) -> Health {
        let store = self.service().store();
        match store.models().await {
            Ok(models) => Health::ok(match &models[..] {
                [] => "no memory has a vector".to_owned(),
                models => {
                    let counts = models
                        .iter()
                        .map(|one| format!("{} vectors of {}", one.vectors, one.model));
                    counts.collect::<Vec<_>>().join(", ")
                }
            }),
            Err(error) => Health::down(error.to_string(), "run `homelab-mcp doctor`"),
        }
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::add::add_memory,
            tools::search::search_memories,
            tools::look::get_memory,
            tools::change::update_memory,
            tools::change::delete_memory,
            tools::look::list_memories,
            tools::look::get_memory_history,
            tools::summarize::summarize_memories,
        ]
    }
}
