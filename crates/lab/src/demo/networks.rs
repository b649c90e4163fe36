//! Networks, allocated addresses, firewall rules.

use homelab_core::inventory::{Address, Device, Equipment, FirewallRule, Network, VirtualMachine};
use homelab_core::net::{Cidr, Ip};

use super::{address, ip, marked};

/// Name, VLAN, CIDR, gateway, DHCP pool, purpose.
type NetworkRow = (
    &'static str,
    i64,
    &'static str,
    &'static str,
    Option<[&'static str; 2]>,
    &'static str,
);

#[rustfmt::skip]
const NETWORKS: [NetworkRow; 7] = [
    ("management", 10, "192.0.2.0/26", "192.0.2.1", None, "hypervisors, switches, power"),
    ("servers", 20, "192.0.2.64/26", "192.0.2.65", None, "guests and storage"),
    ("servers-v6", 20, "2001:db8:20::/64", "2001:db8:20::1", None, "guests and storage, IPv6"),
    ("trusted", 30, "192.0.2.128/26", "192.0.2.129", Some(["192.0.2.160", "192.0.2.189"]), "computers of the household"),
    ("bench", 40, "192.0.2.192/26", "192.0.2.193", Some(["192.0.2.240", "192.0.2.253"]), "instruments in the workshop"),
    ("iot", 50, "198.51.100.0/25", "198.51.100.1", Some(["198.51.100.64", "198.51.100.119"]), "things that must not reach the rest"),
    ("guests", 60, "198.51.100.128/25", "198.51.100.129", Some(["198.51.100.140", "198.51.100.250"]), "visitors, internet only"),
];

pub(super) fn networks() -> Vec<Network> {
    NETWORKS
        .iter()
        .map(|(name, vlan, range, gateway, pool, purpose)| Network {
            id: String::new(),
            name: (*name).to_owned(),
            vlan_id: Some(*vlan),
            cidr: Some(cidr(range)),
            gateway: Some(ip(gateway)),
            dns: match *name {
                "guests" => vec![ip("198.51.100.129")],
                _ => vec![ip("192.0.2.66"), ip("192.0.2.67")],
            },
            dhcp_start: pool.map(|[start, _]| ip(start)),
            dhcp_end: pool.map(|[_, end]| ip(end)),
            purpose: Some((*purpose).to_owned()),
            notes: Some(marked("invented network")),
            updated_at: None,
        })
        .collect()
}

/// Every gateway, device, guest and instrument has its address allocated; two are reserved.
pub(super) fn allocations(
    devices: &[Device],
    guests: &[VirtualMachine],
    instruments: &[Equipment],
) -> Vec<Address> {
    let gateways = NETWORKS
        .iter()
        // The firewall itself is the first network's gateway and is listed as a device.
        .filter(|(name, ..)| *name != "management")
        .map(|(name, _, _, gateway, _, _)| {
            address(ip(gateway), "gateway", name, &format!("fw-1-{name}"))
        });
    let of_devices = devices.iter().filter_map(|device| {
        let of = device.ip?;
        Some(Address {
            mac: device.mac,
            ..address(of, "static", network_of(of)?, &device.name)
        })
    });
    let of_guests = guests.iter().filter_map(|guest| {
        let of = guest.ip?;
        Some(Address {
            mac: guest.mac,
            ..address(of, "static", network_of(of)?, &guest.name)
        })
    });
    let of_instruments = instruments.iter().filter_map(|instrument| {
        let of = instrument.host.parse().ok()?;
        Some(address(of, "static", network_of(of)?, &instrument.name))
    });
    let six = [
        ("2001:db8:20::80", "traefik"),
        ("2001:db8:20::70", "nas-main"),
    ]
    .into_iter()
    .map(|(of, whose)| address(ip(of), "static", "servers-v6", whose));
    let reserved = ["192.0.2.15", "192.0.2.16"]
        .into_iter()
        .zip(["pve4", "pve5"])
        .map(|(of, whose)| address(ip(of), "reserved", "management", whose));
    gateways
        .chain(of_devices)
        .chain(of_guests)
        .chain(of_instruments)
        .chain(six)
        .chain(reserved)
        .collect()
}

fn network_of(of: Ip) -> Option<&'static str> {
    NETWORKS
        .iter()
        .find(|(_, _, range, ..)| cidr(range).contains(of))
        .map(|(name, ..)| *name)
}

/// # Panics
/// If the table holds something else than a network.
fn cidr(text: &str) -> Cidr {
    text.parse().expect("the demo tables hold valid networks")
}

/// Name, action, source, destination, protocol, port, in force.
type RuleRow = [&'static str; 6];

#[rustfmt::skip]
const RULES: [RuleRow; 14] = [
    ["allow-dns", "allow", "any", "pi-dns-1, pi-dns-2", "udp", "53"],
    ["allow-ntp", "allow", "any", "fw-1", "udp", "123"],
    ["admin-to-management", "allow", "workstation", "management", "tcp", "22,443,8006"],
    ["monitoring-to-all", "allow", "prometheus", "any", "tcp", "9100-9400"],
    ["trusted-to-proxy", "allow", "trusted", "traefik", "tcp", "80,443"],
    ["trusted-to-nas", "allow", "trusted", "nas-main", "tcp", "445,5001"],
    ["trusted-to-bench", "allow", "workstation", "bench", "tcp", "4880,5025"],
    ["iot-to-homeassistant", "allow", "iot", "homeassistant", "tcp", "8123"],
    ["iot-to-mqtt", "allow", "iot", "mosquitto", "tcp", "1883"],
    ["iot-to-internet", "deny", "iot", "internet", "any", "any"],
    ["guests-to-internet", "allow", "guests", "internet", "any", "any"],
    ["guests-to-lab", "deny", "guests", "any", "any", "any"],
    ["internet-to-proxy", "allow", "internet", "traefik", "tcp", "443"],
    ["default-deny", "deny", "any", "any", "any", "any"],
];

pub(super) fn firewall_rules() -> Vec<FirewallRule> {
    RULES
        .iter()
        .zip((10_i64..).step_by(10))
        .map(
            |([name, action, source, destination, protocol, port], position)| FirewallRule {
                id: String::new(),
                name: (*name).to_owned(),
                action: (*action).to_owned(),
                direction: Some(
                    if *source == "internet" {
                        "in"
                    } else {
                        "forward"
                    }
                    .to_owned(),
                ),
                source: Some((*source).to_owned()),
                destination: Some((*destination).to_owned()),
                protocol: Some((*protocol).to_owned()),
                port: Some((*port).to_owned()),
                position: Some(position),
                enabled: *name != "internet-to-proxy",
                notes: Some(marked("invented rule")),
                updated_at: None,
            },
        )
        .collect()
}
