//! How full datastores are, and the machine below them.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn usage_is_joined_with_counts_and_growth() {
    let world = World::lab().await;

    let usage = world
        .call("get_datastore_usage", json!({ "datastore": "main" }))
        .await;

    let store = &usage["datastores"][0];
    assert_eq!(store["used_percent"], 30.0);
    assert_eq!(
        store["counts"]["vm"],
        json!({ "groups": 1, "snapshots": 3 })
    );
    assert_eq!(store["growth_days"], 29);
    assert_eq!(store["estimated_full"], "2026-10-19T00:00:00Z");
    assert_eq!(usage["problems"], json!([]));
}

#[tokio::test]
async fn a_store_without_counts_is_still_listed() {
    let world = World::lab().await;
    let status = "/api2/json/admin/datastore/archive/status";
    world.pbs.faults().always(status, Fault::Status(500));

    let usage = world.call("get_datastore_usage", json!({})).await;

    assert_eq!(usage["datastores"].as_array().expect("rows").len(), 2);
    assert!(
        usage["problems"][0]
            .as_str()
            .expect("a remark")
            .contains("`archive`")
    );
}

#[tokio::test]
async fn an_unknown_store_is_not_found_and_lists_are_empty_without_rights() {
    let mut world = World::lab().await;
    let error = world
        .fail("get_datastore_usage", json!({ "datastore": "tape" }))
        .await;
    world.as_token("/system", &["Sys.Audit"]);

    let nothing = world.call("get_datastore_usage", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "datastore_not_found")
    );
    assert_eq!(field(&error), "datastore");
    assert!(hint(&error).contains("DatastoreAudit"));
    assert_eq!(nothing["datastores"], json!([]));
}

#[tokio::test]
async fn the_machine_tells_release_load_and_fingerprint() {
    let world = World::lab().await;

    let node = world.call("get_node_status", json!({})).await;

    assert_eq!(node["version"], "4.1.1");
    assert_eq!(node["memory_percent"], 25.0);
    assert_eq!(node["stopped_services"], json!([]));
    assert_eq!(
        node["fingerprint"].as_str().expect("one").to_uppercase(),
        world.pbs.identity().fingerprint().to_uppercase()
    );
}

#[tokio::test]
async fn the_machine_needs_a_right_of_its_own() {
    let mut world = World::lab().await;
    world.as_token("/datastore", &["Datastore.Audit"]);

    let error = world.fail("get_node_status", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnauthorized, "privilege_missing")
    );
    assert!(
        hint(&error).contains("acl update /system Audit"),
        "{}",
        hint(&error)
    );
}
