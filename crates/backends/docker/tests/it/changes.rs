//! Names and limits.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{World, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_changed_and_changed_back_and_a_taken_one_is_refused() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("name-one").await;
    world.sleeper("name-two").await;

    let (there, back) = world
        .there_and_back(
            "rename_container",
            json!({ "container": "name-one", "name": "name-three" }),
        )
        .await;
    let taken = world
        .fail(
            "rename_container",
            json!({ "container": "name-one", "name": "name-two" }),
        )
        .await;

    assert_eq!(
        (&there["name"], &there["previous"]),
        (&json!("name-three"), &json!("name-one"))
    );
    assert_eq!(back["name"], "name-one");
    assert_eq!(
        (taken.code(), reason(&taken)),
        (Code::Conflict, "name_in_use")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_changed_while_it_runs_and_changed_back() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("limit-me").await;
    let args = json!({
        "container": "limit-me", "restart_policy": "on-failure:5", "memory_bytes": 67_108_864, "cpus": 0.5, "pids": 100,
    });

    let preview = world.preview("update_container", args.clone()).await;
    let (there, back) = world.there_and_back("update_container", args).await;
    let nothing = world
        .fail("update_container", json!({ "container": "limit-me" }))
        .await;

    assert_eq!(preview.changes.len(), 4, "{:?}", preview.changes);
    assert_eq!(
        there["limits"],
        json!({
            "restart_policy": "on-failure:5", "memory_bytes": 67_108_864, "cpus": 0.5, "pids": 100,
            "log_driver": "json-file", "auto_remove": false,
        })
    );
    assert_eq!(back["limits"]["restart_policy"], "no");
    // These two cannot be taken away any more: it may use all there is, as before.
    let host = world
        .call("get_system_info", json!({ "disk": false }))
        .await;
    assert_eq!(back["limits"]["memory_bytes"], host["memory_bytes"]);
    assert_eq!(back["limits"]["cpus"].as_f64(), host["cpus"].as_f64());
    assert_eq!(back["limits"].get("pids"), None);
    assert_eq!(nothing.code(), Code::InvalidArgument);
}
