//! The demo lab: three nodes, about forty devices, and what runs on them.
//!
//! Everything in it is invented: addresses are of the ranges for documentation (RFC 5737, RFC 3849),
//! MAC addresses too (RFC 7042), names end in `.example`, passwords are words. Records with labels
//! carry the label `demo`, the others start their notes with [`MARK`].

mod credentials;
mod devices;
mod equipment;
mod guests;
mod networks;
mod services;

use homelab_core::inventory::{Address, Snapshot};
use homelab_core::net::{Ip, Mac};

use crate::Lab;
pub use credentials::{DemoCredential, credentials};
pub(crate) use equipment::profiles;
pub(crate) use services::endpoints;

/// What the notes of a demo record without labels start with.
pub const MARK: &str = "demo";

/// The demo inventory. Its services and instruments have documentation addresses, so nothing
/// answers there: see [`inventory_on`].
pub fn inventory() -> Snapshot {
    let devices = devices::devices();
    let virtual_machines = guests::guests();
    let test_equipment = equipment::equipment();
    let network_config = networks::allocations(&devices, &virtual_machines, &test_equipment);
    Snapshot {
        proxmox_hosts: guests::hosts(),
        virtual_machines,
        devices,
        test_equipment,
        services: services::services(),
        networks: networks::networks(),
        network_config,
        firewall_rules: networks::firewall_rules(),
    }
}

/// The demo inventory with its services and instruments at a running lab's loopback ports.
pub fn inventory_on(lab: &Lab) -> Snapshot {
    let mut snapshot = inventory();
    services::move_to(lab, &mut snapshot.services);
    equipment::move_to(lab, &mut snapshot.test_equipment);
    snapshot
}

fn tags(more: &[&str]) -> Vec<String> {
    let more = more.iter().map(|tag| (*tag).to_owned());
    std::iter::once(MARK.to_owned()).chain(more).collect()
}

fn marked(text: &str) -> String {
    format!("{MARK}: {text}")
}

/// # Panics
/// If the table holds something else than an address.
fn ip(text: &str) -> Ip {
    text.parse().expect("the demo tables hold valid addresses")
}

/// The `n`th MAC address of the range for documentation.
fn mac(n: u8) -> Mac {
    Mac([0x00, 0x00, 0x5e, 0x00, 0x53, n])
}

fn address(of: Ip, kind: &str, network: &str, allocated_to: &str) -> Address {
    Address {
        id: String::new(),
        ip_address: of,
        hostname: Some(format!("{allocated_to}.lab.example")),
        allocated_to: Some(allocated_to.to_owned()),
        kind: Some(kind.to_owned()),
        network: Some(network.to_owned()),
        mac: None,
        notes: Some(MARK.to_owned()),
        updated_at: None,
    }
}
