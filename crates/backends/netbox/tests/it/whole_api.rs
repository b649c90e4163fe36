//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

#[tokio::test]
async fn operations_are_found_and_shown_with_what_they_take() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "tenants create" }))
        .await;
    let one = world
        .call("search_api", json!({ "operation": "POST /ipam/vlans/" }))
        .await;

    let paths: Vec<&Value> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["path"])
        .collect();
    assert!(paths.contains(&&json!("/tenancy/tenants/")), "{found}");
    assert_eq!(one["operation"]["tool"], "create_vlan");
    let parameters = one["operation"]["parameters"].as_array().unwrap();
    let body = parameters.iter().find(|one| one["name"] == "body").unwrap();
    assert!(body["schema"]["properties"]["vid"].is_object(), "{body}");
}

#[tokio::test]
async fn the_description_is_asked_for_once() {
    let world = World::lab().await;

    for query in ["sites", "racks"] {
        world.call("search_api", json!({ "query": query })).await;
    }

    let lines = world.netbox.log().lines();
    let asked = lines.iter().filter(|line| line.contains("/api/schema/"));
    assert_eq!(asked.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_read_answers_what_netbox_says() {
    let world = World::lab().await;

    let answer = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/api/tenancy/tenants/", "params": { "limit": 5 } }),
        )
        .await;

    assert_eq!(answer["operation"], "GET /tenancy/tenants/");
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["data"]["results"][0]["name"], "Home");
}

#[tokio::test]
async fn a_change_carries_its_message_and_is_made() {
    let world = World::lab().await;

    let made = world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/tenancy/tenants/",
                    "params": { "body": { "name": "Guests", "slug": "guests" } } }),
        )
        .await;
    let id = made["data"]["id"].as_u64().unwrap();
    let body = world.last_body();
    world
        .call(
            "call_api",
            json!({ "method": "DELETE", "path": "/tenancy/tenants/{id}/", "params": { "id": id } }),
        )
        .await;

    assert_eq!(made["status"], 201);
    assert_eq!(body["changelog_message"], "homelab-mcp: call_api");
    let writes = world.writes();
    let expected = [
        "POST /api/tenancy/tenants/".to_owned(),
        format!("DELETE /api/tenancy/tenants/{id}/"),
    ];
    assert_eq!(writes, expected);
}

#[rstest]
#[case(json!({ "method": "GET", "path": "/dcim/devices/" }), Effect::Read)]
#[case(json!({ "method": "POST", "path": "/ipam/prefixes/1/available-ips/", "params": { "body": [{}] } }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/ipam/ip-addresses/1/" }), Effect::Destructive)]
#[case(json!({ "method": "PATCH", "path": "/dcim/sites/1/", "params": { "body": {} } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/users/users/", "params": { "body": {} } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/extras/scripts/1/", "params": { "body": {} } }), Effect::Critical)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[tokio::test]
async fn objects_that_a_call_touches_are_targets_with_names_and_tags() {
    let world = World::lab().await;
    world.netbox.add(
        "dcim/devices",
        json!({ "name": "nas", "device_type": 1, "role": 1, "site": 1, "tags": [1] }),
    );

    let one = world
        .targets(
            "call_api",
            json!({ "method": "DELETE", "path": "/dcim/devices/4/" }),
        )
        .await;

    assert_eq!((one[0].kind.as_str(), one[0].id.as_str()), ("device", "4"));
    assert_eq!(one[0].name.as_deref(), Some("nas"));
    assert_eq!(one[0].tags, ["lab"]);
}

#[rstest]
#[case("POST", "/users/tokens/provision/")]
#[case("GET", "/users/tokens/")]
#[case("GET", "/users/users/")]
#[case("GET", "/extras/webhooks/")]
#[case("GET", "/ipam/fhrp-groups/")]
#[case("GET", "/wireless/wireless-lans/1/")]
#[case("POST", "/dcim/devices/1/render-config/")]
#[case("GET", "/plugins/anything/")]
#[tokio::test]
async fn what_could_be_a_secret_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(!hint(&error).is_empty());
    assert_eq!(world.netbox.log().lines(), [""; 0]);
}

#[rstest]
#[case::list("/dcim/devices/", json!({}), "/results/0/config_context")]
#[case::one("/dcim/devices/1/", json!({}), "/config_context")]
#[case::change("/dcim/devices/1/", json!({ "local_context_data": { "community": "opens-switches" } }), "/local_context_data")]
#[tokio::test]
async fn config_contexts_are_withheld_in_what_is_answered(
    #[case] path: &str,
    #[case] change: Value,
    #[case] field: &str,
) {
    let world = World::lab().await;
    world
        .netbox
        .set_config_context(json!({ "community": "opens-switches" }));
    let is_change = change != json!({});
    let args = if is_change {
        json!({ "method": "PATCH", "path": path, "params": { "body": change } })
    } else {
        json!({ "method": "GET", "path": path })
    };

    let answer = world.call("call_api", args).await;

    assert!(!answer.to_string().contains("opens-switches"), "{answer}");
    let told = answer["data"].pointer(field).and_then(Value::as_str);
    assert!(
        told.is_some_and(|told| told.starts_with("withheld: ")),
        "{answer}"
    );
    assert!(answer["data"].to_string().contains("\"name\":"), "{answer}");
}

#[tokio::test]
async fn an_unknown_filter_is_named_and_not_sent() {
    let world = World::lab().await;
    world
        .call("search_api", json!({ "query": "tenants" }))
        .await;
    world.netbox.log().clear();

    let error = world
        .fail(
            "call_api",
            json!({ "method": "GET", "path": "/tenancy/tenants/", "params": { "nmae": "x" } }),
        )
        .await;

    assert_eq!(
        (field(&error), reason(&error)),
        ("params.nmae", "parameter_unknown")
    );
    let lines = world.netbox.log().lines();
    assert!(
        !lines.iter().any(|line| line.contains("tenants")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn refusals_are_told_as_the_tools_tell_them() {
    let world = World::lab().await;

    let missing = world
        .fail(
            "call_api",
            json!({ "method": "DELETE", "path": "/tenancy/tenants/99/" }),
        )
        .await;
    world
        .netbox
        .faults()
        .always("/api/schema/", Fault::Status(500));
    let fresh = World::lab().await;
    fresh
        .netbox
        .faults()
        .always("/api/schema/", Fault::Status(500));
    let broken = fresh.fail("search_api", json!({ "query": "sites" })).await;

    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "object_not_found")
    );
    assert_eq!(broken.code(), Code::UpstreamRejected);
}
