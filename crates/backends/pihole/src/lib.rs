//! The `pihole` server: blocking, rules, lists, groups, clients, queries, upstream DNS and local
//! names of a Pi-hole (version 6), or of several that are kept in step.
//!
//! One instance is one Pi-hole and its replicas: changes go to all of them and the answer says what
//! each did; figures are read from the first; `get_pihole_drift` reports what differs. A Pi-hole has
//! few sessions, so there is one for each, which all calls share, and which is given back at the end.
//! Pi-hole answers 200 and 201 to much that it did not do: whatever changes something is read back.
//!
//! What a Pi-hole gives out of itself as a whole, its archives, holds the hashes of its passwords: they
//! are kept in our own store, encrypted, and no answer has their content.
//!
//! Sub-codes (`reason`) of its errors: `archive_not_found`, `archive_refused`, `default_group`,
//! `gravity_failed`, `gravity_running`, `group_not_found`, `import_unknown`, `list_not_found`,
//! `login_refused`, `name_taken`, `no_free_session`, `no_replicas`, `not_an_archive`, `not_applied`,
//! `not_supported`, `not_tried`, `password_missing`, `password_replaced`, `refused_by_server`, `resolver_down`, `rolled_back`, `rule_not_found`, `second_factor`,
//! `server_error`, `setting_forbids`, `setting_forced`, `still_restarting`, `too_wide`,
//! `unsupported_version`, those of stored archives (`archive_damaged`, `archive_undecryptable`), and those
//! of the HTTP client.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use futures_util::future::join_all;
use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod archive;
mod call;
mod client;
mod config;
mod dhcp;
mod each;
mod explain;
mod facts;
mod host;
mod records;
mod session;
mod teleporter;
mod times;
mod tools;
mod types;
mod whole_api;

use client::Pihole;
use config::Config;

/// The kind `pihole`.
pub fn kind() -> Kind {
    Kind::of::<Pihole>()
}

impl Backend for Pihole {
    const KIND: &'static str = "pihole";
    const TITLE: &'static str = "Pi-hole";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("PIHOLE_URL", "url"),
        ("PIHOLE_HOST", "url"),
        ("PIHOLE_PASSWORD", "password"),
        ("PIHOLE_APP_PASSWORD", "password"),
    ];

    fn check(config: &Config) -> ToolResult<()> {
        config.check("")
    }

    fn connect(instance: &str, config: Config, env: &Env) -> ToolResult<Self> {
        Self::new(instance, config, env)
    }

    async fn health(&self) -> Health {
        self.examine().await
    }

    async fn close(&self) {
        join_all(self.hosts.iter().map(host::Host::close)).await;
    }

    async fn facts(&self, query: &FactsQuery) -> ToolResult<Facts> {
        self.tell(query).await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::summary::get_pihole_summary,
            tools::blocking::enable_pihole_blocking,
            tools::blocking::disable_pihole_blocking,
            tools::rule_changes::whitelist_domain,
            tools::rule_changes::blacklist_domain,
            tools::rule_removal::remove_domain_rule,
            tools::rules::list_domain_rules,
            tools::explain_domain::explain_domain,
            tools::top::get_top_domains,
            tools::top::get_top_clients,
            tools::queries::get_query_log,
            tools::upstreams::get_upstream_dns,
            tools::upstreams::set_upstream_dns,
            tools::gravity::update_pihole_gravity,
            tools::lists::list_blocklists,
            tools::lists::add_blocklist,
            tools::lists::remove_blocklist,
            tools::groups::list_groups,
            tools::groups::create_group,
            tools::groups::update_group,
            tools::groups::delete_group,
            tools::clients::list_clients,
            tools::clients::assign_client_groups,
            tools::local_dns::list_local_dns,
            tools::local_dns::add_local_dns,
            tools::local_dns::remove_local_dns,
            tools::leases::list_dhcp_leases,
            tools::drift::get_pihole_drift,
            tools::sync::sync_pihole_replicas,
            tools::messages::get_diagnosis_messages,
            tools::teleporter::export_teleporter,
            tools::teleporter::list_teleporter_archives,
            tools::teleporter_import::import_teleporter,
            tools::teleporter::delete_teleporter_archive,
            search_api,
            call_api,
        ]
    }
}

impl Pihole {
    /// Whether each answers and lets us in, and whether its resolver runs.
    async fn examine(&self) -> Health {
        let states = join_all(self.hosts.iter().map(host::Host::blocking)).await;
        let mut said = Vec::new();
        let mut worst: Option<Health> = None;
        for (host, state) in self.hosts.iter().zip(states) {
            match state {
                Ok(state) if matches!(state.blocking.as_str(), "failed" | "unknown") => {
                    let message = format!("the resolver of {} does not run", host.name);
                    let hint = "see `get_diagnosis_messages`, and `systemctl status pihole-FTL`";
                    worst.get_or_insert(Health::degraded(message, hint.to_owned()));
                }
                Ok(state) => said.push(format!("{}: blocking {}", host.name, state.blocking)),
                Err(error) => {
                    let envelope = error.envelope();
                    let hint = envelope.hint.clone().unwrap_or_default();
                    // One of several that does not answer leaves the house with names.
                    worst = Some(if self.hosts.len() > 1 {
                        Health::degraded(format!("{}: {}", host.name, envelope.message), hint)
                    } else {
                        down(&error)
                    });
                }
            }
        }
        match worst {
            Some(worst) if said.is_empty() && self.hosts.len() > 1 => {
                Health::down(worst.message, worst.hint.unwrap_or_default())
            }
            Some(worst) => worst,
            None if self.insecure() => Health::degraded(
                format!("{}; a certificate is not verified", said.join(", ")),
                format!(
                    "set `tls.fingerprint` in `servers.{}` instead of `insecure`",
                    self.name()
                ),
            ),
            None => Health::ok(said.join(", ")),
        }
    }

    fn insecure(&self) -> bool {
        self.config.tls.insecure || self.config.replicas.iter().any(|one| one.tls.insecure)
    }

    fn name(&self) -> &str {
        self.hosts
            .first()
            .map_or("pihole", |host| host.name.as_str())
    }
}

fn down(error: &ToolError) -> Health {
    let envelope = error.envelope();
    Health::down(
        envelope.message.clone(),
        envelope.hint.clone().unwrap_or_default(),
    )
}
