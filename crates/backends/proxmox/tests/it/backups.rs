//! Backups: listing, making, protecting, deleting.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::proxmox::{Outcome, StorageSeed};
use serde_json::json;

use crate::world::{World, column, field, hint, reason};

#[tokio::test]
async fn backups_of_all_storages_are_listed_newest_first() {
    let world = World::lab().await;
    let old = world
        .cluster
        .add_backup(100, "nas", 7200)
        .expect("a backup");
    let new = world
        .cluster
        .add_backup(200, "local", 60)
        .expect("a backup");

    let all = world.call("list_backups", json!({})).await;
    let one = world.call("list_backups", json!({ "vmid": 100 })).await;
    let here = world
        .call("list_backups", json!({ "storage": "nas" }))
        .await;

    assert_eq!(column(&all, "backup"), [new, old.clone()]);
    assert_eq!(column(&all, "type"), ["lxc", "qemu"]);
    assert_eq!(column(&one, "backup"), [old.as_str()]);
    assert_eq!(column(&here, "backup"), [old]);
    assert_eq!(all["problems"], json!([]));
}

#[tokio::test]
async fn backups_of_an_unknown_storage_are_not_found() {
    let world = World::lab().await;

    let error = world
        .fail("list_backups", json!({ "storage": "tape" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "storage_not_found")
    );
}

#[tokio::test]
async fn a_backup_is_made_where_the_guest_is_and_found_afterwards() {
    let world = World::lab().await;

    let made = world
        .call(
            "create_backup",
            json!({ "vmid": 200, "storage": "nas", "notes": "{{guestname}}", "protected": true }),
        )
        .await;

    assert_eq!(made["task"]["type"], "vzdump");
    assert_eq!(made["task"]["node"], "pve2");
    let volid = made["backup"]["backup"].as_str().expect("a volume");
    assert!(volid.starts_with("nas:backup/vzdump-lxc-200-"), "{volid}");
    assert_eq!(made["backup"]["protected"], true);
    assert_eq!(world.cluster.volumes("backup"), [volid]);
}

#[tokio::test]
async fn a_storage_of_several_is_not_guessed_unless_configured() {
    let world = World::lab().await;
    let configured = World::configured(json!({ "backup_storage": "nas" })).await;

    let error = world.fail("create_backup", json!({ "vmid": 100 })).await;
    let made = configured
        .call("create_backup", json!({ "vmid": 100 }))
        .await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "storage")
    );
    assert!(error.envelope().message.contains("`nas`"));
    assert_eq!(made["storage"], "nas");
}

#[tokio::test]
async fn a_backup_that_fails_says_why() {
    let world = World::lab().await;
    world.cluster.next_task(Outcome::Error("job errors".into()));

    let error = world
        .fail("create_backup", json!({ "vmid": 100, "storage": "nas" }))
        .await;

    assert_eq!(reason(&error), "task_failed");
    assert!(error.envelope().message.contains("job errors"));
}

#[tokio::test]
async fn a_storage_that_cannot_be_read_ends_a_backup_before_it_starts() {
    let world = World::lab().await;
    world.cluster.add_storage(StorageSeed {
        name: "blackhole".into(),
        kind: "dir".into(),
        content: vec!["backup".into()],
        shared: true,
        retention: None,
    });
    world.cluster.faults().always(
        "/api2/json/nodes/pve1/storage/blackhole/content",
        homelab_lab::Fault::NotJson,
    );

    let error = world
        .fail(
            "create_backup",
            json!({ "vmid": 100, "storage": "blackhole" }),
        )
        .await;

    assert_eq!(reason(&error), "unexpected_answer");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_live_backup_is_a_mild_call_and_others_are_not() {
    let world = World::lab().await;
    let effect = |args| world.effect("create_backup", args);

    assert_eq!(effect(json!({ "vmid": 100 })), Effect::Write);
    assert_eq!(
        effect(json!({ "vmid": 100, "prune": true })),
        Effect::Destructive
    );
    assert_eq!(
        effect(json!({ "vmid": 100, "mode": "stop" })),
        Effect::Destructive
    );
    let plan = world
        .preview(
            "create_backup",
            json!({ "vmid": 100, "mode": "stop", "prune": true }),
        )
        .await;
    assert!(plan.impact.iter().any(|line| line.contains("shut down")));
    assert!(plan.impact.iter().any(|line| line.contains("removed")));
}

#[tokio::test]
async fn a_backup_is_deleted_for_good() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");

    let plan = world
        .preview("delete_backup", json!({ "backup": volid }))
        .await;
    let targets = world
        .targets("delete_backup", json!({ "backup": volid }))
        .await;
    let done = world
        .call("delete_backup", json!({ "backup": volid }))
        .await;

    assert_eq!(
        plan.summary,
        format!("delete the backup `{volid}` of guest `100` for good")
    );
    assert_eq!(targets[0].kind, "backup");
    assert_eq!(targets[1].name.as_deref(), Some("web"));
    assert_eq!(done["deleted"]["vmid"], 100);
    assert_eq!(world.cluster.volumes("backup"), [""; 0]);
}

#[tokio::test]
async fn the_plan_warns_of_deleting_all_that_is_left_of_a_guest() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(101, "nas", 60).expect("a backup");
    world.call("delete_vm", json!({ "vmid": 101 })).await;

    let plan = world
        .preview("delete_backup", json!({ "backup": volid }))
        .await;

    assert!(
        plan.impact
            .iter()
            .any(|line| line.contains("all that is left")),
        "{:?}",
        plan.impact
    );
}

#[tokio::test]
async fn a_protected_backup_stays_until_its_protection_is_lifted() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");
    let protect = json!({ "backup": volid, "protected": true });
    let inverse = world.inverse("protect_backup", protect.clone()).await;

    let done = world.call("protect_backup", protect.clone()).await;
    let error = world
        .fail("delete_backup", json!({ "backup": volid }))
        .await;
    world.undo(inverse.expect("an inverse")).await;
    world
        .call("delete_backup", json!({ "backup": volid }))
        .await;

    assert_eq!(done["backup"]["protected"], true);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "protected")
    );
    assert!(hint(&error).contains("protect_backup"));
    assert_eq!(world.effect("protect_backup", protect), Effect::Write);
    assert_eq!(
        world.effect(
            "protect_backup",
            json!({ "backup": volid, "protected": false })
        ),
        Effect::Destructive
    );
}

#[tokio::test]
async fn an_unknown_backup_is_not_found() {
    let world = World::lab().await;
    let args = json!({ "backup": "nas:backup/vzdump-qemu-100-2020_01_01-00_00_00.vma.zst" });

    let deleted = world.fail("delete_backup", args).await;
    let protected = world
        .fail(
            "protect_backup",
            json!({ "backup": "nas:backup/x.vma", "protected": true }),
        )
        .await;

    assert_eq!(
        (reason(&deleted), field(&deleted)),
        ("volume_not_found", "backup")
    );
    assert_eq!(reason(&protected), "volume_not_found");
}
