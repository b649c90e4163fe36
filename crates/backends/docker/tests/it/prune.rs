//! Removing what nothing uses. Each test has an engine of its own: pruning knows no other tests.

use homelab_core::tool::Effect;
use homelab_testkit::DockerEngine;
use serde_json::json;

use crate::world::{IMAGE, World, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_goes_and_then_exactly_that_goes() {
    let Some(engine) = DockerEngine::start().unwrap() else {
        return;
    };
    let world = World::at(&engine.socket()).await;
    world
        .container(
            "keeper",
            json!({ "command": ["sleep", "600"], "volumes": ["kept:/data"] }),
        )
        .await;
    world.container("leftover", json!({ "command": ["sh", "-c", "head -c 100000 /dev/zero >/tmp/x"], "volumes": ["named:/data"] })).await;
    world
        .call(
            "wait_container",
            json!({ "container": "leftover", "until": "stopped" }),
        )
        .await;
    world
        .call("create_network", json!({ "name": "idle" }))
        .await;
    engine.cli(&["commit", "leftover", "old/image:1"]).unwrap();
    engine
        .cli(&[
            "commit",
            "--change",
            "LABEL dangling=yes",
            "leftover",
            "old/image:1",
        ])
        .unwrap();
    let anonymous = engine.cli(&["volume", "create"]).unwrap().trim().to_owned();

    let plan = world
        .call("prune_system", json!({ "volumes": "anonymous" }))
        .await;
    let preview = world
        .preview(
            "prune_system",
            json!({ "volumes": "anonymous", "dry_run": false }),
        )
        .await;
    let targets = world
        .targets(
            "prune_system",
            json!({ "volumes": "anonymous", "dry_run": false }),
        )
        .await;
    let untouched = world.call("list_containers", json!({})).await;
    let done = world
        .call(
            "prune_system",
            json!({ "volumes": "anonymous", "dry_run": false }),
        )
        .await;

    assert_eq!(plan["dry_run"], true);
    assert_eq!(texts(&plan["containers"], "name"), ["leftover"]);
    assert_eq!(texts(&plan["networks"], "name"), ["idle"]);
    assert_eq!(plan["images"].as_array().unwrap().len(), 1, "{plan}");
    assert_eq!(texts(&plan["volumes"], "name"), [anonymous.as_str()]);
    assert!(plan["freed_bytes"].as_u64().unwrap() >= 100_000, "{plan}");
    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.starts_with("container `leftover`")),
        "{:?}",
        preview.impact
    );
    assert_eq!(targets.len(), 4, "{targets:?}");
    assert_eq!(untouched["total"], 2);
    for kind in ["containers", "networks", "volumes"] {
        assert_eq!(
            texts(&done[kind], "name"),
            texts(&plan[kind], "name"),
            "{kind}"
        );
    }
    assert_eq!(done["images"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(done["failures"], json!([]));
    assert!(done["freed_bytes"].as_u64().unwrap() >= 100_000, "{done}");
    let volumes = world.call("list_volumes", json!({})).await;
    assert_eq!(texts(&volumes["items"], "name"), ["kept", "named"]);
    assert_eq!(world.state("keeper").await, "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_means_all_that_nothing_uses_and_labels_and_age_narrow_it() {
    let Some(engine) = DockerEngine::start().unwrap() else {
        return;
    };
    let world = World::at(&engine.socket()).await;
    world
        .container(
            "keeper",
            json!({ "command": ["sleep", "600"], "volumes": ["kept:/data"] }),
        )
        .await;
    engine.cli(&["tag", IMAGE, "spare/name:1"]).unwrap();
    engine
        .cli(&[
            "commit",
            "--change",
            "LABEL spare=yes",
            "keeper",
            "spare/image:1",
        ])
        .unwrap();
    engine.cli(&["volume", "create", "spare"]).unwrap();
    engine
        .cli(&["volume", "create", "--label", "team=lab", "labelled"])
        .unwrap();
    let args = |more: serde_json::Value| {
        let mut args = json!({ "images": "all", "volumes": "all" });
        args.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        args
    };

    let old = world
        .call("prune_system", args(json!({ "until": "1h" })))
        .await;
    let labelled = world
        .call("prune_system", args(json!({ "label": "team=lab" })))
        .await;
    let done = world
        .call("prune_system", args(json!({ "dry_run": false })))
        .await;
    let nothing = world
        .preview("prune_system", args(json!({ "dry_run": false })))
        .await;

    assert_eq!((&old["images"], &old["volumes"]), (&json!([]), &json!([])));
    assert_eq!(texts(&labelled["volumes"], "name"), ["labelled"]);
    assert_eq!(labelled["images"], json!([]));
    assert_eq!(texts(&done["volumes"], "name"), ["labelled", "spare"]);
    assert!(
        texts(&done["images"], "name").contains(&"spare/image:1"),
        "{done}"
    );
    assert_eq!(nothing.impact, ["there is nothing to remove"]);
    assert_eq!(world.call("list_volumes", json!({})).await["total"], 1);
}

#[tokio::test]
async fn only_a_call_that_removes_something_is_held() {
    let world = World::at(std::path::Path::new("/nonexistent")).await;

    assert_eq!(world.effect("prune_system", json!({})), Effect::Read);
    assert_eq!(
        world.effect("prune_system", json!({ "dry_run": true })),
        Effect::Read
    );
    assert_eq!(
        world.effect("prune_system", json!({ "dry_run": false })),
        Effect::Destructive
    );
    assert_eq!(
        world.effect("prune_system", json!({ "dry_run": "no" })),
        Effect::Destructive
    );
    let error = world.fail("prune_system", json!({})).await;
    assert_eq!(error.code(), homelab_core::error::Code::UpstreamUnreachable);
}
