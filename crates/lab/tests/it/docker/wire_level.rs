//! Versions, sockets, and what is outside the contract.

use serde_json::json;
use tokio::net::UnixStream;

use super::{ask, engine, get, names};
use crate::wire::{Answer, call, exchange_on, request};

#[tokio::test]
async fn versions_are_negotiated_by_ping() {
    let docker = engine().await;

    let ping = call(docker.address(), "GET", "/_ping", &[], "").await;
    let old = ask(&docker, "GET", "/v1.20/info", "").await;
    let new = ask(&docker, "GET", "/v1.60/info", "").await;
    let version = get(&docker, "/v1.51/version").await;

    assert_eq!(ping.body(), "OK");
    assert!(ping.head.contains("api-version: 1.51"), "{}", ping.head);
    assert_eq!(
        (new.status, new.json()),
        (
            400,
            json!({"message": "client version 1.60 is too new. Maximum supported API version is 1.51"})
        )
    );
    assert!(old.body().contains("too old"), "{}", old.body());
    assert_eq!(version["MinAPIVersion"], "1.24");
}

#[tokio::test]
async fn what_is_outside_the_contract_is_noted() {
    let docker = engine().await;

    let lenient = ask(&docker, "GET", "/v1.51/containers/json?everything=1", "").await;
    let wrong = ask(
        &docker,
        "POST",
        "/v1.51/containers/create",
        r#"{"Image":5}"#,
    )
    .await;
    let kind = call(
        docker.address(),
        "POST",
        "/v1.51/networks/create",
        &[],
        "{}",
    )
    .await;
    let nothing = ask(&docker, "GET", "/v1.51/nothing", "").await;

    assert_eq!(lenient.status, 200);
    assert_eq!((wrong.status, kind.status, nothing.status), (400, 400, 404));
    assert_eq!(docker.log().unexpected().len(), 4);
}

#[tokio::test]
async fn it_answers_on_a_unix_socket_until_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let mut docker = engine().await;
    docker.listen_at(&path).unwrap();

    let stream = UnixStream::connect(&path).await.unwrap();
    let answer = exchange_on(stream, &request("GET", "/v1.51/containers/json", &[], "")).await;
    let logged = docker.log().lines();
    drop(docker);

    assert_eq!(names(&Answer::read(&answer).json()), ["/web"]);
    assert_eq!(logged, ["GET /v1.51/containers/json"]);
    assert!(!path.exists());
}
