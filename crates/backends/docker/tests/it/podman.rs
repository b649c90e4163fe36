//! Podman behind the same API: what differs there must not show.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_testkit::PodmanEngine;
use serde_json::json;

use crate::world::{World, texts};

/// The service that all tests here share; `None` skips the test.
async fn podman() -> Option<World> {
    let engine = PodmanEngine::shared()?;
    Some(World::at(&engine.socket()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_is_known_for_what_it_is() {
    let Some(world) = podman().await else {
        return;
    };

    let info = world.call("get_system_info", json!({})).await;
    let health = world.health().await;
    let images = world.call("list_images", json!({})).await;

    assert!(
        info["engine"]
            .as_str()
            .is_some_and(|engine| engine.contains("Podman")),
        "{info}"
    );
    assert_eq!(health.status, HealthStatus::Ok, "{}", health.message);
    assert!(images.to_string().contains(PodmanEngine::IMAGE), "{images}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_lives_from_its_making_to_its_removal() {
    let Some(world) = podman().await else {
        return;
    };
    let script = "echo out; echo err >&2; exec sleep 600";
    world
        .container(
            "life",
            json!({ "command": ["sh", "-c", script], "volumes": ["life-data:/data"] }),
        )
        .await;

    let listed = world
        .call("list_containers", json!({ "name": "life" }))
        .await;
    let done = world
        .call(
            "exec_container",
            json!({ "container": "life", "command": ["sh", "-c", "echo kept >/data/x; exit 4"] }),
        )
        .await;
    let logs = world
        .call("get_container_logs", json!({ "container": "life" }))
        .await;
    let stats = world
        .call("get_container_stats", json!({ "container": "life" }))
        .await;
    let stopped = world
        .call(
            "stop_container",
            json!({ "container": "life", "timeout": 1 }),
        )
        .await;
    let again = world
        .call("stop_container", json!({ "container": "life" }))
        .await;
    world
        .call("remove_container", json!({ "container": "life" }))
        .await;
    let gone = world
        .fail("inspect_container", json!({ "container": "life" }))
        .await;

    assert_eq!(texts(&listed["items"], "name"), ["life"]);
    assert_eq!(done["exit_code"], 4);
    let logs = logs.to_string();
    assert!(logs.contains("out") && logs.contains("err"), "{logs}");
    let usage = &stats["items"][0]["usage"];
    assert!(
        usage["memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{stats}"
    );
    assert_eq!(stopped["changed"], true, "{stopped}");
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_anonymous_volumes_leaves_named_ones() {
    let Some(world) = podman().await else {
        return;
    };
    world
        .call("create_volume", json!({ "name": "precious" }))
        .await;

    let done = world
        .call(
            "prune_system",
            json!({ "containers": false, "images": "none", "networks": false, "volumes": "anonymous", "dry_run": false }),
        )
        .await;
    let volumes = world.call("list_volumes", json!({})).await;

    assert!(
        texts(&volumes["items"], "name").contains(&"precious"),
        "{done}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_answer_is_an_error_and_not_an_image() {
    let Some(world) = podman().await else {
        return;
    };

    let error = world
        .fail("pull_image", json!({ "image": "127.0.0.1:1/x:1" }))
        .await;

    assert_eq!(error.code(), Code::UpstreamRejected, "{error}");
}
