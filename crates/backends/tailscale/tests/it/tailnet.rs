//! Settings, users, log.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, column};

#[tokio::test]
async fn settings_are_told() {
    let world = World::lab().await;

    let settings = world.call("get_tailnet_settings", json!({})).await;

    assert_eq!(settings["devices_approval_on"], true);
    assert_eq!(settings["devices_key_duration_days"], 180);
    assert!(settings.get("acls_external_link").is_none());
    world.control.set_setting("devicesApprovalOn", json!(null));
    let unknown = world.call("get_tailnet_settings", json!({})).await;
    assert!(unknown.get("devices_approval_on").is_none());
}

#[tokio::test]
async fn users_are_listed_and_filtered() {
    let world = World::lab().await;
    world.control.add_user("sam@lab.example", "member");
    world
        .control
        .set_user_status("sam@lab.example", "suspended");

    let all = world.call("list_tailscale_users", json!({})).await;
    let suspended = world
        .call("list_tailscale_users", json!({ "status": "suspended" }))
        .await;
    let first = world
        .call("list_tailscale_users", json!({ "limit": 1 }))
        .await;

    assert_eq!(
        column(&all, "login_name"),
        ["alex@lab.example", "sam@lab.example"]
    );
    assert_eq!(column(&suspended, "login_name"), ["sam@lab.example"]);
    assert!(first["next_cursor"].is_string());
}

#[tokio::test]
async fn the_log_tells_what_was_changed_newest_first() {
    let world = World::lab().await;
    world
        .call(
            "authorize_tailscale_device",
            json!({ "device_id": "phone-sam" }),
        )
        .await;
    world.clock.advance_seconds(60);
    world
        .call(
            "rename_device",
            json!({ "device_id": "nas-main", "name": "storage" }),
        )
        .await;

    let log = world
        .call("get_audit_log", json!({ "since_hours": 1 }))
        .await;
    world.clock.advance_seconds(2 * 3600);
    let later = world
        .call("get_audit_log", json!({ "since_hours": 1 }))
        .await;

    let times = column(&log, "time");
    assert!(times.len() >= 2, "{log}");
    let mut sorted = times.clone();
    sorted.sort_by_key(|time| std::cmp::Reverse(time.to_string()));
    assert_eq!(times, sorted);
    assert_eq!(log["items"][0]["origin"], "CONFIG_API");
    assert_eq!(later["total"], 0);
}

#[tokio::test]
async fn each_of_them_can_fail() {
    let world = World::lab().await;
    world
        .control
        .faults()
        .always("/api/v2/tailnet", Fault::NotJson);
    for tool in [
        "get_tailnet_settings",
        "list_tailscale_users",
        "get_audit_log",
        "list_auth_keys",
    ] {
        let error = world.fail(tool, json!({})).await;

        assert_eq!(error.code(), Code::UpstreamRejected, "{tool}");
    }
}
