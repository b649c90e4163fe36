//! The demo inventory holds together and cannot be mistaken for a real one.

use std::collections::BTreeSet;

use homelab_core::inventory::{Record, Snapshot};
use homelab_core::net::{Cidr, Ip};
use homelab_lab::{Lab, demo};

fn names<R: Record>(records: &[R]) -> BTreeSet<String> {
    let names: BTreeSet<String> = records
        .iter()
        .map(|record| record.key().to_lowercase())
        .collect();
    assert_eq!(names.len(), records.len(), "names of {} repeat", R::ENTITY);
    names
}

fn addresses(snapshot: &Snapshot) -> Vec<Ip> {
    let devices = snapshot.devices.iter().filter_map(|device| device.ip);
    let guests = snapshot
        .virtual_machines
        .iter()
        .filter_map(|guest| guest.ip);
    let hosts = snapshot
        .proxmox_hosts
        .iter()
        .filter_map(|host| host.ip_address);
    let allocated = snapshot
        .network_config
        .iter()
        .map(|address| address.ip_address);
    let gateways = snapshot
        .networks
        .iter()
        .filter_map(|network| network.gateway);
    devices
        .chain(guests)
        .chain(hosts)
        .chain(allocated)
        .chain(gateways)
        .collect()
}

#[test]
fn every_reference_names_a_record_of_the_demo() {
    let lab = demo::inventory();
    let (devices, guests) = (names(&lab.devices), names(&lab.virtual_machines));
    let (hosts, networks) = (names(&lab.proxmox_hosts), names(&lab.networks));
    names(&lab.services);
    names(&lab.test_equipment);
    names(&lab.network_config);
    names(&lab.firewall_rules);

    for guest in &lab.virtual_machines {
        assert!(hosts.contains(guest.host.as_deref().unwrap()), "{guest:?}");
    }
    for service in &lab.services {
        let on_guest = service
            .vm
            .as_ref()
            .is_some_and(|name| guests.contains(name));
        let on_device = service
            .device
            .as_ref()
            .is_some_and(|name| devices.contains(name));
        assert!(on_guest != on_device, "{service:?}");
    }
    for address in &lab.network_config {
        assert!(
            networks.contains(address.network.as_deref().unwrap()),
            "{address:?}"
        );
    }
}

#[test]
fn only_addresses_for_documentation_occur() {
    let ranges: Vec<Cidr> = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]
        .iter()
        .map(|range| range.parse().unwrap())
        .collect();
    let lab = demo::inventory();

    for address in addresses(&lab) {
        assert!(
            ranges.iter().any(|range| range.contains(address)),
            "{address}"
        );
    }
    for instrument in &lab.test_equipment {
        let host: Ip = instrument.host.parse().unwrap();
        assert!(ranges.iter().any(|range| range.contains(host)), "{host}");
    }
    for service in &lab.services {
        assert!(
            service
                .url
                .as_ref()
                .is_none_or(|url| url.contains(".lab.example:"))
        );
    }
}

#[test]
fn every_record_says_that_it_is_of_the_demo() {
    let lab = demo::inventory();

    let text = serde_json::to_value(&lab).unwrap();
    for (entity, records) in text.as_object().unwrap() {
        for record in records.as_array().unwrap() {
            let notes = record["notes"].as_str().unwrap_or_default();
            assert!(notes.starts_with(demo::MARK), "{entity}: {record}");
        }
    }
    assert!(lab.devices.len() >= 40 && lab.test_equipment.len() >= 5);
}

#[test]
fn every_address_is_allocated_in_the_network_it_lies_in() {
    let lab = demo::inventory();

    for address in &lab.network_config {
        let network = lab
            .networks
            .iter()
            .find(|network| Some(&network.name) == address.network.as_ref())
            .unwrap();
        assert!(
            network.cidr.unwrap().contains(address.ip_address),
            "{address:?}"
        );
    }
}

#[tokio::test]
async fn on_a_running_lab_services_and_instruments_are_at_its_ports() {
    let lab = Lab::start().await.unwrap();

    let moved = demo::inventory_on(&lab);

    let grafana = moved
        .services
        .iter()
        .find(|one| one.service_name == "grafana")
        .unwrap();
    assert_eq!(grafana.url, Some(lab.services.url("grafana")));
    assert_eq!(
        grafana.health_endpoint.as_deref(),
        Some("/grafana/api/health")
    );
    let scope = moved
        .test_equipment
        .iter()
        .find(|one| one.name == "scope-1")
        .unwrap();
    assert_eq!(
        scope.port,
        Some(lab.instruments["scope-1"].address().port())
    );
    assert_eq!(moved.devices, demo::inventory().devices);
}
