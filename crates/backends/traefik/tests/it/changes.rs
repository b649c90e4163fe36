//! Removing routers and bringing them back.

use homelab_core::error::Code;
use serde_json::{Value, json};

use crate::world::{World, field, reason};

fn app() -> Value {
    json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9:8080"] })
}

fn second() -> Value {
    json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.10:8080"], "overwrite": true })
}

async fn servers(world: &World) -> Value {
    let shown = world
        .call("get_service_health", json!({ "name": "app" }))
        .await;
    shown["service"]["servers"][0]["address"].clone()
}

#[tokio::test]
async fn a_new_router_is_undone_by_deleting_it() {
    let world = World::lab().await;
    let undo = world
        .inverse("create_router", app())
        .await
        .expect("an inverse");
    world.call("create_router", app()).await;

    world.undo(undo).await;

    let error = world.fail("get_router", json!({ "name": "app" })).await;
    assert_eq!(reason(&error), "router_not_found");
    assert_eq!(world.files(), ["hl-router-app.yml.previous"]);
}

#[tokio::test]
async fn a_replacement_is_undone_to_the_version_before() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let undo = world
        .inverse("create_router", second())
        .await
        .expect("an inverse");
    world.call("create_router", second()).await;
    let (first, other) = ("http://192.0.2.9:8080", "http://192.0.2.10:8080");
    assert_eq!(servers(&world).await, other);

    world.undo(undo.clone()).await;

    assert_eq!(servers(&world).await, first);
    // The version that was undone is the kept one now: the same undo no longer fits.
    let error = world.fail(&undo.tool, undo.arguments).await;
    assert_eq!(
        (error.code(), reason(&error), field(&error)),
        (Code::Conflict, "config_changed", "to_sha256")
    );
    let back = world
        .inverse("rollback_router", json!({ "name": "app" }))
        .await
        .expect("an inverse");
    world
        .call("rollback_router", json!({ "name": "app" }))
        .await;
    assert_eq!(servers(&world).await, other);
    world.undo(back).await;
    assert_eq!(servers(&world).await, first);
}

#[tokio::test]
async fn a_deleted_router_can_be_brought_back() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let undo = world
        .inverse("delete_router", json!({ "name": "app" }))
        .await
        .expect("an inverse");
    let preview = world
        .preview("delete_router", json!({ "name": "app" }))
        .await;

    let deleted = world.call("delete_router", json!({ "name": "app" })).await;
    let gone = world.fail("delete_router", json!({ "name": "app" })).await;
    let back = world.undo(undo).await;

    assert_eq!(deleted["name"], "app@file");
    assert!(preview.changes.iter().all(|change| change.to.is_none()));
    assert_eq!(
        (gone.code(), reason(&gone)),
        (Code::NotFound, "router_not_found")
    );
    assert_eq!(
        (&back["created"], &back["router"]["status"]),
        (&json!(true), &json!("enabled"))
    );
}

#[tokio::test]
async fn a_router_whose_service_others_use_stays() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    let other = json!({ "name": "also", "host": "also.lab.example", "service": "app" });
    world.call("create_router", other).await;

    let error = world.fail("delete_router", json!({ "name": "app" })).await;

    assert_eq!((error.code(), reason(&error)), (Code::Conflict, "in_use"));
    assert!(error.to_string().contains("also@file"));
}

#[tokio::test]
async fn routers_of_other_files_are_not_deleted() {
    let world = World::lab().await;
    world.put(
        "other.yml",
        "http: {routers: {app: {rule: 'Host(`o.lab.example`)', service: 'blog@docker'}}}\n",
    );

    let error = world.fail("delete_router", json!({ "name": "app" })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "not_managed")
    );
    assert_eq!(world.files(), ["other.yml"]);
}

#[tokio::test]
async fn a_file_of_our_name_that_is_not_ours_is_not_touched() {
    let world = World::lab().await;
    let text = "http: {routers: {app: {rule: 'Host(`o.lab.example`)', service: 'blog@docker'}}}\n";
    world.put("hl-router-app.yml", text);

    for (tool, args) in [
        ("delete_router", json!({ "name": "app" })),
        ("create_router", second()),
        ("rollback_router", json!({ "name": "app" })),
    ] {
        let error = world.fail(tool, args).await;

        assert_eq!(reason(&error), "not_managed", "{tool}");
    }
    assert_eq!(world.file("hl-router-app.yml").as_deref(), Some(text));
}

#[tokio::test]
async fn there_is_nothing_to_bring_back_at_first() {
    let world = World::lab().await;
    world.call("create_router", app()).await;

    let error = world
        .fail("rollback_router", json!({ "name": "app" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "no_previous")
    );
}

#[tokio::test]
async fn a_deletion_that_traefik_does_not_see_is_taken_back() {
    let world = World::lab().await;
    world.call("create_router", app()).await;
    world.traefik.set_reload_delay(100_000);

    let error = world.fail("delete_router", json!({ "name": "app" })).await;

    assert_eq!(reason(&error), "not_served");
    assert_eq!(world.files(), ["hl-router-app.yml"]);
}
