//! What every upstream can do wrong.

use std::time::Duration;

use homelab_harness::Trial;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const NODES: &str = "/api2/json/nodes";
const RESOURCES: &str = "/api2/json/cluster/resources";

/// The machines, whose request goes wrong.
fn machines(world: &World) -> Trial<'_> {
    Trial {
        bench: world,
        faults: world.cluster.faults(),
        tool: "list_vms",
        args: json!({}),
        path: RESOURCES,
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    machines(&world).says_when_to_come_back(60).await;
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    let starts = "/api2/json/nodes/pve2/qemu/101/status/start";
    let start = Trial {
        tool: "start_vm",
        args: json!({ "vmid": 101 }),
        path: starts,
        ..machines(&world)
    };

    machines(&world).is_tried_again().await;
    start.is_not_tried_again().await;

    assert_eq!(world.writes(), [format!("POST {starts}")]);
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    let nodes = Trial {
        tool: "list_nodes",
        path: NODES,
        ..machines(&world)
    };
    let page = Some("unexpected_answer");
    nodes.is_rejected(Fault::Status(404), None).await;
    nodes.is_rejected(Fault::NotJson, page).await;
    nodes.tells_broken_answers_apart(9 << 20).await;
}

#[tokio::test]
async fn a_redirect_gets_no_credentials() {
    let mut world = World::lab().await;
    let elsewhere = World::lab().await;
    let place = format!("{}/api2/json/nodes", elsewhere.cluster.url());
    world.cluster.faults().always(NODES, Fault::Redirect(place));
    world.reopen(&json!({}));

    let error = world.fail("list_nodes", json!({})).await;

    assert_eq!(reason(&error), "redirect");
    assert_eq!(elsewhere.cluster.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_cluster_that_takes_too_long_is_given_up() {
    let world = World::configured(json!({ "timeout_s": 5 })).await;
    machines(&world).gives_up().await;
}

#[tokio::test]
async fn a_slow_cluster_is_waited_for() {
    let world = World::lab().await;
    world
        .cluster
        .faults()
        .next(1, RESOURCES, Fault::Delay(Duration::from_millis(300)));

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 3);
}
