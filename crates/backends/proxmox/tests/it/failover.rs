//! Several hosts: the next one is asked when one is down, and changes go on only if they never left.

use homelab_core::error::Code;
use homelab_lab::Fault;
use homelab_lab::proxmox::{Down, ROOT_PASSWORD};
use serde_json::json;

use crate::raw::Raw;
use crate::world::{World, reason};

/// A world whose server knows both nodes.
async fn both() -> World {
    let mut world = World::lab().await;
    let hosts = json!([world.cluster.url_of("pve1"), world.cluster.url_of("pve2")]);
    world.reopen(&json!({ "hosts": hosts }));
    world
}

#[tokio::test]
async fn the_next_host_answers_for_one_that_is_down() {
    let mut world = both().await;
    world.cluster.take_down("pve1", Down::Refused).await;

    let list = world.call("list_vms", json!({})).await;
    let done = world.call("start_vm", json!({ "vmid": 101 })).await;

    assert_eq!(list["total"], 3);
    assert_eq!(done["status"], "running");
}

#[tokio::test]
async fn a_change_goes_to_the_next_host_if_it_never_left() {
    let guest =
        r#"{"data":[{"type":"qemu","id":"qemu/101","vmid":101,"node":"pve2","name":"build"}]}"#;
    let first = Raw::answering(move |_| Some((200, "OK", guest.to_owned()))).await;
    let mut world = World::lab().await;
    let hosts = json!([first.url(), world.cluster.url_of("pve1")]);
    world.reopen(&json!({ "hosts": hosts }));
    // The host that told where the guest is goes down.
    world.call("list_vms", json!({})).await;
    drop(first);

    world
        .call("create_snapshot", json!({ "vmid": 101, "name": "s1" }))
        .await;

    assert_eq!(world.cluster.snapshots_of(101), ["s1"]);
    assert_eq!(
        world.writes(),
        ["POST /api2/json/nodes/pve2/qemu/101/snapshot"]
    );
}

#[tokio::test]
async fn a_login_finds_its_way_too() {
    let mut world = World::lab().await;
    let hosts = json!([world.cluster.url_of("pve1"), world.cluster.url_of("pve2")]);
    world.reopen(&json!({ "hosts": hosts, "username": "root@pam", "password": ROOT_PASSWORD }));
    world.cluster.take_down("pve1", Down::Refused).await;

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 3);
}

#[tokio::test]
async fn a_guest_on_a_node_that_is_down_cannot_be_reached() {
    let mut world = both().await;
    world.cluster.take_down("pve2", Down::NoRoute).await;

    let error = world.fail("get_vm_status", json!({ "vmid": 101 })).await;

    assert_eq!(error.code(), Code::UpstreamUnreachable, "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_ready_is_passed_over_when_only_reading() {
    let world = both().await;
    world
        .cluster
        .faults()
        .next(1, "/api2/json/cluster/resources", Fault::Status(503));

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 3);
}

#[tokio::test]
async fn a_change_that_may_have_happened_is_not_sent_again() {
    // Answers what is read, and hangs up on what changes something.
    let first = Raw::answering(|request| {
        request
            .starts_with("GET ")
            .then(|| (200, "OK", r#"{"data":[]}"#.to_owned()))
    })
    .await;
    let mut world = World::lab().await;
    let hosts = json!([first.url(), world.cluster.url_of("pve1")]);
    world.reopen(&json!({ "hosts": hosts }));

    let error = world
        .fail(
            "create_backup_job",
            json!({ "id": "j1", "schedule": "1:00", "storage": "nas", "all": true }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "connection_lost")
    );
    assert!(!error.envelope().retryable);
    assert_eq!(first.writes(), 1);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn when_no_host_answers_the_error_says_how_many_were_asked() {
    let mut world = both().await;
    world.cluster.take_down("pve1", Down::Refused).await;
    world.cluster.take_down("pve2", Down::Refused).await;

    let error = world.fail("list_vms", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert!(
        error
            .envelope()
            .message
            .starts_with("none of 2 hosts answers")
    );
    assert!(
        error
            .envelope()
            .hint
            .as_deref()
            .unwrap_or_default()
            .contains("servers.pve.hosts")
    );
}
