//! The `unifi` server: clients, devices, firewall, guests and health of a UniFi Network application,
//! on a console or by itself.
//!
//! A console has two APIs, and today both are needed. The official one takes a key and does what it
//! can; the old one, undocumented, does the rest, signed in as a local administrator, or by the key
//! where the console allows that. Which is used is found out once and chosen call by call; every
//! answer names it under `api`, and says under `notes` what it lacks and why. A change is never sent
//! by a second way after the first failed.
//!
//! Records of the old API hold passwords and keys: only fields that answers need are read of them.
//!
//! Sub-codes (`reason`) of its errors: `ambiguous_name`, `cancelled`, `client_not_found`,
//! `client_offline`, `device_not_found`, `gateway_not_confirmed`, `key_refused`, `login_locked`,
//! `login_refused`, `needs_local_account`, `no_mac`, `no_poe`, `not_applied`, `not_supported`,
//! `not_user_defined`, `nothing_to_change`, `object_not_found`, `permission_missing`,
//! `port_not_found`, `protected_client`, `record_ambiguous`, `record_exists`, `record_not_found`,
//! `refused_by_console`, `rule_not_found`, `second_factor`, `site_not_found`, `starting`,
//! `unexpected_answer`, `voucher_not_found`, `wlan_not_found`, and those of the HTTP client.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::ToolResult;
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod api;
mod auth;
mod call;
mod client;
mod config;
mod dns;
mod explain;
mod facts;
mod gear;
mod loose;
mod page;
mod people;
mod rules;
mod site;
mod tools;
mod types;
mod whole_api;

use client::Unifi;
use config::Config;

/// The kind `unifi`.
pub fn kind() -> Kind {
    Kind::of::<Unifi>()
}

impl Backend for Unifi {
    const KIND: &'static str = "unifi";
    const TITLE: &'static str = "UniFi Network";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("UNIFI_URL", "url"),
        ("UNIFI_HOST", "url"),
        ("UNIFI_API_KEY", "api_key"),
        ("UNIFI_USERNAME", "username"),
        ("UNIFI_USER", "username"),
        ("UNIFI_PASSWORD", "password"),
        ("UNIFI_SITE", "site"),
        ("UNIFI_FINGERPRINT", "tls.fingerprint"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check()
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        self.examine().await.unwrap_or_else(|error| {
            let envelope = error.envelope();
            let hint = envelope.hint.clone().unwrap_or_default();
            Health::down(envelope.message.clone(), hint)
        })
    }

    async fn facts(&self, query: &FactsQuery) -> ToolResult<Facts> {
        self.tell(query).await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::clients::list_clients,
            tools::clients::get_client,
            tools::blocking::block_client,
            tools::blocking::unblock_client,
            tools::blocking::reconnect_client,
            tools::devices::list_devices,
            tools::devices::get_device,
            tools::locate::locate_device,
            tools::adoption::list_pending_devices,
            tools::adoption::adopt_device,
            tools::power::reboot_device,
            tools::power::power_cycle_port,
            tools::networks::list_networks,
            tools::networks::list_wlans,
            tools::networks::set_wlan_enabled,
            tools::firewall::list_firewall_rules,
            tools::firewall_change::update_firewall_rule,
            tools::forwards::list_port_forwards,
            tools::forwards::set_port_forward_enabled,
            tools::dns::list_dns_records,
            tools::dns_create::create_dns_record,
            tools::dns_change::update_dns_record,
            tools::dns_change::delete_dns_record,
            tools::vouchers_change::create_guest_voucher,
            tools::vouchers::list_guest_vouchers,
            tools::vouchers::show_guest_voucher_code,
            tools::vouchers_change::revoke_guest_voucher,
            tools::guests::authorize_guest,
            tools::guests::unauthorize_guest,
            tools::stats::get_network_stats,
            tools::log::list_events,
            tools::log::list_alarms,
            search_api,
            call_api,
        ]
    }
}

impl Unifi {
    /// Whether the console answers, whether it may be trusted, and what our credentials lack.
    async fn examine(&self) -> ToolResult<Health> {
        let release = self.release().await?;
        let found = format!("Network {release}");
        self.site(None).await?;
        let section = &self.api.who.section;
        if self.config.tls.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!("set `{section}.tls.fingerprint` instead of `insecure`"),
            ));
        }
        if self.config.username.is_none() {
            return Ok(Health::degraded(
                format!(
                    "{found}; by key alone, so clients cannot be blocked and some details are missing"
                ),
                format!(
                    "set `{section}.username` and `{section}.password` of a local administrator"
                ),
            ));
        }
        if self.api.console().await?.official.is_some()
            && let Err(error) = self.legacy_release().await
        {
            let envelope = error.envelope();
            let hint = envelope.hint.clone().unwrap_or_default();
            let message = format!("{found}; its old API cannot be used: {}", envelope.message);
            return Ok(Health::degraded(message, hint));
        }
        if self.api.console().await?.official.is_none() && self.config.api_key.is_some() {
            return Ok(Health::degraded(
                format!("{found}; the key cannot be used, so everything goes by the old API"),
                "update the Network application to 9.0 or newer; one that runs by itself takes no keys".to_owned(),
            ));
        }
        Ok(Health::ok(found))
    }
}
