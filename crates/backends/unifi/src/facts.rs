//! What the console knows of the lab: its devices and how they hang together, clients with their switch
//! port or access point, networks, and the names that its DNS answers.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt as _, stream};
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation, Wellness};
use homelab_core::inventory::Status;
use homelab_core::net::{Ip, Mac};
use homelab_core::render::printable;
use tokio::time::{Instant, timeout_at};

use crate::api::Source;
use crate::client::{Devices, Unifi};
use crate::dns::{RecordItem, RecordType};
use crate::explain::is_absent;
use crate::gear::{DeviceItem, DeviceKind};
use crate::people::{ClientItem, ClientType, missing};
use crate::site::Site;
use crate::tools::networks::NetworkItem;

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &[
    "list_clients",
    "list_devices",
    "list_networks",
    "list_dns_records",
];

/// Devices that are asked at a time what they hang on.
const AT_A_TIME: usize = 4;

impl Unifi {
    /// Devices, clients, networks and DNS records of the configured site.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        let site = self.site(None).await?;
        let devices = self.devices(&site).await?;
        let items = devices.items().rows;
        let above = match (&devices, query.addresses) {
            (Devices::Official(_), true) => {
                self.uplinks(&site, &items, query.deadline, &mut facts)
                    .await
            }
            // The old API tells it under no name that is known for sure.
            _ => vec![None; items.len()],
        };
        for (item, above) in items.iter().zip(above) {
            facts.add(of_device(item, above.as_deref()));
        }
        self.tell_clients(&site, &items, &mut facts).await?;
        match self.networks(&site).await {
            Ok((rows, _, notes)) => {
                for note in notes {
                    facts.gap(note);
                }
                for row in rows {
                    facts.add(of_network(row));
                }
            }
            Err(error) => facts.missing(missing("networks", &error)),
        }
        match self.dns_records(&site).await {
            Ok(told) => {
                for record in of_records(&told.rows) {
                    facts.add(record);
                }
            }
            // A release that has no records has none to tell.
            Err(error) if is_absent(&error) => {}
            Err(error) => facts.missing(missing("DNS records", &error)),
        }
        Ok(facts)
    }

    /// The MAC address of the device that each hangs on, as far as time allows: only a device's own
    /// page tells it.
    async fn uplinks(
        &self,
        site: &Site,
        items: &[DeviceItem],
        deadline: Instant,
        facts: &mut Facts,
    ) -> Vec<Option<String>> {
        let mut above = vec![None; items.len()];
        let ids = items.iter().map(|item| item.id.clone().unwrap_or_default());
        let ids: Vec<(usize, String)> = ids.enumerate().collect();
        let asked = ids.into_iter().map(|(index, id)| async move {
            let answer = self.official_device(site, &id).await;
            (index, answer)
        });
        let mut asked = stream::iter(asked).buffer_unordered(AT_A_TIME);
        let (mut answered, mut problem) = (0, None);
        while let Ok(Some((index, answer))) = timeout_at(deadline, asked.next()).await {
            answered += 1;
            match answer {
                Ok(row) => {
                    let id = row.uplink.and_then(|uplink| uplink.device_id);
                    let device = items.iter().find(|item| item.id.is_some() && item.id == id);
                    if let Some(slot) = above.get_mut(index) {
                        *slot = device.map(|device| device.mac.clone());
                    }
                }
                Err(error) => {
                    problem.get_or_insert_with(|| error.envelope().message.clone());
                }
            }
        }
        if let Some(problem) = problem {
            facts.gap(format!("what some devices hang on is not known: {problem}"));
        }
        if answered < items.len() {
            let late = items.len() - answered;
            facts.gap(format!("what {late} devices hang on was not read in time"));
        }
        above
    }

    /// Those that are connected, and those that were, without the addresses that they had.
    async fn tell_clients(
        &self,
        site: &Site,
        devices: &[DeviceItem],
        facts: &mut Facts,
    ) -> ToolResult<()> {
        let active = self.active(site).await?;
        for note in active.notes {
            facts.gap(note);
        }
        let here: HashSet<String> = active
            .told
            .rows
            .iter()
            .filter_map(|row| row.mac.clone())
            .collect();
        for row in &active.told.rows {
            facts.add(of_client(row, devices));
        }
        match self.known(site).await {
            Ok(known) => {
                let now = self.now_s();
                for row in known {
                    if !here.contains(&row.mac.to_lowercase()) {
                        let item = ClientItem::of_station(row, false, now);
                        facts.add(of_client(&item, devices));
                    }
                }
            }
            // The answer about the connected ones lacks the same.
            Err(_) if active.told.api == Source::Integration => facts.incomplete = true,
            Err(error) => facts.missing(missing("clients that are not connected", &error)),
        }
        Ok(())
    }
}

fn of_device(item: &DeviceItem, above: Option<&str>) -> Entity {
    let kind = match item.kind {
        DeviceKind::Ap => Some("access_point"),
        DeviceKind::Switch => Some("switch"),
        DeviceKind::Gateway => Some("gateway"),
        DeviceKind::Other => None,
    };
    let text = |text: &Option<String>| text.as_deref().map(printable);
    let mut entity = Entity::new(
        EntityKind::NetworkDevice,
        &item.mac,
        printable(item.label()),
    )
    .attribute("type", kind)
    .attribute("manufacturer", Some("Ubiquiti"))
    .attribute("model", text(&item.model))
    .attribute("firmware", text(&item.firmware))
    .attribute(
        "update_available",
        item.firmware_updatable.filter(|updatable| *updatable),
    );
    entity.addresses.extend(address(item.ip.as_deref()));
    entity.macs.extend(item.mac.parse::<Mac>());
    (entity.status, entity.health) = match item.state.as_str() {
        "ONLINE" => (Status::Online, Some(Wellness::Ok)),
        "OFFLINE" | "CONNECTION_INTERRUPTED" | "ISOLATED" => {
            (Status::Offline, Some(Wellness::Failed))
        }
        "UPDATING" | "GETTING_READY" | "ADOPTING" => {
            (Status::Maintenance, Some(Wellness::Degraded))
        }
        _ => (Status::Unknown, None),
    };
    entity.state = Some(printable(&item.state));
    match above {
        Some(mac) if mac != item.mac => {
            let above = Reference::id(EntityKind::NetworkDevice, mac);
            entity.link(Relation::DependsOn, above)
        }
        _ => entity,
    }
}

fn of_client(item: &ClientItem, devices: &[DeviceItem]) -> Entity {
    let kind = item.kind.map(|kind| match kind {
        ClientType::Wired => "wired",
        ClientType::Wireless => "wireless",
        ClientType::Vpn => "vpn",
        ClientType::Teleport => "teleport",
    });
    let above = item.uplink_device(devices);
    let id = item.mac.as_ref().or(item.id.as_ref());
    let text = |text: &Option<String>| text.as_deref().map(printable);
    let mut entity = Entity::new(
        EntityKind::NetworkClient,
        id.cloned().unwrap_or_default(),
        printable(&item.label()),
    )
    .attribute("type", kind)
    .attribute("network", text(&item.network))
    .attribute("vlan", item.vlan)
    .attribute("ssid", text(&item.ssid))
    .attribute("uplink", above.map(|above| printable(above.label())))
    .attribute("port", item.port)
    .attribute("maker", text(&item.maker))
    .attribute("guest", item.guest.filter(|guest| *guest))
    .attribute("blocked", item.blocked.filter(|blocked| *blocked));
    entity.aliases.extend(text(&item.hostname));
    entity
        .macs
        .extend(item.mac.as_deref().and_then(|mac| mac.parse::<Mac>().ok()));
    if !item.connected {
        entity.status = Status::Offline;
        let seen = item.last_seen.as_deref();
        entity.state = seen.map(|seen| format!("last seen {seen}"));
        return entity;
    }
    entity.status = Status::Online;
    entity.state = Some("connected".to_owned());
    entity.addresses.extend(address(item.ip.as_deref()));
    match above {
        Some(above) => {
            let above = Reference::id(EntityKind::NetworkDevice, &above.mac);
            entity.link(Relation::DependsOn, above)
        }
        None => entity,
    }
}

fn of_network(row: NetworkItem) -> Entity {
    let range = row.dhcp_start.zip(row.dhcp_stop);
    let text = |text: Option<String>| text.as_deref().map(printable);
    let mut entity = Entity::new(EntityKind::Network, row.id, printable(&row.name))
        .attribute("vlan", row.vlan)
        .attribute("subnet", text(row.subnet))
        .attribute("zone", text(row.zone))
        .attribute("management", text(row.management))
        .attribute("dhcp", range.map(|(from, to)| format!("{from} - {to}")));
    entity.status = if row.enabled {
        Status::Online
    } else {
        Status::Offline
    };
    entity
}

/// The records that lead to an address or another name, and are on.
fn of_records(rows: &[RecordItem]) -> Vec<Entity> {
    let leads = |row: &&RecordItem| {
        use RecordType::{A, Aaaa, Cname, Mx};
        row.enabled && matches!(row.known_type(), Some(A | Aaaa | Cname | Mx))
    };
    // What a name leads to, for those that lead to it: the first of its records.
    let mut named: HashMap<&str, &str> = HashMap::new();
    for row in rows.iter().filter(leads) {
        named.entry(&row.name).or_insert(&row.id);
    }
    let entity = |row: &RecordItem| {
        let mut entity = Entity::new(EntityKind::DnsRecord, &row.id, printable(&row.name))
            .attribute("type", Some(printable(&row.kind)))
            .attribute("content", Some(printable(&row.value)));
        if let Some(ip) = address(Some(&row.value)) {
            entity.addresses.push(ip);
            return entity;
        }
        let target = row.value.trim_end_matches('.').to_lowercase();
        let target = match named.get(target.as_str()) {
            Some(id) if *id != row.id => Reference::id(EntityKind::DnsRecord, *id),
            _ => Reference::name(None, printable(&target)),
        };
        entity.link(Relation::PointsTo, target)
    };
    rows.iter().filter(leads).map(entity).collect()
}

/// An address that leads somewhere.
fn address(text: Option<&str>) -> Option<Ip> {
    let ip: Ip = text?.parse().ok()?;
    (!ip.0.is_unspecified()).then_some(ip)
}
