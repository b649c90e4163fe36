//! The old API, `/api/s/…` and `/v2/api/site/…`.

use serde::Deserialize;
use serde_json::Value;

use crate::loose;

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

/// `stat/sysinfo`.
#[derive(Deserialize)]
pub(crate) struct SysInfo {
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) version: Option<String>,
}

/// `GET /api/self/sites`.
#[derive(Deserialize)]
pub(crate) struct LegacySite {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "loose::text")]
    pub(crate) desc: Option<String>,
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
    /// Whether its light blinks so that somebody finds it.
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) locating: Option<bool>,
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

/// `v2/…/static-dns`.
#[derive(Deserialize)]
pub(crate) struct StaticDns {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) record_type: String,
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
    #[serde(default, deserialize_with = "loose::flag")]
    pub(crate) enabled: Option<bool>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) ttl: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) priority: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) weight: Option<i64>,
    #[serde(default, deserialize_with = "loose::int")]
    pub(crate) port: Option<i64>,
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
