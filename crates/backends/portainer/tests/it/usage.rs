//! What environments have and use.

use homelab_core::error::Code;
use homelab_lab::Fault;
use serde_json::json;

use crate::world::{World, reason};

const TOOL: &str = "get_resource_usage";

#[tokio::test]
async fn all_environments_are_added_up() {
    let world = World::lab().await;
    world.blog().await;
    world.portainer.set_up(world.nas, false);
    world.clock.advance_seconds(7200);

    let found = world.call(TOOL, json!({})).await;

    let rows = found["endpoints"].as_array().expect("rows");
    assert_eq!(
        (&found["totals"]["endpoints"], &found["totals"]["up"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        (&found["totals"]["cpus"], &found["totals"]["nodes"]),
        (&json!(8), &json!(2))
    );
    assert_eq!(rows[0]["containers_running"], 2);
    assert_eq!(
        (&rows[0]["snapshot_age_s"], &rows[0]["cpu_percent"]),
        (&json!(7200), &json!(12.5))
    );
    assert_eq!(rows[1]["status"], "down");
    assert!(
        found["notes"][0]
            .as_str()
            .expect("a note")
            .contains("more than an hour ago")
    );
}

#[tokio::test]
async fn engines_are_asked_what_their_containers_use_right_now() {
    let world = World::lab().await;
    world.blog().await;

    let found = world
        .call(TOOL, json!({ "endpoint": "local", "live": true }))
        .await;

    let live = &found["endpoints"][0]["live"];
    assert_eq!(
        (&live["containers_running"], &live["measured"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(live["top"].as_array().map(Vec::len), Some(2));
    assert!(live["memory_bytes"].as_u64().expect("bytes") > 0);
    assert_eq!(live["stacks"], 1);
}

#[tokio::test]
async fn one_environment_that_fails_does_not_hide_the_others() {
    let world = World::lab().await;
    let path = format!("/api/endpoints/{}", world.nas);
    world.portainer.faults().always(path, Fault::Status(500));
    let dashboard = format!("/api/docker/{}/dashboard", world.local);
    world.portainer.faults().always(dashboard, Fault::CutBody);

    let found = world.call(TOOL, json!({ "live": true })).await;

    let rows = found["endpoints"].as_array().expect("rows");
    assert!(rows[0]["problem"].as_str().is_some() && rows[0]["cpus"] == 4);
    assert!(rows[1]["problem"].as_str().is_some());
    assert_eq!(found["totals"]["cpus"], 4);
}

#[tokio::test]
async fn an_environment_that_is_not_there_is_said() {
    let world = World::lab().await;

    let error = world.fail(TOOL, json!({ "endpoint": "nosuch" })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotFound, "endpoint_not_found")
    );
}
