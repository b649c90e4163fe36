//! Prefixes.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn prefixes_are_found_by_what_they_contain_and_their_vrf() {
    let world = World::lab().await;

    let around = world
        .call("list_prefixes", json!({ "contains": "198.51.100.7" }))
        .await;
    let blue = world.call("list_prefixes", json!({ "vrf": "blue" })).await;
    let global = world
        .call("list_prefixes", json!({ "vrf": "global", "q": "servers" }))
        .await;
    let none = world
        .call("list_prefixes", json!({ "vid": 10, "status": "active" }))
        .await;
    let role = world.fail("list_prefixes", json!({ "role": "none" })).await;

    assert_eq!(around["total"], 2);
    assert_eq!(column(&blue, "items", "vrf"), [json!("blue")]);
    assert_eq!(column(&global, "items", "prefix"), [json!("192.0.2.0/28")]);
    assert_eq!(none["total"], 0);
    assert_eq!((role.code(), field(&role)), (Code::NotFound, "role"));
}

#[tokio::test]
async fn how_full_a_prefix_is_comes_with_what_is_free() {
    let world = World::lab().await;
    world
        .call(
            "allocate_ip",
            json!({ "prefix": "192.0.2.0/28", "count": 7 }),
        )
        .await;
    world
        .netbox
        .add("ipam/prefixes", json!({ "prefix": "198.51.100.128/25" }));

    let full = world
        .call(
            "get_prefix_utilization",
            json!({ "prefix": "192.0.2.0/28" }),
        )
        .await;
    let outer = world
        .call(
            "get_prefix_utilization",
            json!({ "prefix": "198.51.100.0/24", "vrf": "global" }),
        )
        .await;
    let missing = world
        .fail(
            "get_prefix_utilization",
            json!({ "prefix": "203.0.113.0/24" }),
        )
        .await;

    assert_eq!(
        (&full["addresses"], &full["recorded"], &full["percent"]),
        (&json!(14), &json!(7), &json!(50.0))
    );
    assert_eq!(full["free_addresses"][0], "192.0.2.8/28");
    assert_eq!(
        (&outer["child_prefixes"], &outer["ranges"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(outer["free_networks"], json!(["198.51.100.0/25"]));
    assert_eq!(
        (reason(&missing), field(&missing)),
        ("object_not_found", "prefix")
    );
}
