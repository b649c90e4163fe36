//! What NetBox records of the lab: devices, virtual machines, addresses and prefixes. All of it is what
//! ought to be, so nothing is told to be up or down.

use std::collections::{BTreeMap, HashMap};

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation};
use homelab_core::net::{Ip, Mac};
use homelab_core::render::printable;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use crate::call::Call;
use crate::client::{NetBox, is_missing_right};
use crate::kinds::{
    DEVICE, Endpoint, INTERFACE, IP_ADDRESS, PREFIX, VIRTUAL_MACHINE, VM_INTERFACE,
};
use crate::types::{
    Brief, Device, IpAddress, Port, Prefix, Rows, VirtualMachine, chosen, filled, label, slugs,
};

/// Tools that show what is told here.
pub(crate) const TOOLS: &[&str] = &[
    "list_devices",
    "list_virtual_machines",
    "list_ip_addresses",
    "list_prefixes",
    "list_interfaces",
];

/// Rows that are asked for at once.
const BATCH: usize = 500;

/// What is read of each kind: whole rows are many times as large.
const DEVICE_FIELDS: &str =
    "id,name,display,status,role,site,device_type,platform,serial,location,rack,cluster,tags";
const MACHINE_FIELDS: &str =
    "id,name,status,site,cluster,device,role,platform,vcpus,memory,description,tags";
const ADDRESS_FIELDS: &str = "id,address,vrf,status,role,dns_name,description,assigned_object,tags";
const PREFIX_FIELDS: &str = "id,prefix,vrf,scope,vlan,role,status,description";
const PORT_FIELDS: &str = "id,name,device,mac_address,connected_endpoints";
const VM_PORT_FIELDS: &str = "id,name,virtual_machine,mac_address";

/// Roles of addresses that several machines have at once.
const SHARED: [&str; 7] = [
    "anycast",
    "vip",
    "vrrp",
    "hsrp",
    "glbp",
    "carp",
    "secondary",
];

/// What an address or interface belongs to: a device or a virtual machine, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Device(u64),
    Machine(u64),
}

impl Owner {
    fn of(device: Option<&Brief>, machine: Option<&Brief>) -> Option<Self> {
        let device = device.map(|one| Self::Device(one.id));
        device.or_else(|| machine.map(|one| Self::Machine(one.id)))
    }
}

/// What is known of an owner besides its own row.
#[derive(Debug, Default)]
struct Ports {
    addresses: Vec<Ip>,
    /// In a VRF, or several machines' at once.
    apart: Vec<Ip>,
    names: Vec<String>,
    macs: Vec<Mac>,
    cables: Vec<String>,
}

/// Rows of a list, as far as they were read.
struct Read<T> {
    rows: Vec<T>,
    problem: Option<ToolError>,
    late: bool,
}

impl NetBox {
    /// Devices, virtual machines, addresses and prefixes; interfaces for their MAC addresses and
    /// cables.
    pub(crate) async fn tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let mut facts = Facts::default();
        let until = query.deadline;
        let (devices, machines, addresses, prefixes) = tokio::join!(
            self.read::<Device>(&DEVICE, DEVICE_FIELDS, until),
            self.read::<VirtualMachine>(&VIRTUAL_MACHINE, MACHINE_FIELDS, until),
            self.read::<IpAddress>(&IP_ADDRESS, ADDRESS_FIELDS, until),
            self.read::<Prefix>(&PREFIX, PREFIX_FIELDS, until),
        );
        // A token that may see one kind alone is still good for that one.
        let nothing = devices.rows.is_empty() && machines.rows.is_empty();
        if nothing && let Some(error) = devices.problem {
            return Err(error);
        }
        let devices = devices.told("devices", &mut facts);
        let machines = machines.told("virtual machines", &mut facts);
        let addresses = addresses.told("addresses", &mut facts);
        let prefixes = prefixes.told("prefixes", &mut facts);

        let mut ports: HashMap<Owner, Ports> = HashMap::new();
        if query.addresses {
            let (of_devices, of_machines) = tokio::join!(
                self.read::<Port>(&INTERFACE, PORT_FIELDS, until),
                self.read::<Port>(&VM_INTERFACE, VM_PORT_FIELDS, until),
            );
            for port in of_devices
                .seen("interfaces", &mut facts)
                .into_iter()
                .chain(of_machines.seen("interfaces of virtual machines", &mut facts))
            {
                add_port(&mut ports, &port);
            }
        }
        let mut free = Vec::new();
        for address in addresses {
            free.extend(add_address(&mut ports, address));
        }
        for device in devices {
            let known = ports.remove(&Owner::Device(device.id)).unwrap_or_default();
            facts.add(of_device(device, known));
        }
        for machine in machines {
            let known = ports
                .remove(&Owner::Machine(machine.id))
                .unwrap_or_default();
            facts.add(of_machine(machine, known));
        }
        for address in free {
            facts.add(address);
        }
        for prefix in prefixes {
            facts.add(of_prefix(prefix));
        }
        Ok(facts)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        of: &'static Endpoint,
        fields: &str,
        until: Instant,
    ) -> Read<T> {
        let mut read = Read {
            rows: Vec::new(),
            problem: None,
            late: false,
        };
        loop {
            let call = Call::list(of)
                .with("fields", fields)
                .with("limit", BATCH)
                .with("offset", read.rows.len());
            match timeout_at(until, self.api.read::<Rows<T>>(&call)).await {
                Ok(Ok(batch)) => {
                    let (total, empty) = (batch.count, batch.results.is_empty());
                    read.rows.extend(batch.results);
                    let most = homelab_core::facts::MAX_ENTITIES;
                    let have = read.rows.len();
                    if empty || have as u64 >= total || have > most {
                        return read;
                    }
                }
                Ok(Err(error)) => {
                    read.problem = Some(error);
                    return read;
                }
                Err(_) => {
                    read.late = true;
                    return read;
                }
            }
        }
    }
}

impl<T> Read<T> {
    fn problem(&self, what: &str) -> Option<String> {
        match &self.problem {
            Some(error) if is_missing_right(error) => Some(format!("our token may not see {what}")),
            Some(error) => Some(format!("{what}: {}", error.envelope().message)),
            None if self.late => Some(format!("not all {what} were read in time")),
            None => None,
        }
    }

    /// Rows that are things.
    fn told(self, what: &str, facts: &mut Facts) -> Vec<T> {
        if let Some(problem) = self.problem(what) {
            facts.missing(problem);
        }
        self.rows
    }

    /// Rows that say more of things.
    fn seen(self, what: &str, facts: &mut Facts) -> Vec<T> {
        if let Some(problem) = self.problem(what) {
            facts.gap(problem);
        }
        self.rows
    }
}

fn add_port(ports: &mut HashMap<Owner, Ports>, port: &Port) {
    let owner = Owner::of(port.device.as_ref(), port.virtual_machine.as_ref());
    let Some(owner) = owner else { return };
    let known = ports.entry(owner).or_default();
    let mac = port.mac_address.as_deref();
    let mac = mac.and_then(|mac| mac.parse::<Mac>().ok());
    known.macs.extend(mac);
    for peer in port.connected_endpoints.iter().flatten() {
        let cable = format!("{} → {}", port.name, peer.label());
        known.cables.push(printable(&cable));
    }
}

/// Adds an address to what it is assigned to; an entity of its own where that is nothing.
fn add_address(ports: &mut HashMap<Owner, Ports>, row: IpAddress) -> Option<Entity> {
    let status = chosen(row.status.as_ref());
    let role = chosen(row.role.as_ref());
    let ip: Ip = row.address.split('/').next()?.parse().ok()?;
    // Nobody is to have it any more.
    if status.as_deref() == Some("deprecated") {
        return None;
    }
    let shared = role.as_deref().is_some_and(|role| SHARED.contains(&role));
    let apart = shared || row.vrf.is_some();
    let name = filled(row.dns_name).map(|name| printable(&name));
    let to = row.assigned_object.as_ref();
    let owner = to.and_then(|to| Owner::of(to.device.as_ref(), to.virtual_machine.as_ref()));
    if let Some(owner) = owner {
        let known = ports.entry(owner).or_default();
        if apart {
            known.apart.push(ip);
        } else {
            known.addresses.push(ip);
        }
        // The name of a shared address is a service's.
        known.names.extend(name.filter(|_| !shared));
        return None;
    }
    let mut entity = Entity::new(
        EntityKind::Allocation,
        format!("ip-address/{}", row.id),
        name.unwrap_or_else(|| ip.to_string()),
    )
    .attribute("status", status.as_deref())
    .attribute("role", role)
    .attribute("vrf", label(row.vrf.as_ref()).map(|vrf| printable(&vrf)))
    .attribute(
        "description",
        filled(row.description).map(|text| printable(&text)),
    );
    if apart {
        entity.inner_addresses.push(ip);
    } else {
        entity.addresses.push(ip);
    }
    entity.state = status;
    Some(entity)
}

fn registration(id: String, name: &str, status: Option<String>, known: Ports) -> Entity {
    let mut entity = Entity::new(EntityKind::Registration, id, printable(name))
        .attribute("hostname", known.names.first())
        .attribute(
            "cables",
            (!known.cables.is_empty()).then(|| known.cables.join(", ")),
        );
    entity.aliases = known.names;
    entity.addresses = known.addresses;
    entity.inner_addresses = known.apart;
    entity.macs = known.macs;
    entity.state = status;
    entity
}

fn of_device(row: Device, known: Ports) -> Entity {
    let name = filled(row.name).unwrap_or(row.display);
    let id = format!("device/{}", row.id);
    let status = chosen(row.status.as_ref());
    let place: Vec<String> = [&row.location, &row.rack]
        .into_iter()
        .filter_map(|one| label(one.as_ref()))
        .collect();
    let made = row.device_type.as_ref();
    let texts = BTreeMap::from([
        ("role", label(row.role.as_ref())),
        ("site", label(row.site.as_ref())),
        ("location", Some(place.join(", "))),
        (
            "manufacturer",
            made.and_then(|one| label(one.manufacturer.as_ref())),
        ),
        ("model", made.map(|one| one.model.clone())),
        ("os", label(row.platform.as_ref())),
        ("serial", row.serial),
        ("cluster", label(row.cluster.as_ref())),
        ("tags", Some(slugs(&row.tags).join(","))),
    ]);
    described(registration(id, &name, status, known), texts)
}

fn of_machine(row: VirtualMachine, known: Ports) -> Entity {
    let id = format!("virtual-machine/{}", row.id);
    let status = chosen(row.status.as_ref());
    let texts = BTreeMap::from([
        ("type", Some("virtual_machine".to_owned())),
        ("role", label(row.role.as_ref())),
        ("site", label(row.site.as_ref())),
        ("os", label(row.platform.as_ref())),
        ("cluster", label(row.cluster.as_ref())),
        ("tags", Some(slugs(&row.tags).join(","))),
        ("description", row.description),
    ]);
    let mut entity = described(registration(id, &row.name, status, known), texts)
        .attribute("cores", row.vcpus)
        .attribute("memory_mib", row.memory);
    if let Some(device) = label(row.device.as_ref()) {
        let device = Reference::name(None, printable(&device));
        entity = entity.link(Relation::RunsOn, device);
    }
    entity
}

fn of_prefix(row: Prefix) -> Entity {
    let id = format!("prefix/{}", row.id);
    let vlan = row.vlan.as_ref();
    let texts = BTreeMap::from([
        ("cidr", Some(row.prefix.clone())),
        ("vlan", vlan.map(|vlan| vlan.display.clone())),
        ("vrf", label(row.vrf.as_ref())),
        ("site", label(row.scope.as_ref())),
        ("role", label(row.role.as_ref())),
        ("description", row.description),
    ]);
    let mut entity = described(Entity::new(EntityKind::Network, id, row.prefix), texts);
    entity
        .aliases
        .extend(label(vlan).map(|vlan| printable(&vlan)));
    entity.state = chosen(row.status.as_ref());
    entity
}

/// Adds the texts that are not empty.
fn described(entity: Entity, texts: BTreeMap<&str, Option<String>>) -> Entity {
    texts.into_iter().fold(entity, |entity, (name, text)| {
        entity.attribute(name, filled(text).map(|text| printable(&text)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn take(rows: &[Value]) -> (HashMap<Owner, Ports>, Vec<Entity>) {
        let mut ports = HashMap::new();
        let mut free = Vec::new();
        for row in rows {
            let row = serde_json::from_value(row.clone()).unwrap();
            free.extend(add_address(&mut ports, row));
        }
        (ports, free)
    }

    #[test]
    fn addresses_go_to_what_they_are_assigned_to_and_others_stand_for_themselves() {
        let to = json!({ "display": "eth0", "device": { "id": 1, "name": "n1" } });
        let (ports, free) = take(&[
            json!({ "id": 1, "address": "192.0.2.3/28", "dns_name": "n1.lab.example", "assigned_object": to }),
            json!({ "id": 2, "address": "192.0.2.9/28", "status": { "value": "reserved", "label": "Reserved" } }),
            json!({ "id": 3, "address": "192.0.2.8/28", "status": "deprecated", "assigned_object": to }),
        ]);

        let known = &ports[&Owner::Device(1)];
        assert_eq!(known.addresses, ["192.0.2.3".parse().unwrap()]);
        assert_eq!(known.names, ["n1.lab.example"]);
        assert_eq!((free.len(), free[0].name.as_str()), (1, "192.0.2.9"));
        assert_eq!(free[0].state.as_deref(), Some("reserved"));
    }

    #[test]
    fn nothing_is_recognised_by_an_address_that_several_have_or_that_is_in_a_vrf() {
        let to = json!({ "virtual_machine": { "id": 4, "name": "vm1" } });
        let (ports, free) = take(&[
            json!({ "id": 1, "address": "192.0.2.1/28", "role": "vrrp", "dns_name": "gw.lab.example", "assigned_object": to }),
            json!({ "id": 2, "address": "192.0.2.2/28", "vrf": { "id": 7, "name": "blue" } }),
        ]);

        let known = &ports[&Owner::Machine(4)];
        assert!(known.addresses.is_empty() && known.names.is_empty());
        assert_eq!(known.apart, ["192.0.2.1".parse().unwrap()]);
        assert!(free[0].addresses.is_empty());
        assert_eq!(free[0].inner_addresses, ["192.0.2.2".parse().unwrap()]);
    }
}
