//! What the tailnet knows of the lab: its devices.

use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::render::printable;

use crate::client::Tailscale;
use crate::tools::devices::is_exit_node;
use crate::types::{Device, given};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["list_tailscale_devices"];

impl Tailscale {
    /// The devices. One request.
    pub(crate) async fn tell(&self) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        for device in self.devices(true).await? {
            facts.add(entity(&device));
        }
        Ok(facts)
    }
}

fn entity(device: &Device) -> Entity {
    let list = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(", "));
    let routes = device.enabled_routes.clone().unwrap_or_default();
    let name = match device.short_name() {
        "" => &device.hostname,
        name => name,
    };
    let mut entity = Entity::new(EntityKind::TailnetDevice, device.key(), printable(name))
        .attribute("os", given(Some(printable(&device.os))))
        .attribute("user", given(Some(printable(&device.user))))
        .attribute("tags", list(&device.tags))
        .attribute("routes", list(&routes))
        .attribute("exit_node", is_exit_node(&routes).then_some(true))
        .attribute("update_available", device.update_available.then_some(true))
        .attribute("shared_in", device.is_external.then_some(true))
        .attribute(
            "expires",
            given(device.expires.clone()).filter(|_| !device.key_expiry_disabled),
        );
    entity.aliases = vec![printable(&device.name), printable(&device.hostname)];
    entity.addresses = device
        .addresses
        .iter()
        .filter_map(|address| address.parse::<Ip>().ok())
        .collect();
    entity.status = match device.connected_to_control {
        Some(true) => Status::Online,
        Some(false) => Status::Offline,
        None => Status::Unknown,
    };
    entity.state = if device.authorized {
        let seen = given(device.last_seen.clone()).filter(|_| !device.online());
        seen.map(|seen| format!("last seen {seen}"))
    } else {
        Some("waits to be authorized".to_owned())
    };
    entity
}
