//! Everything about one middleware.

use homelab_core::error::Code;
use homelab_core::tool::Effect;
use serde_json::{Value, json};

use crate::world::{World, field, reason, says};

const TOOL: &str = "manage_middleware";

fn limit(action: &str, average: u32) -> Value {
    json!({ "action": action, "name": "limit", "type": "rateLimit", "config": { "average": average, "period": "60s" } })
}

async fn router(world: &World) {
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });
    world.call("create_router", args).await;
}

#[tokio::test]
async fn a_middleware_is_made_changed_and_removed() {
    let world = World::lab().await;

    let made = world.call(TOOL, limit("create", 10)).await;
    let twice = world.fail(TOOL, limit("create", 10)).await;
    let changed = world.call(TOOL, limit("update", 20)).await;
    let again = world.call(TOOL, limit("update", 20)).await;
    let removed = world
        .call(TOOL, json!({ "action": "delete", "name": "limit" }))
        .await;
    let gone = world.fail(TOOL, limit("update", 30)).await;

    assert_eq!(made["middleware"]["name"], "limit@file");
    assert!(
        made["note"]
            .as_str()
            .expect("a note")
            .contains("no router uses it")
    );
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::Conflict, "middleware_exists")
    );
    assert_eq!(changed["middleware"]["config"]["rateLimit"]["average"], 20);
    assert_eq!(again["changed"], false);
    assert_eq!(removed["changed"], true);
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::NotFound, "middleware_not_found")
    );
    assert_eq!(world.files(), ["hl-middleware-limit.yml.previous"]);
}

#[tokio::test]
async fn passwords_are_hashed_and_shown_to_nobody() {
    let world = World::lab().await;
    let args = json!({ "action": "create", "name": "auth", "type": "basicAuth", "users": [{ "name": "ops", "password": "correct horse" }], "config": { "realm": "lab" } });

    let preview = world.preview(TOOL, args.clone()).await;
    let made = world.call(TOOL, args).await;

    let text = world.file("hl-middleware-auth.yml").expect("a file");
    assert!(
        text.contains("ops:$2y$10$") && !text.contains("correct horse"),
        "{text}"
    );
    assert_eq!(
        made["middleware"]["config"]["basicAuth"]["users"],
        json!(["ops:[redacted]"])
    );
    let shown = format!("{made} {preview:?}");
    assert!(
        !shown.contains("$2y$") && !shown.contains("correct horse"),
        "{shown}"
    );
    assert_eq!(world.env.redactor.text("correct horse"), "***REDACTED***");
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let world = World::lab().await;
    let create = |change: Value| {
        let mut args = limit("create", 10);
        for (key, value) in change.as_object().expect("arguments") {
            args[key] = value.clone();
        }
        args
    };
    for (args, wanted) in [
        (
            create(json!({ "config": { "averge": 1 } })),
            "config.averge",
        ),
        (
            create(json!({ "config": { "average": "x" } })),
            "config.average",
        ),
        (create(json!({ "config": {} })), "config"),
        (create(json!({ "name": "Limit" })), "name"),
        (create(json!({ "name": "limit@docker" })), "name"),
        (
            create(json!({ "users": [{ "name": "a", "password": "b" }] })),
            "users",
        ),
        (create(json!({ "router": "app" })), "router"),
        (json!({ "action": "create", "name": "x" }), "type"),
        (json!({ "action": "get" }), "name"),
        (
            json!({ "action": "attach", "name": "auth@docker" }),
            "router",
        ),
        (
            json!({ "action": "delete", "name": "x", "to_sha256": "0".repeat(64) }),
            "to_sha256",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "basicAuth", "config": { "users": ["a:b"] } }),
            "config.users[0]",
        ),
        (
            json!({ "action": "create", "name": "x", "type": "basicAuth", "users": [{ "name": "a:b", "password": "c" }] }),
            "users",
        ),
    ] {
        let error = world.fail(TOOL, args.clone()).await;

        assert_eq!(
            (error.code(), field(&error)),
            (Code::InvalidArgument, wanted),
            "{args}"
        );
    }
    assert_eq!(world.files(), [""; 0]);
}

#[tokio::test]
async fn middlewares_of_others_are_not_changed() {
    let world = World::lab().await;
    world.put(
        "other.yml",
        "http: {middlewares: {limit: {rateLimit: {average: 5}}}}\n",
    );

    for args in [
        limit("create", 10),
        limit("update", 10),
        json!({ "action": "delete", "name": "limit" }),
    ] {
        let error = world.fail(TOOL, args).await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::Conflict, "not_managed")
        );
    }
}

#[tokio::test]
async fn a_middleware_is_attached_and_detached() {
    let world = World::lab().await;
    router(&world).await;
    world.call(TOOL, limit("create", 10)).await;
    let attach = json!({ "action": "attach", "name": "limit", "router": "app" });

    let attached = world.call(TOOL, attach.clone()).await;
    let first =
        json!({ "action": "attach", "name": "auth@docker", "router": "app", "position": 0 });
    let both = world.call(TOOL, first).await;
    let again = world.call(TOOL, attach).await;
    let in_use = world
        .fail(TOOL, json!({ "action": "delete", "name": "limit" }))
        .await;
    let detach = json!({ "action": "detach", "name": "limit", "router": "app" });
    let preview = world.preview(TOOL, detach.clone()).await;
    let detached = world.call(TOOL, detach.clone()).await;
    let twice = world.fail(TOOL, detach).await;

    assert_eq!(attached["router"]["middlewares"], json!(["limit@file"]));
    assert_eq!(
        both["router"]["middlewares"],
        json!(["auth@docker", "limit@file"])
    );
    assert_eq!(again["changed"], false);
    assert_eq!((in_use.code(), reason(&in_use)), (Code::Conflict, "in_use"));
    assert!(says(&preview.impact, "no longer pass it"));
    assert_eq!(detached["router"]["middlewares"], json!(["auth@docker"]));
    assert_eq!(
        (twice.code(), reason(&twice)),
        (Code::NotFound, "not_attached")
    );
}

#[tokio::test]
async fn only_routers_made_here_are_attached_to() {
    let world = World::lab().await;
    router(&world).await;

    let other = world
        .fail(
            TOOL,
            json!({ "action": "attach", "name": "auth@docker", "router": "blog" }),
        )
        .await;
    let missing = world
        .fail(
            TOOL,
            json!({ "action": "attach", "name": "nosuch", "router": "app" }),
        )
        .await;

    assert_eq!(
        (reason(&other), field(&other)),
        ("router_not_found", "router")
    );
    assert_eq!(
        (reason(&missing), field(&missing)),
        ("middleware_not_found", "name")
    );
}

#[tokio::test]
async fn every_change_can_be_undone() {
    let world = World::lab().await;
    router(&world).await;
    let average = async || {
        let shown = world
            .call(TOOL, json!({ "action": "get", "name": "limit" }))
            .await;
        shown["middleware"]["config"]["rateLimit"]["average"].clone()
    };
    let undo = async |args: Value| {
        let undo = world.inverse(TOOL, args.clone()).await.expect("an inverse");
        world.call(TOOL, args).await;
        world.undo(undo).await;
    };

    undo(limit("create", 10)).await;
    assert_eq!(
        reason(
            &world
                .fail(TOOL, json!({ "action": "get", "name": "limit" }))
                .await
        ),
        "middleware_not_found"
    );
    world.call(TOOL, limit("create", 10)).await;
    undo(limit("update", 20)).await;
    assert_eq!(average().await, 10);
    undo(json!({ "action": "delete", "name": "limit" })).await;
    assert_eq!(average().await, 10);
    undo(json!({ "action": "attach", "name": "limit", "router": "app" })).await;
    let shown = world.call("get_router", json!({ "name": "app" })).await;
    assert_eq!(shown["router"]["middlewares"], json!([]));
    world.call(TOOL, limit("update", 30)).await;
    undo(json!({ "action": "rollback", "name": "limit" })).await;
    assert_eq!(average().await, 30);
}

#[tokio::test]
async fn looking_is_looking_and_a_dry_run_too() {
    let world = World::lab().await;
    world.call(TOOL, limit("create", 10)).await;
    let files = world.files();

    let all = world
        .call(TOOL, json!({ "action": "list", "limit": 1 }))
        .await;
    let mut dry = limit("update", 20);
    dry["dry_run"] = true.into();
    world.call(TOOL, dry.clone()).await;
    let remove = json!({ "action": "delete", "name": "limit", "dry_run": true });
    world.call(TOOL, remove).await;

    assert_eq!(
        (&all["total"], all["middlewares"].as_array().map(Vec::len)),
        (&json!(2), Some(1))
    );
    assert_eq!(world.files(), files);
    assert_eq!(world.effect(TOOL, dry), Effect::Read);
    assert_eq!(
        world.effect(TOOL, json!({ "action": "list" })),
        Effect::Read
    );
    assert_eq!(world.effect(TOOL, limit("create", 1)), Effect::Write);
    assert_eq!(
        world.effect(
            TOOL,
            json!({ "action": "detach", "name": "a", "router": "b" })
        ),
        Effect::Destructive
    );
    let targets = world
        .targets(
            TOOL,
            json!({ "action": "detach", "name": "a", "router": "b" }),
        )
        .await;
    assert_eq!(
        (targets[0].kind.as_str(), targets[0].id.as_str()),
        ("router", "b@file")
    );
}
