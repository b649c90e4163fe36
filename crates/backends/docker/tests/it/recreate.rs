//! Updating containers.

use homelab_core::error::Code;
use homelab_testkit::DockerEngine;
use serde_json::json;

use crate::world::{IMAGE, World, reason, texts};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_container_is_updated_and_keeps_its_volumes_networks_and_settings() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    let name = format!("{}/recreate/app:1", DockerEngine::REGISTRY);
    engine.cli(&["tag", IMAGE, &name]).unwrap();
    engine.cli(&["push", &name]).unwrap();
    world
        .call("create_network", json!({ "name": "recreate-one" }))
        .await;
    world
        .call("create_network", json!({ "name": "recreate-two" }))
        .await;
    engine
        .cli(&[
            "run",
            "--detach",
            "--name",
            "recreate-me",
            "--network",
            "recreate-one",
            "--network-alias",
            "app",
            "--volume",
            "/anon",
            "--volume",
            "recreate-data:/data",
            "--env",
            "A=1",
            "--publish",
            "127.0.0.1:18095:80",
            "--restart",
            "always",
            &name,
            "sh",
            "-c",
            "test -e /anon/x || echo first >/anon/x; sleep 600",
        ])
        .unwrap();
    engine
        .cli(&["network", "connect", "recreate-two", "recreate-me"])
        .unwrap();
    engine
        .cli(&["exec", "recreate-me", "sh", "-c", "echo mine >/anon/x"])
        .unwrap();
    // A newer image under the same name.
    engine
        .cli(&["commit", "--change", "ENV NEW=yes", "recreate-me", &name])
        .unwrap();
    engine.cli(&["push", &name]).unwrap();
    let before = world
        .call("inspect_container", json!({ "container": "recreate-me" }))
        .await;
    let args = json!({ "container": "recreate-me" });

    let preview = world.preview("recreate_container", args.clone()).await;
    let undo = world
        .inverse("recreate_container", args.clone())
        .await
        .unwrap();
    let done = world.call("recreate_container", args).await;
    let after = world
        .call(
            "inspect_container",
            json!({ "container": "recreate-me", "show_env": true }),
        )
        .await;
    let kept = world
        .call(
            "exec_container",
            json!({ "container": "recreate-me", "command": ["cat", "/anon/x"] }),
        )
        .await;
    let back = world.call(&undo.tool, undo.arguments).await;

    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.contains("recreate-data")),
        "{:?}",
        preview.impact
    );
    assert_eq!(
        (&done["image_changed"], &done["state"]),
        (&json!(true), &json!("running"))
    );
    assert_ne!(done["id"], done["previous_id"]);
    assert_eq!(kept["stdout"], "mine\n");
    assert_eq!(
        texts(&after["networks"], "name"),
        ["recreate-one", "recreate-two"]
    );
    assert!(
        after["networks"][0]["aliases"]
            .to_string()
            .contains("\"app\""),
        "{}",
        after["networks"]
    );
    for same in ["ports", "mounts", "limits"] {
        let sorted = |value: &serde_json::Value| {
            let mut texts: Vec<String> = value
                .as_array()
                .map(|rows| rows.iter().map(ToString::to_string).collect())
                .unwrap_or_default();
            texts.sort();
            texts
        };
        assert_eq!(sorted(&before[same]), sorted(&after[same]), "{same}");
    }
    assert!(
        after["env"].to_string().contains("\"NEW\"") && after["env"].to_string().contains("\"A\""),
        "{}",
        after["env"]
    );
    assert_eq!(
        (&back["image_changed"], &back["previous_image_id"]),
        (&json!(true), &after["image_id"])
    );
    let left = world
        .call("list_containers", json!({ "name": "recreate-me" }))
        .await;
    assert_eq!(left["total"], 1, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_come_up_is_replaced_by_the_old_one_again() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    engine
        .cli(&[
            "run",
            "--detach",
            "--name",
            "rollback-me",
            IMAGE,
            "sh",
            "-c",
            "test ! -e /broken || exit 9; sleep 600",
        ])
        .unwrap();
    engine
        .cli(&["run", "--name", "rollback-maker", IMAGE, "touch", "/broken"])
        .unwrap();
    engine
        .cli(&["commit", "rollback-maker", "rollback/broken:1"])
        .unwrap();
    let before = world
        .call("inspect_container", json!({ "container": "rollback-me" }))
        .await;

    let error = world
        .fail(
            "recreate_container",
            json!({ "container": "rollback-me", "image": "rollback/broken:1", "pull": false }),
        )
        .await;
    let after = world
        .call("inspect_container", json!({ "container": "rollback-me" }))
        .await;
    let left = world
        .call("list_containers", json!({ "name": "rollback-me" }))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "recreate_rolled_back")
    );
    assert!(error.envelope().message.contains("exit code 9"), "{error}");
    assert_eq!(
        (&after["id"], &after["state"]["status"]),
        (&before["id"], &json!("running"))
    );
    assert_eq!(left["total"], 1, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_touched_where_the_image_is_missing_or_the_container_would_vanish() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    world.sleeper("recreate-safe").await;
    engine
        .cli(&[
            "run",
            "--detach",
            "--rm",
            "--name",
            "recreate-vanish",
            IMAGE,
            "sleep",
            "600",
        ])
        .unwrap();

    let missing = world
        .fail(
            "recreate_container",
            json!({ "container": "recreate-safe", "image": "no/such:1", "pull": false }),
        )
        .await;
    let vanishing = world
        .fail(
            "recreate_container",
            json!({ "container": "recreate-vanish", "pull": false }),
        )
        .await;

    assert_eq!(missing.code(), Code::NotFound);
    assert_eq!(reason(&vanishing), "auto_remove");
    assert_eq!(world.state("recreate-safe").await, "running");
    assert_eq!(world.state("recreate-vanish").await, "running");
}
