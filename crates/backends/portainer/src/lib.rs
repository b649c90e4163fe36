//! The `portainer` server: stacks and environments of a Portainer (2.19 and newer), and what they use.
//!
//! A deployment is waited for, and what is deployed is read back. Variables that a call does not name
//! keep their values, which are never shown. A changed stack can be undone to the file that it had.
//!
//! Sub-codes (`reason`) of its errors: `already_so`, `ambiguous_name`, `deployment_failed`,
//! `endpoint_exists`, `endpoint_not_found`, `not_a_swarm`, `not_applied`, `not_supported`,
//! `privilege_missing`, `privileged_refused`, `refused_by_server`, `stack_exists`,
//! `stack_file_invalid`, `stack_file_missing`, `stack_not_found`, `token_refused`, those of the HTTP
//! client and of `homelab_backend::api`.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod client;
mod compose;
mod config;
mod explain;
mod facts;
mod hidden;
mod multipart;
mod resolve;
mod tools;
mod types;
mod whole_api;
mod words;

use client::Portainer;
use config::Config;

/// The kind `portainer`.
pub fn kind() -> Kind {
    Kind::of::<Portainer>()
}

/// The role of an administrator.
const ADMINISTRATOR: u64 = 1;

impl Backend for Portainer {
    const KIND: &'static str = "portainer";
    const TITLE: &'static str = "Portainer";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("PORTAINER_URL", "url"),
        ("PORTAINER_HOST", "url"),
        ("PORTAINER_API_KEY", "api_key"),
        ("PORTAINER_TOKEN", "api_key"),
        ("PORTAINER_FINGERPRINT", "tls.fingerprint"),
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

    async fn facts(&self, query: &FactsQuery) -> ToolResult<Facts> {
        self.tell(query).await
    }

    fn lacks(&self, tool: &str) -> bool {
        tool == "deploy_stack"
            && self
                .known_status()
                .is_some_and(|status| !status.is_recent())
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::stacks::list_stacks,
            tools::deploy::deploy_stack,
            tools::endpoint_change::manage_endpoints,
            tools::usage::get_resource_usage,
            tools::endpoints::list_endpoints,
            tools::stack::get_stack,
            tools::stack::get_stack_file,
            tools::power::start_stack,
            tools::power::stop_stack,
            tools::deletion::delete_stack,
            search_api,
            call_api,
        ]
    }
}

impl Portainer {
    /// Whether the server answers, and whether the access token is good.
    async fn examine(&self) -> ToolResult<Health> {
        let status = self.fresh_status().await?;
        let found = format!("Portainer {}", status.version);
        let me = self.me().await?;
        if !status.is_recent() {
            return Ok(Health::degraded(
                format!("{found} is too old to change stacks"),
                "update it to 2.19 or newer".to_owned(),
            ));
        }
        if self.config.tls.insecure {
            let section = &self.who.section;
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!("set `{section}.tls.fingerprint` instead of `insecure`"),
            ));
        }
        let role = if me.role == ADMINISTRATOR {
            "an administrator"
        } else {
            "no administrator"
        };
        Ok(Health::ok(format!("{found}; `{}` is {role}", me.username)))
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
