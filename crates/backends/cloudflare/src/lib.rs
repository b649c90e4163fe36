//! The `cloudflare` server: zones, DNS records, tunnels, cache, custom rules and analytics of one
//! Cloudflare account.
//!
//! A change of a record names the record it is about, or refuses where several fit; its opposite is
//! computed before it. Custom rules go through the Rulesets API, one rule at a time, so that nobody's
//! rules are overwritten; the Firewall Rules API is gone. Lists are read to their end. Only API tokens
//! are taken. An allowance that is used up is waited for, not run into.
//!
//! Sub-codes (`reason`) of its errors: `account_unknown`, `analytics_refused`, `parameter_refused`,
//! `permission_missing`, `quota_used_up`, `record_ambiguous`, `record_exists`, `record_not_found`,
//! `refused_by_server`, `rule_exists`, `rule_limit`, `rule_not_found`, `token_refused`, `too_large`,
//! `tunnel_active`, `tunnel_exists`, `tunnel_local`, `tunnel_not_found`, `zone_not_found`,
//! `object_not_found`, those of the HTTP client and of `homelab_backend::api`.

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod api;
mod call;
mod client;
mod config;
mod explain;
mod expression;
mod facts;
mod ids;
mod tools;
mod tunnel_calls;
mod types;
mod whole_api;

use client::Cloudflare;
use config::Config;

/// The kind `cloudflare`.
pub fn kind() -> Kind {
    Kind::of::<Cloudflare>()
}

/// Days before a token's end in which its end is told.
const ENDS_SOON_DAYS: i64 = 14;

impl Backend for Cloudflare {
    const KIND: &'static str = "cloudflare";
    const TITLE: &'static str = "Cloudflare";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("CLOUDFLARE_API_TOKEN", "token"),
        ("CF_API_TOKEN", "token"),
        ("CLOUDFLARE_ACCOUNT_ID", "account_id"),
        ("CF_ACCOUNT_ID", "account_id"),
        ("CLOUDFLARE_ZONE", "default_zone"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        match self.verify().await {
            Ok((token, whose)) => self.judged(&token, whose),
            Err(error) => down(&error),
        }
    }

    async fn facts(&self, query: &FactsQuery) -> ToolResult<Facts> {
        self.tell(query).await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::zones::list_zones,
            tools::records::list_dns_records,
            tools::record_creation::create_dns_record,
            tools::record_changes::update_dns_record,
            tools::record_deletion::delete_dns_record,
            tools::batch::batch_dns_records,
            tools::records::export_dns_records,
            tools::tunnels::list_cloudflare_tunnels,
            tools::tunnels::get_cloudflare_tunnel,
            tools::tunnel_creation::create_cloudflare_tunnel,
            tools::tunnel_config::update_tunnel_config,
            tools::tunnel_deletion::delete_cloudflare_tunnel,
            tools::tunnels::list_tunnel_routes,
            tools::tunnels::get_tunnel_token,
            tools::cache::purge_cache,
            tools::analytics::get_zone_analytics,
            tools::rules::list_firewall_rules,
            tools::rule_creation::create_firewall_rule,
            tools::rule_changes::update_firewall_rule,
            tools::rule_deletion::delete_firewall_rule,
            tools::settings::get_zone_settings,
            tools::settings::set_zone_setting,
            tools::zones::verify_cloudflare_token,
            search_api,
            call_api,
        ]
    }
}

impl Cloudflare {
    fn judged(&self, token: &types::Token, whose: &str) -> Health {
        let section = &self.api.who.section;
        let renew = format!("make a new token and set `{section}.token`");
        if token.status != "active" {
            return Health::down(format!("the API token is {}", token.status), renew);
        }
        let end = token.expires_on.as_deref().and_then(Micros::from_rfc3339);
        let soon = self
            .api
            .env
            .clock
            .now()
            .plus_seconds(ENDS_SOON_DAYS * 86_400);
        match (&token.expires_on, end) {
            (Some(text), Some(end)) if end < soon => {
                Health::degraded(format!("the API token ends at {text}"), renew)
            }
            _ => Health::ok(format!("the API token of the {whose} is active")),
        }
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
