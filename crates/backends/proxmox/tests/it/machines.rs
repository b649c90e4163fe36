//! Making virtual machines: empty, of a cloud image, as copies.

use homelab_core::error::Code;
use homelab_lab::proxmox::{GuestSeed, Pace};
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn an_empty_machine() {
    let world = World::lab().await;

    let done = world
        .call(
            "create_vm",
            json!({ "name": "lab", "disk_gib": 32, "cores": 4, "memory_mib": 4096, "storage": "local-lvm", "tags": ["test"], "start": true }),
        )
        .await;

    assert_eq!(
        (&done["vmid"], &done["status"]),
        (&json!(102), &json!("running"))
    );
    let config = world.cluster.config_of(102).expect("a guest");
    assert_eq!(config["name"], "lab");
    assert!(
        config["scsi0"]
            .as_str()
            .expect("a disk")
            .contains("local-lvm:"),
        "{config}"
    );
}

#[tokio::test]
async fn a_machine_with_cloud_init() {
    let world = World::lab().await;

    world
        .call(
            "create_vm",
            json!({
                "name": "lab", "vmid": 300, "node": "pve2", "storage": "local-lvm", "disk_gib": 8,
                "cloud_init": {
                    "user": "ops", "password": "hunter22", "ip": "192.0.2.9/24", "gateway": "192.0.2.1",
                    "ssh_public_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample me@home"]
                }
            }),
        )
        .await;

    let config = world.cluster.config_of(300).expect("a guest");
    assert_eq!(config["ipconfig0"], "ip=192.0.2.9/24,gw=192.0.2.1");
    assert_eq!(config["ciuser"], "ops");
    let targets = world
        .targets(
            "create_vm",
            json!({ "name": "lab", "vmid": 300, "node": "pve2" }),
        )
        .await;
    assert_eq!(targets[0].tags, ["node:pve2"]);
}

#[tokio::test]
async fn a_machine_made_with_a_number_can_be_undone() {
    let world = World::lab().await;
    let args = json!({ "name": "lab", "vmid": 300, "disk_gib": 8, "storage": "local-lvm" });
    let inverse = world
        .inverse("create_vm", args.clone())
        .await
        .expect("an inverse");

    world.call("create_vm", args).await;
    world.undo(inverse).await;

    assert_eq!(world.cluster.guests(), [100, 101, 200]);
}

#[tokio::test]
async fn a_number_in_use_is_a_conflict() {
    let world = World::lab().await;

    let error = world
        .fail("create_vm", json!({ "name": "lab", "vmid": 200 }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "vmid_in_use")
    );
}

#[tokio::test]
async fn a_template_becomes_a_machine_with_resources_and_cloud_init() {
    let world = World::lab().await;
    let template = GuestSeed::machine(900, "base", "pve1").stopped();
    world
        .cluster
        .add_guest(template.with(json!({ "template": 1 })));

    let done = world
        .call(
            "clone_vm",
            json!({
                "vmid": 900, "name": "app", "full": true, "cores": 4, "memory_mib": 4096,
                "cloud_init": { "user": "ops" }, "start": true
            }),
        )
        .await;

    assert_eq!(
        (&done["vmid"], &done["status"]),
        (&json!(102), &json!("running"))
    );
    let config = world.cluster.config_of(102).expect("a guest");
    assert_eq!(
        (&config["name"], &config["ciuser"]),
        (&json!("app"), &json!("ops"))
    );
    assert_eq!(config["memory"].to_string().trim_matches('"'), "4096");
    assert_eq!(world.cluster.tasks(), ["qmclone", "qmconfig", "qmstart"]);
}

#[tokio::test]
async fn a_copy_that_outlives_the_wait_says_what_is_not_done_yet() {
    let world = World::lab().await;
    world.cluster.set_pace(Pace::Polls(10_000));

    let done = world
        .call(
            "clone_vm",
            json!({ "vmid": 101, "name": "copy", "new_vmid": 300, "start": true, "wait_s": 0 }),
        )
        .await;

    assert_eq!(done["task"]["state"], "running");
    assert!(done["note"].as_str().expect("a note").contains("start_vm"));
    world.cluster.finish_tasks();
    assert!(world.cluster.guests().contains(&300));
}

#[tokio::test]
async fn a_copy_concerns_its_source_too() {
    let world = World::lab().await;
    let args = json!({ "vmid": 101, "name": "copy", "new_vmid": 300 });

    let targets = world.targets("clone_vm", args.clone()).await;
    let inverse = world
        .inverse("clone_vm", args.clone())
        .await
        .expect("an inverse");
    world.call("clone_vm", args).await;
    world.undo(inverse).await;

    assert_eq!(
        (targets[0].id.as_str(), targets[1].id.as_str()),
        ("101", "300")
    );
    assert_eq!(world.cluster.guests(), [100, 101, 200]);
}

#[tokio::test]
async fn what_cannot_be_copied_is_refused() {
    let world = World::lab().await;

    let unknown = world
        .fail("clone_vm", json!({ "vmid": 999, "name": "copy" }))
        .await;
    let taken = world
        .fail(
            "clone_vm",
            json!({ "vmid": 101, "name": "copy", "new_vmid": 100 }),
        )
        .await;
    let container = world
        .fail(
            "clone_vm",
            json!({ "vmid": 200, "name": "copy", "cloud_init": {} }),
        )
        .await;

    assert_eq!(reason(&unknown), "guest_not_found");
    assert_eq!((reason(&taken), field(&taken)), ("vmid_in_use", "new_vmid"));
    assert_eq!(field(&container), "cloud_init");
    assert_eq!(world.writes(), [""; 0]);
}
