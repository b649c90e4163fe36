//! Summary and search.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, names};

#[tokio::test]
async fn the_summary_counts_everything() {
    let world = World::demo().await;

    let summary = world
        .call("homelab_infrastructure_summary", json!({}))
        .await;

    let records = &summary["counts"]["records"];
    assert_eq!(records["devices"], 42);
    assert_eq!(records["test_equipment"], 7);
    assert_eq!(summary["counts"]["devices_by_status"]["maintenance"], 1);
    assert_eq!(summary["hosts"][2]["node"], "pve3");
    assert_eq!(
        summary["offline_devices"],
        json!(["ap-garage", "laptop-sam", "tv-living"])
    );
}

#[tokio::test]
async fn an_empty_inventory_has_a_summary_too() {
    let world = World::of(json!({})).await;

    let summary = world
        .call("homelab_infrastructure_summary", json!({}))
        .await;

    assert_eq!(summary["hosts"], json!([]));
}

#[tokio::test]
async fn the_summary_fails_with_the_database() {
    let world = World::demo().await;
    world.database.close().await;

    let error = world
        .fail("homelab_infrastructure_summary", json!({}))
        .await;

    assert_eq!(error.code(), Code::UpstreamUnreachable);
}

#[rstest]
#[case("grafana", "services", "grafana", "name")]
#[case("192.0.2.81", "virtual_machines", "grafana", "ip")]
#[case("00-00-5E-00-53-14", "devices", "nas-main", "mac")]
#[case("hypervisor", "devices", "pve1", "tag")]
#[tokio::test]
async fn everything_is_found_by_name_address_mac_and_tag(
    #[case] query: &str,
    #[case] entity: &str,
    #[case] name: &str,
    #[case] matched: &str,
) {
    let world = World::demo().await;

    let result = world
        .call("homelab_search", json!({ "query": query }))
        .await;

    let found = result["items"].as_array().unwrap().iter().any(|item| {
        (&item["entity"], &item["name"], &item["matched"])
            == (&json!(entity), &json!(name), &json!(matched))
    });
    assert!(found, "{result}");
}

#[tokio::test]
async fn a_search_says_whether_there_is_more() {
    let world = World::demo().await;

    let some = world
        .call("homelab_search", json!({ "query": "cam-", "limit": 2 }))
        .await;
    let none = world
        .call("homelab_search", json!({ "query": "nothing like it" }))
        .await;

    assert_eq!((names(&some).len(), &some["more"]), (2, &json!(true)));
    assert_eq!(none, json!({ "items": [], "more": false }));
}

#[tokio::test]
async fn a_search_for_nothing_is_refused() {
    let world = World::demo().await;

    let error = world.fail("homelab_search", json!({ "query": " " })).await;

    assert_eq!(error.envelope().field.as_deref(), Some("query"));
}
