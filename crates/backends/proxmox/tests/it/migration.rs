//! Moving guests.

use homelab_core::error::Code;
use homelab_lab::proxmox::{Outcome, Release};
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn a_guest_moves_and_is_found_where_it_is() {
    let world = World::lab().await;

    let done = world
        .call(
            "migrate_vm",
            json!({ "vmid": 101, "target": "pve1", "with_local_disks": true }),
        )
        .await;

    assert_eq!(
        (&done["node"], &done["status"]),
        (&json!("pve1"), &json!("stopped"))
    );
    assert_eq!(world.cluster.node_of(101).as_deref(), Some("pve1"));
}

#[tokio::test]
async fn a_running_container_is_restarted_in_every_release() {
    for release in [Release::V8_4, Release::V9_1] {
        let world = World::release(release).await;

        let done = world
            .call("migrate_vm", json!({ "vmid": 200, "target": "pve1" }))
            .await;

        assert_eq!(
            (&done["node"], &done["status"]),
            (&json!("pve1"), &json!("running"))
        );
    }
}

#[tokio::test]
async fn moving_is_undone_by_moving_back() {
    let world = World::lab().await;
    let args = json!({ "vmid": 101, "target": "pve1", "with_local_disks": true });
    let inverse = world
        .inverse("migrate_vm", args.clone())
        .await
        .expect("an inverse");

    world.call("migrate_vm", args).await;
    world.undo(inverse).await;

    assert_eq!(world.cluster.node_of(101).as_deref(), Some("pve2"));
}

#[tokio::test]
async fn where_it_is_already_nothing_moves() {
    let world = World::lab().await;
    let args = json!({ "vmid": 101, "target": "pve2" });

    let done = world.call("migrate_vm", args.clone()).await;

    assert_eq!(done["changed"], false);
    assert_eq!(world.inverse("migrate_vm", args).await, None);
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn local_disks_of_a_running_machine_stand_in_the_way() {
    let world = World::lab().await;

    let error = world
        .fail("migrate_vm", json!({ "vmid": 100, "target": "pve2" }))
        .await;
    let done = world
        .call(
            "migrate_vm",
            json!({ "vmid": 100, "target": "pve2", "with_local_disks": true }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::Conflict, "migration_blocked", "target")
    );
    assert!(
        error
            .envelope()
            .hint
            .as_deref()
            .unwrap_or_default()
            .contains("with_local_disks")
    );
    assert_eq!(
        (&done["node"], &done["status"]),
        (&json!("pve2"), &json!("running"))
    );
}

#[tokio::test]
async fn the_plan_shows_both_nodes_and_the_disks() {
    let world = World::lab().await;

    let plan = world
        .preview(
            "migrate_vm",
            json!({ "vmid": 100, "target": "pve2", "with_local_disks": true }),
        )
        .await;
    let targets = world
        .targets("migrate_vm", json!({ "vmid": 100, "target": "pve2" }))
        .await;

    assert_eq!(plan.changes[0].from.as_deref(), Some("pve1"));
    assert_eq!(plan.changes[0].to.as_deref(), Some("pve2"));
    assert!(
        plan.impact.iter().any(|line| line.contains("is copied")),
        "{:?}",
        plan.impact
    );
    assert_eq!(targets[0].id, "100");
}

#[tokio::test]
async fn a_move_that_fails_leaves_it_where_it_was() {
    let world = World::lab().await;
    world
        .cluster
        .next_task(Outcome::Error("migration aborted".into()));

    let error = world
        .fail(
            "migrate_vm",
            json!({ "vmid": 101, "target": "pve1", "with_local_disks": true }),
        )
        .await;

    assert_eq!(reason(&error), "task_failed");
    assert_eq!(world.cluster.node_of(101).as_deref(), Some("pve2"));
}
