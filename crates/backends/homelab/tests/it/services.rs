//! Listing services.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, hint, names};

#[rstest]
#[case(json!({ "device": "docker-1" }), &["paperless", "portainer"])]
#[case(json!({ "device": "NAS-MAIN", "type": "storage" }), &["nas", "smb"])]
#[case(json!({ "type": "dns" }), &["pihole-1", "pihole-2"])]
#[case(json!({ "type": "none" }), &[])]
#[tokio::test]
async fn services_are_listed_by_place_and_type(#[case] args: Value, #[case] expected: &[&str]) {
    let world = World::demo().await;

    let list = world.call("homelab_list_services", args).await;

    assert_eq!(names(&list), expected);
}

#[tokio::test]
async fn a_login_in_an_imported_address_is_not_listed_looked_up_or_found() {
    let world = World::of(json!({ "services": [{
        "service_name": "old", "url": "http://admin:hunter2@192.0.2.9:81/x", "health_endpoint": "/",
    }] }))
    .await;

    let listed = world.call("homelab_list_services", json!({})).await;
    let looked_up = world
        .call("homelab_lookup_ip", json!({ "ip": "192.0.2.9" }))
        .await;
    let found = world
        .call("homelab_search", json!({ "query": "old" }))
        .await;

    assert_eq!(listed["items"][0]["url"], "http://192.0.2.9:81/x");
    assert_eq!(looked_up["found"][0]["detail"], "http://192.0.2.9:81/x");
    assert_eq!(found["items"][0]["detail"], "http://192.0.2.9:81/x");
}

#[tokio::test]
async fn services_on_an_unknown_device_are_an_error_not_an_empty_list() {
    let world = World::demo().await;

    let error = world
        .fail("homelab_list_services", json!({ "device": "nas-mainn" }))
        .await;

    assert_eq!(error.code(), Code::NotFound);
    assert!(hint(&error).contains("`nas-main`"), "{error}");
}
