//! The `tailscale` server: devices, routes, the policy file, name resolution and keys of a tailnet,
//! from the vendor's API or from a Headscale (0.30 and newer) that speaks it.
//!
//! The policy is changed as text, so that comments and unknown keys stay; the server checks it first,
//! and it is written only over the very version that the change was made from. What replaces a whole
//! list upstream (routes, tags, DNS) reads it first and says what was there.
//!
//! Sub-codes (`reason`) of its errors: `ambiguous_device`, `base_missing`, `client_refused`,
//! `device_not_found`, `key_not_found`, `not_supported`, `object_not_found`, `policy_changed`, `policy_invalid`,
//! `policy_warnings`, `refused_by_server`, `scope_missing`, `shared_in_device`, `token_refused`,
//! `unexpected_answer`, `user_not_found`, `user_status`, `wrong_key_kind`, those of the HTTP client and
//! of `homelab_backend::api`.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod api;
mod auth;
mod call;
mod client;
mod config;
mod diff;
mod explain;
mod facts;
mod health;
mod hujson;
mod ids;
mod tools;
mod types;
mod whole_api;

use client::Tailscale;
use config::Config;

/// The kind `tailscale`.
pub fn kind() -> Kind {
    Kind::of::<Tailscale>()
}

impl Backend for Tailscale {
    const KIND: &'static str = "tailscale";
    const TITLE: &'static str = "Tailscale";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("TAILSCALE_API_KEY", "api_key"),
        ("TAILSCALE_TAILNET", "tailnet"),
        ("TAILSCALE_OAUTH_CLIENT_ID", "client_id"),
        ("TAILSCALE_OAUTH_CLIENT_SECRET", "client_secret"),
        ("TAILSCALE_BASE_URL", "url"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, &config, env)
    }

    async fn health(&self) -> Health {
        match self.examine().await {
            Ok(health) => health,
            Err(error) => down(&error),
        }
    }

    async fn facts(&self, _query: &FactsQuery) -> ToolResult<Facts> {
        self.tell().await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::devices::list_tailscale_devices,
            tools::devices::get_tailscale_device,
            tools::device_changes::authorize_tailscale_device,
            tools::device_changes::delete_tailscale_device,
            tools::acl::get_tailscale_acl,
            tools::acl_update::update_tailscale_acl,
            tools::dns::get_tailscale_dns,
            tools::dns_changes::set_tailscale_dns_nameservers,
            tools::routes::enable_subnet_routes,
            tools::acl::validate_tailscale_acl,
            tools::acl::preview_tailscale_acl,
            tools::routes::get_device_routes,
            tools::routes::set_exit_node,
            tools::dns_changes::set_tailscale_dns_preferences,
            tools::dns_changes::set_tailscale_search_paths,
            tools::split_dns::set_split_dns,
            tools::device_changes::expire_device_key,
            tools::device_changes::set_device_key_expiry,
            tools::tags::set_device_tags,
            tools::device_changes::rename_device,
            tools::keys::list_auth_keys,
            tools::keys::create_auth_key,
            tools::keys::delete_auth_key,
            tools::settings::get_tailnet_settings,
            tools::settings::update_tailnet_settings,
            tools::users::list_tailscale_users,
            tools::users::approve_user,
            tools::users::suspend_user,
            tools::audit::get_audit_log,
            tools::services::list_tailscale_services,
            search_api,
            call_api,
        ]
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
