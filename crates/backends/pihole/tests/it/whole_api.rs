//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::Fault;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, reason};

#[tokio::test]
async fn operations_of_all_files_are_found_and_shown_with_what_they_take() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "flush network" }))
        .await;
    let one = world
        .call("search_api", json!({ "operation": "POST /lists" }))
        .await;

    assert_eq!(
        found["items"][0]["path"], "/action/flush/network",
        "{found}"
    );
    assert_eq!(one["operation"]["tool"], "add_blocklist");
    let names: Vec<&Value> = one["operation"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["type", "body"]);
    let lines = world.pihole.log().lines();
    let main = lines.iter().filter(|line| line.ends_with("main.yaml"));
    assert_eq!(main.count(), 1, "{lines:?}");
}

#[tokio::test]
async fn one_session_serves_everything() {
    let world = World::lab().await;

    world
        .call("search_api", json!({ "query": "history" }))
        .await;
    world
        .call("call_api", json!({ "method": "GET", "path": "/history" }))
        .await;

    assert_eq!((world.pihole.logins(), world.pihole.seats()), (1, 1));
}

#[tokio::test]
async fn reads_and_changes_reach_the_pihole_that_is_named() {
    let world = World::pair().await;
    world
        .pihole
        .add_device("00:00:5e:00:53:07", "192.0.2.7", "nas");
    let network = "192.0.2.0/24";

    let seen = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/api/network/devices" }),
        )
        .await;
    world
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/clients", "host": "pihole-2",
                    "params": { "body": { "client": network } } }),
        )
        .await;
    let one = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/clients/{client}", "host": "pihole-2",
                    "params": { "client": network } }),
        )
        .await;

    assert_eq!(seen["data"]["devices"][0]["hwaddr"], "00:00:5e:00:53:07");
    assert_eq!(one["data"]["clients"][0]["client"], network);
    let writes = world.writes();
    assert_eq!(writes, [""; 0], "not on the first one");
}

#[rstest]
#[case(json!({ "method": "GET", "path": "/stats/summary" }), Effect::Read)]
#[case(json!({ "method": "GET", "path": "/config/dns" }), Effect::Read)]
#[case(json!({ "method": "POST", "path": "/domains/allow/exact", "params": { "body": { "domain": "a.example" } } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/dns/blocking", "params": { "body": { "blocking": false } } }), Effect::Destructive)]
#[case(json!({ "method": "PATCH", "path": "/config", "params": { "body": {} } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/action/restartdns" }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/action/flush/arp" }), Effect::Destructive)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::lab().await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[tokio::test]
async fn what_a_call_touches_is_a_target() {
    let world = World::lab().await;
    let kinds = async |args: Value| -> Vec<(String, String)> {
        let targets = world.targets("call_api", args).await;
        targets.into_iter().map(|one| (one.kind, one.id)).collect()
    };
    let pair = |kind: &str, id: &str| (kind.to_owned(), id.to_owned());

    assert_eq!(
        kinds(json!({ "method": "POST", "path": "/domains/deny/exact",
                      "params": { "body": { "domain": ["a.example", "b.example"] } } }))
        .await,
        [pair("domain", "a.example"), pair("domain", "b.example")]
    );
    assert_eq!(
        kinds(json!({ "method": "PUT", "path": "/groups/children",
                      "params": { "body": { "name": "kids" } } }))
        .await,
        [pair("group", "children"), pair("group", "kids")]
    );
    assert_eq!(
        kinds(json!({ "method": "POST", "path": "/action/restartdns" })).await,
        [pair("pihole", "pihole")]
    );
}

#[rstest]
#[case("GET", "/auth")]
#[case("GET", "/auth/app")]
#[case("GET", "/auth/sessions")]
#[case("DELETE", "/auth")]
#[case("GET", "/config")]
#[case("GET", "/config/webserver")]
#[case("GET", "/config/webserver%2Fapi")]
#[case("GET", "/info/client")]
#[case("GET", "/teleporter")]
#[case("POST", "/teleporter")]
#[case("GET", "/logs/webserver")]
#[case("PUT", "/domains/deny/exact/a.example")]
#[case("DELETE", "/groups/Default")]
#[case("POST", "/groups:batchDelete")]
#[case("POST", "/action/gravity")]
#[tokio::test]
async fn what_holds_secrets_or_goes_round_a_tool_is_withheld(
    #[case] method: &str,
    #[case] path: &str,
) {
    let world = World::lab().await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert_eq!(world.pihole.log().lines(), [""; 0]);
}

#[tokio::test]
async fn a_description_that_lacks_a_file_is_an_error_that_says_so() {
    let mut world = World::lab().await;
    world.lenient = true;
    world
        .pihole
        .faults()
        .always("/api/docs/specs/lists.yaml", Fault::NotJson);

    let error = world.fail("search_api", json!({ "query": "lists" })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "description_unreadable")
    );
}
