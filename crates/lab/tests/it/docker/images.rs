//! Images and registries.

use homelab_lab::docker::ImageSeed;
use serde_json::json;

use super::{ask, engine, get};
use crate::wire::{Answer, call};

#[tokio::test]
async fn a_pull_streams_and_can_fail_inside_its_stream() {
    let docker = engine().await;
    docker.publish(&ImageSeed {
        build: "2".to_owned(),
        ..ImageSeed::new("nginx:1.29")
    });
    let pull = "/v1.51/images/create?fromImage=nginx&tag=1.29";

    docker.fail_stream("unexpected EOF");
    let failed = ask(&docker, "POST", pull, "").await;
    let done = ask(&docker, "POST", pull, "").await;
    let again = ask(&docker, "POST", pull, "").await;
    let missing = ask(
        &docker,
        "POST",
        "/v1.51/images/create?fromImage=none&tag=1",
        "",
    )
    .await;

    let last = |answer: &Answer| answer.lines().pop().unwrap();
    assert_eq!(
        (failed.status, last(&failed)["error"].clone()),
        (200, json!("unexpected EOF"))
    );
    assert_eq!(
        last(&done)["status"],
        "Status: Downloaded newer image for nginx:1.29"
    );
    assert_eq!(
        last(&again)["status"],
        "Status: Image is up to date for nginx:1.29"
    );
    assert_eq!(missing.status, 404);
    // The old image has lost its tag, but a container uses it.
    let images = get(&docker, "/v1.51/images/json").await;
    assert!(
        images
            .as_array()
            .unwrap()
            .iter()
            .any(|image| image["RepoTags"] == json!([]))
    );
}

#[tokio::test]
async fn a_pull_without_a_tag_is_noted() {
    let docker = engine().await;

    ask(&docker, "POST", "/v1.51/images/create?fromImage=nginx", "").await;

    assert_eq!(docker.log().unexpected(), ["POST /v1.51/images/create"]);
}

#[tokio::test]
async fn names_with_slashes_and_logins_at_the_registry() {
    let docker = engine().await;
    docker.require_login("ops", "word");
    docker.add_image(&ImageSeed::new("reg.example:5000/lab/app:1"));
    let push = "/v1.51/images/reg.example:5000/lab/app/push?tag=1";
    // {"username":"ops","password":"word"}
    let login = (
        "X-Registry-Auth",
        "eyJ1c2VybmFtZSI6Im9wcyIsInBhc3N3b3JkIjoid29yZCJ9",
    );

    let refused = call(
        docker.address(),
        "POST",
        push,
        &[("X-Registry-Auth", "e30=")],
        "",
    )
    .await;
    let done = call(docker.address(), "POST", push, &[login], "").await;
    let inspected = get(&docker, "/v1.51/images/reg.example:5000/lab/app:1/json").await;
    let known = "/v1.51/distribution/reg.example:5000/lab/app:1/json";
    let known = call(docker.address(), "GET", known, &[login], "").await;

    assert_eq!(
        refused.lines().pop().unwrap()["error"],
        "unauthorized: authentication required"
    );
    assert_eq!(done.lines().pop().unwrap()["aux"]["Tag"], "1");
    assert_eq!(inspected["RepoTags"], json!(["reg.example:5000/lab/app:1"]));
    assert!(known.json()["Descriptor"]["digest"].is_string());
}

#[tokio::test]
async fn an_image_in_use_stays_and_one_with_two_names_loses_one() {
    let docker = engine().await;

    let used = ask(&docker, "DELETE", "/v1.51/images/nginx:1.29", "").await;
    ask(
        &docker,
        "POST",
        "/v1.51/images/nginx:1.29/tag?repo=mine&tag=2",
        "",
    )
    .await;
    let untagged = ask(&docker, "DELETE", "/v1.51/images/mine:2", "").await;
    ask(&docker, "DELETE", "/v1.51/containers/job", "").await;
    let gone = ask(&docker, "DELETE", "/v1.51/images/restic/restic:0.18.0", "").await;

    assert_eq!(used.status, 409);
    assert_eq!(untagged.json(), json!([{"Untagged": "mine:2"}]));
    assert_eq!(gone.json().as_array().unwrap().len(), 2);
    assert_eq!(docker.images(), ["nginx:1.29"]);
}

#[tokio::test]
async fn a_push_of_nothing_fails_inside_its_stream() {
    let docker = engine().await;
    let headers = [("X-Registry-Auth", "e30=")];

    let path = "/v1.51/images/none/push?tag=1";
    let pushed = call(docker.address(), "POST", path, &headers, "").await;

    assert_eq!(pushed.status, 200);
    assert_eq!(
        pushed.lines().pop().unwrap()["error"],
        "An image does not exist locally with the tag: none"
    );
}
