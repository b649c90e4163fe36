//! Making routers.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_lab::traefik::Protocol;
use serde_json::{Value, json};

use crate::world::{World, field, hint, reason, says};

fn app() -> Value {
    json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9:8080"], "entry_points": ["websecure"], "tls": "default" })
}

fn with(change: &Value) -> Value {
    let mut args = app();
    for (key, value) in change.as_object().expect("arguments") {
        args[key] = value.clone();
    }
    args
}

#[tokio::test]
async fn a_router_is_written_and_served() {
    let world = World::lab().await;

    let made = world
        .call(
            "create_router",
            with(&json!({ "middlewares": ["auth@docker"], "priority": 50 })),
        )
        .await;
    let shown = world.call("get_router", json!({ "name": "app" })).await;

    assert_eq!(
        (&made["changed"], &made["created"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(made["router"]["name"], "app@file");
    assert_eq!(made["router"]["status"], "enabled");
    assert_eq!(made["router"]["priority"], "50");
    assert_eq!(
        (&shown["managed"], &shown["healthy"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(world.files(), ["hl-router-app.yml"]);
    let text = world.file("hl-router-app.yml").expect("a file");
    assert!(text.contains("rule: \"Host(`app.lab.example`)\""), "{text}");
}

#[tokio::test]
async fn the_same_call_again_writes_nothing() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let text = world.file("hl-router-app.yml");

    let again = world.call("create_router", app()).await;

    assert_eq!(
        (&again["changed"], &again["created"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(world.file("hl-router-app.yml"), text);
    assert_eq!(world.files(), ["hl-router-app.yml"]);
    assert_eq!(world.inverse("create_router", app()).await, None);
}

#[tokio::test]
async fn one_that_is_there_is_replaced_only_if_that_is_said() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let other = with(&json!({ "backend_urls": ["http://192.0.2.10:8080"] }));

    let error = world.fail("create_router", other.clone()).await;
    let replaced = world
        .call("create_router", {
            let mut args = other;
            args["overwrite"] = true.into();
            args
        })
        .await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::Conflict, "router_exists", "name")
    );
    assert_eq!(
        (&replaced["changed"], &replaced["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        world.files(),
        ["hl-router-app.yml", "hl-router-app.yml.previous"]
    );
    assert!(
        world
            .file("hl-router-app.yml")
            .expect("a file")
            .contains("192.0.2.10")
    );
}

#[tokio::test]
async fn what_a_call_does_depends_on_how_it_is_made() {
    let world = World::lab().await;

    assert_eq!(world.effect("create_router", app()), Effect::Write);
    assert_eq!(
        world.effect("create_router", with(&json!({ "overwrite": true }))),
        Effect::Destructive
    );
    assert_eq!(
        world.effect(
            "create_router",
            with(&json!({ "dry_run": true, "overwrite": true }))
        ),
        Effect::Read
    );
}

#[tokio::test]
async fn a_dry_run_shows_and_writes_nothing() {
    let world = World::lab().await;

    let shown = world
        .call("create_router", with(&json!({ "dry_run": true })))
        .await;
    let preview = world.preview("create_router", app()).await;
    let targets = world.targets("create_router", app()).await;

    assert_eq!(shown["changed"], false);
    assert_eq!(shown["config"]["http"]["routers"]["app"]["service"], "app");
    assert_eq!(
        preview.summary,
        "create the router `app`: Host(`app.lab.example`)"
    );
    assert_eq!(preview.changes.len(), 5);
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("router", "app@file")
    );
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn what_the_router_refers_to_must_be_there() {
    let world = World::lab().await;
    for (change, wanted_reason, wanted_field) in [
        (
            json!({ "entry_points": ["websecure", "wbe"] }),
            "entry_point_unknown",
            "entry_points[1]",
        ),
        (
            json!({ "middlewares": ["auth"] }),
            "middleware_not_found",
            "middlewares[0]",
        ),
        (
            json!({ "backend_urls": [], "service": "nosuch@docker" }),
            "service_not_found",
            "service",
        ),
        (json!({ "host": "x y" }), "", "host"),
        (
            json!({ "backend_urls": ["192.0.2.9"] }),
            "",
            "backend_urls[0]",
        ),
    ] {
        let error = world.fail("create_router", with(&change)).await;

        assert_eq!(
            (reason(&error), field(&error)),
            (wanted_reason, wanted_field)
        );
    }
    let mut args = app();
    args["rule"] = "Hst(`x`)".into();
    args.as_object_mut().expect("arguments").remove("host");
    let error = world.fail("create_router", args).await;

    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::InvalidArgument, "rule_invalid", "rule")
    );
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn a_service_of_another_provider_can_be_routed_to() {
    let world = World::lab().await;
    let args = json!({ "name": "blog2", "host": "b.lab.example", "service": "blog@docker" });

    let made = world.call("create_router", args).await;

    assert_eq!(made["router"]["service"], "blog@docker");
    assert!(
        !world
            .file("hl-router-blog2.yml")
            .expect("a file")
            .contains("services:")
    );
}

#[tokio::test]
async fn names_of_others_are_left_alone() {
    let world = World::lab().await;
    world.put(
        "other.yml",
        "http: {routers: {app: {rule: 'Host(`o.lab.example`)', service: 'blog@docker'}}}\n",
    );

    let error = world.fail("create_router", app()).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "name_taken")
    );
    assert_eq!(world.files(), ["other.yml"]);
}

#[tokio::test]
async fn a_service_name_in_another_file_is_taken_too() {
    let world = World::lab().await;
    world.put(
        "other.yml",
        "http: {services: {app: {loadBalancer: {servers: [{url: 'http://192.0.2.1'}]}}}}\n",
    );

    let error = world.fail("create_router", app()).await;

    assert_eq!(reason(&error), "name_taken");
    assert!(error.to_string().contains("other.yml"));
    assert_eq!(world.files(), ["other.yml"]);
}

#[tokio::test]
async fn a_file_that_somebody_changed_is_not_overwritten() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let text = world
        .file("hl-router-app.yml")
        .expect("a file")
        .replace("192.0.2.9", "192.0.2.99");
    world.put("hl-router-app.yml", &text);
    let args = with(&json!({ "overwrite": true, "priority": 3 }));

    let error = world.fail("create_router", args).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "config_drifted")
    );
    assert_eq!(world.file("hl-router-app.yml"), Some(text));
}

#[tokio::test]
async fn nothing_is_written_where_traefik_would_not_read_it() {
    let world = World::lab().await;
    world.put("bad.yml", "http:\n  routers:\n    x: {rul: y}\n");

    let error = world.fail("create_router", app()).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "directory_broken")
    );
    assert!(
        error.to_string().contains("bad.yml") && error.to_string().contains("rul"),
        "{error}"
    );
    assert!(hint(&error).contains("validate_config"));
    assert_eq!(world.files(), ["bad.yml"]);
}

#[tokio::test]
async fn what_traefik_does_not_serve_in_time_is_taken_back() {
    let world = World::lab().await;
    world.traefik.set_reload_delay(100_000);

    let error = world.fail("create_router", app()).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_served")
    );
    assert!(hint(&error).contains("servers.traefik.directory"));
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn a_replacement_that_is_not_served_leaves_the_old_one_and_what_was_kept() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    world
        .call(
            "create_router",
            with(&json!({ "overwrite": true, "priority": 2 })),
        )
        .await;
    let before = (
        world.file("hl-router-app.yml"),
        world.file("hl-router-app.yml.previous"),
    );
    world.traefik.set_reload_delay(100_000);

    let error = world
        .fail(
            "create_router",
            with(&json!({ "overwrite": true, "priority": 3 })),
        )
        .await;

    assert_eq!(reason(&error), "not_served");
    let after = (
        world.file("hl-router-app.yml"),
        world.file("hl-router-app.yml.previous"),
    );
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_change_is_waited_for() {
    let world = World::lab().await;
    world.traefik.set_reload_delay(12);

    let made = world.call("create_router", app()).await;

    assert_eq!(made["router"]["status"], "enabled");
}

#[tokio::test]
async fn what_may_surprise_is_said() {
    let world = World::lab().await;
    let args = with(&json!({
        "host": "blog.lab.example", "tls": "cert_resolver", "cert_resolver": "other",
        "backend_urls": ["https://192.0.2.9"], "insecure_skip_verify": true,
    }));

    let preview = world.preview("create_router", args).await;

    assert!(says(&preview.impact, "`blog@docker` has the same rule"));
    assert!(says(&preview.impact, "resolver `other`"));
    assert!(says(&preview.impact, "not verified"));
}

#[tokio::test]
async fn without_a_directory_nothing_can_be_made() {
    let world = World::configured(json!({ "directory": null })).await;

    let error = world.fail("create_router", app()).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "setting_missing")
    );
    assert_eq!(field(&error), "servers.traefik.directory");
}

#[tokio::test]
async fn a_router_of_another_provider_with_the_same_name_is_no_conflict() {
    let world = World::lab().await;
    let router =
        json!({ "entryPoints": ["web"], "service": "blog", "rule": "Host(`x.lab.example`)" });
    world
        .traefik
        .add_router(Protocol::Http, "app@docker", router);

    let made = world.call("create_router", app()).await;

    assert_eq!(made["router"]["name"], "app@file");
}
