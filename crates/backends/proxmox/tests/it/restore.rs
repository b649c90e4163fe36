//! Restoring guests.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn a_backup_becomes_a_new_guest_with_a_free_number() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");

    let done = world
        .call("restore_backup", json!({ "backup": volid }))
        .await;

    assert_eq!(done["vmid"], 102);
    assert_eq!(done["type"], "qemu");
    assert_eq!(done["status"], "stopped");
    assert_eq!(done["task"]["state"], "ok");
    assert!(world.cluster.guests().contains(&102));
}

#[tokio::test]
async fn a_container_is_restored_and_started() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(200, "nas", 60).expect("a backup");

    let done = world
        .call(
            "restore_backup",
            json!({ "backup": volid, "vmid": 300, "name": "dns2", "node": "pve1", "storage": "local-lvm", "start": true }),
        )
        .await;

    assert_eq!(
        (&done["vmid"], &done["status"]),
        (&json!(300), &json!("running"))
    );
    assert_eq!(world.cluster.node_of(300).as_deref(), Some("pve1"));
}

#[tokio::test]
async fn a_number_in_use_is_refused_unless_its_guest_is_to_be_replaced() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(101, "nas", 60).expect("a backup");

    let error = world
        .fail("restore_backup", json!({ "backup": volid, "vmid": 101 }))
        .await;
    let done = world
        .call(
            "restore_backup",
            json!({ "backup": volid, "vmid": 101, "overwrite": true }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "vmid_in_use")
    );
    assert!(hint(&error).contains("overwrite"));
    assert_eq!(done["vmid"], 101);
    assert_eq!(done["node"], "pve2");
}

#[tokio::test]
async fn a_running_guest_and_one_of_another_type_are_not_replaced() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");
    let over = |vmid| json!({ "backup": volid, "vmid": vmid, "overwrite": true });

    let running = world.fail("restore_backup", over(100)).await;
    let other = world.fail("restore_backup", over(200)).await;
    let nobody = world
        .fail(
            "restore_backup",
            json!({ "backup": volid, "overwrite": true }),
        )
        .await;

    assert_eq!(reason(&running), "guest_running");
    assert_eq!(
        (reason(&other), field(&other)),
        ("wrong_guest_type", "vmid")
    );
    assert_eq!(
        (nobody.code(), field(&nobody)),
        (Code::InvalidArgument, "vmid")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn only_replacing_a_guest_is_critical_and_its_plan_says_what_is_lost() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(101, "nas", 60).expect("a backup");
    world
        .call("create_snapshot", json!({ "vmid": 101, "name": "s1" }))
        .await;
    let over = json!({ "backup": volid, "vmid": 101, "overwrite": true });

    let plan = world.preview("restore_backup", over.clone()).await;
    let new = world
        .preview("restore_backup", json!({ "backup": volid }))
        .await;
    let targets = world.targets("restore_backup", over.clone()).await;

    assert_eq!(world.effect("restore_backup", over), Effect::Critical);
    assert_eq!(
        world.effect("restore_backup", json!({ "backup": volid })),
        Effect::Write
    );
    assert!(
        plan.summary
            .starts_with("replace the virtual machine `101` (`build`)"),
        "{}",
        plan.summary
    );
    let has = |part: &str| plan.impact.iter().any(|line| line.contains(part));
    assert!(
        has("is replaced") && has("snapshots are lost: `s1`"),
        "{:?}",
        plan.impact
    );
    assert!(
        new.summary
            .contains("as a new virtual machine with a free VMID")
    );
    assert_eq!(targets[0].name.as_deref(), Some("build"));
}

#[tokio::test]
async fn an_unknown_backup_is_not_restored() {
    let world = World::lab().await;

    let error = world
        .fail(
            "restore_backup",
            json!({ "backup": "nas:backup/x.vma.zst" }),
        )
        .await;

    assert_eq!(reason(&error), "volume_not_found");
}
