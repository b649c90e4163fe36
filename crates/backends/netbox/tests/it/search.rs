//! Looking for anything, and the change log.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, says};

#[tokio::test]
async fn everything_is_searched_and_kinds_can_be_chosen() {
    let world = World::lab().await;

    let all = world.call("search", json!({ "q": "eth0" })).await;
    let some = world
        .call(
            "search",
            json!({ "q": "n", "kinds": ["device", "vlan"], "limit": 1 }),
        )
        .await;
    let none = world.call("search", json!({ "q": "nothing at all" })).await;
    let error = world.refuse("search", json!({ "q": "" })).await;

    assert_eq!(column(&all, "hits", "kind"), ["interface"; 3]);
    assert_eq!(column(&some, "hits", "name"), [json!("n1")]);
    assert_eq!(some["more"], json!([{ "kind": "device", "total": 2 }]));
    assert_eq!(none["hits"], json!([]));
    assert_eq!((error.code(), field(&error)), (Code::InvalidArgument, "q"));
}

#[tokio::test]
async fn kinds_that_the_token_may_not_see_do_not_hide_the_rest() {
    let mut world = World::lab().await;
    world.as_user(&["dcim.view_device"]);

    let found = world.call("search", json!({ "q": "n1" })).await;

    assert_eq!(column(&found, "hits", "name"), [json!("n1")]);
    let problems: Vec<String> = serde_json::from_value(found["problems"].clone()).unwrap();
    assert!(says(&problems, "ipam.view_prefix"), "{problems:?}");
}

#[tokio::test]
async fn a_change_is_found_by_the_request_it_answered_with() {
    let world = World::lab().await;
    let made = world
        .call("create_vlan", json!({ "vid": 30, "name": "iot" }))
        .await;

    let by_request = world
        .call("get_changelog", json!({ "request_id": made["request_id"] }))
        .await;
    let id = made["vlan"]["id"].to_string();
    let of_object = world
        .call(
            "get_changelog",
            json!({ "object_kind": "vlan", "object": id, "action": "create" }),
        )
        .await;
    let before = world
        .call(
            "get_changelog",
            json!({ "until": "2020-01-01T00:00:00Z", "user": "admin" }),
        )
        .await;
    let no_kind = world.fail("get_changelog", json!({ "object_id": 1 })).await;

    let row = &by_request["items"][0];
    assert_eq!(by_request["total"], 1);
    assert_eq!(
        (&row["action"], &row["object_type"]),
        (&json!("create"), &json!("ipam.vlan"))
    );
    assert_eq!(row["message"], "homelab-mcp: create_vlan by cli:0");
    assert_eq!(
        column(&of_object, "items", "id"),
        column(&by_request, "items", "id")
    );
    assert_eq!(before["total"], 0);
    assert_eq!(field(&no_kind), "object_kind");
}

#[tokio::test]
async fn an_update_tells_what_it_changed() {
    let world = World::lab().await;
    let ends = json!({ "action": "connect", "a": { "device": "n1", "port": "eth0" }, "b": { "device": "sw1", "port": "1" } });
    world.call("update_cable_map", ends).await;
    world
        .call(
            "update_cable_map",
            json!({ "action": "update", "cable": 1, "label": "A1" }),
        )
        .await;

    let log = world
        .call(
            "get_changelog",
            json!({ "object_kind": "cable", "object_id": 1, "action": "update" }),
        )
        .await;

    let changes = log["items"][0]["changes"].as_array().unwrap();
    assert!(
        changes
            .iter()
            .any(|one| one["field"] == "label" && one["to"] == "A1"),
        "{changes:?}"
    );
}
