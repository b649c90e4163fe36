//! The `traefik` server: routers, services, middlewares, entry points and certificates of a Traefik
//! proxy (version 3; 2 is read only).
//!
//! Traefik's API only reads. What is changed here is a file in the directory of its file provider, one
//! for each router and middleware: checked before it is written, replaced in one step, and taken back
//! unless Traefik serves it. The version before stays beside it for undo. Files of others are never
//! changed.
//!
//! Sub-codes (`reason`) of its errors: `busy_upstream`, `config_changed`, `config_drifted`,
//! `config_invalid`, `config_refused`, `directory_broken`, `directory_missing`,
//! `entry_point_unknown`, `file_changed`, `file_exists`, `file_failed`, `file_missing`,
//! `file_permission`, `host_not_found`, `in_use`, `login_missing`, `login_refused`,
//! `middleware_exists`, `middleware_not_found`, `name_taken`, `no_previous`, `not_attached`,
//! `not_managed`, `not_served`, `not_supported`, `not_taken_back`, `router_exists`,
//! `router_not_found`, `rule_invalid`, `service_not_found`, `too_large`, `too_many`,
//! `unexpected_answer`, and those of the HTTP client and of files over SSH.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod acme;
mod apply;
mod client;
mod config;
mod directory;
mod explain;
mod facts;
mod fields;
mod files;
mod handshake;
mod ids;
mod managed;
mod protocol;
mod rule;
mod tools;
mod types;
mod x509;
mod yaml;

use client::Traefik;
use config::Config;

/// The kind `traefik`.
pub fn kind() -> Kind {
    Kind::of::<Traefik>()
}

impl Backend for Traefik {
    const KIND: &'static str = "traefik";
    const TITLE: &'static str = "Traefik";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("TRAEFIK_URL", "url"),
        ("TRAEFIK_API_URL", "url"),
        ("TRAEFIK_USERNAME", "username"),
        ("TRAEFIK_PASSWORD", "password"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        match self.examine().await {
            Ok(health) => health,
            Err(error) => down(&error),
        }
    }

    async fn facts(&self, _query: &FactsQuery) -> ToolResult<Facts> {
        Box::pin(self.tell()).await
    }

    fn lacks(&self, tool: &str) -> bool {
        // What only changes something; others change and read.
        ["create_router", "delete_router", "rollback_router"].contains(&tool)
            && self
                .known_version()
                .is_some_and(|version| !version.is_changed())
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::routers::list_routers,
            tools::services::list_services,
            tools::create::create_router,
            tools::middleware_change::manage_middleware,
            tools::certificates::get_certificate_status,
            tools::routers::get_router,
            tools::services::get_service_health,
            tools::middlewares::list_middlewares,
            tools::entry_points::list_entrypoints,
            tools::overview::get_traefik_overview,
            tools::deletion::delete_router,
            tools::rollback::rollback_router,
            tools::validate::validate_config,
        ]
    }
}

impl Traefik {
    /// Whether the API answers, and whether anything can be changed.
    async fn examine(&self) -> ToolResult<Health> {
        let version = self.fresh_version().await?;
        let found = format!("Traefik {}", version.number);
        if version.numbers().0 == 2 {
            return Ok(Health::degraded(
                format!("{found} is only read: its rules have another syntax"),
                "update it to 3".to_owned(),
            ));
        }
        let section = &self.who.section;
        if self.config.tls.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!("set `{section}.tls.fingerprint` instead of `insecure`"),
            ));
        }
        if let Ok(files) = self.files() {
            // A directory that cannot be listed is no place to write to.
            if let Err(error) = files.list().await {
                let envelope = error.envelope();
                return Ok(Health::degraded(
                    format!("{found}; nothing can be changed: {}", envelope.message),
                    envelope.hint.clone().unwrap_or_default(),
                ));
            }
        }
        Ok(Health::ok(found))
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
