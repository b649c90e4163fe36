//! What the control server sends. Unknown members are ignored; all are optional, because field sets,
//! releases and Headscale differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `GET /tailnet/{tailnet}/devices`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Devices {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) devices: Vec<Device>,
}

/// A device. Routes and the like only come with all fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "as the server sends it")]
pub(crate) struct Device {
    #[serde(deserialize_with = "or_default")]
    pub(crate) addresses: Vec<String>,
    pub(crate) id: String,
    pub(crate) node_id: String,
    pub(crate) user: String,
    pub(crate) name: String,
    pub(crate) hostname: String,
    pub(crate) client_version: String,
    pub(crate) update_available: bool,
    pub(crate) os: String,
    pub(crate) created: Option<String>,
    pub(crate) connected_to_control: Option<bool>,
    pub(crate) last_seen: Option<String>,
    pub(crate) key_expiry_disabled: bool,
    pub(crate) expires: Option<String>,
    pub(crate) authorized: bool,
    pub(crate) is_external: bool,
    pub(crate) blocks_incoming_connections: bool,
    pub(crate) enabled_routes: Option<Vec<String>>,
    pub(crate) advertised_routes: Option<Vec<String>>,
    pub(crate) client_connectivity: Option<Connectivity>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tags: Vec<String>,
    pub(crate) tailnet_lock_error: String,
    pub(crate) ssh_enabled: Option<bool>,
    pub(crate) is_ephemeral: bool,
    pub(crate) distro: Option<Distro>,
}

impl Device {
    /// The id that addresses are made with.
    pub(crate) fn key(&self) -> &str {
        if self.node_id.is_empty() {
            &self.id
        } else {
            &self.node_id
        }
    }

    /// The first label of its name.
    pub(crate) fn short_name(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// A device is online while it is connected, whenever it was seen last.
    pub(crate) fn online(&self) -> bool {
        self.connected_to_control.unwrap_or(false)
    }
}

/// How a device reaches others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Connectivity {
    #[serde(deserialize_with = "or_default")]
    pub(crate) endpoints: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) latency: BTreeMap<String, Latency>,
}

/// How far a relay is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Latency {
    pub(crate) preferred: bool,
    pub(crate) latency_ms: f64,
}

/// The system of a device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Distro {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// `GET /device/{id}/routes`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Routes {
    #[serde(deserialize_with = "or_default")]
    pub(crate) advertised_routes: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) enabled_routes: Vec<String>,
}

/// `GET /tailnet/{tailnet}/dns/configuration`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DnsConfiguration {
    #[serde(deserialize_with = "or_default")]
    pub(crate) nameservers: Vec<Resolver>,
    #[serde(rename = "splitDNS", deserialize_with = "or_default")]
    pub(crate) split_dns: BTreeMap<String, Option<Vec<Resolver>>>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) search_paths: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) preferences: DnsPreferences,
}

/// A nameserver.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Resolver {
    pub(crate) address: String,
    pub(crate) use_with_exit_node: bool,
}

/// Switches of name resolution.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DnsPreferences {
    #[serde(rename = "overrideLocalDNS")]
    pub(crate) override_local_dns: bool,
    #[serde(rename = "magicDNS")]
    pub(crate) magic_dns: bool,
}

/// `GET /tailnet/{tailnet}/dns/nameservers`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Nameservers {
    #[serde(deserialize_with = "or_default")]
    pub(crate) dns: Vec<String>,
}

/// `GET /tailnet/{tailnet}/dns/searchpaths`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SearchPaths {
    #[serde(deserialize_with = "or_default")]
    pub(crate) search_paths: Vec<String>,
}

/// `GET /tailnet/{tailnet}/dns/split-dns`.
pub(crate) type SplitDns = BTreeMap<String, Option<Vec<String>>>;

/// `GET /tailnet/{tailnet}/services`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Services {
    #[serde(deserialize_with = "or_default")]
    pub(crate) vip_services: Vec<Service>,
}

/// A service: addresses of its own that devices answer for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) addrs: Vec<String>,
    pub(crate) comment: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) ports: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tags: Vec<String>,
}

/// `GET /tailnet/{tailnet}/services/{name}/devices`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceHosts {
    #[serde(deserialize_with = "or_default")]
    pub(crate) hosts: Vec<ServiceHost>,
}

/// A device that answers for a service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ServiceHost {
    #[serde(rename = "stableNodeID")]
    pub(crate) stable_node_id: String,
    pub(crate) approval_level: String,
    pub(crate) configured: String,
}

/// `GET /tailnet/{tailnet}/keys`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Keys {
    #[serde(deserialize_with = "or_default")]
    pub(crate) keys: Vec<KeyRow>,
}

/// A key. Its secret only comes when it is made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) key: Option<String>,
    pub(crate) key_type: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) revoked: Option<String>,
    pub(crate) invalid: bool,
    pub(crate) description: Option<String>,
    pub(crate) user_id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) scopes: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tags: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) capabilities: Value,
}

/// `GET /tailnet/{tailnet}/settings`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    pub(crate) acls_externally_managed_on: Option<bool>,
    pub(crate) acls_external_link: Option<String>,
    pub(crate) devices_approval_on: Option<bool>,
    pub(crate) devices_auto_updates_on: Option<bool>,
    pub(crate) devices_key_duration_days: Option<u32>,
    pub(crate) users_approval_on: Option<bool>,
    pub(crate) users_role_allowed_to_join_external_tailnets: Option<String>,
    pub(crate) network_flow_logging_on: Option<bool>,
    pub(crate) regional_routing_on: Option<bool>,
    pub(crate) posture_identity_collection_on: Option<bool>,
    pub(crate) https_enabled: Option<bool>,
}

/// `GET /tailnet/{tailnet}/users`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Users {
    #[serde(deserialize_with = "or_default")]
    pub(crate) users: Vec<User>,
}

/// A user.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) display_name: String,
    pub(crate) login_name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) role: String,
    pub(crate) status: String,
    pub(crate) device_count: u32,
    pub(crate) last_seen: Option<String>,
    pub(crate) currently_connected: Option<bool>,
}

/// `GET /tailnet/{tailnet}/logging/configuration`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AuditLog {
    #[serde(deserialize_with = "or_default")]
    pub(crate) logs: Vec<AuditRow>,
}

/// A change of the tailnet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AuditRow {
    pub(crate) event_time: String,
    #[serde(rename = "eventGroupID")]
    pub(crate) event_group_id: String,
    pub(crate) origin: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) actor: Value,
    #[serde(deserialize_with = "or_default")]
    pub(crate) target: Value,
    pub(crate) action: String,
    pub(crate) old: Option<Value>,
    pub(crate) new: Option<Value>,
    pub(crate) error: Option<String>,
}

/// `POST /tailnet/{tailnet}/acl/preview`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AclPreview {
    #[serde(deserialize_with = "or_default")]
    pub(crate) matches: Vec<AclMatch>,
}

/// A rule that applies.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AclMatch {
    #[serde(deserialize_with = "or_default")]
    pub(crate) users: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) ports: Vec<String>,
    pub(crate) line_number: Option<u32>,
}

/// `null` stands for nothing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A text that is there and not empty: times of shared-in devices are empty texts.
pub(crate) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shared_in_device_has_empty_times_and_nulls() {
        let device: Device = serde_json::from_value(json!({
            "nodeId": "n1CNTRL", "created": "", "expires": "", "tags": null, "isExternal": true,
            "clientConnectivity": {"endpoints": null, "latency": null, "clientSupports": {"hairPinning": null}},
            "somethingNew": 1,
        }))
        .unwrap();

        assert_eq!(given(device.created), None);
        assert!(device.tags.is_empty() && device.is_external);
    }
}
