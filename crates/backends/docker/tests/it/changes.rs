//! Names and limits, and what containers and images changed.

use homelab_core::error::Code;
use serde_json::json;

use crate::world::{IMAGE, World, reason};

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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_changed_in_its_files_is_listed() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("change-files").await;
    world
        .call("start_container", json!({ "container": "change-files" }))
        .await;
    world
        .call(
            "exec_container",
            json!({ "container": "change-files", "command": ["sh", "-c", "mkdir -p /made && echo a > /made/here"] }),
        )
        .await;

    let all = world
        .call(
            "get_container_changes",
            json!({ "container": "change-files" }),
        )
        .await;
    let below = world
        .call(
            "get_container_changes",
            json!({ "container": "change-files", "under": "/made", "kind": "added", "limit": 1 }),
        )
        .await;
    let missing = world
        .fail("get_container_changes", json!({ "container": "nowhere" }))
        .await;

    assert!(all["added"].as_u64() >= Some(2), "{all}");
    assert_eq!(
        (&below["items"][0], &below["total"], &below["added"]),
        (
            &json!({ "path": "/made", "kind": "added" }),
            &json!(2),
            &json!(2)
        )
    );
    assert!(below["next_cursor"].is_string());
    assert_eq!(missing.code(), Code::NotFound);
    world
        .call(
            "remove_container",
            json!({ "container": "change-files", "force": true }),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_image_was_made_is_listed_last_step_first() {
    let Some(world) = World::real().await else {
        return;
    };

    let history = world
        .call("get_image_history", json!({ "image": IMAGE }))
        .await;
    let missing = world
        .fail("get_image_history", json!({ "image": "nowhere:1" }))
        .await;

    let rows = history["items"].as_array().expect("a list");
    assert_eq!(rows[0]["step"], history["total"], "{history}");
    assert_eq!(rows[rows.len() - 1]["step"], 1);
    assert!(history["size_bytes"].as_u64() > Some(0), "{history}");
    assert_eq!(missing.code(), Code::NotFound);
}
