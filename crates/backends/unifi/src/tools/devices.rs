//! Access points, switches and gateways.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::Source;
use crate::client::Unifi;
use crate::gear::{DeviceItem, DeviceKind};
use crate::page::page;
use crate::people::missing;
use crate::site::{Site, SiteName};
use crate::types::{LegacyDevice, LegacyPort, PortRow};

/// Which devices.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDevices {
    /// Only these.
    kind: Option<DeviceKind>,
    /// Only those in this state, such as `OFFLINE`.
    #[schemars(length(min = 1, max = 40))]
    state: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// A page of devices.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DevicePage {
    #[serde(flatten)]
    pub(super) page: Page<DeviceItem>,
    /// The API that told it.
    pub(super) api: Source,
}

/// List the access points, switches and gateways with their state and firmware.
#[tool(read, open_world, permission = "unifi:device:read", timeout = 60)]
pub(crate) async fn list_devices(unifi: &Unifi, args: ListDevices) -> ToolResult<DevicePage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let told = unifi.devices(&site).await?.items();
    let mut rows = told.rows;
    rows.retain(|row| {
        let state = args.state.as_ref();
        args.kind.is_none_or(|kind| row.kind == kind)
            && state.is_none_or(|state| row.state.eq_ignore_ascii_case(state))
    });
    Ok(DevicePage {
        page: page(rows, args.limit, args.cursor.as_deref(), DeviceItem::key)?,
        api: told.api,
    })
}

/// Which device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetDevice {
    /// MAC address, name, IP address or id.
    #[schemars(length(min = 1, max = 128))]
    device: String,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

/// A port.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PortItem {
    /// Its number.
    pub(crate) port: u32,
    name: Option<String>,
    up: Option<bool>,
    speed_mbps: Option<i64>,
    max_speed_mbps: Option<i64>,
    connector: Option<String>,
    /// Whether it can give power.
    pub(crate) poe: bool,
    /// Whether it gives power now.
    pub(crate) poe_on: Option<bool>,
}

/// A device in detail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceDetail {
    device: DeviceItem,
    uptime_s: Option<i64>,
    cpu_percent: Option<f64>,
    memory_percent: Option<f64>,
    /// Bits per second towards the network above it.
    uplink_tx_bps: Option<i64>,
    /// Bits per second from the network above it.
    uplink_rx_bps: Option<i64>,
    /// The device above it.
    uplink: Option<String>,
    ports: Vec<PortItem>,
    /// The API that told it.
    api: Source,
    /// What is missing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Show one access point, switch or gateway: load, uptime, traffic and its ports with their power.
#[tool(read, open_world, permission = "unifi:device:read", timeout = 60)]
pub(crate) async fn get_device(unifi: &Unifi, args: GetDevice) -> ToolResult<DeviceDetail> {
    let site = unifi.site(args.site.as_ref()).await?;
    let devices = unifi.devices(&site).await?;
    let device = devices.named(&args.device)?;
    if let Some(row) = devices.legacy(&device.mac) {
        return Ok(of_legacy(device, row));
    }
    let id = device.id.clone().unwrap_or_default();
    let row = unifi.official_device(&site, &id).await?;
    let above = row
        .uplink
        .as_ref()
        .and_then(|uplink| uplink.device_id.as_ref());
    let mut notes = Vec::new();
    // A device that is off has none.
    let statistics = unifi.statistics(&site, &id).await.unwrap_or_else(|error| {
        notes.push(missing("load and uptime", &error));
        crate::types::Statistics::default()
    });
    let rates = statistics.uplink;
    Ok(DeviceDetail {
        uptime_s: statistics.uptime_sec,
        cpu_percent: statistics.cpu_utilization_pct,
        memory_percent: statistics.memory_utilization_pct,
        uplink_tx_bps: rates.as_ref().and_then(|rates| rates.tx_rate_bps),
        uplink_rx_bps: rates.as_ref().and_then(|rates| rates.rx_rate_bps),
        uplink: above.and_then(|id| devices.name_of(id)),
        ports: official_ports(&row.interfaces),
        device,
        api: Source::Integration,
        notes,
    })
}

fn official_ports(interfaces: &Value) -> Vec<PortItem> {
    let ports = interfaces.get("ports").and_then(Value::as_array);
    let read = |port: &Value| serde_json::from_value::<PortRow>(port.clone()).ok();
    let item = |row: PortRow| PortItem {
        port: row.idx,
        name: None,
        up: row.state.as_deref().map(|state| state == "UP"),
        speed_mbps: row.speed_mbps,
        max_speed_mbps: row.max_speed_mbps,
        connector: row.connector,
        poe: row.poe.is_some(),
        poe_on: row.poe.map(|poe| {
            poe.enabled != Some(false) && matches!(poe.state.as_deref(), Some("UP" | "LIMITED"))
        }),
    };
    ports
        .into_iter()
        .flatten()
        .filter_map(read)
        .map(item)
        .collect()
}

fn legacy_ports(row: &LegacyDevice) -> Vec<PortItem> {
    let item = |port: &LegacyPort| {
        Some(PortItem {
            port: u32::try_from(port.port_idx?).ok()?,
            name: port.name.clone(),
            up: port.up,
            speed_mbps: port.speed.filter(|speed| *speed > 0),
            max_speed_mbps: None,
            connector: None,
            poe: port.port_poe == Some(true),
            poe_on: port.poe_enable.filter(|_| port.port_poe == Some(true)),
        })
    };
    row.port_table.iter().filter_map(item).collect()
}

fn of_legacy(device: DeviceItem, row: &LegacyDevice) -> DeviceDetail {
    let share = |name: &str| {
        let value = row.system_stats.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    // Bytes per second, which the official API tells in bits.
    let rate = |name: &str| row.uplink.get(name)?.as_i64()?.checked_mul(8);
    DeviceDetail {
        uptime_s: row.uptime,
        cpu_percent: share("cpu"),
        memory_percent: share("mem"),
        uplink_tx_bps: rate("tx_bytes-r"),
        uplink_rx_bps: rate("rx_bytes-r"),
        uplink: row
            .uplink
            .get("uplink_device_name")
            .and_then(Value::as_str)
            .map(str::to_owned),
        ports: legacy_ports(row),
        device,
        api: Source::Legacy,
        notes: Vec::new(),
    }
}

impl Unifi {
    /// A device, whether the official API told of it, and its ports.
    pub(super) async fn with_ports(
        &self,
        site: &Site,
        wanted: &str,
    ) -> ToolResult<(DeviceItem, Source, Vec<PortItem>)> {
        let devices = self.devices(site).await?;
        let device = devices.named(wanted)?;
        if let Some(row) = devices.legacy(&device.mac) {
            return Ok((device, Source::Legacy, legacy_ports(row)));
        }
        let id = device.id.as_deref().unwrap_or_default();
        let row = self.official_device(site, id).await?;
        Ok((device, Source::Integration, official_ports(&row.interfaces)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_read_from_both_apis() {
        let official = official_ports(&json!({ "ports": [
            { "idx": 3, "state": "UP", "connector": "RJ45", "maxSpeedMbps": 1000, "speedMbps": 100,
              "poe": { "standard": "802.3at", "type": 2, "enabled": true, "state": "UP" } },
            { "idx": 4, "state": "DOWN" },
        ] }));
        let legacy: LegacyDevice = serde_json::from_value(json!({
            "mac": "00:00:5e:00:53:01",
            "port_table": [{ "port_idx": 3, "up": true, "speed": 100, "port_poe": true, "poe_enable": true }],
        }))
        .unwrap();

        let short = |ports: &[PortItem]| -> Vec<(u32, Option<bool>, bool, Option<bool>)> {
            ports
                .iter()
                .map(|one| (one.port, one.up, one.poe, one.poe_on))
                .collect()
        };
        assert_eq!(
            short(&official),
            [
                (3, Some(true), true, Some(true)),
                (4, Some(false), false, None)
            ]
        );
        assert_eq!(
            short(&legacy_ports(&legacy)),
            [(3, Some(true), true, Some(true))]
        );
    }
}
