//! What the cluster tells of the lab.

use homelab_core::error::Code;
use homelab_core::facts::{EntityKind, FactsQuery, Reference, Relation};
use homelab_core::inventory::Status;
use homelab_harness::{find, question};
use homelab_lab::Fault;
use homelab_lab::proxmox::GuestSeed;
use serde_json::json;
use tokio::time::Instant;

use crate::world::World;

#[tokio::test]
async fn nodes_and_guests_are_told_with_their_interfaces_and_addresses() {
    let world = World::lab().await;
    world
        .cluster
        .add_guest(GuestSeed::machine(102, "api", "pve1").at("192.0.2.30/24"));
    world
        .cluster
        .add_guest(GuestSeed::container(201, "db", "pve2").at("192.0.2.31/24"));
    world.cluster.add_guest(
        GuestSeed::container(202, "fixed", "pve2")
            .stopped()
            .with(json!({
                "net0": "name=eth0,bridge=vmbr0,hwaddr=00:00:5E:00:53:77,ip=192.0.2.32/24",
            })),
    );

    let facts = world.tell().await;

    assert_eq!(facts.gaps, [""; 0]);
    assert!(!facts.incomplete);
    let node = find(&facts, "pve1");
    assert_eq!((node.kind, node.status), (EntityKind::Host, Status::Online));
    assert_eq!(node.addresses, ["192.0.2.11".parse().expect("an address")]);
    let api = find(&facts, "qemu/102");
    assert_eq!((api.name.as_str(), api.status), ("api", Status::Online));
    assert_eq!(api.addresses, ["192.0.2.30".parse().expect("an address")]);
    assert_eq!(api.macs.len(), 1);
    assert_eq!(api.attributes["vmid"], "102");
    assert_eq!(api.links[0].relation, Relation::RunsOn);
    assert_eq!(api.links[0].to, Reference::id(EntityKind::Host, "pve1"));
    assert_eq!(find(&facts, "lxc/201").addresses.len(), 1);
    let fixed = find(&facts, "lxc/202");
    assert_eq!(fixed.status, Status::Offline);
    assert_eq!(fixed.addresses, ["192.0.2.32".parse().expect("an address")]);
    assert_eq!(fixed.macs[0].to_string(), "00:00:5e:00:53:77");
    assert_eq!(find(&facts, "qemu/100").attributes["tags"], "prod,web");
}

#[tokio::test]
async fn addresses_that_are_not_wanted_cost_no_request_for_each_guest() {
    let world = World::lab().await;

    let query = FactsQuery {
        addresses: false,
        ..question()
    };
    let facts = world.try_tell(&query).await.expect("facts");

    assert_eq!(facts.entities.len(), 5);
    let asked = world.cluster.log().lines();
    assert!(
        !asked.iter().any(|line| line.contains("/config")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_guest_whose_agent_is_silent_is_told_without_addresses_and_named_as_a_gap() {
    let world = World::lab().await;
    world
        .cluster
        .add_guest(GuestSeed::machine(102, "api", "pve1").at("192.0.2.30/24"));
    world.cluster.set_agent(102, false);

    let facts = world.tell().await;

    assert_eq!(find(&facts, "qemu/102").addresses, []);
    assert!(
        facts.gaps[0].starts_with("addresses of 1 guests are not known:"),
        "{:?}",
        facts.gaps
    );
    assert!(!facts.incomplete);
}

#[tokio::test]
async fn past_the_deadline_what_is_there_is_told() {
    let world = World::lab().await;
    let query = FactsQuery {
        addresses: true,
        deadline: Instant::now(),
    };

    let facts = world.try_tell(&query).await.expect("facts");

    assert_eq!(facts.entities.len(), 5);
    assert_eq!(facts.gaps, ["addresses of 3 guests were not read in time"]);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_an_error() {
    let world = World::lab().await;
    world
        .cluster
        .faults()
        .always("/api2/json/cluster/resources", Fault::Status(500));

    let error = world.try_tell(&question()).await.expect_err("no facts");

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert_eq!(error.envelope().instance.as_deref(), Some("pve"));
}
