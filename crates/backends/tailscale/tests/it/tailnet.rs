//! Settings, users, log.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, column, field, reason, says};

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

#[tokio::test]
async fn settings_are_changed_by_name_and_put_back() {
    let world = World::lab().await;
    let args = json!({ "devices_approval_on": false, "devices_key_duration_days": 90 });

    let undo = world
        .inverse("update_tailnet_settings", args.clone())
        .await
        .unwrap();
    let plan = world.preview("update_tailnet_settings", args.clone()).await;
    let done = world.call("update_tailnet_settings", args.clone()).await;
    let none = world.inverse("update_tailnet_settings", args.clone()).await;

    assert_eq!(done["settings"]["devices_approval_on"], false);
    assert_eq!(done["settings"]["devices_key_duration_days"], 90);
    // What is not named stays.
    assert_eq!(done["settings"]["https_enabled"], true);
    assert!(says(&plan.impact, "without being asked"));
    assert_eq!(plan.changes[1].from.as_deref(), Some("180"));
    assert_eq!(none, None);
    assert_eq!(
        world.targets("update_tailnet_settings", args).await[0].kind,
        "settings"
    );
    let back = world.undo(undo).await;
    assert_eq!(back["settings"]["devices_approval_on"], true);
    let nothing = world.fail("update_tailnet_settings", json!({})).await;
    assert_eq!(field(&nothing), "devices_approval_on");
}

#[tokio::test]
async fn a_user_who_waits_is_approved() {
    let world = World::lab().await;
    world.control.add_user("sam@lab.example", "member");
    world
        .control
        .set_user_status("sam@lab.example", "needs-approval");
    let args = json!({ "user": "Sam@lab.example" });

    let undo = world.inverse("approve_user", args.clone()).await.unwrap();
    let plan = world.preview("approve_user", args.clone()).await;
    let done = world.call("approve_user", args.clone()).await;
    let again = world.fail("approve_user", args.clone()).await;

    assert_eq!(done["user"]["status"], "active");
    assert_eq!(plan.changes[0].from.as_deref(), Some("needs-approval"));
    assert_eq!(
        (again.code(), reason(&again)),
        (Code::Conflict, "user_status")
    );
    assert_eq!(world.targets("approve_user", args).await[0].kind, "user");
    let kept_out = world.undo(undo).await;
    assert_eq!(kept_out["user"]["status"], "suspended");
}

#[tokio::test]
async fn a_user_is_suspended_and_brought_back() {
    let world = World::lab().await;
    world.control.add_user("sam@lab.example", "member");
    let args = json!({ "user": "sam@lab.example" });
    let back = json!({ "user": "sam@lab.example", "suspended": false });

    let undo = world.inverse("suspend_user", args.clone()).await.unwrap();
    let plan = world.preview("suspend_user", args.clone()).await;
    let done = world.call("suspend_user", args.clone()).await;
    let again = world.call("suspend_user", args.clone()).await;
    let undone = world.undo(undo).await;
    let nobody = world
        .fail("suspend_user", json!({ "user": "nobody" }))
        .await;

    assert_eq!(
        (&done["user"]["status"], &again["user"]["status"]),
        (&json!("suspended"), &json!("suspended"))
    );
    assert_eq!(undone["user"]["status"], "active");
    assert!(plan.summary.contains("sam@lab.example"));
    assert_eq!(world.writes().len(), 2);
    assert_eq!(
        (nobody.code(), reason(&nobody)),
        (Code::NotFound, "user_not_found")
    );
    assert_eq!(
        world.effect("suspend_user", args.clone()),
        Effect::Destructive
    );
    assert_eq!(world.effect("suspend_user", back.clone()), Effect::Write);
    assert!(
        world
            .preview("suspend_user", back)
            .await
            .summary
            .contains("bring back")
    );
    assert_eq!(world.targets("suspend_user", args).await.len(), 1);
}
