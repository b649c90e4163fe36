//! Images and registries.

use std::sync::{Arc, Mutex};

use homelab_core::call::Progress;
use homelab_core::error::Code;
use homelab_testkit::DockerEngine;
use serde_json::json;

use crate::world::{IMAGE, World, context, hint, reason, texts};

fn in_registry(name: &str) -> String {
    format!("{}/{name}", DockerEngine::REGISTRY)
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_listed_with_who_uses_them() {
    let Some(world) = World::real().await else {
        return;
    };
    world.sleeper("image-user").await;

    let used = world
        .call(
            "list_images",
            json!({ "reference": "lab/busybox", "unused": false }),
        )
        .await;
    let none = world
        .call("list_images", json!({ "reference": "lab/busy" }))
        .await;

    assert!(
        texts(&used["items"][0]["used_by"], "").contains(&"image-user"),
        "{used}"
    );
    assert!(used["items"][0]["size_bytes"].as_i64().unwrap() > 1_000_000);
    assert_eq!(none["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_to_a_registry_and_comes_back() {
    let Some(world) = World::real().await else {
        return;
    };
    let name = in_registry("round/trip:1");
    world
        .call("tag_image", json!({ "image": IMAGE, "target": name }))
        .await;
    let args = json!({ "image": name });

    let preview = world.preview("push_image", args.clone()).await;
    let pushed = world.call("push_image", args.clone()).await;
    let again = world.preview("push_image", args.clone()).await;
    world.call("remove_image", json!({ "image": name })).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let mut ctx = context();
    ctx.progress = Progress::to(move |update| sink.lock().unwrap().push(update.progress));
    let pulled = world
        .run_in("pull_image", args.clone(), &ctx)
        .await
        .unwrap()
        .output;
    let current = world.call("pull_image", args.clone()).await;

    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.contains("is not known")),
        "{:?}",
        preview.impact
    );
    assert!(
        again
            .impact
            .iter()
            .any(|line| line.starts_with("replaces `sha256:")),
        "{:?}",
        again.impact
    );
    assert_eq!(pushed["registry"], DockerEngine::REGISTRY);
    assert_eq!(pushed["digest"], pulled["digest"]);
    assert_eq!(
        (&pulled["image"], &pulled["updated"]),
        (&json!(name), &json!(true))
    );
    assert_eq!(current["updated"], false);
    let seen = seen.lock().unwrap().clone();
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    let targets = world.targets("push_image", args).await;
    assert_eq!(targets[1].id, DockerEngine::REGISTRY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_is_undone_by_giving_the_name_back() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    let name = in_registry("undo/pull:1");
    engine.cli(&["tag", IMAGE, &name]).unwrap();
    engine.cli(&["push", &name]).unwrap();
    engine.cli(&["rmi", &name]).unwrap();

    let (pulled, removed) = world
        .there_and_back(
            "pull_image",
            json!({ "image": in_registry("undo/pull"), "tag": "1" }),
        )
        .await;

    assert_eq!(pulled["image"], name.as_str());
    assert!(texts(&removed["untagged"], "").contains(&name.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_registry_does_not_have_is_told_as_missing() {
    let Some(world) = World::real().await else {
        return;
    };

    let tag = world
        .fail("pull_image", json!({ "image": in_registry("no/such:1") }))
        .await;
    let id = world
        .fail("pull_image", json!({ "image": "a".repeat(64) }))
        .await;
    let name = world
        .fail("pull_image", json!({ "image": "No Name" }))
        .await;
    let local = world
        .fail(
            "push_image",
            json!({ "image": in_registry("never/tagged:1") }),
        )
        .await;
    let unreachable = world
        .fail("pull_image", json!({ "image": "127.0.0.1:1/x:1" }))
        .await;

    assert_eq!(
        (tag.code(), reason(&tag)),
        (Code::NotFound, "image_unknown")
    );
    assert_eq!(id.envelope().field.as_deref(), Some("image"));
    assert_eq!(name.code(), Code::InvalidArgument);
    assert_eq!(local.code(), Code::NotFound);
    assert_eq!(unreachable.code(), Code::UpstreamRejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_moved_and_taken_back() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    // Another image: the first with a setting more.
    let made = engine
        .cli(&["create", "--name", "tag-source", IMAGE])
        .unwrap();
    engine
        .cli(&[
            "commit",
            "--change",
            "LABEL other=yes",
            made.trim(),
            "tag/other:1",
        ])
        .unwrap();

    let (given, taken) = world
        .there_and_back(
            "tag_image",
            json!({ "image": IMAGE, "target": "tag/new:1" }),
        )
        .await;
    world
        .call(
            "tag_image",
            json!({ "image": IMAGE, "target": "tag/moved:1" }),
        )
        .await;
    let (moved, back) = world
        .there_and_back(
            "tag_image",
            json!({ "image": "tag/other:1", "target": "tag/moved:1" }),
        )
        .await;
    let same = world
        .inverse(
            "tag_image",
            json!({ "image": IMAGE, "target": "tag/moved:1" }),
        )
        .await;

    assert!(texts(&given["tags"], "").contains(&"tag/new:1"));
    assert_eq!(taken["untagged"], json!(["tag/new:1"]));
    assert!(moved["replaced"].as_str().unwrap().starts_with("sha256:"));
    assert!(texts(&back["tags"], "").contains(&"tag/moved:1"));
    assert_eq!(same, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_use_is_not_removed_and_a_name_can_be_given_back() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    let made = engine
        .cli(&["create", "--name", "rmi-source", IMAGE])
        .unwrap();
    engine
        .cli(&[
            "commit",
            "--change",
            "LABEL rmi=yes",
            made.trim(),
            "rmi/app:1",
        ])
        .unwrap();
    engine
        .cli(&["create", "--name", "rmi-user", "rmi/app:1"])
        .unwrap();

    let preview = world
        .preview("remove_image", json!({ "image": "rmi/app:1" }))
        .await;
    let used = world
        .fail("remove_image", json!({ "image": "rmi/app:1" }))
        .await;
    engine.cli(&["tag", "rmi/app:1", "rmi/app:2"]).unwrap();
    let (removed, given) = world
        .there_and_back("remove_image", json!({ "image": "rmi/app:1" }))
        .await;
    let missing = world
        .fail("remove_image", json!({ "image": "rmi/ap:1" }))
        .await;

    assert!(
        preview
            .impact
            .iter()
            .any(|line| line.contains("`rmi-user`")),
        "{:?}",
        preview.impact
    );
    assert_eq!(
        (used.code(), reason(&used)),
        (Code::Conflict, "image_in_use")
    );
    assert!(hint(&used).contains("`rmi-user`"), "{}", hint(&used));
    assert_eq!(removed["untagged"], json!(["rmi/app:1"]));
    assert!(texts(&given["tags"], "").contains(&"rmi/app:1"));
    assert!(hint(&missing).contains("`rmi/app:"), "{}", hint(&missing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_image_at_the_registry_is_found_without_fetching_it() {
    let Some(world) = World::real().await else {
        return;
    };
    let engine = DockerEngine::shared().unwrap();
    let name = in_registry("update/app:1");
    engine.cli(&["tag", IMAGE, &name]).unwrap();
    engine.cli(&["push", &name]).unwrap();
    engine
        .cli(&[
            "run",
            "--detach",
            "--name",
            "update-app",
            &name,
            "sleep",
            "600",
        ])
        .unwrap();
    world.sleeper("update-local").await;
    let status = async |container: &str| {
        let found = world
            .call("check_image_updates", json!({ "container": container }))
            .await;
        found["items"][0]["status"].as_str().unwrap().to_owned()
    };

    let current = status("update-app").await;
    let local = status("update-local").await;
    // Somebody else pushes another image under this name.
    engine
        .cli(&[
            "commit",
            "--change",
            "LABEL newer=yes",
            "update-app",
            &in_registry("update/next:1"),
        ])
        .unwrap();
    engine
        .cli(&["tag", &in_registry("update/next:1"), &name])
        .unwrap();
    engine.cli(&["push", &name]).unwrap();
    let unpulled = status("update-app").await;
    engine.cli(&["rmi", &name]).unwrap();
    let outdated = status("update-app").await;

    assert_eq!(
        (current.as_str(), unpulled.as_str(), outdated.as_str()),
        ("current", "unpulled", "outdated")
    );
    assert_eq!(local, "local");
}
