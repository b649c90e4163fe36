//! Making containers.

use homelab_core::error::Code;
use homelab_lab::proxmox::Outcome;
use serde_json::{Value, json};

use crate::world::{World, column, field, reason};

/// A template that the cluster has.
async fn template(world: &World) -> String {
    let list = world.call("list_templates", json!({})).await;
    column(&list, "template")[0]
        .as_str()
        .expect("a template")
        .to_owned()
}

fn small(template: &str, mut more: Value) -> Value {
    more["template"] = template.into();
    more["hostname"] = "cache".into();
    more
}

#[tokio::test]
async fn node_storage_and_number_are_chosen() {
    let world = World::lab().await;
    let template = template(&world).await;

    let done = world.call("create_lxc", small(&template, json!({}))).await;

    assert_eq!(done["vmid"], 102);
    assert_eq!(done["status"], "stopped");
    assert_eq!(done["task"]["type"], "vzcreate");
    let config = world.cluster.config_of(102).expect("a guest");
    assert_eq!(config["hostname"], "cache");
    assert!(
        config["rootfs"]
            .as_str()
            .expect("a disk")
            .contains("size=8G"),
        "{config}"
    );
    assert!(
        config["net0"]
            .as_str()
            .expect("a net")
            .contains("bridge=vmbr0"),
        "{config}"
    );
}

#[tokio::test]
async fn everything_can_be_said() {
    let world = World::lab().await;
    let template = template(&world).await;

    let done = world
        .call(
            "create_lxc",
            small(
                &template,
                json!({
                    "vmid": 300, "node": "pve2", "storage": "local-lvm", "disk_gib": 16, "cores": 2, "memory_mib": 1024,
                    "networks": [{ "bridge": "vmbr0", "vlan": 20, "ip": "192.0.2.53/24", "gateway": "192.0.2.1" }],
                    "mount_points": [{ "path": "/srv/data", "size_gib": 4 }], "tags": ["dns"], "start": true,
                    "password": "hunter22", "ssh_public_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample me@home"],
                    "options": { "startup": "order=1" }
                }),
            ),
        )
        .await;

    assert_eq!(
        (&done["vmid"], &done["node"], &done["status"]),
        (&json!(300), &json!("pve2"), &json!("running"))
    );
    assert!(!done.to_string().contains("hunter22"));
}

#[tokio::test]
async fn with_a_number_of_its_own_it_can_be_undone() {
    let world = World::lab().await;
    let template = template(&world).await;
    let args = small(&template, json!({ "vmid": 300, "start": true }));

    let inverse = world.inverse("create_lxc", args.clone()).await;
    let without = world
        .inverse("create_lxc", small(&template, json!({})))
        .await;
    let targets = world.targets("create_lxc", args.clone()).await;
    world.call("create_lxc", args).await;
    world.undo(inverse.expect("an inverse")).await;

    assert_eq!(without, None);
    assert_eq!(
        (targets[0].id.as_str(), targets[0].name.as_deref()),
        ("300", Some("cache"))
    );
    assert_eq!(world.cluster.guests(), [100, 101, 200]);
}

#[tokio::test]
async fn a_number_in_use_is_a_conflict() {
    let world = World::lab().await;
    let template = template(&world).await;

    let error = world
        .fail("create_lxc", small(&template, json!({ "vmid": 100 })))
        .await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::Conflict, "vmid_in_use", "vmid")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_storage_that_is_full_says_so() {
    let world = World::lab().await;
    let template = template(&world).await;
    world.cluster.next_task(Outcome::Error(
        "unable to create CT 102 - no space left on device".into(),
    ));

    let error = world.fail("create_lxc", small(&template, json!({}))).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "storage_full")
    );
}

#[tokio::test]
async fn what_is_no_volume_mounts_nothing() {
    let world = World::lab().await;
    let template = template(&world).await;
    for (options, wrong) in [
        (json!({ "mp0": "/etc,mp=/host" }), "options.mp0"),
        (json!({ "dev0": "/dev/sda" }), "options.dev0"),
        (json!({ "force": "1" }), "options.force"),
    ] {
        let error = world
            .fail(
                "create_lxc",
                small(&template, json!({ "options": options })),
            )
            .await;

        assert_eq!(field(&error), wrong);
    }
}

#[tokio::test]
async fn a_storage_nobody_has_leaves_no_node() {
    let world = World::lab().await;
    let template = template(&world).await;

    let error = world
        .fail("create_lxc", small(&template, json!({ "storage": "tape" })))
        .await;

    assert_eq!((error.code(), reason(&error)), (Code::Conflict, "no_node"));
    assert!(error.envelope().message.contains("`tape`"));
}
