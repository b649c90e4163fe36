//! What every upstream can do wrong.

use std::time::Duration;

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const RESOURCES: &str = "/api2/json/cluster/resources";

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let world = World::lab().await;
    world
        .cluster
        .faults()
        .always(RESOURCES, Fault::RateLimited { retry_after_s: 60 });

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(error.code(), Code::RateLimited);
    assert_eq!(error.envelope().retry_after_s, Some(60));
}

#[tokio::test]
async fn reading_is_tried_again_and_changing_is_not() {
    let world = World::lab().await;
    world
        .cluster
        .faults()
        .next(1, RESOURCES, Fault::Status(503));
    let start = "/api2/json/nodes/pve2/qemu/101/status/start";
    world.cluster.faults().always(start, Fault::Status(503));

    world.call("list_vms", json!({})).await;
    let error = world.fail("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(error.envelope().upstream_status, Some(503));
    assert!(!error.envelope().retryable);
    let starts = world.writes();
    assert_eq!(starts, [format!("POST {start}")]);
}

#[tokio::test]
async fn missing_addresses_pages_and_cut_answers_are_told_apart() {
    let world = World::lab().await;
    for (fault, wanted) in [
        (Fault::Status(404), None),
        (Fault::NotJson, Some("unexpected_answer")),
        (Fault::CutBody, Some("cut")),
        (
            Fault::Redirect("http://192.0.2.1/".into()),
            Some("redirect"),
        ),
        (Fault::Oversized(9 << 20), Some("too_large")),
    ] {
        world
            .cluster
            .faults()
            .always("/api2/json/nodes", fault.clone());

        let error = world.fail("list_nodes", json!({})).await;

        assert_eq!(error.code(), Code::UpstreamRejected, "{fault:?}");
        assert_eq!(error.envelope().reason.as_deref(), wanted, "{fault:?}");
        world.cluster.faults().clear();
    }
}

#[tokio::test]
async fn a_redirect_gets_no_credentials() {
    let mut world = World::lab().await;
    let elsewhere = World::lab().await;
    let place = format!("{}/api2/json/nodes", elsewhere.cluster.url());
    world
        .cluster
        .faults()
        .always("/api2/json/nodes", Fault::Redirect(place));
    world.reopen(&json!({}));

    let error = world.fail("list_nodes", json!({})).await;

    assert_eq!(reason(&error), "redirect");
    assert_eq!(elsewhere.cluster.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_cluster_that_takes_too_long_is_given_up() {
    let world = World::configured(json!({ "timeout_s": 5 })).await;
    world
        .cluster
        .faults()
        .always(RESOURCES, Fault::Delay(Duration::from_mins(1)));

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(error.code(), Code::Timeout);
    assert!(error.envelope().retryable);
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
