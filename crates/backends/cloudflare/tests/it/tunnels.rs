//! Tunnels.

use homelab_core::error::Code;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn tunnels_are_listed_without_those_that_are_gone() {
    let world = World::lab().await;
    let home = world.api.add_tunnel("home");
    world.api.connect(&home, "203.0.113.17");
    world.api.add_local_tunnel("workshop");
    let gone = world.api.add_tunnel("gone");
    world.api.delete_tunnel(&gone);

    let all = world.call("list_cloudflare_tunnels", json!({})).await;
    let healthy = json!({ "status": "healthy" });
    let healthy = world.call("list_cloudflare_tunnels", healthy).await;
    let deleted = json!({ "is_deleted": true });
    let deleted = world.call("list_cloudflare_tunnels", deleted).await;
    let prefix = json!({ "include_prefix": "work" });
    let prefix = world.call("list_cloudflare_tunnels", prefix).await;

    assert_eq!(column(&all, "name"), ["home", "workshop"]);
    assert_eq!(column(&all, "status"), ["healthy", "inactive"]);
    assert_eq!(column(&healthy, "name"), ["home"]);
    assert_eq!(column(&deleted, "name"), ["gone"]);
    assert_eq!(column(&prefix, "config_src"), ["local"]);
}

#[tokio::test]
async fn details_are_connectors_and_host_names() {
    let world = World::lab().await;
    let home = world.api.add_tunnel("home");
    world.api.connect(&home, "203.0.113.17");
    world.api.add_local_tunnel("workshop");
    let set = json!([{ "hostname": "git.lab.example", "service": "http://192.0.2.85:3000" }]);
    let set = json!({ "tunnel": "home", "set": set });
    world.call("update_tunnel_config", set).await;

    let all = json!({ "details": true });
    let all = world.call("list_cloudflare_tunnels", all).await;
    let one = world
        .call("get_cloudflare_tunnel", json!({ "tunnel": home }))
        .await;

    let connector = &one["connectors"][0];
    assert_eq!(connector["origin_ip"], "203.0.113.17");
    assert_eq!(connector["colos"].as_array().unwrap().len(), 4);
    assert_eq!(one["ingress"][0]["hostname"], "git.lab.example");
    assert_eq!(one["ingress"][1], json!({ "service": "http_status:404" }));
    assert_eq!(all["items"][0], one);
    // What stands beside a connector is not known here.
    assert_eq!(all["items"][1].get("ingress"), None);
    assert_eq!(all["items"][1]["connectors"], json!([]));
}

#[rstest]
#[case("get_cloudflare_tunnel", json!({ "tunnel": "nosuch" }))]
#[case("get_cloudflare_tunnel", json!({ "tunnel": "f70ff985-a4ef-4643-bbbc-4a0ed4fc8415" }))]
#[case("delete_cloudflare_tunnel", json!({ "tunnel": "nosuch" }))]
#[case("get_tunnel_token", json!({ "tunnel": "nosuch" }))]
#[case("list_tunnel_routes", json!({ "tunnel": "nosuch" }))]
#[case("update_tunnel_config", json!({ "tunnel": "nosuch", "remove": [{ "hostname": "a.lab.example" }] }))]
#[tokio::test]
async fn a_tunnel_that_is_not_there_is_told(#[case] tool: &str, #[case] args: Value) {
    let world = World::lab().await;

    let error = world.fail(tool, args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "tunnel_not_found")
    );
}

#[tokio::test]
async fn a_deleted_tunnel_is_not_there() {
    let world = World::lab().await;
    let gone = world.api.add_tunnel("gone");
    world.api.delete_tunnel(&gone);

    for name in ["gone", &gone] {
        let error = world
            .fail("get_cloudflare_tunnel", json!({ "tunnel": name }))
            .await;

        assert_eq!(reason(&error), "tunnel_not_found");
    }
}

#[tokio::test]
async fn a_tunnel_is_made_with_its_first_host_name() {
    let world = World::lab().await;

    let args = json!({ "name": "home", "hostname": "git.lab.example", "service": "http://192.0.2.85:3000" });
    let preview = world
        .preview("create_cloudflare_tunnel", args.clone())
        .await;
    let made = world.call("create_cloudflare_tunnel", args).await;
    let id = made["tunnel"]["id"].as_str().unwrap();
    let config = world.api.tunnel_config(id).unwrap().1;
    let records = world.api.records(&world.zone);

    assert!(preview.impact[0].contains("`git.lab.example` leads everybody"));
    assert_eq!(made["problems"], json!([]));
    assert_eq!(made["tunnel"]["config_src"], "cloudflare");
    assert_eq!(config["ingress"][0]["hostname"], "git.lab.example");
    assert_eq!(
        (&records[0]["content"], &records[0]["proxied"]),
        (&json!(format!("{id}.cfargotunnel.com")), &json!(true))
    );
    // What runs it is shown by another tool alone.
    let token = world
        .call("get_tunnel_token", json!({ "tunnel": "home" }))
        .await;
    let token = token["token"].as_str().unwrap();
    assert!(token.len() > 40 && !made.to_string().contains(token));
    assert!(!made.to_string().contains("TunnelSecret"));
}

#[tokio::test]
async fn what_follows_a_new_tunnel_and_fails_is_told() {
    let world = World::lab().await;
    world.record("A", "git.lab.example", "192.0.2.85");

    let args = json!({ "name": "home", "hostname": "git.lab.example", "service": "http://192.0.2.85:3000" });
    let preview = world
        .preview("create_cloudflare_tunnel", args.clone())
        .await;
    let made = world.call("create_cloudflare_tunnel", args).await;
    let twice = world
        .fail("create_cloudflare_tunnel", json!({ "name": "home" }))
        .await;

    assert!(preview.impact[1].contains("is in the way"));
    let problem = made["problems"][0].as_str().unwrap();
    assert!(problem.contains("does not lead to it yet"), "{problem}");
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "tunnel_exists")
    );
}

#[rstest]
#[case(json!({ "name": "home", "hostname": "git.lab.example" }), "service")]
#[case(json!({ "name": "home", "service": "http://192.0.2.1" }), "hostname")]
#[case(json!({ "name": "home", "hostname": "git", "service": "http://192.0.2.1" }), "hostname")]
#[case(json!({ "name": "home", "hostname": "git.nosuch.example", "service": "http://192.0.2.1" }), "zone")]
#[tokio::test]
async fn a_host_name_without_a_place_makes_no_tunnel(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;

    let error = world.fail("create_cloudflare_tunnel", args).await;

    assert_eq!(field(&error), wrong, "{error}");
    assert_eq!(world.writes(), [""; 0]);
}

#[tokio::test]
async fn host_names_are_added_changed_and_removed() {
    let world = World::lab().await;
    let tunnel = world.api.add_tunnel("home");
    let one = |name: &str, service: &str| json!({ "hostname": format!("{name}.lab.example"), "service": service });
    let set = json!({ "tunnel": "home", "set": [one("a", "http://192.0.2.1"), one("b", "http://192.0.2.2")] });
    world.call("update_tunnel_config", set).await;

    let args = json!({
        "tunnel": "home",
        "set": [one("a", "http://192.0.2.3"), one("c", "ssh://192.0.2.4:22")],
        "remove": [{ "hostname": "b.lab.example" }],
    });
    let preview = world.preview("update_tunnel_config", args.clone()).await;
    let changed = world.call("update_tunnel_config", args).await;
    let again = json!({ "tunnel": "home", "set": [one("a", "http://192.0.2.3")] });
    let again = world.call("update_tunnel_config", again).await;

    assert_eq!(preview.changes.len(), 3);
    let names: Vec<&Value> = changed["ingress"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[0]["service"], "http://192.0.2.3");
    assert_eq!(names[1]["hostname"], "c.lab.example");
    // The same again writes nothing.
    assert_eq!(
        (&changed["version"], &again["version"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(world.api.tunnel_config(&tunnel).unwrap().0, 2);
}

#[rstest]
#[case(json!({ "tunnel": "home" }), "set")]
#[case(json!({ "tunnel": "home", "remove": [{ "hostname": "no.lab.example" }] }), "remove[0]")]
#[case(json!({ "tunnel": "home", "set": [{ "hostname": "a.lab.example", "service": "192.0.2.1" }] }), "set[0].service")]
#[case(json!({ "tunnel": "home", "set": [{ "hostname": "a.lab.example", "service": "gopher://x" }] }), "set")]
#[case(json!({ "tunnel": "beside", "set": [{ "hostname": "a.lab.example", "service": "http://x" }] }), "tunnel")]
#[tokio::test]
async fn a_configuration_that_is_none_changes_nothing(#[case] args: Value, #[case] wrong: &str) {
    let world = World::lab().await;
    let home = world.api.add_tunnel("home");
    world.api.add_local_tunnel("beside");

    let error = world.fail("update_tunnel_config", args).await;

    assert_eq!(field(&error), wrong, "{error}");
    assert_eq!(world.api.tunnel_config(&home), Some((0, Value::Null)));
}

#[tokio::test]
async fn a_tunnel_that_runs_is_not_deleted() {
    let world = World::lab().await;
    let home = world.api.add_tunnel("home");
    world.api.connect(&home, "203.0.113.17");

    let args = json!({ "tunnel": "home" });
    let preview = world
        .preview("delete_cloudflare_tunnel", args.clone())
        .await;
    let running = world.fail("delete_cloudflare_tunnel", args.clone()).await;
    world.api.disconnect(&home);
    world.call("delete_cloudflare_tunnel", args).await;
    let left = world.call("list_cloudflare_tunnels", json!({})).await;

    assert!(preview.impact[0].contains("makes this fail"));
    assert_eq!(
        (running.code(), reason(&running)),
        (Code::Conflict, "tunnel_active")
    );
    assert_eq!(left["total"], 0);
}

#[tokio::test]
async fn networks_behind_tunnels_are_listed() {
    let world = World::lab().await;
    let home = world.api.add_tunnel("home");
    let other = world.api.add_tunnel("other");
    world.api.add_route(&home, "192.0.2.64/26", "servers");
    world.api.add_route(&other, "198.51.100.0/25", "");

    let all = world.call("list_tunnel_routes", json!({})).await;
    let one = world
        .call("list_tunnel_routes", json!({ "tunnel": "home" }))
        .await;

    assert_eq!(
        column(&all, "network"),
        ["192.0.2.64/26", "198.51.100.0/25"]
    );
    assert_eq!(column(&one, "tunnel_name"), ["home"]);
    assert_eq!(column(&one, "comment"), ["servers"]);
}
