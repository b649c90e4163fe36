//! What a Headscale has of it, and what it has not.

use homelab_core::error::Code;
use homelab_lab::tailscale::{Flavor, HEADSCALE_CLIENT};
use serde_json::json;

use crate::world::{World, reason};

#[tokio::test]
async fn devices_routes_tags_and_keys_work() {
    let world = World::headscale().await;

    let devices = world.call("list_tailscale_devices", json!({})).await;
    world
        .call(
            "authorize_tailscale_device",
            json!({ "device_id": "phone-sam" }),
        )
        .await;
    let routes = json!({ "device_id": "fw-1", "routes": ["192.0.2.64/26"] });
    world.call("enable_subnet_routes", routes).await;
    world
        .call(
            "set_device_tags",
            json!({ "device_id": "nas-main", "tags": ["tag:server"] }),
        )
        .await;
    world
        .call(
            "rename_device",
            json!({ "device_id": "nas-main", "name": "storage" }),
        )
        .await;
    world
        .call("create_auth_key", json!({ "tags": ["tag:server"] }))
        .await;

    assert_eq!(devices["total"], 3);
    assert!(
        world
            .health()
            .await
            .message
            .starts_with("Headscale: 3 devices")
    );
}

#[tokio::test]
async fn what_it_lacks_is_said_without_asking() {
    let world = World::headscale().await;

    for (tool, args) in [
        ("get_tailscale_dns", json!({})),
        (
            "set_tailscale_dns_nameservers",
            json!({ "nameservers": ["192.0.2.66"] }),
        ),
        (
            "set_tailscale_dns_preferences",
            json!({ "magic_dns": true }),
        ),
        ("set_tailscale_search_paths", json!({ "search_paths": [] })),
        (
            "set_split_dns",
            json!({ "domains": { "lab.example": ["192.0.2.66"] } }),
        ),
        ("validate_tailscale_acl", json!({ "acl": "{}" })),
        (
            "preview_tailscale_acl",
            json!({ "type": "user", "preview_for": "alex" }),
        ),
        ("get_audit_log", json!({})),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, "not_supported"),
            "{tool}"
        );
    }
    assert!(world.control.log().all().is_empty());
    let args = json!({ "user": "alex@lab.example" });
    let user = world.fail("suspend_user", args).await;
    assert_eq!(reason(&user), "not_supported");
    let error = world
        .fail("expire_device_key", json!({ "device_id": "nas-main" }))
        .await;
    assert_eq!(reason(&error), "not_supported");
}

#[tokio::test]
async fn a_policy_is_written_guarded_but_unchecked() {
    let world = World::headscale().await;
    let acl = world.call("get_tailscale_acl", json!({})).await;

    let args = json!({
        "edits": [{ "old": "// Everybody may reach everything.", "new": "// All." }],
        "if_match": acl["etag"],
    });
    let done = world.call("update_tailscale_acl", args.clone()).await;
    let again = world.fail("update_tailscale_acl", args).await;

    assert_eq!(
        (&done["written"], &done["validated"]),
        (&json!(true), &json!(false))
    );
    assert!(world.control.policy().contains("// All."));
    assert_eq!(reason(&again), "policy_changed");
}

#[tokio::test]
async fn its_oauth_clients_get_tokens() {
    let settings = json!({ "client_id": HEADSCALE_CLIENT.0, "client_secret": HEADSCALE_CLIENT.1 });
    let mut world = World::with(Flavor::Headscale, settings).await;

    world.call("list_tailscale_devices", json!({})).await;
    assert_eq!(world.control.tokens_issued(), 1);
    world
        .reopen(&json!({ "client_id": HEADSCALE_CLIENT.0, "client_secret": "hskey-client-wrong" }));
    let error = world.fail("list_tailscale_devices", json!({})).await;

    assert_eq!(reason(&error), "client_refused");
}
