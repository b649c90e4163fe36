//! The official API, `/integration/v1/…`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::loose;

/// A page of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paged<T> {
    #[serde(default)]
    pub(crate) total_count: u64,
    pub(crate) data: Vec<T>,
}

/// `GET /v1/info`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    pub(crate) application_version: String,
}

/// A site of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SiteRow {
    pub(crate) id: String,
    pub(crate) internal_reference: String,
    #[serde(default)]
    pub(crate) name: String,
}

/// A connected client of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientRow {
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) connected_at: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ip_address: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) mac_address: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) uplink_device_id: Option<String>,
    #[serde(default)]
    pub(crate) access: Access,
}

#[derive(Default, Deserialize)]
pub(crate) struct Access {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) authorized: Option<bool>,
}

/// What an action on a guest answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GuestAction {
    #[serde(default)]
    pub(crate) granted_authorization: Option<Grant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grant {
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) expires_at: Option<String>,
}

/// A device of the official API; the detail has objects where the list has names. One that waits to
/// be adopted has neither id nor name.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceRow {
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) id: Option<String>,
    pub(crate) mac_address: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ip_address: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) firmware_version: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) firmware_updatable: Option<bool>,
    #[serde(default)]
    pub(crate) features: Value,
    #[serde(default)]
    pub(crate) interfaces: Value,
    #[serde(default)]
    pub(crate) uplink: Option<Uplink>,
    /// Sites that can adopt it, where it waits for that.
    #[serde(default, deserialize_with = "loose::list")]
    pub(crate) adoption_target_site_ids: Vec<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Uplink {
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) device_id: Option<String>,
}

/// A port of a device of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortRow {
    pub(crate) idx: u32,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) state: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) connector: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) max_speed_mbps: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) speed_mbps: Option<i64>,
    #[serde(default)]
    pub(crate) poe: Option<PoeRow>,
}

#[derive(Deserialize)]
pub(crate) struct PoeRow {
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) state: Option<String>,
}

/// `…/statistics/latest`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Statistics {
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) uptime_sec: Option<i64>,
    #[serde(default, deserialize_with = "loose::number")]
    pub(crate) cpu_utilization_pct: Option<f64>,
    #[serde(default, deserialize_with = "loose::number")]
    pub(crate) memory_utilization_pct: Option<f64>,
    #[serde(default)]
    pub(crate) uplink: Option<Rates>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rates {
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) tx_rate_bps: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) rx_rate_bps: Option<i64>,
}

/// A voucher of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VoucherRow {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) created_at: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) code: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) authorized_guest_limit: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) authorized_guest_count: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) expires_at: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) expired: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) time_limit_minutes: Option<i64>,
    #[serde(
        default,
        rename = "dataUsageLimitMBytes",
        deserialize_with = "loose::int"
    )]
    pub(crate) data_usage_limit_mb: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) rx_rate_limit_kbps: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) tx_rate_limit_kbps: Option<i64>,
}

/// What making vouchers answers.
#[derive(Deserialize)]
pub(crate) struct MadeVouchers {
    #[serde(default)]
    pub(crate) vouchers: Vec<VoucherRow>,
}

/// A DNS policy of the official API; which fields it has goes by its type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DnsPolicy {
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default)]
    pub(crate) metadata: Value,
    #[serde(default)]
    pub(crate) domain: String,
    /// The fields that are of one type only.
    #[serde(flatten)]
    pub(crate) own: Map<String, Value>,
}

/// A network of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NetworkRow {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) management: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) vlan_id: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) zone_id: Option<String>,
}

/// A WLAN of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WlanRow {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default)]
    pub(crate) network: Value,
    #[serde(default)]
    pub(crate) security_configuration: Value,
}

/// A firewall zone: the official API's, and with other names that of the old one.
#[derive(Deserialize)]
pub(crate) struct ZoneRow {
    #[serde(alias = "_id")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}
