//! The `homelab` server: the inventory of the lab, real health checks, test instruments, and
//! audited credentials.
//!
//! Everything it knows is in our own database; the only hosts it ever talks to are those that the
//! inventory names. What the other servers know it asks them for, as far as the caller may read them
//! ([`homelab_core::facts`]). Sub-codes (`reason`) of its errors: `ambiguous_ip`, `ambiguous_target`,
//! `has_dependents`,
//! `ip_in_use`, `network_without_range`, `nothing_to_check`, `not_scpi_device`,
//! `protocol_not_supported`, `not_a_query`, `query_not_allowed`, `instrument_busy`,
//! `answer_too_long`, `credential_undecryptable`, and those of the store and the HTTP client.

use std::collections::BTreeMap;

use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;
use homelab_upstream::TlsConfig;
use schemars::JsonSchema;
use serde::Deserialize;

mod client;
mod health;
mod patch;
mod picture;
mod remembered;
mod scpi;
mod sync;
mod tools;
mod types;

use client::Homelab;

/// The kind `homelab`.
pub fn kind() -> Kind {
    Kind::of::<Homelab>()
}

/// Section `[servers.homelab]`: how far health checks and instruments are waited for, and whom to
/// trust. Everything has a default; the server needs no section.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whom health checks trust behind `https` addresses, besides the authorities of this machine.
    pub tls: TlsConfig,
    /// Other trust for single services, by the service's name in the inventory.
    pub service_tls: BTreeMap<String, TlsConfig>,
    /// Seconds that one health check may take, redirects included.
    #[schemars(range(min = 1, max = 60))]
    pub health_timeout_s: u64,
    /// How many services `homelab_check_all_services` asks at a time.
    #[schemars(range(min = 1, max = 64))]
    pub health_concurrency: usize,
    /// Warn of a certificate that expires within this many days.
    #[schemars(range(min = 1, max = 365))]
    pub certificate_warning_days: i64,
    /// Seconds to wait for an instrument to accept a connection.
    #[schemars(range(min = 1, max = 30))]
    pub scpi_connect_timeout_s: u64,
    /// Seconds to wait for an instrument's answer; `*OPC?` and allowed self-tests may take 60.
    #[schemars(range(min = 1, max = 60))]
    pub scpi_answer_timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tls: TlsConfig::default(),
            service_tls: BTreeMap::new(),
            health_timeout_s: 5,
            health_concurrency: 8,
            certificate_warning_days: 14,
            scpi_connect_timeout_s: 2,
            scpi_answer_timeout_s: 5,
        }
    }
}

impl Backend for Homelab {
    const KIND: &'static str = "homelab";
    const TITLE: &'static str = "Home lab";
    type Config = Config;

    fn check(config: &Config) -> ToolResult<()> {
        let within = |key: &str, value: u64, most: u64| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                let message = format!("the setting `{key}` is `{value}`, not 1 to {most}");
                Err(ToolError::invalid(key, message))
            }
        };
        within("health_timeout_s", config.health_timeout_s, 60)?;
        within("health_concurrency", config.health_concurrency as u64, 64)?;
        within(
            "certificate_warning_days",
            u64::try_from(config.certificate_warning_days).unwrap_or(0),
            365,
        )?;
        within("scpi_connect_timeout_s", config.scpi_connect_timeout_s, 30)?;
        within("scpi_answer_timeout_s", config.scpi_answer_timeout_s, 60)
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, &config, env)
    }

    async fn health(&self) -> Health {
        match self.records().await {
            Ok(records) => Health::ok(format!("{records} records in the inventory")),
            Err(error) => {
                let envelope = error.envelope();
                let hint = envelope.hint.clone().unwrap_or_default();
                Health::down(envelope.message.clone(), hint)
            }
        }
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::devices::homelab_list_devices,
            tools::devices::homelab_get_device,
            tools::equipment::homelab_list_scpi_equipment,
            tools::equipment::homelab_get_scpi_connection,
            tools::services::homelab_list_services,
            tools::checks::homelab_check_service_health,
            tools::networks::homelab_list_networks,
            tools::networks::homelab_list_firewall_rules,
            tools::networks::homelab_lookup_ip,
            tools::credentials::homelab_get_credentials,
            tools::overview::homelab_infrastructure_summary,
            tools::guests::homelab_list_vms,
            tools::overview::homelab_search,
            tools::checks::homelab_check_all_services,
            tools::equipment::homelab_scpi_query,
            tools::device_changes::homelab_upsert_device,
            tools::service_changes::homelab_upsert_service,
            tools::addresses::homelab_allocate_ip,
            tools::addresses::homelab_release_ip,
            tools::device_changes::homelab_delete_device,
            tools::whatis::homelab_whatis,
            tools::impact::homelab_impact,
            tools::topology::homelab_topology,
            tools::sync::homelab_sync_inventory,
        ]
    }
}
