//! The whole official API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use homelab_lab::unifi::Release;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{SWITCH, With, World, field, reason};

const DESCRIPTION: &str = "/proxy/network/api-docs/";

async fn site(world: &World) -> String {
    let sites = world
        .call("call_api", json!({ "method": "GET", "path": "/v1/sites" }))
        .await;
    sites["data"]["data"][0]["id"].as_str().unwrap().to_owned()
}

async fn device(world: &World, site: &str) -> String {
    let devices = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/v1/sites/{siteId}/devices", "params": { "siteId": site } }),
        )
        .await;
    let rows = devices["data"]["data"].as_array().unwrap();
    let switch = rows.iter().find(|row| row["macAddress"] == SWITCH).unwrap();
    switch["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn operations_are_found_and_shown_with_what_they_take() {
    let world = World::lab().await;

    let found = world
        .call(
            "search_api",
            json!({ "query": "acl rules", "method": "GET" }),
        )
        .await;
    let one = world
        .call(
            "search_api",
            json!({ "operation": "POST /v1/sites/{siteId}/devices/{deviceId}/actions" }),
        )
        .await;

    let mut items = found["items"].as_array().unwrap().iter();
    assert!(
        items.any(|row| row["path"] == "/v1/sites/{siteId}/acl-rules"),
        "{found}"
    );
    assert_eq!(one["operation"]["tool"], "reboot_device");
    let names: Vec<&Value> = one["operation"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["siteId", "deviceId", "body"]);
}

#[tokio::test]
async fn a_read_goes_to_the_official_api_by_key() {
    let world = World::lab().await;
    let site = site(&world).await;

    let rules = world
        .call(
            "call_api",
            json!({ "method": "GET", "params": { "siteId": site, "limit": 5 },
                    "path": "/proxy/network/integration/v1/sites/{siteId}/acl-rules" }),
        )
        .await;

    assert_eq!(
        (&rules["status"], &rules["data"]["limit"]),
        (&json!(200), &json!(5))
    );
    let lines = world.unifi.log().lines();
    assert!(
        !lines.iter().any(|line| line.contains("login")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_change_is_sent_and_its_device_is_a_target_as_the_tools_name_it() {
    let world = World::lab().await;
    let site = site(&world).await;
    let id = device(&world, &site).await;
    let restart = json!({ "method": "POST", "path": "/v1/sites/{siteId}/devices/{deviceId}/actions",
                          "params": { "siteId": site, "deviceId": id, "body": { "action": "RESTART" } } });

    let targets = world.targets("call_api", restart.clone()).await;
    let done = world.call("call_api", restart).await;

    assert_eq!((targets.len(), targets[0].kind.as_str()), (1, "device"));
    assert_eq!(targets[0].id, SWITCH);
    assert_eq!(targets[0].name.as_deref(), Some("sw-rack"));
    assert_eq!(done["status"], 200);
    assert_eq!(world.writes().len(), 1, "{:?}", world.writes());
}

#[rstest]
#[case("GET", "/v1/sites/s/clients", Effect::Read)]
#[case("GET", "/v1/sites/s/dns/policies", Effect::Read)]
#[case("POST", "/v1/sites/s/devices/d/actions", Effect::Critical)]
#[case("POST", "/v1/sites/s/clients/c/actions", Effect::Destructive)]
#[case("PUT", "/v1/sites/s/firewall/policies/p", Effect::Critical)]
#[case("DELETE", "/v1/sites/s/networks/n", Effect::Critical)]
#[case("POST", "/v1/sites/s/dns/policies", Effect::Critical)]
#[case("POST", "/v1/sites/s/devices", Effect::Destructive)]
#[case("DELETE", "/v1/sites/s/devices/d", Effect::Critical)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(
    #[case] method: &str,
    #[case] path: &str,
    #[case] effect: Effect,
) {
    let world = World::lab().await;

    let args = json!({ "method": method, "path": path });
    assert_eq!(world.effect("call_api", args), effect);
}

/// Rules about a tool hold for the raw calls of what it covers.
#[rstest]
#[case("GET /v1/sites/{siteId}/dns/policies", "list_dns_records")]
#[case(
    "GET /v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    "list_dns_records"
)]
#[case("POST /v1/sites/{siteId}/dns/policies", "create_dns_record")]
#[case(
    "PUT /v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    "update_dns_record"
)]
#[case(
    "DELETE /v1/sites/{siteId}/dns/policies/{dnsPolicyId}",
    "delete_dns_record"
)]
#[case("GET /v1/pending-devices", "list_pending_devices")]
#[case("POST /v1/sites/{siteId}/devices", "adopt_device")]
#[tokio::test]
async fn a_call_goes_by_the_tool_that_covers_it(#[case] operation: &str, #[case] tool: &str) {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "operation": operation }))
        .await;

    assert_eq!(found["operation"]["tool"], tool);
}

#[rstest]
#[case("GET", "/v1/sites/s/hotspot/vouchers")]
#[case("GET", "/v1/sites/s/hotspot/vouchers/v")]
#[case("POST", "/v1/sites/s/hotspot/vouchers")]
#[case("GET", "/v1/sites/s/wifi/broadcasts")]
#[case("GET", "/v1/sites/s/radius/profiles")]
#[case("GET", "/v1/anything/else")]
#[tokio::test]
async fn what_holds_codes_and_passphrases_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert_eq!(world.unifi.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_release_has_the_operations_that_it_has() {
    let world = World::release(Release::V9_0, With::Both).await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": "GET", "path": "/v1/sites/s/networks" }),
        )
        .await;

    assert_eq!(
        (field(&error), reason(&error)),
        ("path", "operation_unknown")
    );
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;
    world.unifi.faults().always(DESCRIPTION, Fault::Status(404));

    let found = world
        .call("search_api", json!({ "query": "devices" }))
        .await;

    assert!(found["note"].is_string(), "{found}");
}

#[tokio::test]
async fn without_the_official_api_there_is_nothing_to_search() {
    let world = World::classic().await;

    let error = world
        .fail("search_api", json!({ "query": "devices" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
}
