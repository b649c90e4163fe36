//! Hypervisor hosts and their guests.

use homelab_core::inventory::{Host, Status, VirtualMachine};

use super::{MARK, ip, mac, marked, tags};

/// MAC addresses of guests start here, after those of the devices.
const FIRST_MAC: u8 = 100;

pub(super) fn hosts() -> Vec<Host> {
    [
        ("pve1", "192.0.2.11"),
        ("pve2", "192.0.2.12"),
        ("pve3", "192.0.2.13"),
    ]
    .into_iter()
    .map(|(node, address)| Host {
        id: String::new(),
        node_name: node.to_owned(),
        ip_address: Some(ip(address)),
        cluster: Some("homelab".to_owned()),
        status: Status::Online,
        notes: Some(marked("cluster of three")),
        updated_at: None,
    })
    .collect()
}

/// VMID, name, type, last part of the address, host, cores, memory in GiB, running, label.
type Row = (
    i64,
    &'static str,
    &'static str,
    u8,
    &'static str,
    i64,
    i64,
    bool,
    &'static str,
);

#[rustfmt::skip]
const ROWS: [Row; 17] = [
    (100, "traefik", "lxc", 80, "pve1", 2, 1, true, "proxy"),
    (101, "grafana", "lxc", 81, "pve1", 2, 2, true, "monitoring"),
    (102, "prometheus", "lxc", 82, "pve2", 2, 4, true, "monitoring"),
    (103, "homeassistant", "qemu", 83, "pve2", 2, 4, true, "automation"),
    (104, "jellyfin", "lxc", 84, "pve3", 4, 4, true, "media"),
    (105, "gitea", "lxc", 85, "pve1", 2, 2, true, "development"),
    (106, "postgres", "lxc", 86, "pve2", 4, 8, true, "database"),
    (107, "docker-1", "qemu", 87, "pve2", 6, 16, true, "containers"),
    (108, "docker-2", "qemu", 88, "pve3", 6, 16, true, "containers"),
    (109, "nextcloud", "lxc", 89, "pve3", 4, 6, true, "files"),
    (110, "immich", "qemu", 90, "pve3", 4, 8, true, "photos"),
    (111, "ollama", "qemu", 91, "pve1", 8, 32, true, "ai"),
    (112, "n8n", "lxc", 92, "pve1", 2, 2, true, "automation"),
    (113, "mosquitto", "lxc", 93, "pve2", 1, 1, true, "automation"),
    (120, "win11-test", "qemu", 100, "pve2", 4, 8, false, "test"),
    (121, "old-wiki", "lxc", 101, "pve3", 1, 1, false, "retired"),
    (900, "template-debian13", "qemu", 0, "pve1", 2, 2, false, "template"),
];

pub(super) fn guests() -> Vec<VirtualMachine> {
    ROWS.iter()
        .zip(FIRST_MAC..)
        .map(|(row, n)| guest(row, n))
        .collect()
}

fn guest(row: &Row, n: u8) -> VirtualMachine {
    let (vm_id, name, kind, last, host, cores, memory_gib, running, label) = *row;
    VirtualMachine {
        id: String::new(),
        vm_id: Some(vm_id),
        name: name.to_owned(),
        kind: Some(kind.to_owned()),
        ip: (last != 0).then(|| ip(&format!("192.0.2.{last}"))),
        mac: Some(mac(n)),
        status: if running {
            Status::Online
        } else {
            Status::Offline
        },
        host: Some(host.to_owned()),
        cores: Some(cores),
        memory_mib: Some(memory_gib * 1024),
        tags: tags(&[label]),
        notes: Some(MARK.to_owned()),
        updated_at: None,
    }
}
