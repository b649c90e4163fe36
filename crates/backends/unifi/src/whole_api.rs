//! The whole official API of the console: what may be called, and how. The old API describes itself
//! nowhere, and is the tools' alone.
//!
//! Source of the description: the document that the Network application serves beside the API,
//! `GET /proxy/network/api-docs/integration.json`.

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, OneServer, Rules, Verb, WholeApi, Withheld, known,
};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::Target;

use crate::call::Call;
use crate::client::Unifi;
use crate::explain::is_absent;
use crate::gear::DeviceItem;
use crate::site::SiteName;

const fn on(tool: &'static str, method: Verb, path: &'static str) -> Cover {
    Cover::new(tool, method, path)
}

/// Bodies are not listed: the tools look at their values, so a raw call is destructive at least.
const COVERS: &[Cover] = &[
    on("list_clients", Verb::Get, "/v1/sites/{siteId}/clients")
        .with(&["offset", "limit", "filter"]),
    on(
        "get_client",
        Verb::Get,
        "/v1/sites/{siteId}/clients/{clientId}",
    ),
    // It lets guests in as well; the graver of its two actions speaks for both.
    on(
        "unauthorize_guest",
        Verb::Post,
        "/v1/sites/{siteId}/clients/{clientId}/actions",
    ),
    on("list_devices", Verb::Get, "/v1/sites/{siteId}/devices")
        .with(&["offset", "limit", "filter"]),
    on(
        "get_device",
        Verb::Get,
        "/v1/sites/{siteId}/devices/{deviceId}",
    ),
    on(
        "get_device",
        Verb::Get,
        "/v1/sites/{siteId}/devices/{deviceId}/statistics/latest",
    ),
    on(
        "reboot_device",
        Verb::Post,
        "/v1/sites/{siteId}/devices/{deviceId}/actions",
    ),
    on(
        "power_cycle_port",
        Verb::Post,
        "/v1/sites/{siteId}/devices/{deviceId}/interfaces/ports/{portIdx}/actions",
    ),
    on("list_networks", Verb::Get, "/v1/sites/{siteId}/networks")
        .with(&["offset", "limit", "filter"]),
    on(
        "list_networks",
        Verb::Get,
        "/v1/sites/{siteId}/networks/{networkId}",
    ),
    on(
        "set_wlan_enabled",
        Verb::Put,
        "/v1/sites/{siteId}/wifi/broadcasts/{wifiBroadcastId}",
    ),
    on(
        "list_firewall_rules",
        Verb::Get,
        "/v1/sites/{siteId}/firewall/policies",
    )
    .with(&["offset", "limit", "filter"]),
    on(
        "list_firewall_rules",
        Verb::Get,
        "/v1/sites/{siteId}/firewall/policies/{firewallPolicyId}",
    ),
    on(
        "update_firewall_rule",
        Verb::Put,
        "/v1/sites/{siteId}/firewall/policies/{firewallPolicyId}",
    ),
    on(
        "update_firewall_rule",
        Verb::Patch,
        "/v1/sites/{siteId}/firewall/policies/{firewallPolicyId}",
    ),
    on(
        "list_dns_records",
        Verb::Get,
        "/v1/sites/{siteId}/dns/policies",
    )
    .with(&["offset", "limit", "filter"]),
    on(
        "list_dns_records",
        Verb::Get,
        "/v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    ),
    on(
        "create_dns_record",
        Verb::Post,
        "/v1/sites/{siteId}/dns/policies",
    ),
    on(
        "update_dns_record",
        Verb::Put,
        "/v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    ),
    on(
        "delete_dns_record",
        Verb::Delete,
        "/v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    ),
    on("list_pending_devices", Verb::Get, "/v1/pending-devices")
        .with(&["offset", "limit", "filter"]),
    on("adopt_device", Verb::Post, "/v1/sites/{siteId}/devices"),
    on(
        "revoke_guest_voucher",
        Verb::Delete,
        "/v1/sites/{siteId}/hotspot/vouchers",
    ),
    on(
        "revoke_guest_voucher",
        Verb::Delete,
        "/v1/sites/{siteId}/hotspot/vouchers/{voucherId}",
    ),
];

/// Reads of which none answers a passphrase, a key or a code.
const READS: &[&str] = &[
    "/v1/countries",
    "/v1/dpi/**",
    "/v1/info",
    "/v1/sites",
    "/v1/sites/{siteId}/acl-rules/**",
    "/v1/sites/{siteId}/device-tags",
    "/v1/sites/{siteId}/firewall/**",
    "/v1/sites/{siteId}/networks/**",
    "/v1/sites/{siteId}/switching/**",
    "/v1/sites/{siteId}/traffic-matching-lists/**",
    "/v1/sites/{siteId}/wans",
];

const NO_CODE: &str = "its answer holds the codes; use `list_guest_vouchers`, \
     `show_guest_voucher_code` and `create_guest_voucher`";
const NO_PASSPHRASE: &str = "its records hold passphrases; use `list_wlans`";
const NO_KEY: &str = "its records hold keys; look at them on the console's own page";

const WITHHELD: &[Withheld] = &[
    Withheld::on(Verb::Get, "/v1/sites/{siteId}/hotspot/vouchers/**", NO_CODE),
    Withheld::on(Verb::Post, "/v1/sites/{siteId}/hotspot/vouchers", NO_CODE),
    Withheld::on(Verb::Get, "/v1/sites/{siteId}/wifi/**", NO_PASSPHRASE),
    Withheld::any("/v1/sites/{siteId}/radius/**", NO_KEY),
    Withheld::any("/v1/sites/{siteId}/vpn/**", NO_KEY),
];

/// What may cut everybody off, the administrator among them. Records of DNS are of it: a raw call goes
/// around the tools' check, without which a second alias of a name stops the resolver.
const CRITICAL: &[&str] = &[
    "/v1/sites/{siteId}/acl-rules/**",
    "/v1/sites/{siteId}/devices/{deviceId}",
    "/v1/sites/{siteId}/dns/**",
    "/v1/sites/{siteId}/firewall/**",
    "/v1/sites/{siteId}/networks/**",
    "/v1/sites/{siteId}/switching/**",
    "/v1/sites/{siteId}/traffic-matching-lists/**",
    "/v1/sites/{siteId}/wans/**",
    "/v1/sites/{siteId}/wifi/**",
];

impl WholeApi for Unifi {
    type Place = OneServer;
    const SEARCH: &'static str = "unifi:api:read";
    const CALL: &'static str = "unifi:api:call";
    const RULES: Rules = Rules {
        base: "/proxy/network/integration",
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
        if self.api.console().await?.official.is_some() {
            return self.release().await;
        }
        let who = &self.api.who;
        let message = format!("`{}` has no official API that can be used", who.instance);
        Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint(format!(
                "it needs Network 9.0 or newer on a console, and `{}.api_key`; what the old API does is the tools' alone",
                who.section
            )))
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        match self.api.description().await {
            Ok(text) => Ok(Document::Text(text)),
            // Releases before served it elsewhere, or not at all.
            Err(error) if is_absent(&error) => Ok(Document::Known(known::<Self>())),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let (status, body) = self.api.raw(&Call::raw(call)).await?;
        Ok(ApiAnswer::of_body(status, &body))
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let mut targets = Vec::new();
        for (name, id) in &call.path {
            let kind = match name.as_str() {
                "siteId" => continue,
                "deviceId" => {
                    targets.push(self.device_target(call, id).await?);
                    continue;
                }
                "portIdx" => "port",
                other => other.trim_end_matches("Id"),
            };
            targets.push(plain(kind, id));
        }
        if targets.is_empty()
            && let Some(site) = call.path.get("siteId")
        {
            targets.push(plain("site", site));
        }
        Ok(targets)
    }
}

fn plain(kind: &str, id: &str) -> Target {
    Target {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: None,
        tags: Vec::new(),
    }
}

impl Unifi {
    /// The device as the tools name it: by its MAC address, name and kind.
    async fn device_target(&self, call: &ApiCall, id: &str) -> ToolResult<Target> {
        let named = call.path.get("siteId").map(|id| SiteName::new(id));
        let site = self.site(named.as_ref()).await?;
        let devices = self.devices(&site).await?.items().rows;
        let found = devices
            .iter()
            .find(|device| device.id.as_deref() == Some(id));
        Ok(found.map_or_else(|| plain("device", id), DeviceItem::target))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<super::Unifi>(), [""; 0]);
    }
}
