//! What the API sends. Unknown members are ignored; what parts of the product differ in is optional.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Whether it went well, and what is wrong; in every answer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Head {
    #[serde(default)]
    pub(crate) success: Option<bool>,
    #[serde(default)]
    pub(crate) errors: Option<Vec<ApiError>>,
}

/// One error, with those behind it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ApiError {
    #[serde(default)]
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) error_chain: Option<Vec<ApiError>>,
    #[serde(default)]
    pub(crate) source: Option<ErrorSource>,
}

/// Where in the body an error is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ErrorSource {
    #[serde(default)]
    pub(crate) pointer: Option<String>,
}

/// A right answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<T> {
    #[serde(default = "Option::default")]
    pub(crate) result: Option<T>,
    #[serde(default)]
    pub(crate) result_info: Option<PageInfo>,
    #[serde(default)]
    pub(crate) messages: Option<Vec<ApiError>>,
}

/// Which page it is; not every list says so.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct PageInfo {
    #[serde(default)]
    pub(crate) total_pages: Option<u64>,
}

/// A row of `GET /zones`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Zone {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) account: Option<AccountRef>,
    #[serde(default)]
    pub(crate) plan: Option<Plan>,
    #[serde(default)]
    pub(crate) name_servers: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AccountRef {
    pub(crate) id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Plan {
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// A DNS record. It no longer tells its zone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) content: Option<String>,
    #[serde(default)]
    pub(crate) data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) ttl: Option<u32>,
    #[serde(default)]
    pub(crate) proxied: Option<bool>,
    #[serde(default)]
    pub(crate) priority: Option<u16>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) tags: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) settings: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) modified_on: Option<String>,
}

/// What a batch of changes answers: the records as they are now.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Batch {
    #[serde(default)]
    pub(crate) patches: Option<Vec<Record>>,
    #[serde(default)]
    pub(crate) posts: Option<Vec<Record>>,
}

/// What the verification of a token answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) expires_on: Option<String>,
    #[serde(default)]
    pub(crate) not_before: Option<String>,
}

/// A row of `GET /accounts/{account_id}/cfd_tunnel`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Tunnel {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) config_src: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) deleted_at: Option<String>,
    #[serde(default)]
    pub(crate) conns_active_at: Option<String>,
    #[serde(default)]
    pub(crate) conns_inactive_at: Option<String>,
}

/// A row of `GET …/connections`: one `cloudflared` that runs.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connector {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) arch: Option<String>,
    #[serde(default)]
    pub(crate) run_at: Option<String>,
    #[serde(default)]
    pub(crate) conns: Option<Vec<Connection>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Connection {
    #[serde(default)]
    pub(crate) colo_name: Option<String>,
    #[serde(default)]
    pub(crate) origin_ip: Option<String>,
    #[serde(default)]
    pub(crate) is_pending_reconnect: bool,
}

/// `GET …/configurations`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TunnelConfig {
    #[serde(default)]
    pub(crate) version: Option<u64>,
    /// Kept as it is: it is written back whole.
    #[serde(default)]
    pub(crate) config: Option<Map<String, Value>>,
}

/// A row of `GET /accounts/{account_id}/teamnet/routes`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Route {
    pub(crate) id: String,
    pub(crate) network: String,
    #[serde(default)]
    pub(crate) tunnel_id: Option<String>,
    #[serde(default)]
    pub(crate) tunnel_name: Option<String>,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    #[serde(default)]
    pub(crate) virtual_network_name: Option<String>,
}

/// A ruleset with its rules, which is without a list of them when it has none.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ruleset {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) rules: Option<Vec<Rule>>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) expression: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default = "on")]
    pub(crate) enabled: bool,
    #[serde(default, rename = "ref")]
    pub(crate) reference: Option<String>,
    /// With everything that is not named here, such as parameters of the action.
    #[serde(flatten)]
    pub(crate) other: BTreeMap<String, Value>,
}

const fn on() -> bool {
    true
}

/// A zone's setting.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Setting {
    pub(crate) id: String,
    pub(crate) value: Value,
    #[serde(default)]
    pub(crate) editable: Option<bool>,
    #[serde(default)]
    pub(crate) modified_on: Option<String>,
}

/// What the analytics answer: 200 also where something is wrong.
#[derive(Debug, Deserialize)]
pub(crate) struct Analytics {
    #[serde(default)]
    pub(crate) data: Option<Value>,
    #[serde(default)]
    pub(crate) errors: Option<Vec<ApiError>>,
}
