//! How the network is, in one answer.

use std::collections::BTreeMap;

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Source;
use crate::call::Call;
use crate::client::Unifi;
use crate::people::{ClientItem, ClientType, missing};
use crate::site::SiteName;
use crate::types::HealthRow;

/// Of which site, and how much.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetNetworkStats {
    /// Clients with the most traffic to name; default 5.
    #[schemars(range(min = 0, max = 50))]
    top: Option<u32>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// The network in numbers.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct NetworkStats {
    site: String,
    /// Release of the Network application.
    version: Option<String>,
    /// Connected clients.
    clients: ClientCount,
    /// Devices by state.
    devices: BTreeMap<String, usize>,
    /// Devices that are not on line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    devices_down: Vec<String>,
    /// The way to the Internet.
    wan: Option<Wan>,
    /// Subsystems and how they are, such as `wlan: ok`.
    health: BTreeMap<String, String>,
    /// Clients with the most traffic since they connected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    top_clients: Vec<Talker>,
    /// The API that told it.
    api: Option<Source>,
    /// What is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Connected clients.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ClientCount {
    total: usize,
    wired: usize,
    wireless: usize,
    vpn: usize,
}

/// The way to the Internet.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Wan {
    status: Option<String>,
    ip: Option<String>,
    latency_ms: Option<f64>,
    uptime_s: Option<i64>,
    drops: Option<i64>,
    /// Bits per second from the Internet now.
    down_bps: Option<i64>,
    /// Bits per second to the Internet now.
    up_bps: Option<i64>,
    /// Megabits per second of the last speed test.
    speedtest_down_mbps: Option<f64>,
    /// Megabits per second of the last speed test.
    speedtest_up_mbps: Option<f64>,
}

/// A client with much traffic.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Talker {
    name: String,
    mac: Option<String>,
    /// Bytes to the client.
    down_bytes: i64,
    /// Bytes from the client.
    up_bytes: i64,
}

/// Summarise the network: clients by kind, devices by state, the Internet connection and the clients
/// with the most traffic.
#[tool(
    read,
    open_world,
    permission = "unifi:site:read",
    timeout = 90,
    untrusted("top_clients.name")
)]
pub(crate) async fn get_network_stats(
    unifi: &Unifi,
    args: GetNetworkStats,
) -> ToolResult<NetworkStats> {
    let site = unifi.site(args.site.as_ref()).await?;
    let clients = unifi.active(&site).await?;
    let devices = unifi.devices(&site).await?.items().rows;
    let mut stats = NetworkStats {
        site: site.title.clone(),
        clients: counted(&clients.told.rows),
        top_clients: talkers(&clients.told.rows, args.top.unwrap_or(5)),
        api: Some(clients.told.api),
        notes: clients.notes,
        ..NetworkStats::default()
    };
    for device in &devices {
        *stats.devices.entry(device.state.clone()).or_default() += 1;
        if device.state != "ONLINE" {
            let (name, kind) = (device.label(), device.kind.noun());
            stats
                .devices_down
                .push(format!("{name} ({kind}): {}", device.state));
        }
    }
    match unifi.release().await {
        Ok(version) => stats.version = Some(version),
        Err(error) => stats.notes.push(missing("the release", &error)),
    }
    let health = Call::get("health", "/api/s/{}/stat/health", &[&site.name]);
    match unifi.api.rows::<HealthRow>(&health).await {
        Ok(rows) => {
            stats.wan = wan(&rows);
            let told = rows
                .into_iter()
                .filter_map(|row| Some((row.subsystem, row.status?)));
            stats.health = told.collect();
        }
        Err(error) => stats
            .notes
            .push(missing("the Internet connection and health", &error)),
    }
    Ok(stats)
}

fn counted(rows: &[ClientItem]) -> ClientCount {
    let of = |kinds: &[ClientType]| {
        let fits = |row: &&ClientItem| row.kind.is_some_and(|kind| kinds.contains(&kind));
        rows.iter().filter(fits).count()
    };
    ClientCount {
        total: rows.len(),
        wired: of(&[ClientType::Wired]),
        wireless: of(&[ClientType::Wireless]),
        vpn: of(&[ClientType::Vpn, ClientType::Teleport]),
    }
}

fn talkers(rows: &[ClientItem], top: u32) -> Vec<Talker> {
    let mut talkers: Vec<Talker> = rows
        .iter()
        .filter(|row| row.rx_bytes.is_some() || row.tx_bytes.is_some())
        .map(|row| Talker {
            name: row.label(),
            mac: row.mac.clone(),
            down_bytes: row.tx_bytes.unwrap_or(0),
            up_bytes: row.rx_bytes.unwrap_or(0),
        })
        .collect();
    talkers.sort_by_key(|one| std::cmp::Reverse(one.down_bytes.saturating_add(one.up_bytes)));
    talkers.truncate(usize::try_from(top).unwrap_or(usize::MAX));
    talkers
}

/// The rows `wan` and `www` together; `None` without a gateway of UniFi's.
fn wan(rows: &[HealthRow]) -> Option<Wan> {
    let part = |name: &str| rows.iter().find(|row| row.subsystem == name);
    let (wan, www) = (part("wan"), part("www"));
    let all = || [www, wan].into_iter().flatten();
    let wan = Wan {
        status: wan.and_then(|row| row.status.clone()),
        ip: all().find_map(|row| row.wan_ip.clone()),
        latency_ms: all().find_map(|row| row.latency),
        uptime_s: all().find_map(|row| row.uptime),
        drops: all().find_map(|row| row.drops),
        down_bps: all().find_map(|row| row.rx_bytes_rate?.checked_mul(8)),
        up_bps: all().find_map(|row| row.tx_bytes_rate?.checked_mul(8)),
        speedtest_down_mbps: all().find_map(|row| row.xput_down),
        speedtest_up_mbps: all().find_map(|row| row.xput_up),
    };
    let nothing = wan.ip.is_none() && wan.latency_ms.is_none() && wan.down_bps.is_none();
    (!nothing).then_some(wan)
}
