//! The `whisper` server: commands, files, services, logs and graphics cards of any number of hosts
//! over SSH, and the models of an Ollama server.
//!
//! The hosts are those of `[ssh.hosts]`; without any, the tools that need one answer
//! `not_configured`, and Ollama's work all the same. Sub-codes (`reason`) of its errors:
//! `cancelled`, `command_timeout`, `driver_not_loaded`, `file_not_text`, `generation_cut`,
//! `generation_failed`, `gpu_lost`, `gpu_query_failed`, `host_status_unreadable`, `journal_failed`,
//! `model_not_found`, `model_unknown`, `no_gpu`, `no_gpu_tools`, `no_systemd`, `pull_cut`,
//! `pull_failed`, `systemctl_failed`, `unit_action_failed`, `unit_not_found`, `unit_not_permitted`,
//! and those of the SSH and the HTTP client.

use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::ToolResult;
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod client;
mod command;
mod config;
mod gpu;
mod host;
mod ollama;
mod tools;
mod types;

pub use config::{Config, OllamaConfig};

use client::Whisper;

/// The kind `whisper`.
pub fn kind() -> Kind {
    Kind::of::<Whisper>()
}

impl Backend for Whisper {
    const KIND: &'static str = "whisper";
    const TITLE: &'static str = "Remote hosts and Ollama";
    type Config = Config;

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, &config, env)
    }

    async fn health(&self) -> Health {
        self.greet().await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::commands::whisper_ssh_command,
            tools::models::ollama_list_models,
            tools::pull::ollama_pull_model,
            tools::models::ollama_delete_model,
            tools::gpu::whisper_gpu_status,
            tools::files::whisper_read_file,
            tools::writing::whisper_write_file,
            tools::hosts::whisper_list_hosts,
            tools::fleet::whisper_run_on_hosts,
            tools::hosts::host_status,
            tools::logs::host_logs,
            tools::services::service_status,
            tools::services::service_control,
            tools::listing::whisper_list_directory,
            tools::files::whisper_stat_file,
            tools::writing::whisper_delete_file,
            tools::models::ollama_show_model,
            tools::models::ollama_running,
            tools::generate::ollama_generate,
        ]
    }
}
