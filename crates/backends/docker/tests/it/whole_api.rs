//! The whole API: what is found, what a call may do, what is refused.

use homelab_backend::Shared;
use homelab_core::error::Code;
use homelab_core::tool::Effect;
use homelab_testkit::DockerEngine;
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{World, hint, reason};

/// A description of two operations, as somebody might have written it down.
const DESCRIPTION: &str = r#"
swagger: "2.0"
paths:
  /containers/{id}/changes:
    get:
      summary: Get changes on a container's filesystem
      parameters:
        - { name: id, in: path, required: true, type: string }
  /containers/{id}/stop:
    post:
      summary: Stop a container
      parameters:
        - { name: id, in: path, required: true, type: string }
        - { name: t, in: query, type: integer, description: Seconds to wait }
"#;

/// The shared engine with these settings more; `None` skips the test.
async fn configured(more: Value) -> Option<World> {
    let engine = DockerEngine::shared()?;
    let mut settings = json!({ "url": format!("unix://{}", engine.socket().display()) });
    for (key, value) in more.as_object().expect("settings") {
        settings[key] = value.clone();
    }
    Some(World::with(settings, Shared::default()).await)
}

fn described(text: &str) -> (TempDir, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.yaml");
    std::fs::write(&path, text).expect("a file");
    let settings = json!({ "api_schema": path });
    (folder, settings)
}

#[tokio::test]
async fn without_a_description_the_operations_of_the_tools_are_known() {
    let Some(world) = World::real().await else {
        return;
    };

    let found = world
        .call("search_api", json!({ "query": "containers stop" }))
        .await;
    let version = world
        .call("call_api", json!({ "method": "GET", "path": "/version" }))
        .await;

    assert_eq!(found["items"][0]["path"], "/containers/{id}/stop");
    assert_eq!(found["items"][0]["tool"], "stop_container");
    assert!(found["note"].is_string());
    assert!(version["data"]["ApiVersion"].is_string(), "{version}");
}

#[tokio::test]
async fn a_change_is_made_and_its_container_is_a_target() {
    let Some(world) = World::real().await else {
        return;
    };
    let id = world.sleeper("api-stop").await;
    world
        .call("start_container", json!({ "container": "api-stop" }))
        .await;
    let args = json!({ "method": "POST", "path": "/containers/{id}/stop",
                       "params": { "id": "api-stop", "t": 0 } });

    let targets = world.targets("call_api", args.clone()).await;
    let done = world.call("call_api", args).await;

    assert_eq!((&*targets[0].kind, &*targets[0].id), ("container", &*id));
    assert_eq!(done["status"], 204);
    assert_eq!(world.state("api-stop").await, "exited");
    world
        .call(
            "call_api",
            json!({ "method": "DELETE", "path": "/containers/api-stop", "params": { "force": true } }),
        )
        .await;
}

#[rstest]
#[case(json!({ "method": "POST", "path": "/containers/a/start" }), Effect::Write)]
#[case(json!({ "method": "POST", "path": "/containers/a/start", "params": { "detachKeys": "x" } }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/containers/create", "params": { "body": {} } }), Effect::Critical)]
#[case(json!({ "method": "POST", "path": "/containers/a/update", "params": { "body": {} } }), Effect::Destructive)]
#[case(json!({ "method": "DELETE", "path": "/images/ghcr.io%2Fa%2Fb" }), Effect::Destructive)]
#[case(json!({ "method": "POST", "path": "/swarm/leave" }), Effect::Critical)]
#[case(json!({ "method": "GET", "path": "/networks/lan" }), Effect::Read)]
#[tokio::test]
async fn what_a_call_does_is_told_before_it_is_made(#[case] args: Value, #[case] effect: Effect) {
    let world = World::with(json!({}), Shared::default()).await;

    assert_eq!(world.effect("call_api", args), effect);
}

#[rstest]
#[case("GET", "/containers/web/json", "inspect_container")]
#[case("GET", "/containers/web/export", "all of its files")]
#[case("POST", "/containers/web/exec", "exec_container")]
#[case("GET", "/images/alpine/get", "all of its files")]
#[case("GET", "/swarm/unlockkey", "managers")]
#[case("GET", "/swarm", "no secret")]
#[tokio::test]
async fn what_could_be_a_secret_or_a_stream_is_withheld(
    #[case] method: &str,
    #[case] path: &str,
    #[case] advice: &str,
) {
    let world = World::with(json!({}), Shared::default()).await;

    let error = world
        .fail("call_api", json!({ "method": method, "path": path }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, "operation_withheld")
    );
    assert!(hint(&error).contains(advice), "{error:?}");
}

#[tokio::test]
async fn a_description_in_a_file_says_what_there_is() {
    let (_folder, settings) = described(DESCRIPTION);
    let Some(world) = configured(settings).await else {
        return;
    };
    world.sleeper("api-file").await;

    let found = world
        .call("search_api", json!({ "query": "changes" }))
        .await;
    let changes = world
        .call(
            "call_api",
            json!({ "method": "GET", "path": "/containers/api-file/changes" }),
        )
        .await;
    let unknown = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/containers/api-file/stop", "params": { "T": 1 } }),
        )
        .await;
    let absent = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/containers/api-file/pause" }),
        )
        .await;

    assert_eq!(found["items"][0]["path"], "/containers/{id}/changes");
    assert_eq!(found.get("note"), None);
    assert_eq!(changes["status"], 200);
    assert_eq!(reason(&unknown), "parameter_unknown");
    assert_eq!(hint(&unknown), "did you mean `t`?");
    assert_eq!(reason(&absent), "operation_unknown");
    world
        .call(
            "remove_container",
            json!({ "container": "api-file", "force": true }),
        )
        .await;
}

#[tokio::test]
async fn a_description_that_cannot_be_used_says_why() {
    let (folder, settings) = described("nothing of the kind");
    let Some(world) = configured(settings.clone()).await else {
        return;
    };

    let unreadable = world.fail("search_api", json!({})).await;
    drop(folder);
    let missing = world.fail("search_api", json!({})).await;
    let none = World::with(json!({ "api_schema": "engine.yaml" }), Shared::default()).await;
    let misspelt = none.fail("search_api", json!({})).await;

    assert_eq!(reason(&unreadable), "description_unreadable");
    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotConfigured, "description_missing")
    );
    assert_eq!(misspelt.code(), Code::NotConfigured);
    assert_eq!(
        misspelt.envelope().field.as_deref(),
        Some("servers.docker.api_schema")
    );
}

#[tokio::test]
async fn the_engine_s_refusal_is_told() {
    let Some(world) = World::real().await else {
        return;
    };

    let error = world
        .fail(
            "call_api",
            json!({ "method": "POST", "path": "/containers/nowhere/start" }),
        )
        .await;

    assert_eq!(error.code(), Code::NotFound);
}

#[rstest]
#[case(json!({ "read_only": true }), "POST", "/containers/a/start", "host_read_only")]
#[case(json!({ "only_label": "lab" }), "POST", "/containers/a/start", "host_limited")]
#[case(json!({ "only_label": "lab" }), "GET", "/containers/json", "host_limited")]
#[tokio::test]
async fn the_limits_of_a_host_hold(
    #[case] limit: Value,
    #[case] method: &str,
    #[case] path: &str,
    #[case] why: &str,
) {
    let Some(engine) = DockerEngine::shared() else {
        return;
    };
    let mut host = json!({ "url": format!("unix://{}", engine.socket().display()) });
    for (key, value) in limit.as_object().expect("settings") {
        host[key] = value.clone();
    }
    let world = World::with(json!({ "hosts": { "nas": host } }), Shared::default()).await;

    let error = world
        .fail(
            "call_api",
            json!({ "method": method, "path": path, "host": "nas" }),
        )
        .await;
    let unknown = world
        .fail(
            "call_api",
            json!({ "method": method, "path": path, "host": "nowhere" }),
        )
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::PermissionDenied, why)
    );
    assert_eq!(reason(&unknown), "docker_host_unknown");
}
