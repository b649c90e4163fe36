//! Snapshots.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, hint, reason};

#[tokio::test]
async fn a_snapshot_is_taken_listed_and_deleted() {
    let world = World::lab().await;

    let taken = world
        .call(
            "create_snapshot",
            json!({ "vmid": 100, "name": "before-update", "description": "kernel & libc", "memory": true }),
        )
        .await;
    let list = world.call("list_snapshots", json!({ "vmid": 100 })).await;
    world
        .call(
            "delete_snapshot",
            json!({ "vmid": 100, "name": "before-update" }),
        )
        .await;

    assert_eq!(taken["task"]["state"], "ok");
    assert_eq!(column(&list, "name"), ["before-update"]);
    assert_eq!(list["items"][0]["description"], "kernel & libc");
    assert_eq!(list["items"][0]["with_memory"], true);
    assert!(list["items"][0]["created"].is_string());
    assert_eq!(world.cluster.snapshots_of(100), [""; 0]);
}

#[tokio::test]
async fn a_container_has_no_memory_to_keep() {
    let world = World::lab().await;

    let error = world
        .fail(
            "create_snapshot",
            json!({ "vmid": 200, "name": "s1", "memory": true }),
        )
        .await;
    world
        .call("create_snapshot", json!({ "vmid": 200, "name": "s1" }))
        .await;

    assert_eq!(
        (reason(&error), field(&error)),
        ("wrong_guest_type", "memory")
    );
    assert_eq!(world.cluster.snapshots_of(200), ["s1"]);
}

#[tokio::test]
async fn a_name_is_used_once() {
    let world = World::lab().await;
    world
        .call("create_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;

    let error = world
        .fail("create_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "snapshot_exists")
    );
}

#[tokio::test]
async fn taking_one_is_undone_by_deleting_it_unless_it_was_there_before() {
    let world = World::lab().await;
    let args = json!({ "vmid": 100, "name": "s1" });
    let inverse = world.inverse("create_snapshot", args.clone()).await;

    world.call("create_snapshot", args.clone()).await;
    let second = world.inverse("create_snapshot", args).await;
    world.undo(inverse.expect("an inverse")).await;

    assert_eq!(second, None);
    assert_eq!(world.cluster.snapshots_of(100), [""; 0]);
}

#[tokio::test]
async fn rolling_back_needs_a_snapshot_that_exists() {
    let world = World::lab().await;
    world
        .call("create_snapshot", json!({ "vmid": 200, "name": "s1" }))
        .await;

    let done = world
        .call(
            "rollback_snapshot",
            json!({ "vmid": 200, "name": "s1", "start": true }),
        )
        .await;
    let error = world
        .fail("rollback_snapshot", json!({ "vmid": 200, "name": "s2" }))
        .await;

    assert_eq!(done["task"]["state"], "ok");
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "snapshot_not_found")
    );
    assert!(hint(&error).contains("`s1`"));
}

#[tokio::test]
async fn the_plan_of_a_rollback_says_what_is_lost() {
    let world = World::lab().await;
    world
        .call("create_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;
    world.clock.advance_seconds(60);
    world
        .call("create_snapshot", json!({ "vmid": 100, "name": "s2" }))
        .await;

    let plan = world
        .preview("rollback_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;

    let has = |part: &str| plan.impact.iter().any(|line| line.contains(part));
    assert!(
        has("everything written since 2026-06-01T"),
        "{:?}",
        plan.impact
    );
    assert!(has("newer snapshots are `s2`"), "{:?}", plan.impact);
}

#[tokio::test]
async fn the_plan_of_a_deletion_names_the_snapshot() {
    let world = World::lab().await;
    world
        .call("create_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;

    let plan = world
        .preview("delete_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;
    let targets = world
        .targets("delete_snapshot", json!({ "vmid": 100, "name": "s1" }))
        .await;
    let error = world
        .fail("delete_snapshot", json!({ "vmid": 100, "name": "s9" }))
        .await;

    assert_eq!(
        plan.summary,
        "delete the snapshot `s1` of the virtual machine `100` (`web`) on `pve1`"
    );
    assert_eq!(targets[0].id, "100");
    assert_eq!(reason(&error), "snapshot_not_found");
}

#[tokio::test]
async fn snapshots_of_an_unknown_guest_are_not_found() {
    let world = World::lab().await;

    let error = world.fail("list_snapshots", json!({ "vmid": 999 })).await;

    assert_eq!(reason(&error), "guest_not_found");
}
