//! Devices: listing and looking at one.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::{Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Tailscale;
use crate::ids::{DeviceRef, EXIT_ROUTES, Tag};
use crate::types::{Device, given};
use homelab_backend::page::page;

/// Which fields of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fields {
    /// The usual ones.
    #[default]
    Default,
    /// Routes too.
    All,
}

/// Which devices.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListDevices {
    /// `all` adds routes and exit nodes; default `default`.
    fields: Fields,
    /// Only those that are (or are not) connected now.
    online: Option<bool>,
    /// Only those that wait to be authorized.
    pending_only: bool,
    /// Only those with this tag.
    tag: Option<Tag>,
    /// Only those of this user, by login name.
    #[schemars(length(max = 254))]
    user: Option<String>,
    /// Only those with this system: `linux`, `macOS`, `windows`, `iOS`, `android`, …
    #[schemars(length(max = 40))]
    os: Option<String>,
    /// Only those whose name contains this.
    #[schemars(length(max = 100))]
    name: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a device"
)]
pub(crate) struct DeviceItem {
    /// What other tools take as `device_id`.
    pub(crate) node_id: String,
    /// Its name in the tailnet.
    pub(crate) name: String,
    addresses: Vec<String>,
    os: String,
    /// Whose it is; tagged devices are nobody's.
    user: String,
    tags: Vec<String>,
    /// Whether it is connected now.
    online: bool,
    /// Absent while it is connected.
    last_seen: Option<String>,
    pub(crate) authorized: bool,
    /// When its key ends; absent if it does not.
    expires: Option<String>,
    key_expiry_disabled: bool,
    update_available: bool,
    /// Shared in from another tailnet.
    external: bool,
    ephemeral: bool,
    /// Routes that are in force; only with all fields.
    enabled_routes: Option<Vec<String>>,
    /// Routes that it offers and that are not approved; only with all fields.
    pending_routes: Option<Vec<String>>,
    /// Whether it is an exit node; only with all fields.
    exit_node: Option<bool>,
}

impl DeviceItem {
    pub(crate) fn of(device: &Device) -> Self {
        let enabled = device.enabled_routes.as_ref();
        let advertised = device.advertised_routes.as_ref();
        let expires = given(device.expires.clone());
        Self {
            node_id: device.key().to_owned(),
            name: device.name.clone(),
            addresses: device.addresses.clone(),
            os: device.os.clone(),
            user: device.user.clone(),
            tags: device.tags.clone(),
            online: device.online(),
            last_seen: given(device.last_seen.clone()).filter(|_| !device.online()),
            authorized: device.authorized,
            expires: expires.filter(|_| !device.key_expiry_disabled),
            key_expiry_disabled: device.key_expiry_disabled,
            update_available: device.update_available,
            external: device.is_external,
            ephemeral: device.is_ephemeral,
            enabled_routes: enabled.cloned(),
            pending_routes: advertised.zip(enabled).map(|(advertised, enabled)| {
                advertised
                    .iter()
                    .filter(|route| !enabled.contains(route))
                    .cloned()
                    .collect()
            }),
            exit_node: enabled.map(|enabled| is_exit_node(enabled)),
        }
    }
}

/// Whether both default routes are among them.
pub(crate) fn is_exit_node(enabled: &[String]) -> bool {
    EXIT_ROUTES
        .iter()
        .all(|route| enabled.iter().any(|one| one == route))
}

pub(crate) fn target_of(device: &Device) -> Target {
    Target {
        kind: "device".to_owned(),
        id: device.key().to_owned(),
        name: Some(device.name.clone()),
        tags: device.tags.clone(),
    }
}

/// List the devices of the tailnet with state, addresses, tags and key expiry; `pending_only` shows those that wait to be authorized.
#[tool(
    read,
    open_world,
    permission = "tailscale:device:read",
    title = "List devices",
    timeout = 90
)]
pub(crate) async fn list_tailscale_devices(
    tailscale: &Tailscale,
    args: ListDevices,
) -> ToolResult<Page<DeviceItem>> {
    let devices = tailscale.devices(args.fields == Fields::All).await?;
    let rows: Vec<DeviceItem> = devices
        .iter()
        .filter(|device| args.wants(device))
        .map(DeviceItem::of)
        .collect();
    let key = |row: &DeviceItem| format!("{} {}", row.name.to_lowercase(), row.node_id);
    page(rows, args.limit, args.cursor.as_deref(), key)
}

impl ListDevices {
    fn wants(&self, device: &Device) -> bool {
        let same = |asked: &Option<String>, known: &str| {
            asked
                .as_ref()
                .is_none_or(|asked| asked.eq_ignore_ascii_case(known))
        };
        let named = |part: &String| {
            let part = part.to_lowercase();
            device.name.to_lowercase().contains(&part)
                || device.hostname.to_lowercase().contains(&part)
        };
        self.online.is_none_or(|online| device.online() == online)
            && !(self.pending_only && device.authorized)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| device.tags.iter().any(|one| one == tag.as_ref()))
            && same(&self.user, &device.user)
            && same(&self.os, &device.os)
            && self.name.as_ref().is_none_or(named)
    }
}

/// Which device.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneDevice {
    /// The device: node id, id, name, hostname or an address of it.
    pub(crate) device_id: DeviceRef,
}

/// A device in detail.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DeviceDetail {
    device: DeviceItem,
    /// What it calls itself.
    hostname: String,
    client_version: String,
    /// Name and version of its distribution.
    distro: Option<String>,
    created: Option<String>,
    /// Routes that it offers.
    advertised_routes: Vec<String>,
    /// Whether it serves SSH to the tailnet.
    ssh_enabled: Option<bool>,
    /// Whether it lets nobody in.
    blocks_incoming_connections: bool,
    /// What is wrong with its place in the tailnet lock.
    tailnet_lock_error: Option<String>,
    /// Where others reach it directly.
    endpoints: Vec<String>,
    /// The relay that it prefers, with the way there in milliseconds.
    relay: Option<String>,
}

/// Get one device with routes, versions, relay and addresses, by id, name or address.
#[tool(
    read,
    open_world,
    permission = "tailscale:device:read",
    title = "Get a device",
    timeout = 90,
    untrusted("hostname")
)]
pub(crate) async fn get_tailscale_device(
    tailscale: &Tailscale,
    args: OneDevice,
) -> ToolResult<DeviceDetail> {
    let device = tailscale.device(&args.device_id).await?;
    let item = DeviceItem::of(&device);
    let connectivity = device.client_connectivity.unwrap_or_default();
    let preferred = connectivity
        .latency
        .into_iter()
        .find(|(_, latency)| latency.preferred);
    Ok(DeviceDetail {
        device: item,
        hostname: device.hostname,
        client_version: device.client_version,
        distro: device.distro.map(|distro| {
            format!("{} {}", distro.name, distro.version)
                .trim()
                .to_owned()
        }),
        created: given(device.created),
        advertised_routes: device.advertised_routes.unwrap_or_default(),
        ssh_enabled: device.ssh_enabled,
        blocks_incoming_connections: device.blocks_incoming_connections,
        tailnet_lock_error: given(Some(device.tailnet_lock_error)),
        endpoints: connectivity.endpoints,
        relay: preferred.map(|(name, latency)| format!("{name}, {:.0} ms", latency.latency_ms)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_routes_are_those_offered_and_not_approved() {
        let device = Device {
            node_id: "n1CNTRL".into(),
            advertised_routes: Some(vec![
                "192.0.2.0/24".into(),
                "0.0.0.0/0".into(),
                "::/0".into(),
            ]),
            enabled_routes: Some(vec!["0.0.0.0/0".into(), "::/0".into()]),
            ..Device::default()
        };

        let item = DeviceItem::of(&device);

        assert_eq!(item.pending_routes, Some(vec!["192.0.2.0/24".to_owned()]));
        assert_eq!(item.exit_node, Some(true));
    }

    #[test]
    fn who_is_connected_is_online_whenever_it_was_seen() {
        let device = Device {
            connected_to_control: Some(true),
            last_seen: Some("2020-01-01T00:00:00Z".into()),
            ..Device::default()
        };

        let item = DeviceItem::of(&device);

        assert!(item.online && item.last_seen.is_none());
    }
}
