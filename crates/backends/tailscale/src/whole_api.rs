//! The whole API of the control server: what may be called, and how.
//!
//! Source of the description: `GET https://api.tailscale.com/api/v2?outputOpenapiSchema=true`, which
//! the vendor changes without a version. A Headscale serves none; of it, the calls of the tools are
//! known.

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, OneServer, Operation, Rules, Verb, WholeApi,
    Withheld, edition, known,
};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Target;
use serde_json::Value;

use crate::call::Call;
use crate::client::Tailscale;
use crate::tools::devices::target_of;

const BODY: &[&str] = &["body"];

#[rustfmt::skip]
const COVERS: &[Cover] = &[
    Cover::new("list_tailscale_devices", Verb::Get, "/tailnet/{tailnet}/devices").with(&["fields"]),
    Cover::new("get_tailscale_device", Verb::Get, "/device/{deviceId}").with(&["fields"]),
    Cover::new("delete_tailscale_device", Verb::Delete, "/device/{deviceId}"),
    Cover::new("authorize_tailscale_device", Verb::Post, "/device/{deviceId}/authorized").with(BODY),
    Cover::new("expire_device_key", Verb::Post, "/device/{deviceId}/expire"),
    Cover::new("get_device_routes", Verb::Get, "/device/{deviceId}/routes"),
    Cover::new("enable_subnet_routes", Verb::Post, "/device/{deviceId}/routes").with(BODY),
    Cover::new("rename_device", Verb::Post, "/device/{deviceId}/name").with(BODY),
    Cover::new("set_device_tags", Verb::Post, "/device/{deviceId}/tags").with(BODY),
    Cover::new("set_device_key_expiry", Verb::Post, "/device/{deviceId}/key").with(BODY),
    Cover::new("get_tailscale_acl", Verb::Get, "/tailnet/{tailnet}/acl").with(&["details"]),
    Cover::new("get_tailscale_dns", Verb::Get, "/tailnet/{tailnet}/dns/configuration"),
    Cover::new("get_tailscale_dns", Verb::Get, "/tailnet/{tailnet}/dns/nameservers"),
    Cover::new("get_tailscale_dns", Verb::Get, "/tailnet/{tailnet}/dns/preferences"),
    Cover::new("get_tailscale_dns", Verb::Get, "/tailnet/{tailnet}/dns/searchpaths"),
    Cover::new("get_tailscale_dns", Verb::Get, "/tailnet/{tailnet}/dns/split-dns"),
    Cover::new("set_tailscale_dns_nameservers", Verb::Post, "/tailnet/{tailnet}/dns/nameservers").with(BODY),
    Cover::new("set_tailscale_dns_preferences", Verb::Post, "/tailnet/{tailnet}/dns/preferences").with(BODY),
    Cover::new("set_tailscale_search_paths", Verb::Post, "/tailnet/{tailnet}/dns/searchpaths").with(BODY),
    Cover::new("set_split_dns", Verb::Patch, "/tailnet/{tailnet}/dns/split-dns").with(BODY),
    Cover::new("set_split_dns", Verb::Put, "/tailnet/{tailnet}/dns/split-dns").with(BODY),
    Cover::new("list_auth_keys", Verb::Get, "/tailnet/{tailnet}/keys").with(&["all"]),
    Cover::new("list_auth_keys", Verb::Get, "/tailnet/{tailnet}/keys/{keyId}"),
    Cover::new("delete_auth_key", Verb::Delete, "/tailnet/{tailnet}/keys/{keyId}"),
    Cover::new("get_tailnet_settings", Verb::Get, "/tailnet/{tailnet}/settings"),
    Cover::new("update_tailnet_settings", Verb::Patch, "/tailnet/{tailnet}/settings").with(BODY),
    Cover::new("list_tailscale_users", Verb::Get, "/tailnet/{tailnet}/users").with(&["type", "role"]),
    Cover::new("list_tailscale_users", Verb::Get, "/users/{userId}"),
    Cover::new("approve_user", Verb::Post, "/users/{userId}/approve"),
    Cover::new("suspend_user", Verb::Post, "/users/{userId}/suspend"),
    Cover::new("suspend_user", Verb::Post, "/users/{userId}/restore"),
    Cover::new("get_audit_log", Verb::Get, "/tailnet/{tailnet}/logging/configuration")
        .with(&["start", "end", "actor", "target", "event"]),
    Cover::new("list_tailscale_services", Verb::Get, "/tailnet/{tailnet}/services"),
    Cover::new("list_tailscale_services", Verb::Get, "/tailnet/{tailnet}/services/{serviceName}"),
    Cover::new("list_tailscale_services", Verb::Get, "/tailnet/{tailnet}/services/{serviceName}/devices"),
];

/// Reads of which none answers a key, an invitation or an address with a secret in it.
const READS: &[&str] = &[
    "/device/{deviceId}/attributes",
    "/tailnet/{tailnet}/contacts",
    "/tailnet/{tailnet}/logging/network",
    "/tailnet/{tailnet}/logging/{logType}/stream/status",
    "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved",
];

const POLICY: &str =
    "`update_tailscale_acl` checks a policy first and never writes over what somebody else wrote";
const CHECKS: &str = "`validate_tailscale_acl` and `preview_tailscale_acl` do it and read the \
     answer, which is a 200 even where tests fail";
const KEYS: &str = "`create_auth_key` makes a key with which devices join; API access tokens and \
     OAuth clients are made by the owner, in the console";
const INVITATION: &str =
    "the link of an invitation lets in whoever has it: invite in the admin console";
const WEBHOOK: &str = "the address of a webhook, or what it is signed with, is a secret: see to \
     webhooks in the admin console";
const RECEIVER: &str = "credentials of other systems are entered in the admin console";

const WITHHELD: &[Withheld] = &[
    Withheld::on(Verb::Post, "/tailnet/{tailnet}/acl", POLICY),
    Withheld::any("/tailnet/{tailnet}/acl/validate", CHECKS),
    Withheld::any("/tailnet/{tailnet}/acl/preview", CHECKS),
    Withheld::on(Verb::Post, "/tailnet/{tailnet}/keys", KEYS),
    Withheld::any("/oauth/**", KEYS),
    Withheld::any("/organizations/**", KEYS),
    // Unlike making and showing one, taking an invitation back reveals nothing.
    Withheld::on(Verb::Get, "/tailnet/{tailnet}/user-invites", INVITATION),
    Withheld::on(Verb::Post, "/tailnet/{tailnet}/user-invites", INVITATION),
    Withheld::on(Verb::Get, "/user-invites/**", INVITATION),
    Withheld::on(Verb::Post, "/user-invites/**", INVITATION),
    Withheld::any("/device/{deviceId}/device-invites", INVITATION),
    Withheld::on(Verb::Get, "/device-invites/**", INVITATION),
    Withheld::on(Verb::Post, "/device-invites/**", INVITATION),
    Withheld::any("/tailnet/{tailnet}/webhooks", WEBHOOK),
    Withheld::on(Verb::Get, "/webhooks/{endpointId}", WEBHOOK),
    Withheld::on(Verb::Patch, "/webhooks/{endpointId}", WEBHOOK),
    Withheld::any("/webhooks/{endpointId}/rotate", WEBHOOK),
    Withheld::on(
        Verb::Get,
        "/tailnet/{tailnet}/logging/{logType}/stream",
        RECEIVER,
    ),
    Withheld::on(
        Verb::Put,
        "/tailnet/{tailnet}/logging/{logType}/stream",
        RECEIVER,
    ),
    Withheld::on(
        Verb::Post,
        "/tailnet/{tailnet}/posture/integrations",
        RECEIVER,
    ),
    Withheld::on(Verb::Patch, "/posture/integrations/{id}", RECEIVER),
];

const CRITICAL: &[&str] = &[
    "/tailnet/{tailnet}",
    "/tailnet/{tailnet}/acl/**",
    "/tailnet/{tailnet}/contacts/**",
    "/tailnet/{tailnet}/dns/configuration",
    // Not the keys of devices alone: also the credentials that we ourselves come with.
    "/tailnet/{tailnet}/keys/{keyId}",
    "/tailnet/{tailnet}/logging/**",
    "/tailnet/{tailnet}/settings",
    "/users/{userId}/delete",
    "/users/{userId}/role",
];

impl WholeApi for Tailscale {
    type Place = OneServer;
    const SEARCH: &'static str = "tailscale:api:read";
    const CALL: &'static str = "tailscale:api:call";
    const RULES: Rules = Rules {
        base: "/api/v2",
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
        Ok(format!("v2-{}", edition(self.now())))
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        let mut operations = known::<Self>();
        if self.is_headscale() {
            operations.retain(in_headscale);
            return Ok(Document::Known(operations));
        }
        let description = self.api.description().await?;
        Ok(description.map_or(Document::Known(operations), Document::Text))
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let raw = Call::raw(&self.of_this_tailnet(call)?);
        let response = self.api.send(&raw).await?;
        let mut answer = ApiAnswer::of_body(response.status.as_u16(), &response.body);
        answer.data = answer.data.map(bare_list);
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let call = self.of_this_tailnet(call)?;
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let plain = |kind: &str, id: &str| Target {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: None,
            tags: Vec::new(),
        };
        let device = match segments[..] {
            ["device", id, ..] | ["tailnet", _, "services", _, "device", id, ..] => Some(id),
            _ => None,
        };
        if let Some(id) = device {
            let missing = || {
                ToolError::not_found(format!("no device with the id `{id}` in the tailnet"))
                    .reason("device_not_found")
                    .hint("call `list_tailscale_devices`")
            };
            let found = self.device_by_id(id).await?;
            return Ok(vec![target_of(&found.ok_or_else(missing)?)]);
        }
        Ok(vec![match segments[..] {
            ["tailnet", _, "keys", id] => plain("auth_key", id),
            ["tailnet", _, "services", name] => plain("service", name),
            [
                "tailnet",
                tailnet,
                kind @ ("dns" | "settings" | "logging" | "contacts"),
                ..,
            ] => plain(kind, tailnet),
            ["users", id, ..] => plain("user", id),
            [kind, id, ..] if kind != "tailnet" => plain(kind, id),
            _ => plain("tailnet", &self.tailnet),
        }])
    }
}

impl Tailscale {
    /// The call with the configured tailnet where it says `-`; another one is refused.
    fn of_this_tailnet(&self, call: &ApiCall) -> ToolResult<ApiCall> {
        let mut call = call.clone();
        if let [first, tailnet, ..] = &mut call.segments[..]
            && first == "tailnet"
            && self.tailnet != "-"
        {
            if tailnet != "-" && *tailnet != self.tailnet {
                let message = format!("this server is for the tailnet `{}` alone", self.tailnet);
                return Err(ToolError::invalid("params.tailnet", message)
                    .reason("parameter_invalid")
                    .hint("give `-` for it"));
            }
            tailnet.clone_from(&self.tailnet);
        }
        Ok(call)
    }
}

/// Whether Headscale has an operation of the tools (0.30).
fn in_headscale(operation: &Operation) -> bool {
    let absent = [
        "/dns/",
        "/expire",
        "/logging/",
        "/services",
        "/users/{userId}",
    ];
    !absent.iter().any(|part| operation.path.contains(part))
}

/// A list that is an object's only member, as lists of this API are, so that it is paged.
fn bare_list(data: Value) -> Value {
    match data {
        Value::Object(members) if members.len() == 1 => {
            let is_list = |value: &Value| {
                let rows = value.as_array();
                rows.is_some_and(|rows| rows.iter().all(Value::is_object))
            };
            if members.values().all(is_list) {
                members
                    .into_iter()
                    .next()
                    .map(|(_, rows)| rows)
                    .unwrap_or_default()
            } else {
                Value::Object(members)
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Tailscale>(), [""; 0]);
    }

    #[rstest]
    #[case(json!({ "devices": [{ "id": "1" }] }), json!([{ "id": "1" }]))]
    #[case(json!({ "keys": [] }), json!([]))]
    #[case(json!({ "dns": ["192.0.2.1"] }), json!({ "dns": ["192.0.2.1"] }))]
    #[case(json!({ "a": [{}], "b": 1 }), json!({ "a": [{}], "b": 1 }))]
    fn a_list_comes_without_its_wrapping(#[case] data: Value, #[case] bare: Value) {
        assert_eq!(bare_list(data), bare);
    }
}
