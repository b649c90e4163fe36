//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::tailscale::{ADMIN_KEY, Flavor, TAILNET};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

/// How often the description was asked for.
fn descriptions(world: &World) -> usize {
    let lines = world.control.log().lines();
    lines.iter().filter(|line| *line == "GET /api/v2").count()
}

#[tokio::test]
async fn operations_are_found_and_shown_with_what_they_take() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "device attributes" }))
        .await;
    let one = world
        .call(
            "search_api",
            json!({ "operation": "PATCH /tailnet/{tailnet}/settings" }),
        )
        .await;

    assert_eq!(found["items"][0]["path"], "/device/{id}/attributes");
    assert_eq!(found["items"][0]["effect"], "read");
    assert_eq!(found["version"], "v2-2026-11-16");
    assert!(found.get("note").is_none(), "{found}");
    assert_eq!(one["operation"]["effect"], "critical");
    assert_eq!(one["operation"]["tool"], "update_tailnet_settings");
    let parameters = one["operation"]["parameters"].as_array().expect("some");
    let body = parameters.iter().find(|one| one["name"] == "body");
    let days = &body.expect("a body")["schema"]["properties"]["devicesKeyDurationDays"];
    assert_eq!(days["maximum"], 180);
}

#[tokio::test]
async fn the_description_is_read_once_a_week_and_without_credentials() {
    let world = World::client().await;

    for _ in 0..2 {
        world.call("search_api", json!({ "query": "dns" })).await;
    }
    assert_eq!(world.control.tokens_issued(), 0);
    assert_eq!(descriptions(&world), 1);
    world.clock.advance_seconds(7 * 86_400);
    world.call("search_api", json!({ "query": "dns" })).await;

    assert_eq!(descriptions(&world), 2);
}

#[tokio::test]
async fn a_list_is_paged_and_its_wrapping_taken_off() {
    let world = World::lab().await;

    let page = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/tailnet/-/devices", "params": { "fields": "all" }, "limit": 2 }),
        )
        .await;

    assert_eq!((&page["status"], &page["total"]), (&json!(200), &json!(3)));
    assert_eq!(page["next_offset"], 2);
    assert!(page["data"][0]["enabledRoutes"].is_array(), "{page}");
}

#[tokio::test]
async fn what_has_no_tool_can_be_changed() {
    let world = World::lab().await;
    let id = world.device("nas-main")["nodeId"].clone();

    let done = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/device/{id}/attributes/{key}",
                    "params": { "id": id, "key": "custom:backup", "body": { "value": "nightly" } } }),
        )
        .await;
    let read = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/device/{id}/attributes", "params": { "id": id } }),
        )
        .await;

    assert_eq!(done["status"], 200);
    assert_eq!(read["data"]["attributes"]["custom:backup"], "nightly");
}

#[rstest]
#[case(json!({ "method": "POST", "path": "/device/n1CNTRL/key", "params": { "body": { "keyExpiryDisabled": true } } }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/device/n1CNTRL/routes", "params": { "body": { "routes": [] } } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/device/n1CNTRL/ip", "params": { "body": { "ipv4": "100.64.0.9" } } }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/device/n1CNTRL" }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/tailnet/-/keys/k1CNTRL" }), Effect::Critical)]
#[case(json!({ "method": "PATCH", "path": "/tailnet/-/settings", "params": { "body": {} } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/tailnet/-/dns/configuration", "params": { "body": {} } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/users/u1/role", "params": { "body": { "role": "owner" } } }), Effect::Critical)]
#[case(json!({ "method": "GET", "path": "/tailnet/-/services" }), Effect::Read)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[tokio::test]
async fn the_device_that_a_call_touches_is_a_target_with_its_tags() {
    let world = World::lab().await;
    let id = world.device("fw-1")["nodeId"].clone();

    let device = world
        .targets(
            "call_api",
            json!({ "method": "DELETE", "path": "/device/{id}", "params": { "id": id } }),
        )
        .await;
    let settings =
        json!({ "method": "PATCH", "path": "/tailnet/-/settings", "params": { "body": {} } });
    let settings = world.targets("call_api", settings).await;

    assert_eq!(
        (&*device[0].kind, &device[0].tags[..]),
        ("device", &["tag:router".to_owned()][..])
    );
    assert!(
        device[0]
            .name
            .as_deref()
            .is_some_and(|name| name.starts_with("fw-1."))
    );
    assert_eq!(settings[0].kind, "settings");
}

#[rstest]
#[case("POST", "/tailnet/-/acl")]
#[case("POST", "/tailnet/-/acl/validate")]
#[case("POST", "/tailnet/-/keys")]
#[case("GET", "/tailnet/-/user-invites")]
#[case("POST", "/device/n1CNTRL/device-invites")]
#[case("GET", "/tailnet/-/webhooks")]
#[case("POST", "/webhooks/1/rotate")]
#[case("PUT", "/tailnet/-/logging/network/stream")]
#[case("GET", "/tailnet/-/posture/integrations")]
#[case("POST", "/oauth/token")]
#[tokio::test]
async fn what_makes_or_shows_a_secret_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(!hint(&error).is_empty());
    assert_eq!(world.control.log().lines(), [""; 0]);
}

#[rstest]
#[case(json!({ "body": { "ipv4": 5 } }), "params.body.ipv4", "parameter_invalid")]
#[case(json!({ "body": { "ip": "100.64.0.9" } }), "params.body.ip", "parameter_unknown")]
#[case(json!({}), "params.body", "parameter_missing")]
#[tokio::test]
async fn what_does_not_fit_the_operation_is_named_and_not_sent(
    #[case] mut params: Value,
    #[case] at: &str,
    #[case] why: &str,
) {
    let world = World::lab().await;
    params["id"] = world.device("fw-1")["nodeId"].clone();

    let error = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/device/{id}/ip", "params": params }),
        )
        .await;

    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!((field(&error), reason(&error)), (at, why));
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_call_stays_in_the_configured_tailnet() {
    let settings = json!({ "api_key": ADMIN_KEY, "tailnet": TAILNET });
    let world = World::with(Flavor::Tailscale, settings).await;

    let own = json!({ "method": "GET", "path": "/tailnet/-/users" });
    world.call("call_api", own).await;
    let other = json!({ "method": "GET", "path": "/tailnet/other.example/users" });
    let error = world.fail("call_api", other).await;

    let lines = world.control.log().lines();
    let asked = format!("GET /api/v2/tailnet/{TAILNET}/users");
    assert_eq!(lines.last(), Some(&asked));
    assert_eq!(field(&error), "params.tailnet");
}

#[tokio::test]
async fn the_server_s_refusal_is_told_as_the_tools_tell_it() {
    let mut world = World::lab().await;

    let missing = json!({ "method": "GET", "path": "/device/n0CNTRL/attributes" });
    let missing = world.fail("call_api", missing).await;
    world.scoped(&["devices:core:read"]);
    let refused = json!({ "method": "GET", "path": "/tailnet/-/users" });
    let refused = world.fail("call_api", refused).await;

    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "device_not_found")
    );
    assert_eq!(reason(&refused), "scope_missing");
    assert!(!hint(&refused).contains("``"), "{}", hint(&refused));
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;
    world
        .control
        .faults()
        .next(1, "/api/v2", Fault::Status(404));

    let found = world.call("search_api", json!({ "query": "routes" })).await;

    assert!(found["note"].is_string());
    assert_eq!(found["items"][0]["path"], "/device/{deviceId}/routes");
}

#[tokio::test]
async fn of_a_headscale_what_it_has_is_known_and_can_be_called() {
    let world = World::headscale().await;
    let id = world.device("nas-main")["nodeId"].clone();

    let dns = world.call("search_api", json!({ "query": "dns" })).await;
    world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/device/{deviceId}/tags",
                    "params": { "deviceId": id, "body": { "tags": ["tag:server"] } } }),
        )
        .await;

    let paths: Vec<&str> = dns["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["path"].as_str())
        .filter(|path| path.contains("dns"))
        .collect();
    assert_eq!(paths, [""; 0]);
    assert_eq!(world.device("nas-main")["tags"], json!(["tag:server"]));
}
