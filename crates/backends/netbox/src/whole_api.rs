//! The whole API of the server: what may be called, and how.
//!
//! Source of the description: the schema that NetBox makes of itself and of its plugins,
//! `GET /api/schema/?format=json`. It takes NetBox many seconds to make, so it is asked for when it is
//! first needed and kept for each version and set of plugins.

use std::time::Duration;

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, OneServer, Rules, Verb, WholeApi, Withheld,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::Target;
use serde::Deserialize;
use serde_json::Value;

use crate::call::Call;
use crate::client::{NetBox, target};
use crate::kinds::{self, Endpoint};
use crate::types::Brief;

/// Most bytes of the description; that of a NetBox without plugins has 5 MB.
pub(crate) const MOST: usize = 32 * 1024 * 1024;
/// How long NetBox may take to make it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(75);

/// Objects of one call that are looked up, at most.
const MOST_TARGETS: u64 = 200;

const fn get(tool: &'static str, path: &'static str) -> Cover {
    Cover::new(tool, Verb::Get, path)
}

const fn on(tool: &'static str, method: Verb, path: &'static str) -> Cover {
    Cover::new(tool, method, path)
}

/// Bodies are not listed: the tools look at their values, so a raw call is destructive at least.
const COVERS: &[Cover] = &[
    get("list_devices", "/dcim/devices"),
    get("get_device", "/dcim/devices/{id}"),
    get("list_virtual_machines", "/virtualization/virtual-machines"),
    get(
        "list_virtual_machines",
        "/virtualization/virtual-machines/{id}",
    ),
    get("list_interfaces", "/dcim/interfaces"),
    get("list_interfaces", "/dcim/interfaces/{id}"),
    get("list_interfaces", "/virtualization/interfaces"),
    get("list_interfaces", "/virtualization/interfaces/{id}"),
    get("list_sites", "/dcim/sites"),
    get("list_sites", "/dcim/sites/{id}"),
    get("list_racks", "/dcim/racks"),
    get("list_racks", "/dcim/racks/{id}"),
    get("list_prefixes", "/ipam/prefixes"),
    get("list_prefixes", "/ipam/prefixes/{id}"),
    get("list_ip_addresses", "/ipam/ip-addresses"),
    get("list_ip_addresses", "/ipam/ip-addresses/{id}"),
    get("list_vlans", "/ipam/vlans"),
    get("list_vlans", "/ipam/vlans/{id}"),
    get("list_cables", "/dcim/cables"),
    get("list_cables", "/dcim/cables/{id}"),
    get("list_journal_entries", "/extras/journal-entries"),
    get("list_journal_entries", "/extras/journal-entries/{id}"),
    get("get_changelog", "/core/object-changes"),
    get("get_changelog", "/core/object-changes/{id}"),
    on(
        "allocate_ip",
        Verb::Post,
        "/ipam/prefixes/{id}/available-ips",
    ),
    on(
        "allocate_ip",
        Verb::Post,
        "/ipam/ip-ranges/{id}/available-ips",
    ),
    on("create_ip_address", Verb::Post, "/ipam/ip-addresses"),
    on("create_ip_address", Verb::Put, "/ipam/ip-addresses"),
    on("create_ip_address", Verb::Patch, "/ipam/ip-addresses"),
    on("create_ip_address", Verb::Put, "/ipam/ip-addresses/{id}"),
    on("create_ip_address", Verb::Patch, "/ipam/ip-addresses/{id}"),
    on("release_ip", Verb::Delete, "/ipam/ip-addresses"),
    on("release_ip", Verb::Delete, "/ipam/ip-addresses/{id}"),
    on("create_vlan", Verb::Post, "/ipam/vlans"),
    on("create_vlan", Verb::Put, "/ipam/vlans"),
    on("create_vlan", Verb::Patch, "/ipam/vlans"),
    on("create_vlan", Verb::Put, "/ipam/vlans/{id}"),
    on("create_vlan", Verb::Patch, "/ipam/vlans/{id}"),
    on(
        "create_vlan",
        Verb::Post,
        "/ipam/vlan-groups/{id}/available-vlans",
    ),
    on("delete_vlan", Verb::Delete, "/ipam/vlans"),
    on("delete_vlan", Verb::Delete, "/ipam/vlans/{id}"),
    on("update_cable_map", Verb::Post, "/dcim/cables"),
    on("update_cable_map", Verb::Put, "/dcim/cables"),
    on("update_cable_map", Verb::Patch, "/dcim/cables"),
    on("update_cable_map", Verb::Delete, "/dcim/cables"),
    on("update_cable_map", Verb::Put, "/dcim/cables/{id}"),
    on("update_cable_map", Verb::Patch, "/dcim/cables/{id}"),
    on("update_cable_map", Verb::Delete, "/dcim/cables/{id}"),
    on("add_journal_entry", Verb::Post, "/extras/journal-entries"),
];

/// Reads of which none answers a key, a password or a file's content.
const READS: &[&str] = &[
    "/status",
    "/authentication-check",
    "/circuits/**",
    "/core/jobs/**",
    "/core/object-types/**",
    "/dcim/**",
    "/extras/custom-field-choice-sets/**",
    "/extras/custom-fields/**",
    "/extras/custom-links/**",
    "/extras/object-types/**",
    "/extras/saved-filters/**",
    "/extras/tagged-objects/**",
    "/extras/tags/**",
    "/ipam/**",
    "/tenancy/**",
    "/virtualization/**",
    "/vpn/ike-proposals/**",
    "/vpn/ipsec-policies/**",
    "/vpn/ipsec-profiles/**",
    "/vpn/ipsec-proposals/**",
    "/vpn/l2vpn-terminations/**",
    "/vpn/l2vpns/**",
    "/vpn/tunnel-groups/**",
    "/vpn/tunnel-terminations/**",
    "/vpn/tunnels/**",
    "/wireless/wireless-lan-groups/**",
];

const NO_TOKEN: &str = "tokens are made by their owner, in NetBox under Admin, API Tokens";
const NO_KEY: &str = "its records hold keys; look at them on NetBox's own page";
const NO_FILE: &str = "rendered configurations may hold passwords; use NetBox's own page";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/users/tokens/**", NO_TOKEN),
    Withheld::any("/schema", "`search_api` shows what it says"),
    Withheld::on(Verb::Get, "/ipam/fhrp-groups/**", NO_KEY),
    Withheld::on(Verb::Get, "/vpn/ike-policies/**", NO_KEY),
    Withheld::on(Verb::Get, "/wireless/wireless-lans/**", NO_KEY),
    Withheld::on(Verb::Get, "/wireless/wireless-links/**", NO_KEY),
    Withheld::on(Verb::Get, "/extras/webhooks/**", NO_KEY),
    Withheld::on(Verb::Get, "/core/data-sources/**", NO_KEY),
    Withheld::any("/dcim/devices/{id}/render-config", NO_FILE),
    Withheld::any(
        "/virtualization/virtual-machines/{id}/render-config",
        NO_FILE,
    ),
    Withheld::any("/extras/config-templates/{id}/render", NO_FILE),
];

/// Users and their rights, and what runs code or calls others.
const CRITICAL: &[&str] = &[
    "/core/**",
    "/extras/config-templates/**",
    "/extras/event-rules/**",
    "/extras/export-templates/**",
    "/extras/scripts/**",
    "/extras/webhooks/**",
    "/plugins/**",
    "/users/**",
];

/// Fields of objects that are withheld as their own list is: what is rendered out of config contexts.
pub(crate) const WITHHELD_FIELDS: &[&str] = &["config_context", "local_context_data"];

impl WholeApi for NetBox {
    type Place = OneServer;
    const SEARCH: &'static str = "netbox:api:read";
    const CALL: &'static str = "netbox:api:call";
    const RULES: Rules = Rules {
        base: "/api",
        covers: COVERS,
        reads: READS,
        withheld: WITHHELD,
        critical: CRITICAL,
        slashes: &[],
    };

    fn book(&self, _place: &OneServer) -> ToolResult<&Book> {
        Ok(&self.book)
    }

    async fn version(&self, _place: &OneServer) -> ToolResult<String> {
        let version = self.fresh_version().await?;
        self.api.supported(&version)?;
        Ok(version.edition())
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        let text = self.api.description(MOST, PATIENCE).await?;
        Ok(Document::Text(text))
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let (status, body) = self
            .api
            .raw(&Call::raw(call, kind(call).map_or("", |kind| kind.model)))
            .await?;
        let mut answer = ApiAnswer::of_body(status, &body);
        if let Some(data) = &mut answer.data {
            withhold(data);
        }
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let ids: Vec<String> = match call.path.get("id") {
            Some(id) => vec![id.clone()],
            None => listed(call),
        };
        let Some(of) = kind(call) else {
            let target = |id| Target {
                kind: list_of(call),
                id,
                name: None,
                tags: Vec::new(),
            };
            return Ok(ids.into_iter().map(target).collect());
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // Objects are protected by their names and tags too.
        let list = Call::list(of).with("fields", "id,name,display,tags");
        let list = ids.iter().fold(list, |list, id| list.with("id", id));
        let (rows, _) = self.all::<Named>(&list, MOST_TARGETS).await?;
        let target = |row: Named| target(of, row.id, row.label(), &row.tags);
        Ok(rows.into_iter().map(target).collect())
    }
}

/// Says of each withheld field that it is, in the objects of an answer and in lists of them.
fn withhold(data: &mut Value) {
    match data {
        Value::Array(rows) => rows.iter_mut().for_each(withhold),
        Value::Object(members) => {
            for (name, member) in members {
                if !WITHHELD_FIELDS.contains(&name.as_str()) {
                    withhold(member);
                } else if !member.is_null() {
                    *member = Value::from(format!("withheld: {NO_FILE}"));
                }
            }
        }
        _ => {}
    }
}

/// An object as a target.
#[derive(Deserialize)]
struct Named {
    id: u64,
    #[serde(default)]
    display: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Vec<Brief>,
}

impl Named {
    fn label(&self) -> String {
        let name = self.name.clone().filter(|name| !name.is_empty());
        name.unwrap_or_else(|| self.display.clone())
    }
}

/// What kind of object a call is about, where it is one that the tools know.
fn kind(call: &ApiCall) -> Option<&'static Endpoint> {
    let list = format!("/{}/", list_of(call));
    kinds::ALL.iter().copied().find(|kind| kind.path == list)
}

/// `dcim/devices` of whatever is below it.
fn list_of(call: &ApiCall) -> String {
    let parts: Vec<&str> = call.segments.iter().take(2).map(String::as_str).collect();
    parts.join("/")
}

/// The objects that a bulk change names.
fn listed(call: &ApiCall) -> Vec<String> {
    let rows = call.body.as_ref().and_then(|body| body.as_array());
    let ids = rows.into_iter().flatten();
    ids.filter_map(|row| Some(row.get("id")?.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<super::NetBox>(), [""; 0]);
    }
}
