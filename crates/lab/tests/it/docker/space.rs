//! Networks, volumes, and what takes up space.

use homelab_lab::docker::{ApiVersion, Docker, ImageSeed};
use serde_json::json;

use super::{ask, engine, engine_of, get};

#[tokio::test]
async fn networks_in_use_and_predefined_ones_stay() {
    let docker = engine().await;

    let made = ask(
        &docker,
        "POST",
        "/v1.51/networks/create",
        r#"{"Name":"apps"}"#,
    )
    .await;
    let twice = ask(
        &docker,
        "POST",
        "/v1.51/networks/create",
        r#"{"Name":"apps"}"#,
    )
    .await;
    ask(
        &docker,
        "POST",
        "/v1.51/networks/apps/connect",
        r#"{"Container":"web"}"#,
    )
    .await;
    let members = get(&docker, "/v1.51/networks/apps").await;
    let used = ask(&docker, "DELETE", "/v1.51/networks/apps", "").await;
    ask(
        &docker,
        "POST",
        "/v1.51/networks/apps/disconnect",
        r#"{"Container":"web"}"#,
    )
    .await;
    let free = ask(&docker, "DELETE", "/v1.51/networks/apps", "").await;
    let bridge = ask(&docker, "DELETE", "/v1.51/networks/bridge", "").await;

    assert_eq!((made.status, twice.status), (201, 409));
    assert_eq!(members["Containers"].as_object().unwrap().len(), 1);
    assert_eq!((used.status, free.status, bridge.status), (403, 204, 403));
}

#[tokio::test]
async fn pruning_volumes_takes_named_ones_before_1_42() {
    let anonymous = "a".repeat(64);
    let filter = "/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D";

    for (version, path, left) in [
        (
            ApiVersion::V1_41,
            "/v1.41/volumes/prune".to_owned(),
            vec!["site"],
        ),
        (
            ApiVersion::V1_51,
            "/v1.51/volumes/prune".to_owned(),
            vec!["named", "site"],
        ),
        (ApiVersion::V1_51, format!("/v1.51{filter}"), vec!["site"]),
    ] {
        let docker = engine_of(version).await;
        docker.add_volume("named", 5);
        docker.add_volume(&anonymous, 7);

        let pruned = ask(&docker, "POST", &path, "").await.json();

        assert_eq!(docker.volumes(), left, "{path}");
        assert!(pruned["SpaceReclaimed"].as_u64().unwrap() >= 7);
    }
}

#[tokio::test]
async fn disk_usage_has_the_shape_of_its_version() {
    for (version, old, new) in [
        (ApiVersion::V1_41, true, false),
        (ApiVersion::V1_52, true, true),
        (ApiVersion::V1_53, false, true),
    ] {
        let docker = engine_of(version).await;

        let usage = get(&docker, "/system/df").await;

        assert_eq!(
            (
                usage.get("Volumes").is_some(),
                usage.get("VolumeUsage").is_some()
            ),
            (old, new)
        );
        assert_eq!(
            (
                usage.get("LayersSize").is_some(),
                usage.get("ImageUsage").is_some()
            ),
            (old, new)
        );
    }
}

#[tokio::test]
async fn pruning_images_takes_untagged_ones_unless_told_otherwise() {
    let docker = engine().await;
    docker.add_image(&ImageSeed {
        build: "left over".to_owned(),
        ..ImageSeed::new("")
    });
    docker.add_image(&ImageSeed::new("unused:1"));
    docker.set_build_cache(100);

    let usual = ask(&docker, "POST", "/v1.51/images/prune", "").await.json();
    let filter = "filters=%7B%22dangling%22%3A%7B%22false%22%3Atrue%7D%7D";
    let all = ask(
        &docker,
        "POST",
        &format!("/v1.51/images/prune?{filter}"),
        "",
    )
    .await
    .json();
    let cache = ask(&docker, "POST", "/v1.51/build/prune", "").await.json();

    assert_eq!(usual["ImagesDeleted"].as_array().unwrap().len(), 1);
    assert_eq!(all["ImagesDeleted"][0], json!({"Untagged": "unused:1"}));
    assert_eq!(cache["SpaceReclaimed"], 100);
    assert_eq!(docker.images(), ["nginx:1.29", "restic/restic:0.18.0"]);
}

#[tokio::test]
async fn the_demo_has_something_to_prune() {
    let docker = Docker::demo().await.unwrap();

    let usage = get(&docker, "/v1.51/system/df").await;

    assert_eq!(docker.containers()["backup"], "exited");
    assert!(usage["BuildCache"][0]["Size"].as_u64().unwrap() > 0);
    assert!(docker.volumes().contains(&"old_wiki_data".to_owned()));
}
