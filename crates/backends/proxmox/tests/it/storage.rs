//! Storages and their content.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn storages_are_listed_with_what_they_take() {
    let world = World::lab().await;

    let all = world.call("list_storage", json!({})).await;
    let backups = world
        .call(
            "list_storage",
            json!({ "content": "backup", "node": "pve1" }),
        )
        .await;
    let one = world
        .call("list_storage", json!({ "storage": "nas" }))
        .await;

    // A shared one is one row, the others one for each node.
    assert_eq!(
        column(&all, "storage"),
        ["local", "local", "local-lvm", "local-lvm", "nas"]
    );
    assert_eq!(column(&backups, "storage"), ["local", "nas"]);
    assert_eq!(one["items"][0]["nodes"], json!(["pve1", "pve2"]));
    assert_eq!(one["items"][0]["shared"], true);
    assert!(one["items"][0]["used_percent"].is_number());
}

#[tokio::test]
async fn the_content_of_a_storage_is_listed_from_any_node_that_has_it() {
    let world = World::lab().await;
    let volid = world.cluster.add_backup(100, "nas", 60).expect("a backup");

    let list = world
        .call(
            "list_storage_content",
            json!({ "storage": "nas", "content": "backup", "vmid": 100 }),
        )
        .await;

    assert_eq!(column(&list, "volid"), [volid]);
    assert!(list["items"][0]["size_bytes"].as_u64() > Some(0));
    assert!(
        list["items"][0]["created"]
            .as_str()
            .expect("a time")
            .starts_with("2026-05-31T23:59")
    );
}

#[tokio::test]
async fn an_unknown_storage_is_not_found() {
    let world = World::lab().await;

    let anywhere = world
        .fail("list_storage_content", json!({ "storage": "tape" }))
        .await;
    let there = world
        .fail(
            "list_storage_content",
            json!({ "storage": "tape", "node": "pve1" }),
        )
        .await;

    assert_eq!(
        (anywhere.code(), reason(&anywhere)),
        (Code::NotFound, "storage_not_found")
    );
    assert_eq!(field(&anywhere), "storage");
    assert_eq!(reason(&there), "storage_not_found");
}
