//! The `netbox` server: addresses, prefixes, VLANs, devices, cables, journal and change log of a
//! NetBox (4.2 and later, below 5).
//!
//! Addresses are allocated by NetBox's own allocator, which holds a lock: two calls never get one
//! address. Every change carries a message for NetBox's change log that names the tool and who
//! called it, and answers with the id under which NetBox logged it.
//!
//! What no tool of its own covers is read and changed by `get_objects`, `create_object` and so on,
//! which are driven by the schema that NetBox makes of itself, and keep the rules of `call_api`.
//!
//! Sub-codes (`reason`) of its errors: `ambiguous`, `cable_not_found`, `changed_meanwhile`,
//! `exhausted`, `field_unknown`, `has_dependents`, `incomplete`, `key_used_elsewhere`,
//! `not_supported`, `nothing_to_change`, `object_exists`, `object_not_found`, `object_type_unknown`,
//! `port_not_found`, `port_occupied`, `privilege_missing`, `token_refused`, `unexpected_answer`,
//! `value_refused`, `version_unsupported`, those of `call_api`, and those of the HTTP client.
#![expect(clippy::unused_async, reason = "tools and hooks are async by contract")]

use homelab_backend::api::{call_api, search_api};
use homelab_backend::{Backend, Env, Kind};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::Health;
use homelab_core::tool::ToolDef;
use homelab_core::tools;

mod api;
mod call;
mod choices;
mod client;
mod config;
mod explain;
mod facts;
mod ids;
mod kinds;
mod list;
mod objects;
mod ports;
mod resolve;
mod tools;
mod types;
mod whole_api;

use client::NetBox;
use config::Config;

/// The kind `netbox`.
pub fn kind() -> Kind {
    Kind::of::<NetBox>()
}

impl Backend for NetBox {
    const KIND: &'static str = "netbox";
    const TITLE: &'static str = "NetBox";
    type Config = Config;
    const FACTS: &'static [&'static str] = facts::TOOLS;
    const ENV_NAMES: &'static [(&'static str, &'static str)] = &[
        ("NETBOX_URL", "url"),
        ("NETBOX_API", "url"),
        ("NETBOX_TOKEN", "token"),
        ("NETBOX_API_TOKEN", "token"),
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
        Box::pin(self.tell(query)).await
    }

    fn tools() -> Vec<ToolDef<Self>> {
        tools![
            tools::allocate::allocate_ip,
            tools::devices::list_devices,
            tools::vlan_create::create_vlan,
            tools::cables::update_cable_map,
            tools::search::search,
            tools::device::get_device,
            tools::virtual_machines::list_virtual_machines,
            tools::interfaces::list_interfaces,
            tools::places::list_sites,
            tools::places::list_racks,
            tools::prefixes::list_prefixes,
            tools::utilization::get_prefix_utilization,
            tools::addresses::list_ip_addresses,
            tools::address_create::create_ip_address,
            tools::release::release_ip,
            tools::vlans::list_vlans,
            tools::vlan_delete::delete_vlan,
            tools::cable_list::list_cables,
            tools::journal::list_journal_entries,
            tools::journal_write::add_journal_entry,
            tools::changelog::get_changelog,
            tools::objects::get_objects,
            tools::objects::get_object,
            tools::object_create::create_object,
            tools::object_update::update_object,
            tools::object_delete::delete_object,
            search_api,
            call_api,
        ]
    }
}

impl NetBox {
    /// Whether the server answers, is of a version that we know, and accepts our token.
    async fn examine(&self) -> ToolResult<Health> {
        let version = self.fresh_version().await?;
        let found = format!("NetBox {}", version.text);
        self.api.supported(&version)?;
        // The status is answered to every token; whether it may see anything is another matter.
        let mut sees = false;
        for endpoint in [&kinds::DEVICE, &kinds::PREFIX, &kinds::VIRTUAL_MACHINE] {
            sees |= self.may_list(endpoint).await?;
        }
        if !sees {
            return Ok(Health::degraded(
                format!("{found}; the token may see neither devices, prefixes nor virtual machines"),
                "give its user an object permission with `view` on DCIM, IPAM, virtualization and tenancy".to_owned(),
            ));
        }
        if self.config.tls.insecure {
            return Ok(Health::degraded(
                format!("{found}; its certificate is not verified"),
                format!(
                    "set `{}.tls.ca_file` or `fingerprint` instead of `insecure`",
                    self.api.who.section
                ),
            ));
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
