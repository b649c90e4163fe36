//! Listing guests and looking at one.

use homelab_core::error::Code;
use homelab_lab::proxmox::GuestSeed;
use serde_json::json;

use crate::world::{World, column, field, hint, reason};

#[tokio::test]
async fn guests_of_all_nodes_are_listed_by_number() {
    let world = World::lab().await;

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(column(&list, "vmid"), [100, 101, 200]);
    assert_eq!(column(&list, "type"), ["qemu", "qemu", "lxc"]);
    assert_eq!(column(&list, "node"), ["pve1", "pve2", "pve2"]);
    assert_eq!(list["items"][0]["tags"], json!(["prod", "web"]));
    assert_eq!(list["total"], 3);
    assert!(list["items"][0]["memory_bytes"].as_u64() > Some(0));
    assert_eq!(list.get("note"), None);
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let world = World::lab().await;
    let numbers = async |args| column(&world.call("list_vms", args).await, "vmid");

    assert_eq!(numbers(json!({ "type": "lxc" })).await, [200]);
    assert_eq!(
        numbers(json!({ "type": "all", "node": "pve2" })).await,
        [101, 200]
    );
    assert_eq!(numbers(json!({ "status": "running" })).await, [100, 200]);
    assert_eq!(numbers(json!({ "tag": "prod" })).await, [100]);
    assert_eq!(numbers(json!({ "name": "BUI" })).await, [101]);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let world = World::lab().await;

    let first = world.call("list_vms", json!({ "limit": 2 })).await;
    let cursor = first["next_cursor"].as_str().expect("more");
    let second = world
        .call("list_vms", json!({ "limit": 2, "cursor": cursor }))
        .await;

    assert_eq!(column(&first, "vmid"), [100, 101]);
    assert_eq!(column(&second, "vmid"), [200]);
    assert_eq!(second.get("next_cursor"), None);
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let world = World::lab().await;

    let error = world.fail("list_vms", json!({ "cursor": "%%%" })).await;

    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "cursor")
    );
}

#[tokio::test]
async fn a_token_without_rights_is_told_why_it_sees_nothing() {
    let world =
        World::configured(json!({ "token_id": "root@pam!bare", "token_secret": "bare-secret" }))
            .await;
    world.cluster.add_token("root@pam!bare", "bare-secret");

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(list["total"], 0);
    let note = list["note"].as_str().expect("a note");
    assert!(
        note.contains("VM.Audit") && note.contains("root@pam!bare"),
        "{note}"
    );
}

#[tokio::test]
async fn numbers_may_come_as_text() {
    let world = World::lab().await;
    world.cluster.send_numbers_as_text();

    let list = world.call("list_vms", json!({})).await;

    assert_eq!(column(&list, "vmid"), [100, 101, 200]);
}

#[tokio::test]
async fn a_status_has_resources_disks_networks_and_addresses() {
    let world = World::lab().await;
    world
        .cluster
        .add_guest(GuestSeed::machine(110, "mail", "pve2").at("192.0.2.7/24"));

    let guest = world.call("get_vm_status", json!({ "vmid": 110 })).await;

    assert_eq!(guest["name"], "mail");
    assert_eq!(guest["node"], "pve2");
    assert_eq!(guest["status"], "running");
    assert!(guest["memory_percent"].is_number());
    assert!(!guest["disks"].as_array().expect("disks").is_empty());
    assert_eq!(guest["ip_addresses"], json!(["192.0.2.7"]));
    assert!(guest["digest"].is_string());
    assert_eq!(guest.get("config"), None);
}

#[tokio::test]
async fn a_container_tells_its_addresses_too() {
    let world = World::lab().await;
    world
        .cluster
        .add_guest(GuestSeed::container(210, "proxy", "pve1").at("192.0.2.8/24"));

    let guest = world
        .call("get_vm_status", json!({ "vmid": 210, "config": true }))
        .await;

    assert_eq!(guest["type"], "lxc");
    assert_eq!(guest["ip_addresses"], json!(["192.0.2.8"]));
    assert!(guest["config"]["rootfs"].is_string());
}

#[tokio::test]
async fn without_an_agent_the_status_says_why_there_are_no_addresses() {
    let world = World::lab().await;

    let guest = world.call("get_vm_status", json!({ "vmid": 100 })).await;

    assert_eq!(guest["ip_addresses"], json!([]));
    assert!(guest["ip_note"].as_str().expect("a note").contains("agent"));
}

#[tokio::test]
async fn an_unknown_guest_is_not_found() {
    let world = World::lab().await;

    let error = world.fail("get_vm_status", json!({ "vmid": 999 })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "guest_not_found")
    );
    assert_eq!(field(&error), "vmid");
    assert!(hint(&error).contains("list_vms"));
}

#[tokio::test]
async fn a_guest_that_was_made_meanwhile_is_found() {
    let world = World::lab().await;
    world.call("list_vms", json!({})).await;
    world
        .cluster
        .add_guest(GuestSeed::machine(150, "new", "pve1"));

    let guest = world.call("get_vm_status", json!({ "vmid": 150 })).await;

    assert_eq!(guest["name"], "new");
}

#[tokio::test]
async fn the_next_number_is_free() {
    let world = World::lab().await;

    let next = world.call("get_next_vmid", json!({})).await;

    assert_eq!(next["vmid"], 102);
}
