//! What the tailnet knows of the lab: its devices, and the services that devices answer for.

use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, Port};
use homelab_core::inventory::Status;
use homelab_core::net::Ip;
use homelab_core::render::printable;

use crate::client::Tailscale;
use crate::tools::devices::is_exit_node;
use crate::types::{Device, Service, given};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &["list_tailscale_devices", "list_tailscale_services"];

impl Tailscale {
    /// The devices and services. One request each.
    pub(crate) async fn tell(&self) -> ToolResult<Facts> {
        let services = async {
            // A Headscale has none.
            if self.is_headscale() {
                return Ok(Vec::new());
            }
            self.services().await
        };
        let (devices, services) = tokio::join!(self.devices(true), services);
        let devices = devices?;
        let mut facts = Facts::default();
        for device in &devices {
            facts.add(entity(device));
        }
        match services {
            Ok(services) => {
                let domain = domain(&devices);
                for service in services {
                    facts.add(service_entity(service, domain));
                }
            }
            // Credentials that never show services leave out nothing that was told before.
            Err(error) if error.envelope().reason.as_deref() == Some("scope_missing") => {
                facts.gap(format!("services: {}", error.envelope().message));
            }
            Err(error) => facts.missing(format!("services: {}", error.envelope().message)),
        }
        Ok(facts)
    }
}

/// The domain of the tailnet, which its own devices have their names in.
fn domain(devices: &[Device]) -> Option<&str> {
    let own = devices.iter().filter(|device| !device.is_external);
    let mut names = own.filter_map(|device| device.name.trim_end_matches('.').split_once('.'));
    names.next().map(|(_, domain)| domain)
}

fn service_entity(service: Service, domain: Option<&str>) -> Entity {
    let label = service.name.strip_prefix("svc:").unwrap_or(&service.name);
    let name = printable(label);
    let tags = (!service.tags.is_empty()).then(|| service.tags.join(", "));
    let mut entity = Entity::new(EntityKind::Service, printable(&service.name), &name)
        .attribute("tags", tags)
        .attribute(
            "comment",
            given(service.comment).map(|text| printable(&text)),
        );
    entity.aliases = vec![printable(&service.name)];
    entity
        .aliases
        .extend(domain.map(|domain| printable(&format!("{label}.{domain}"))));
    let addresses = service.addrs.iter();
    entity.addresses = addresses
        .filter_map(|text| text.parse::<Ip>().ok())
        .collect();
    entity.ports = service.ports.iter().filter_map(|text| port(text)).collect();
    entity
}

/// `tcp:443`; a range of ports, or all of them, is none.
fn port(text: &str) -> Option<Port> {
    let (protocol, port) = text.split_once(':')?;
    Some(Port {
        port: port.parse().ok()?,
        protocol: protocol.to_owned(),
        address: None,
        inside: None,
    })
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
