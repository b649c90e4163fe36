//! Changing configurations and growing disks.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn properties_are_changed_and_read_back() {
    let world = World::lab().await;

    let done = world
        .call(
            "update_vm_config",
            json!({ "vmid": 101, "cores": 4, "memory_mib": 4096, "tags": ["ci"], "description": "builds" }),
        )
        .await;

    let config = world.cluster.config_of(101).expect("a guest");
    assert_eq!(
        config["description"].as_str().map(str::trim),
        Some("builds")
    );
    assert_eq!(config["tags"], "ci");
    let changed = done["changed"].as_array().expect("names");
    assert!(
        changed.contains(&json!("memory")) && changed.contains(&json!("tags")),
        "{changed:?}"
    );
    assert_eq!(done["pending"], json!([]));
}

#[tokio::test]
async fn a_container_changes_at_once() {
    let world = World::lab().await;

    let done = world
        .call(
            "update_vm_config",
            json!({ "vmid": 200, "name": "dns1", "start_at_boot": true }),
        )
        .await;

    assert_eq!(done.get("task"), None);
    let config = world.cluster.config_of(200).expect("a guest");
    assert_eq!(config["hostname"], "dns1");
}

#[tokio::test]
async fn a_change_is_undone_by_its_inverse() {
    let world = World::lab().await;
    let before = world.cluster.config_of(101).expect("a guest");
    let args = json!({ "vmid": 101, "memory_mib": 4096, "description": "x" });
    let inverse = world
        .inverse("update_vm_config", args.clone())
        .await
        .expect("an inverse");

    world.call("update_vm_config", args).await;
    world.undo(inverse).await;

    let after = world.cluster.config_of(101).expect("a guest");
    assert_eq!(after["memory"], before["memory"]);
    assert_eq!(after.get("description"), None);
}

#[tokio::test]
async fn the_plan_shows_values_before_and_after() {
    let world = World::lab().await;

    let plan = world
        .preview(
            "update_vm_config",
            json!({ "vmid": 100, "tags": ["web", "prod"], "description": "x" }),
        )
        .await;

    // The tags are the same in another order.
    let fields: Vec<&str> = plan
        .changes
        .iter()
        .map(|change| change.field.as_str())
        .collect();
    assert_eq!(fields, ["description"]);
    assert_eq!(plan.changes[0].to.as_deref(), Some("x"));
    assert!(plan.impact[0].contains("running"));
}

#[tokio::test]
async fn a_change_made_by_somebody_else_meanwhile_is_not_overwritten() {
    let world = World::lab().await;
    let digest = "0123456789abcdef0123456789abcdef01234567";

    let error = world
        .fail(
            "update_vm_config",
            json!({ "vmid": 101, "cores": 4, "digest": digest }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "config_changed")
    );
}

#[tokio::test]
async fn what_reaches_into_the_host_is_refused() {
    let world = World::lab().await;
    for key in ["args", "hookscript", "hostpci0", "scsi1", "lock"] {
        let error = world
            .fail(
                "update_vm_config",
                json!({ "vmid": 100, "options": { key: "x" } }),
            )
            .await;

        assert_eq!(reason(&error), "option_not_allowed");
        assert_eq!(field(&error), format!("options.{key}"));
    }
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn cloud_init_is_for_virtual_machines() {
    let world = World::lab().await;

    let error = world
        .fail(
            "update_vm_config",
            json!({ "vmid": 200, "cloud_init": { "user": "ops" } }),
        )
        .await;

    assert_eq!(
        (reason(&error), field(&error)),
        ("wrong_guest_type", "cloud_init")
    );
}

#[tokio::test]
async fn a_disk_grows() {
    let world = World::lab().await;
    let guest = world.call("get_vm_status", json!({ "vmid": 101 })).await;
    let disk = guest["disks"][0]["disk"].as_str().expect("a disk");
    let args = json!({ "vmid": 101, "disk": disk, "add_gib": 8 });

    let plan = world.preview("resize_disk", args.clone()).await;
    let done = world.call("resize_disk", args).await;

    assert!(plan.impact[0].contains("cannot be made smaller"));
    assert_ne!(done["size"], done["size_before"]);
    assert_eq!(
        world
            .targets(
                "resize_disk",
                json!({ "vmid": 101, "disk": disk, "add_gib": 1 })
            )
            .await[0]
            .id,
        "101"
    );
}

#[tokio::test]
async fn an_unknown_disk_is_not_found() {
    let world = World::lab().await;

    let error = world
        .fail(
            "resize_disk",
            json!({ "vmid": 100, "disk": "sata5", "add_gib": 8 }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "disk_not_found")
    );
    assert!(hint(&error).contains("its disks are"));
}
