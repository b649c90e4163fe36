//! What the console sends. Only fields that answers need: records of the old API hold passwords and
//! keys, which are never read, so they cannot leak.

use serde::Deserialize;
use serde_json::Value;

use crate::loose;

/// A page of the official API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Paged<T> {
    #[serde(default)]
    pub(crate) total_count: u64,
    pub(crate) data: Vec<T>,
}

/// What every answer of the old API has beside its rows.
#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) meta: Meta,
}

#[derive(Deserialize)]
pub(crate) struct Meta {
    #[serde(default)]
    pub(crate) rc: String,
}

/// An answer of the old API.
#[derive(Deserialize)]
pub(crate) struct Rows<T> {
    pub(crate) data: Vec<T>,
}

/// `GET /v1/info`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    pub(crate) application_version: String,
}

/// `stat/sysinfo`.
#[derive(Deserialize)]
pub(crate) struct SysInfo {
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) version: Option<String>,
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

/// `GET /api/self/sites`.
#[derive(Deserialize)]
pub(crate) struct LegacySite {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) desc: Option<String>,
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

/// A client of the old API: `stat/sta` (connected) and `rest/user` (known).
#[derive(Clone, Deserialize)]
pub(crate) struct Station {
    #[serde(default, rename = "_id", deserialize_with = "loose::text")]
    pub(crate) id: Option<String>,
    pub(crate) mac: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) hostname: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ip: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) last_ip: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) oui: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) network: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) vlan: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) essid: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) signal: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ap_mac: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) sw_mac: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) sw_port: Option<i64>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) is_wired: Option<bool>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) is_guest: Option<bool>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) authorized: Option<bool>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) blocked: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) uptime: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) last_seen: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) rx_bytes: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) tx_bytes: Option<i64>,
    #[serde(default, rename = "wired-rx_bytes", deserialize_with = "loose::int")]
    pub(crate) wired_rx_bytes: Option<i64>,
    #[serde(default, rename = "wired-tx_bytes", deserialize_with = "loose::int")]
    pub(crate) wired_tx_bytes: Option<i64>,
}

/// A device of the official API; the detail has objects where the list has names.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceRow {
    pub(crate) id: String,
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

/// `stat/device`.
#[derive(Clone, Deserialize)]
pub(crate) struct LegacyDevice {
    #[serde(default, rename = "_id", deserialize_with = "loose::text")]
    pub(crate) id: Option<String>,
    pub(crate) mac: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) model: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ip: Option<String>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) state: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) version: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) upgradable: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) uptime: Option<i64>,
    #[serde(default)]
    pub(crate) uplink: Value,
    #[serde(default, rename = "system-stats")]
    pub(crate) system_stats: Value,
    #[serde(default, deserialize_with = "loose::list")]
    pub(crate) port_table: Vec<LegacyPort>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct LegacyPort {
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) port_idx: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) up: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) speed: Option<i64>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) port_poe: Option<bool>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) poe_enable: Option<bool>,
}

/// A subsystem of `stat/health`.
#[derive(Deserialize)]
pub(crate) struct HealthRow {
    pub(crate) subsystem: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) wan_ip: Option<String>,
    #[serde(default, deserialize_with = "loose::number")]
    pub(crate) latency: Option<f64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) uptime: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) drops: Option<i64>,
    #[serde(default, deserialize_with = "loose::number")]
    pub(crate) xput_up: Option<f64>,
    #[serde(default, deserialize_with = "loose::number")]
    pub(crate) xput_down: Option<f64>,
    #[serde(default, rename = "tx_bytes-r", deserialize_with = "loose::int")]
    pub(crate) tx_bytes_rate: Option<i64>,
    #[serde(default, rename = "rx_bytes-r", deserialize_with = "loose::int")]
    pub(crate) rx_bytes_rate: Option<i64>,
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

/// `stat/voucher`.
#[derive(Deserialize)]
pub(crate) struct LegacyVoucher {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) create_time: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) code: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) note: Option<String>,
    /// Minutes.
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) duration: Option<i64>,
    /// 0 is any number of guests.
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) quota: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) used: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) end_time: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) qos_usage_quota: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) qos_rate_max_down: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) qos_rate_max_up: Option<i64>,
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

/// `rest/networkconf`.
#[derive(Deserialize)]
pub(crate) struct LegacyNetwork {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) purpose: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) vlan: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) ip_subnet: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) dhcpd_enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) dhcpd_start: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) dhcpd_stop: Option<String>,
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

/// `rest/wlanconf`.
#[derive(Deserialize)]
pub(crate) struct LegacyWlan {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) networkconf_id: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) security: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) is_guest: Option<bool>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) hide_ssid: Option<bool>,
}

/// A firewall zone: the official API's, and with other names that of the old one.
#[derive(Deserialize)]
pub(crate) struct ZoneRow {
    #[serde(alias = "_id")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
}

/// `rest/portforward`.
#[derive(Deserialize)]
pub(crate) struct ForwardRow {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) proto: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) src: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) dst_port: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) fwd: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) fwd_port: Option<String>,
}

/// An entry of the log: `v2/…/system-log`, `stat/event`, `stat/alarm`.
#[derive(Deserialize)]
pub(crate) struct EventRow {
    #[serde(default, alias = "_id", deserialize_with = "loose::text")]
    pub(crate) id: Option<String>,
    /// Milliseconds since 1970.
    #[serde(default, alias = "time", deserialize_with = "loose::int")]
    pub(crate) timestamp: Option<i64>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) key: Option<String>,
    #[serde(default, alias = "subsystem", deserialize_with = "loose::text")]
    pub(crate) category: Option<String>,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) severity: Option<String>,
    #[serde(
        default,
        alias = "msg",
        alias = "message_raw",
        deserialize_with = "loose::text"
    )]
    pub(crate) message: Option<String>,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) archived: Option<bool>,
}

/// A page of `v2/…/system-log`.
#[derive(Deserialize)]
pub(crate) struct LogPage {
    #[serde(default)]
    pub(crate) data: Vec<EventRow>,
}
