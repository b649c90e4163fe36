//! The demo lab as NetBox knows it; of one camera it knows the address that it had before.

use std::collections::BTreeMap;

use homelab_core::inventory::{Device, Status};
use serde_json::{Value, json};

use super::NetBox;
use crate::demo::inventory;

/// A device that has another address by now, and the one that is recorded.
const MOVED: (&str, &str) = ("cam-garden", "198.51.100.32");

/// Fills a server with the demo lab.
pub(super) fn fill(netbox: &NetBox) {
    let mut demo = Demo {
        netbox,
        ids: BTreeMap::new(),
        site: 0,
        tag: 0,
    };
    demo.tag = demo.named("extras/tags", "demo");
    demo.site = netbox.add(
        "dcim/sites",
        json!({ "name": "Homelab", "slug": "homelab", "description": "demo: a house with a cellar" }),
    );
    demo.networks();
    demo.devices();
    demo.machines();
    demo.addresses();
    demo.cables();
    netbox.add(
        "extras/journal-entries",
        json!({
            "assigned_object_type": "dcim.device",
            "assigned_object_id": demo.id("dcim/devices", "pve2"),
            "kind": "warning",
            "comments": "demo: one memory module replaced",
        }),
    );
}

struct Demo<'n> {
    netbox: &'n NetBox,
    /// Ids by path and name.
    ids: BTreeMap<(&'static str, String), u64>,
    site: u64,
    tag: u64,
}

fn slug(name: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() => letter.to_ascii_lowercase(),
        _ => '-',
    };
    name.chars().map(letter).collect()
}

fn active(status: Status, otherwise: &str) -> &str {
    match status {
        Status::Online => "active",
        _ => otherwise,
    }
}

impl Demo<'_> {
    fn add(&mut self, path: &'static str, name: &str, object: Value) -> u64 {
        let id = self.netbox.add(path, object);
        self.ids.insert((path, name.to_owned()), id);
        id
    }

    fn find(&self, path: &'static str, name: &str) -> Option<u64> {
        self.ids.get(&(path, name.to_owned())).copied()
    }

    /// # Panics
    /// If the demo has no such object.
    fn id(&self, path: &'static str, name: &str) -> u64 {
        self.find(path, name)
            .unwrap_or_else(|| panic!("the demo has no `{name}` in {path}"))
    }

    /// An object of a kind that is little but a name, once.
    fn named(&mut self, path: &'static str, name: &str) -> u64 {
        match self.find(path, name) {
            Some(id) => id,
            None => self.add(path, name, json!({ "name": name, "slug": slug(name) })),
        }
    }

    fn networks(&mut self) {
        let group = json!({
            "name": "Homelab", "slug": "homelab", "scope_type": "dcim.site",
            "scope_id": self.site, "vid_ranges": [[10, 99]],
        });
        let group = self.add("ipam/vlan-groups", "Homelab", group);
        let outer = [
            ("192.0.2.0/24", "first block"),
            ("198.51.100.0/24", "second block"),
        ];
        for (prefix, what) in outer {
            let block = json!({
                "prefix": prefix, "status": "container", "description": format!("demo: {what}"),
                "scope_type": "dcim.site", "scope_id": self.site, "tags": [self.tag],
            });
            self.add("ipam/prefixes", prefix, block);
        }
        for network in inventory().networks {
            let vlan_name = network.name.trim_end_matches("-v6").to_owned();
            let vlan = self.find("ipam/vlans", &vlan_name).unwrap_or_else(|| {
                let vlan = json!({
                    "vid": network.vlan_id, "name": vlan_name, "group": group, "site": self.site,
                    "tags": [self.tag], "description": network.purpose,
                });
                self.add("ipam/vlans", &vlan_name, vlan)
            });
            let Some(cidr) = network.cidr else { continue };
            let prefix = json!({
                "prefix": cidr.to_string(), "vlan": vlan, "scope_type": "dcim.site",
                "scope_id": self.site, "tags": [self.tag], "description": network.purpose,
            });
            self.add("ipam/prefixes", &network.name, prefix);
            if let (Some(start), Some(end)) = (network.dhcp_start, network.dhcp_end) {
                let length = cidr.0.prefix_len();
                let range = json!({
                    "start_address": format!("{start}/{length}"),
                    "end_address": format!("{end}/{length}"),
                    "mark_populated": true, "description": "demo: handed out by DHCP",
                });
                self.add("ipam/ip-ranges", &network.name, range);
            }
        }
    }

    fn devices(&mut self) {
        let rack =
            json!({ "name": "cellar", "site": self.site, "u_height": 24, "tags": [self.tag] });
        self.add("dcim/racks", "cellar", rack);
        let kind = self.named("virtualization/cluster-types", "Proxmox VE");
        let cluster = json!({
            "name": "homelab", "type": kind, "scope_type": "dcim.site", "scope_id": self.site,
        });
        self.add("virtualization/clusters", "homelab", cluster);
        for device in inventory().devices {
            self.device(&device);
        }
    }

    fn device(&mut self, device: &Device) {
        let maker = device.manufacturer.as_deref().unwrap_or("Unknown");
        let model = device.model.as_deref().unwrap_or("Unknown");
        let maker = self.named("dcim/manufacturers", maker);
        let kind = self.find("dcim/device-types", model).unwrap_or_else(|| {
            let kind = json!({ "manufacturer": maker, "model": model, "slug": slug(model) });
            self.add("dcim/device-types", model, kind)
        });
        let role = self.named(
            "dcim/device-roles",
            device.kind.as_deref().unwrap_or("other"),
        );
        let os = device.os.as_deref();
        let platform = os.map(|os| self.named("dcim/platforms", os));
        let in_rack = device.location.as_deref() == Some("cellar, rack");
        let hypervisor = device.name.starts_with("pve");
        let object = json!({
            "name": device.name,
            "device_type": kind,
            "role": role,
            "platform": platform,
            "site": self.site,
            "rack": in_rack.then(|| self.id("dcim/racks", "cellar")),
            "cluster": hypervisor.then(|| self.id("virtualization/clusters", "homelab")),
            "serial": device.serial,
            "status": active(device.status, "offline"),
            "description": "demo",
            "tags": [self.tag],
        });
        let id = self.add("dcim/devices", &device.name, object);
        let ports = match device.kind.as_deref() {
            Some("switch") => 8,
            _ => 1,
        };
        for number in 1..=ports {
            let name = format!("eth{number}");
            let mac = (number == 1)
                .then(|| device.mac.map(|mac| mac.to_string()))
                .flatten();
            let port = json!({
                "device": id, "name": name, "type": "1000base-t", "mac_address": mac,
            });
            self.add("dcim/interfaces", &format!("{} {name}", device.name), port);
        }
    }

    fn machines(&mut self) {
        for machine in inventory().virtual_machines {
            let cluster = self.id("virtualization/clusters", "homelab");
            let device = machine
                .host
                .as_deref()
                .map(|host| self.id("dcim/devices", host));
            let object = json!({
                "name": machine.name,
                "cluster": cluster,
                "site": self.site,
                "device": device,
                "status": active(machine.status, "offline"),
                "vcpus": machine.cores,
                "memory": machine.memory_mib,
                "description": "demo",
                "tags": [self.tag],
            });
            let id = self.add("virtualization/virtual-machines", &machine.name, object);
            let port = json!({
                "virtual_machine": id, "name": "eth0",
                "mac_address": machine.mac.map(|mac| mac.to_string()),
            });
            self.add("virtualization/interfaces", &machine.name, port);
        }
    }

    fn addresses(&mut self) {
        let lab = inventory();
        for address in lab.network_config {
            let network = lab
                .networks
                .iter()
                .find(|one| Some(&one.name) == address.network.as_ref());
            let length = network
                .and_then(|network| network.cidr)
                .map(|cidr| cidr.0.prefix_len());
            let Some(length) = length else { continue };
            let whose = address.allocated_to.clone().unwrap_or_default();
            let port = self.find("dcim/interfaces", &format!("{whose} eth1"));
            let machine = self.find("virtualization/interfaces", &whose);
            let (kind, id) = match (port, machine) {
                (Some(port), _) => (Some("dcim.interface"), Some(port)),
                (_, Some(port)) => (Some("virtualization.vminterface"), Some(port)),
                _ => (None, None),
            };
            let reserved = address.kind.as_deref() == Some("reserved");
            let ip = if whose == MOVED.0 {
                MOVED.1.to_owned()
            } else {
                address.ip_address.to_string()
            };
            let text = format!("{ip}/{length}");
            let object = json!({
                "address": text,
                "status": if reserved { "reserved" } else { "active" },
                "dns_name": address.hostname,
                "description": format!("demo: {whose}"),
                "assigned_object_type": kind,
                "assigned_object_id": id,
            });
            let six = text.contains(':');
            let address = self.add("ipam/ip-addresses", &text, object);
            let owner = match kind {
                Some("dcim.interface") => Some(("dcim.device", self.find("dcim/devices", &whose))),
                Some(_) => Some((
                    "virtualization.virtualmachine",
                    self.find("virtualization/virtual-machines", &whose),
                )),
                None => None,
            };
            if let Some((kind, Some(owner))) = owner {
                let field = if six { "primary_ip6" } else { "primary_ip4" };
                self.netbox.set_primary(kind, owner, field, address);
            }
        }
    }

    fn cables(&mut self) {
        let ends = [
            ("sw-core eth1", "fw-1 eth1"),
            ("sw-core eth2", "pve1 eth1"),
            ("sw-core eth3", "pve2 eth1"),
            ("sw-core eth4", "pve3 eth1"),
            ("sw-core eth5", "nas-main eth1"),
            ("sw-core eth6", "sw-rack eth1"),
            ("sw-rack eth2", "pbs1 eth1"),
            ("sw-rack eth3", "pi-dns-1 eth1"),
        ];
        for (number, (a, b)) in (1..).zip(ends) {
            let end = |name: &str| {
                let id = self.id("dcim/interfaces", name);
                json!([{ "object_type": "dcim.interface", "object_id": id }])
            };
            let cable = json!({
                "a_terminations": end(a), "b_terminations": end(b), "type": "cat6a",
                "label": format!("C{number:02}"), "length": 1.5, "length_unit": "m",
            });
            self.netbox.add("dcim/cables", cable);
        }
    }
}
