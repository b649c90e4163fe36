//! The `docker` server: containers, images, networks and volumes of one or several Docker engines,
//! over a Unix socket, TLS or SSH. Podman's service speaks the same API.
//!
//! Engines are asked with the newest API version that both sides know, never without one. Sub-codes
//! (`reason`) of its errors are listed under `docs/reference/errors/`.

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod client;
mod config;
mod facts;
mod lines;
mod paging;
mod ports;
mod reference;
mod resolve;
mod secrets;
mod stats;
mod times;
mod tools;
mod types;
mod whole_api;

use client::Docker;
pub use config::{Config, HostConfig, RegistryConfig};

/// The kind `docker`.
pub fn kind() -> Kind {
    Kind::of::<Docker>()
}

impl Backend for Docker {
    const KIND: &'static str = "docker";
    const TITLE: &'static str = "Docker";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[("DOCKER_HOST", "url")];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        let asked = self
            .engines()
            .map(async |engine| (engine, engine.engine_version().await));
        let answers = futures_util::future::join_all(asked).await;
        let (mut well, mut ill) = (Vec::new(), Vec::new());
        for (engine, answer) in answers {
            match answer {
                Ok(version) => well.push(format!(
                    "`{}`: {} {} (API {})",
                    engine.name,
                    version.engine(),
                    engine.clean(&version.version),
                    engine.clean(&version.api_version),
                )),
                Err(error) => ill.push(ToolError::from(error)),
            }
        }
        let Some(first) = ill.first() else {
            return Health::ok(well.join(", "));
        };
        let envelope = first.envelope();
        let hint = envelope.hint.clone().unwrap_or_default();
        if well.is_empty() {
            return Health::down(envelope.message.clone(), hint);
        }
        Health::degraded(format!("{}; {}", envelope.message, well.join(", ")), hint)
    }

    async fn facts(&self, _query: &FactsQuery) -> ToolResult<Facts> {
        self.tell().await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::list::list_containers,
            tools::lifecycle::start_container,
            tools::lifecycle::stop_container,
            tools::lifecycle::restart_container,
            tools::remove::remove_container,
            tools::logs::get_container_logs,
            tools::stats::get_container_stats,
            tools::images::list_images,
            tools::transfer::pull_image,
            tools::push::push_image,
            tools::images::remove_image,
            tools::networks::list_networks,
            tools::volumes::list_volumes,
            tools::prune::prune_system,
            tools::system::get_system_info,
            tools::inspect::inspect_container,
            tools::create::create_container,
            tools::recreate::recreate_container,
            tools::exec::exec_container,
            tools::wait::wait_container,
            tools::lifecycle::pause_container,
            tools::lifecycle::unpause_container,
            tools::change::rename_container,
            tools::change::update_container,
            tools::images::tag_image,
            tools::updates::check_image_updates,
            tools::networks::create_network,
            tools::networks::remove_network,
            tools::attach::connect_network,
            tools::attach::disconnect_network,
            tools::volumes::create_volume,
            tools::volumes::remove_volume,
            tools::compose::list_compose_projects,
            tools::events::get_events,
            tools::changes::get_container_changes,
            tools::history::get_image_history,
            search_api,
            call_api,
        ]
    }
}
