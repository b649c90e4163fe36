//! What NetBox tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::{EntityKind, FactsQuery, Relation};
use homelab_core::inventory::Status;
use homelab_harness::{find, question};
use homelab_lab::Fault;
use serde_json::json;

use crate::world::World;

/// `n1` with an address, an interface's MAC address and a cable to `sw1`; `web` on `n4`.
async fn furnished() -> World {
    let world = World::lab().await;
    let netbox = &world.netbox;
    // Only a device of the cluster may carry its machines.
    let host = netbox.add(
        "dcim/devices",
        json!({ "name": "n4", "device_type": 1, "role": 1, "site": 1, "cluster": 1 }),
    );
    let machine = netbox.add(
        "virtualization/virtual-machines",
        json!({ "name": "web", "cluster": 1, "device": host, "vcpus": 2, "memory": 4096 }),
    );
    netbox.add(
        "virtualization/interfaces",
        json!({ "virtual_machine": machine, "name": "eth0", "mac_address": "00:00:5E:00:53:64" }),
    );
    let port = netbox.add(
        "dcim/interfaces",
        json!({ "device": 1, "name": "eth9", "type": "1000base-t", "mac_address": "00:00:5E:00:53:09" }),
    );
    let end = |id: u64| json!([{ "object_type": "dcim.interface", "object_id": id }]);
    netbox.add(
        "dcim/cables",
        json!({ "a_terminations": end(port), "b_terminations": end(5), "type": "cat6" }),
    );
    for address in [
        json!({ "address": "192.0.2.3/28", "dns_name": "n1.lab.example", "assigned_object_type": "dcim.interface", "assigned_object_id": port }),
        json!({ "address": "192.0.2.9/28", "status": "reserved", "dns_name": "n3.lab.example" }),
    ] {
        netbox.add("ipam/ip-addresses", address);
    }
    netbox.log().clear();
    world
}

#[tokio::test]
async fn devices_machines_addresses_and_prefixes_are_told_as_what_ought_to_be() {
    let world = furnished().await;

    let facts = world.tell().await;

    assert_eq!(
        (facts.gaps.len(), facts.incomplete),
        (0, false),
        "{facts:?}"
    );
    let n1 = find(&facts, "n1");
    assert_eq!(
        (n1.kind, n1.status),
        (EntityKind::Registration, Status::Unknown)
    );
    assert_eq!(
        (n1.id.as_str(), n1.state.as_deref()),
        ("device/1", Some("active"))
    );
    assert_eq!(n1.addresses, ["192.0.2.3".parse().unwrap()]);
    assert_eq!(n1.aliases, ["n1.lab.example"]);
    assert_eq!(n1.macs, ["00:00:5e:00:53:09".parse().unwrap()]);
    assert_eq!(n1.attributes["cables"], "eth9 → sw1: 1");
    assert_eq!(n1.attributes["manufacturer"], "Acme");
    assert_eq!(n1.attributes["location"], "R1");
    let web = find(&facts, "web");
    assert_eq!(web.links[0].relation, Relation::RunsOn);
    assert_eq!(web.links[0].to.name.as_deref(), Some("n4"));
    assert_eq!(web.attributes["memory_mib"], "4096");
    assert_eq!(web.macs.len(), 1);
    let free = find(&facts, "n3.lab.example");
    assert_eq!(free.kind, EntityKind::Allocation);
    assert_eq!(free.addresses, ["192.0.2.9".parse().unwrap()]);
    let prefix = find(&facts, "192.0.2.0/28");
    assert_eq!(
        (prefix.kind, prefix.addresses.len()),
        (EntityKind::Network, 0)
    );
}

#[tokio::test]
async fn interfaces_are_read_only_where_addresses_are_wanted() {
    let world = furnished().await;

    let query = FactsQuery {
        addresses: false,
        ..question()
    };
    let facts = world.try_tell(&query).await.expect("facts");

    assert!(find(&facts, "n1").macs.is_empty());
    let lines = world.netbox.log().lines();
    assert!(
        !lines.iter().any(|line| line.contains("interfaces")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_token_that_may_see_a_part_tells_the_part() {
    let mut world = furnished().await;
    world.as_user(&["dcim.view_device"]);

    let facts = world.tell().await;

    assert!(facts.incomplete);
    assert!(
        facts
            .entities
            .iter()
            .all(|one| one.id.starts_with("device/"))
    );
    assert!(
        facts
            .gaps
            .contains(&"our token may not see virtual machines".to_owned()),
        "{:?}",
        facts.gaps
    );
}

#[tokio::test]
async fn a_server_that_fails_is_an_error() {
    let world = furnished().await;
    world.netbox.faults().always("/api/", Fault::Status(500));

    let error = world.try_tell(&question()).await.expect_err("no facts");

    assert_eq!(error.code(), Code::UpstreamRejected);
}
