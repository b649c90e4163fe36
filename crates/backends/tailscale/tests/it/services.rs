//! Services of the tailnet.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, column, field, reason};

/// Two services; `fw-1` and `nas-main` answer for the first.
async fn world() -> World {
    let world = World::lab().await;
    let id = |name: &str| world.device(name)["nodeId"].as_str().unwrap().to_owned();
    let hosts = [id("nas-main"), id("fw-1"), "nGoneCNTRL".to_owned()];
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    world
        .control
        .add_service("svc:web", "100.93.49.180", &["tcp:80", "tcp:443"], &hosts);
    world
        .control
        .add_service("svc:db", "100.93.49.181", &["tcp:5432"], &[]);
    world
}

#[tokio::test]
async fn services_are_listed_by_name_with_addresses_and_ports() {
    let world = world().await;

    let list = world.call("list_tailscale_services", json!({})).await;

    assert_eq!(column(&list, "service"), ["svc:db", "svc:web"]);
    assert_eq!(list["items"][1]["ports"], json!(["tcp:80", "tcp:443"]));
    assert!(list["items"][1].get("hosts").is_none());
    assert_eq!(world.control.log().all().len(), 1);
}

#[tokio::test]
async fn of_one_service_the_devices_are_told_with_their_approval() {
    let world = world().await;

    let one = json!({ "service": "svc:web" });
    let one = world.call("list_tailscale_services", one).await;

    assert_eq!(one["total"], 1);
    let hosts = &one["items"][0]["hosts"];
    assert_eq!(hosts[0]["device"], "nas-main");
    assert_eq!(hosts[0]["approval"], "approved:auto");
    assert_eq!(hosts[1]["approval"], "not-approved");
    assert_eq!(hosts[2].get("device"), None);
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_to_do() {
    let mut world = world().await;

    let missing = json!({ "service": "svc:nowhere" });
    let missing = world.fail("list_tailscale_services", missing).await;
    world.scoped(&["devices:core:read"]);
    let refused = world.fail("list_tailscale_services", json!({})).await;
    let headscale = World::headscale().await;
    let absent = headscale.fail("list_tailscale_services", json!({})).await;

    assert_eq!(
        (missing.code(), reason(&missing), field(&missing)),
        (Code::NotFound, "object_not_found", "service")
    );
    assert_eq!(reason(&refused), "scope_missing");
    assert!(refused.envelope().message.contains("`services:read`"));
    assert_eq!(reason(&absent), "not_supported");
}
