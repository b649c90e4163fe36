//! Releases and flavours: what is there is found out once.

use homelab_core::server::HealthStatus;
use homelab_lab::unifi::{Flavour, Options, Release};
use serde_json::json;

use crate::world::{PHONE, With, World, column, field, hint, reason};

#[tokio::test]
async fn an_old_application_is_asked_without_prefix_and_key() {
    let world = World::classic().await;

    let list = world.call("list_clients", json!({})).await;
    let devices = world.call("list_devices", json!({})).await;
    world
        .call("block_client", json!({ "client": "phone" }))
        .await;

    assert_eq!(
        (&list["api"], column(&devices, "name").len()),
        (&json!("legacy"), 3)
    );
    assert_eq!(world.unifi.is_blocked(PHONE), Some(true));
    let lines = world.unifi.log().lines();
    assert!(
        lines.iter().all(|line| !line.contains("/proxy/network")),
        "{lines:?}"
    );
    assert!(lines.contains(&"POST /api/login".to_owned()));
}

#[tokio::test]
async fn an_old_application_takes_no_key() {
    let options = Options {
        flavour: Flavour::Classic,
        release: Release::V8_6,
        zone_based: false,
        ..Options::default()
    };
    let world = World::of(options, With::Key).await;

    let error = world.fail("list_clients", json!({})).await;

    assert_eq!(
        (reason(&error), field(&error)),
        ("needs_local_account", "servers.unifi.username")
    );
}

#[tokio::test]
async fn a_release_without_the_official_api_is_asked_by_the_old_one() {
    let world = World::release(Release::V8_6, With::Both).await;

    let list = world.call("list_devices", json!({})).await;
    let health = world.health().await;

    assert_eq!(list["api"], "legacy");
    assert_eq!(health.status, HealthStatus::Degraded);
    assert!(
        health.message.starts_with("Network 8.6.9"),
        "{}",
        health.message
    );
    assert!(health.hint.unwrap().contains("9.0"));
}

#[tokio::test]
async fn a_release_without_vouchers_makes_them_by_the_old_api() {
    let world = World::release(Release::V9_0, With::Both).await;

    let clients = world.call("list_clients", json!({})).await;
    let made = json!({ "name": "x", "duration_minutes": 5 });
    let made = world.call("create_guest_voucher", made).await;

    assert_eq!(
        (&clients["api"], &made["api"]),
        (&json!("both"), &json!("legacy"))
    );
}

#[tokio::test]
async fn what_is_there_is_found_out_once() {
    let world = World::lab().await;

    world.call("list_devices", json!({})).await;
    world.call("list_devices", json!({})).await;

    let lines = world.unifi.log().lines();
    let asked = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
    assert_eq!(
        (asked("GET /"), asked("/v1/info"), asked("/v1/sites")),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_configured_site_that_is_not_there_names_the_setting() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "site": "attic" }));

    let error = world.fail("list_devices", json!({})).await;

    assert_eq!(
        (reason(&error), field(&error)),
        ("site_not_found", "servers.unifi.site")
    );
    assert!(hint(&error).contains("default"), "{}", hint(&error));
}
