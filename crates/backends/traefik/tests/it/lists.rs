//! What there is: routers, services, middlewares, entry points, and all at a glance.

use homelab_core::error::Code;
use homelab_lab::traefik::{Protocol, Release};
use serde_json::{Value, json};

use crate::world::{World, column, field, reason};

#[tokio::test]
async fn routers_of_every_protocol_and_provider_are_listed() {
    let world = World::lab().await;
    let tcp = json!({ "entryPoints": ["web"], "service": "db", "rule": "HostSNI(`*`)" });
    world.traefik.add_router(Protocol::Tcp, "db@docker", tcp);

    let all = world.call("list_routers", json!({})).await;
    let docker = world
        .call(
            "list_routers",
            json!({ "protocol": "http", "provider": "docker" }),
        )
        .await;
    let search = world
        .call("list_routers", json!({ "search": "BLOG" }))
        .await;

    assert_eq!(
        column(&all, "name"),
        ["api@internal", "blog@docker", "ping@internal", "db@docker"]
    );
    assert_eq!(all["items"][0]["priority"], "9223372036854775806");
    assert_eq!(column(&docker, "name"), ["blog@docker"]);
    assert_eq!(docker["items"][0]["service"], "blog@docker");
    assert_eq!(docker["items"][0]["tls"]["cert_resolver"], "lab");
    assert_eq!(column(&search, "name"), ["blog@docker"]);
}

#[tokio::test]
async fn routers_that_do_not_work_are_found_with_their_errors() {
    let world = World::lab().await;
    let router =
        json!({ "entryPoints": ["web"], "service": "nosuch", "rule": "Host(`x.lab.example`)" });
    world.traefik.add_router(Protocol::Http, "x@docker", router);

    let disabled = world
        .call("list_routers", json!({ "status": "disabled" }))
        .await;
    let overview = world.call("get_traefik_overview", json!({})).await;

    assert_eq!(column(&disabled, "name"), ["x@docker"]);
    let error = disabled["items"][0]["errors"][0]
        .as_str()
        .expect("an error");
    assert!(error.contains("does not exist"), "{error}");
    assert_eq!(overview["failing"][0]["router"], "x@docker");
    assert_eq!(overview["http"]["routers"]["errors"], 1);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::lab().await;

    let first = world.call("list_routers", json!({ "limit": 2 })).await;
    let second = world
        .call(
            "list_routers",
            json!({ "limit": 2, "cursor": first["next_cursor"] }),
        )
        .await;
    let error = world.fail("list_routers", json!({ "cursor": "%" })).await;

    assert_eq!(
        (column(&first, "name").len(), &first["total"]),
        (2, &json!(3))
    );
    assert_eq!(column(&second, "name").len(), 1);
    assert_eq!(
        (error.code(), field(&error)),
        (Code::InvalidArgument, "cursor")
    );
}

#[tokio::test]
async fn services_show_servers_that_are_down_first() {
    let world = World::lab().await;
    world.traefik.set_server("http://192.0.2.41:2368", false);

    let down = world
        .call("list_services", json!({ "only_down": true }))
        .await;
    let all = world
        .call("list_services", json!({ "provider": "docker" }))
        .await;

    assert_eq!(column(&down, "name"), ["blog@docker"]);
    assert_eq!(
        down["items"][0]["servers"],
        json!([
            { "address": "http://192.0.2.41:2368", "health": "down" },
            { "address": "http://192.0.2.40:2368", "health": "up" },
        ])
    );
    assert_eq!(all["items"][0]["used_by"], json!(["blog@docker"]));
}

#[tokio::test]
async fn a_server_that_nobody_checks_is_not_called_up() {
    let world = World::lab().await;
    let service =
        json!({ "loadBalancer": { "servers": [{ "url": "http://ops:tell-nobody@192.0.2.9/" }] } });
    world
        .traefik
        .add_service(Protocol::Http, "plain@docker", service);
    let router =
        json!({ "entryPoints": ["web"], "service": "plain", "rule": "Host(`p.lab.example`)" });
    world
        .traefik
        .add_router(Protocol::Http, "plain@docker", router);

    let health = world
        .call("get_service_health", json!({ "name": "plain@docker" }))
        .await;

    assert_eq!(health["service"]["servers"][0]["health"], "unchecked");
    assert_eq!(
        (&health["up"], &health["unchecked"]),
        (&json!(0), &json!(1))
    );
    assert!(!health.to_string().contains("tell-nobody"));
}

#[tokio::test]
async fn the_health_of_a_service_is_counted() {
    let world = World::lab().await;
    world.traefik.set_server("http://192.0.2.41:2368", false);

    let one = world
        .call("get_service_health", json!({ "name": "blog@docker" }))
        .await;
    world.traefik.set_server("http://192.0.2.40:2368", false);
    let none = world
        .call("get_service_health", json!({ "name": "blog@docker" }))
        .await;
    let error = world
        .fail("get_service_health", json!({ "name": "nosuch@docker" }))
        .await;

    assert_eq!((&one["up"], &one["down"]), (&json!(1), &json!(1)));
    assert_eq!(none["verdict"], "no server answers: requests get 503");
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "service_not_found")
    );
}

#[tokio::test]
async fn a_service_of_services_names_them() {
    let world = World::lab().await;
    let weighted = json!({ "weighted": { "services": [{ "name": "blog", "weight": 3 }, { "name": "old@file", "weight": 1 }] } });
    world
        .traefik
        .add_service(Protocol::Http, "both@docker", weighted);

    let health = world
        .call("get_service_health", json!({ "name": "both@docker" }))
        .await;

    assert_eq!(
        health["service"]["services"],
        json!(["blog@docker", "old@file"])
    );
}

#[tokio::test]
async fn middlewares_are_listed_and_their_secrets_are_not() {
    let world = World::lab().await;

    let plain = world.call("list_middlewares", json!({})).await;
    let details = world
        .call("list_middlewares", json!({ "details": true }))
        .await;
    let managed = world
        .call(
            "manage_middleware",
            json!({ "action": "get", "name": "auth@docker" }),
        )
        .await;

    assert_eq!(column(&plain, "name"), ["auth@docker"]);
    assert_eq!(plain["items"][0].get("config"), None);
    let users = json!({ "basicAuth": { "users": ["ops:[redacted]"] } });
    assert_eq!(details["items"][0]["config"], users);
    assert_eq!(managed["middleware"]["config"], users);
    assert!(
        ![plain, details, managed]
            .iter()
            .any(|one: &Value| one.to_string().contains("tell-nobody"))
    );
}

#[tokio::test]
async fn entry_points_are_listed_by_the_names_that_routers_use() {
    let world = World::lab().await;

    let found = world.call("list_entrypoints", json!({})).await;

    let rows = found["entry_points"].as_array().expect("rows");
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["traefik", "web", "websecure"]);
    assert_eq!(
        (&rows[2]["port"], &rows[2]["default"]),
        (&json!(443), &json!(true))
    );
    assert_eq!(rows[0]["default"], false);
}

#[tokio::test]
async fn the_overview_says_what_its_owner_should_look_at() {
    let mut world = World::lab().await;

    let open = world.call("get_traefik_overview", json!({})).await;
    world.traefik.require_password("ops", "correct");
    world.reopen(&json!({ "username": "ops", "password": "correct", "directory": null }));
    let guarded = world.call("get_traefik_overview", json!({})).await;

    assert_eq!(
        (&open["version"], &open["writable"]),
        (&json!("3.7.15"), &json!(true))
    );
    assert!(
        open["findings"][0]
            .as_str()
            .expect("a finding")
            .contains("without a password")
    );
    assert_eq!(guarded["findings"], json!([]));
    assert_eq!(guarded["writable"], false);
}

#[tokio::test]
async fn a_router_is_shown_with_all_that_requests_pass() {
    let world = World::lab().await;

    let well = world
        .call("get_router", json!({ "name": "blog@docker" }))
        .await;
    world.traefik.set_server("http://192.0.2.40:2368", false);
    world.traefik.set_server("http://192.0.2.41:2368", false);
    let broken = world
        .call("get_router", json!({ "name": "blog@docker" }))
        .await;
    let error = world.fail("get_router", json!({ "name": "blog" })).await;

    assert_eq!(
        (&well["healthy"], &well["managed"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(well["service"]["servers_total"], 2);
    assert_eq!(broken["healthy"], false);
    assert!(broken["problems"].to_string().contains("no server is left"));
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "router_not_found")
    );
    assert!(error.to_string().contains("blog@file"));
}

#[tokio::test]
async fn older_releases_are_read_and_not_changed() {
    let world = World::lab().await;
    world.traefik.set_release(Release::V2_11);

    let routers = world.call("list_routers", json!({})).await;
    let overview = world.call("get_traefik_overview", json!({})).await;
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });
    let error = world.fail("create_router", args).await;

    assert_eq!(column(&routers, "name").len(), 3);
    assert_eq!(overview["writable"], false);
    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
    assert_eq!(world.files(), [""; 0]);
}
