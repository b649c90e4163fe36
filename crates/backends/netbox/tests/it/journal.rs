//! Journal entries.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn something_is_noted_about_an_object_and_found_again() {
    let world = World::lab().await;
    let args = json!({ "object_kind": "device", "object": "n1", "comments": "memory replaced", "kind": "warning" });

    let plan = world.preview("add_journal_entry", args.clone()).await;
    let targets = world.targets("add_journal_entry", args.clone()).await;
    let done = world.call("add_journal_entry", args).await;
    world
        .call(
            "add_journal_entry",
            json!({ "object_kind": "vlan", "object": "mgmt", "comments": "x" }),
        )
        .await;
    let of_device = world
        .call(
            "list_journal_entries",
            json!({ "object_kind": "device", "object": "n1" }),
        )
        .await;
    let grave = world
        .call(
            "list_journal_entries",
            json!({ "kind": "warning", "q": "memory" }),
        )
        .await;
    let all = world.call("list_journal_entries", json!({})).await;

    assert_eq!(
        plan.summary,
        "note something in the journal of the device `n1`"
    );
    assert_eq!(targets[0].name.as_deref(), Some("n1"));
    assert_eq!(
        (&done["entry"]["object"], &done["entry"]["kind"]),
        (&json!("n1"), &json!("warning"))
    );
    assert_eq!(
        column(&of_device, "items", "comments"),
        [json!("memory replaced")]
    );
    assert_eq!((&grave["total"], &all["total"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn an_object_that_is_not_there_is_named() {
    let world = World::lab().await;

    let missing = world
        .fail(
            "add_journal_entry",
            json!({ "object_kind": "device", "object": "n9", "comments": "x" }),
        )
        .await;
    let unclear = world
        .fail("list_journal_entries", json!({ "object": "n1" }))
        .await;

    assert_eq!(
        (missing.code(), reason(&missing), field(&missing)),
        (Code::NotFound, "object_not_found", "object")
    );
    assert_eq!(field(&unclear), "object_kind");
    assert_eq!(world.writes(), [""; 0]);
}
