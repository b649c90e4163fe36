//! The whole API: what is found, what a call may do, what is refused.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::cloudflare::{ACCOUNT, Permission, RecordSeed, TokenSeed};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason};

impl World {
    /// The lab with a description of the API.
    async fn described() -> Self {
        let mut world = Self::lab().await;
        world.reopen(&json!({ "api_schema": world.api.description_url() }));
        world
    }

    async fn get(&self, path: &str) -> Value {
        self.call("call_api", json!({ "method": "GET", "path": path }))
            .await
    }
}

/// A call about a zone.
fn about(world: &World, method: &str, below: &str, params: &Value) -> Value {
    let path = format!("/zones/{}{below}", world.zone);
    json!({ "method": method, "path": path, "params": params })
}

#[tokio::test]
async fn operations_are_found_and_shown_with_what_they_take() {
    let world = World::described().await;

    let found = world
        .call(
            "search_api",
            json!({ "query": "firewall access rules", "method": "GET" }),
        )
        .await;
    let one = world
        .call(
            "search_api",
            json!({ "operation": "POST /zones/{zone_id}/dns_records" }),
        )
        .await;

    let path = "/zones/{zone_id}/firewall/access_rules/rules";
    assert_eq!(found["items"][0]["path"], path);
    assert!(found.get("note").is_none(), "{found}");
    assert!(found["version"].as_str().unwrap().ends_with("-2026-11-16"));
    assert_eq!(one["operation"]["tool"], "create_dns_record");
    let parameters = one["operation"]["parameters"].as_array().expect("some");
    let body = parameters.iter().find(|one| one["name"] == "body");
    let body = &body.expect("a body")["schema"];
    assert_eq!(body["required"], json!(["type", "name"]));
}

#[tokio::test]
async fn phases_of_rulesets_are_found_by_their_names_with_what_may_be_done() {
    let world = World::described().await;
    let phase = |name: &str| format!("/zones/{{zone_id}}/rulesets/phases/{name}/entrypoint");

    let args = json!({ "query": "rate limit phase", "method": "GET" });
    let found = world.call("search_api", args).await;
    let shown = async |name: &str| {
        let operation = format!("GET {}", phase(name));
        let args = json!({ "operation": operation });
        world.call("search_api", args).await["operation"].clone()
    };
    let custom = shown("http_request_firewall_custom").await;
    let limits = shown("http_ratelimit").await;
    let any = shown("{ruleset_phase}").await;

    assert_eq!(found["items"][0]["path"], phase("http_ratelimit"));
    assert_eq!(found["items"][0]["effect"], "read");
    assert_eq!(
        (&custom["tool"], &custom["effect"]),
        (&json!("list_firewall_rules"), &json!("read"))
    );
    assert_eq!(limits["effect"], "read");
    assert!(any["withheld"].is_string(), "{any}");
    // As it was found, it is called.
    let read = about(
        &world,
        "GET",
        "/rulesets/phases/http_ratelimit/entrypoint",
        &json!({}),
    );
    let none = world.fail("call_api", read).await;
    assert_eq!(none.code(), Code::NotFound);
}

#[tokio::test]
async fn the_description_is_read_once_a_week_and_without_the_token() {
    let world = World::described().await;
    let read = || {
        let all = world.api.log().all();
        all.into_iter()
            .filter(|one| one.path == "/openapi.json")
            .collect::<Vec<_>>()
    };

    for _ in 0..2 {
        world.call("search_api", json!({ "query": "dns" })).await;
    }
    assert_eq!(read().len(), 1);
    assert!(!read()[0].headers.contains_key("authorization"));
    world.clock.advance_seconds(7 * 86_400);
    world.call("search_api", json!({ "query": "dns" })).await;

    assert_eq!(read().len(), 2);
}

#[tokio::test]
async fn a_read_answers_what_is_in_the_envelope() {
    let world = World::described().await;

    let rules = about(&world, "GET", "/firewall/access_rules/rules", &json!({}));
    let rules = world.call("call_api", rules).await;
    let ips = world.get("/ips").await;

    assert_eq!(
        (&rules["status"], &rules["total"]),
        (&json!(200), &json!(0))
    );
    assert!(ips["data"]["ipv4_cidrs"].is_array(), "{ips}");
}

#[tokio::test]
async fn a_list_with_more_pages_says_so() {
    let world = World::described().await;
    for host in 1..=5 {
        world.record("A", &format!("host-{host}.lab.example"), "192.0.2.80");
    }

    let params = json!({ "per_page": 2, "page": 2 });
    let page = about(&world, "GET", "/dns_records", &params);
    let page = world.call("call_api", page).await;

    assert_eq!(page["data"]["result"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["data"]["result_info"]["total_pages"], 3);
}

#[tokio::test]
async fn what_has_no_tool_can_be_changed() {
    let world = World::described().await;

    let block = json!({ "body": { "mode": "block", "configuration": { "target": "ip", "value": "198.51.100.7" } } });
    let args = about(&world, "POST", "/firewall/access_rules/rules", &block);
    let done = world.call("call_api", args.clone()).await;
    let preview = world.preview("call_api", args).await;

    assert_eq!(done["data"]["mode"], "block");
    assert!(
        preview.changes.iter().any(|change| change.field == "mode"),
        "{preview:?}"
    );
}

#[rstest]
#[case("POST", "/dns_records", Effect::Write)]
#[case(
    "PATCH",
    "/dns_records/023e105f4ecef8ad9ca31a8372d0c353",
    Effect::Write
)]
#[case(
    "PUT",
    "/dns_records/023e105f4ecef8ad9ca31a8372d0c353",
    Effect::Destructive
)]
#[case(
    "DELETE",
    "/dns_records/023e105f4ecef8ad9ca31a8372d0c353",
    Effect::Destructive
)]
#[case("DELETE", "", Effect::Critical)]
#[case("PATCH", "", Effect::Critical)]
#[case("PATCH", "/dnssec", Effect::Critical)]
#[case(
    "PUT",
    "/rulesets/phases/http_request_firewall_custom/entrypoint",
    Effect::Critical
)]
#[case("POST", "/firewall/access_rules/rules", Effect::Destructive)]
#[case("PATCH", "/settings/ssl", Effect::Destructive)]
#[case("GET", "/firewall/lockdowns", Effect::Read)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(
    #[case] method: &str,
    #[case] below: &str,
    #[case] effect: Effect,
) {
    let world = World::lab().await;

    let args = about(&world, method, below, &json!({ "body": {} }));

    assert_eq!(world.effect("call_api", args), effect);
}

#[rstest]
#[case(
    "PUT",
    "/accounts/{account}/cfd_tunnel/x/configurations",
    Effect::Destructive
)]
#[case("PATCH", "/user", Effect::Critical)]
#[case("DELETE", "/accounts/{account}/members/x", Effect::Critical)]
#[case("DELETE", "/user/tokens/x", Effect::Critical)]
#[case("POST", "/accounts/{account}/rules/lists", Effect::Destructive)]
#[tokio::test]
async fn so_is_what_a_call_does_to_the_account(
    #[case] method: &str,
    #[case] path: &str,
    #[case] effect: Effect,
) {
    let world = World::lab().await;

    let path = path.replace("{account}", ACCOUNT);
    let args = json!({ "method": method, "path": path, "params": { "body": {} } });

    assert_eq!(world.effect("call_api", args), effect);
}

#[tokio::test]
async fn zone_record_and_tunnel_that_a_call_touches_are_targets() {
    let world = World::described().await;
    let seed = RecordSeed::new("A", "www.lab.example", "192.0.2.80");
    let id = world.api.add_record(&world.zone, &seed);
    let tunnel = world.api.add_tunnel("home");

    let record = about(&world, "DELETE", &format!("/dns_records/{id}"), &json!({}));
    let record = world.targets("call_api", record).await;
    let path = format!("/accounts/{ACCOUNT}/cfd_tunnel/{tunnel}");
    let tunnel =
        json!({ "method": "PATCH", "path": path, "params": { "body": { "name": "house" } } });
    let tunnel = world.targets("call_api", tunnel).await;

    assert_eq!(record, ["zone lab.example", "dns_record www.lab.example"]);
    assert_eq!(tunnel, ["tunnel home"]);
}

#[rstest]
#[case("POST", "/user/tokens")]
#[case("PUT", "/user/tokens/x/value")]
#[case("POST", "/accounts/{account}/tokens")]
#[case("GET", "/accounts/{account}/cfd_tunnel/x/token")]
#[case("POST", "/accounts/{account}/cfd_tunnel")]
#[case("GET", "/accounts/{account}/access/apps")]
#[case("POST", "/accounts/{account}/access/service_tokens/x/rotate")]
#[case("GET", "/accounts/{account}/challenges/widgets")]
#[case("GET", "/accounts/{account}/workers/scripts/x")]
#[case("GET", "/accounts/{account}/storage/kv/namespaces/x/values/y")]
#[case(
    "GET",
    "/zones/x/rulesets/phases/http_request_late_transform/entrypoint"
)]
#[case("POST", "/zones/x/firewall/rules")]
#[case("POST", "/zones/x/dns_records/batch")]
#[tokio::test]
async fn what_makes_or_shows_a_secret_is_withheld(#[case] method: &str, #[case] path: &str) {
    let world = World::lab().await;
    let path = path.replace("{account}", ACCOUNT);

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(!hint(&error).is_empty());
    assert_eq!(world.api.log().lines(), [""; 0]);
}

#[tokio::test]
async fn custom_rules_are_read_as_the_tool_reads_them() {
    let world = World::described().await;
    let rule = json!({ "description": "one", "action": "block", "expression": "ssl" });
    world.call("create_firewall_rule", rule).await;

    let path = "/rulesets/phases/http_request_firewall_custom/entrypoint";
    let read = about(&world, "GET", path, &json!({}));
    let read = world.call("call_api", read).await;

    assert_eq!(read["data"]["rules"][0]["description"], "one");
}

#[tokio::test]
async fn what_does_not_fit_the_operation_is_named_and_not_sent() {
    let world = World::described().await;

    let wrong = json!({ "body": { "type": "B", "name": "www" } });
    let wrong = world
        .fail("call_api", about(&world, "POST", "/dns_records", &wrong))
        .await;
    let unknown = json!({ "nam": "www" });
    let unknown = world
        .fail("call_api", about(&world, "GET", "/dns_records", &unknown))
        .await;

    assert_eq!(
        (field(&wrong), reason(&wrong)),
        ("params.body.type", "parameter_invalid")
    );
    assert_eq!(
        (field(&unknown), reason(&unknown)),
        ("params.nam", "parameter_unknown")
    );
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn a_call_stays_in_the_configured_account() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "account_id": ACCOUNT, "api_schema": world.api.description_url() }));

    let path = format!("/accounts/{}/cfd_tunnel", "0".repeat(32));
    let error = world
        .fail("call_api", json!({ "method": "GET", "path": path }))
        .await;
    let own = world.get(&format!("/accounts/{ACCOUNT}/cfd_tunnel")).await;

    assert_eq!(
        (field(&error), reason(&error)),
        ("params.account_id", "parameter_invalid")
    );
    assert_eq!(own["total"], 0);
}

#[tokio::test]
async fn the_server_s_refusal_is_told_as_the_tools_tell_it() {
    let mut world = World::lab().await;
    let schema = world.api.description_url();
    world.reopen(&json!({ "api_schema": schema }));

    let path = format!("/dns_records/{}", "0".repeat(32));
    let missing = world
        .fail("call_api", about(&world, "GET", &path, &json!({})))
        .await;
    let small = TokenSeed::new("small-token").may(&[Permission::ZoneRead]);
    world.api.add_token(small);
    world.reopen(&json!({ "api_schema": schema, "token": "small-token" }));
    let refused = world
        .fail("call_api", about(&world, "GET", "/dns_records", &json!({})))
        .await;

    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "record_not_found")
    );
    assert_eq!(reason(&refused), "permission_missing");
    assert!(
        hint(&refused).contains("developers.cloudflare.com/api"),
        "{}",
        hint(&refused)
    );
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let world = World::lab().await;

    let found = world
        .call("search_api", json!({ "query": "dns records" }))
        .await;
    let zones = world.get("/zones").await;
    let unknown = world
        .fail("call_api", json!({ "method": "GET", "path": "/ips" }))
        .await;

    assert!(found["note"].is_string());
    assert_eq!(zones["data"][0]["name"], "lab.example");
    assert_eq!(
        (field(&unknown), reason(&unknown)),
        ("path", "operation_unknown")
    );
}

#[tokio::test]
async fn the_description_may_be_a_file() {
    let mut world = World::lab().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("openapi.json");
    let text = json!({ "paths": { "/ips": { "get": { "summary": "Addresses of Cloudflare." } } } });
    std::fs::write(&path, text.to_string()).expect("a file");

    world.reopen(&json!({ "api_schema": path }));
    let found = world.call("search_api", json!({})).await;
    world.reopen(&json!({ "api_schema": folder.path().join("none.json") }));
    let missing = world.fail("search_api", json!({})).await;

    assert_eq!(
        (&found["total"], &found["items"][0]["path"]),
        (&json!(1), &json!("/ips"))
    );
    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotConfigured, "description_missing")
    );
    assert_eq!(field(&missing), "servers.cloudflare.api_schema");
}
