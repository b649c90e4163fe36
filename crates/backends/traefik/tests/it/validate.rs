//! Whether the directory can be read.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, field, reason};

#[tokio::test]
async fn a_good_directory_is_valid() {
    let world = World::lab().await;
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });
    world.call("create_router", args).await;
    world.put(
        "other.toml",
        "[http.middlewares.a.addPrefix]\nprefix = \"/x\"\n",
    );
    world.put("notes.txt", "not: [");

    let found = world.call("validate_config", json!({})).await;

    assert_eq!(
        (&found["valid"], &found["files"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(found["managed_routers"], json!(["app"]));
    assert_eq!(found["problems"], json!([]));
}

#[tokio::test]
async fn every_wrong_file_is_found_and_names_given_twice() {
    let world = World::lab().await;
    world.put("syntax.yml", "http: [");
    world.put(
        "field.yml",
        "http: {routers: {a: {rule: 'Host(`a`)', service: b, wrong: 1}}}\n",
    );
    world.put(
        "twice.yml",
        "http: {services: {b: {loadBalancer: {servers: [{url: 'http://x'}]}}}}\n",
    );
    world.put(
        "thrice.yml",
        "http: {services: {b: {loadBalancer: {servers: [{url: 'http://y'}]}}}}\n",
    );
    world.put(
        "template.yml",
        "http: {routers: {t: {rule: '{{ env \"X\" }}', service: b}}}\n",
    );

    let found = world.call("validate_config", json!({})).await;

    let problems = found["problems"].as_array().expect("problems");
    let of = |file: &str| {
        problems
            .iter()
            .find(|one| one["file"].as_str().is_some_and(|name| name.contains(file)))
    };
    assert_eq!(found["valid"], false);
    assert!(of("syntax.yml").is_some_and(|one| one["blocks_all"] == true));
    assert_eq!(
        of("field.yml").map(|one| &one["path"]),
        Some(&json!("http.routers.a.wrong"))
    );
    assert_eq!(
        of("thrice.yml").map(|one| &one["path"]),
        Some(&json!("http.services.b"))
    );
    assert!(found["notes"].to_string().contains("template.yml"));
}

#[tokio::test]
async fn a_file_of_ours_that_was_changed_is_noted() {
    let world = World::lab().await;
    let args =
        json!({ "name": "app", "host": "app.lab.example", "backend_urls": ["http://192.0.2.9"] });
    world.call("create_router", args).await;
    let text = world.file("hl-router-app.yml").expect("a file");
    world.put("hl-router-app.yml", &text.replace("192.0.2.9", "192.0.2.8"));

    let found = world.call("validate_config", json!({})).await;

    assert_eq!(
        (&found["valid"], &found["managed_routers"]),
        (&json!(true), &json!([]))
    );
    assert!(found["notes"].to_string().contains("by hand"));
}

#[tokio::test]
async fn without_a_directory_there_is_nothing_to_check() {
    let mut world = World::lab().await;
    world.reopen(&json!({ "directory": null }));
    let unset = world.fail("validate_config", json!({})).await;
    world.reopen(&json!({ "directory": "/nonexistent/dynamic" }));
    let missing = world.fail("validate_config", json!({})).await;

    assert_eq!(
        (unset.code(), field(&unset)),
        (Code::NotConfigured, "servers.traefik.directory")
    );
    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotConfigured, "directory_missing")
    );
}
