//! Containers.

use homelab_lab::docker::ContainerSeed;
use serde_json::{Value, json};

use super::{ask, engine, get, names};
use crate::wire::{Answer, exchange_on};

#[tokio::test]
async fn a_list_has_running_ones_unless_asked_for_all() {
    let docker = engine().await;

    let running = get(&docker, "/v1.51/containers/json").await;
    let all = get(&docker, "/v1.51/containers/json?all=1").await;
    let filters = "filters=%7B%22status%22%3A%5B%22exited%22%5D%7D";
    let exited = get(&docker, &format!("/v1.51/containers/json?{filters}")).await;

    assert_eq!(names(&running), ["/web"]);
    assert_eq!(names(&all).len(), 2);
    assert_eq!(names(&exited), ["/job"]);
    assert_eq!(
        running[0]["Ports"],
        json!([{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}])
    );
    assert_eq!(exited[0]["Status"], "Exited (3) 1 minutes ago");
}

#[tokio::test]
async fn what_is_so_already_is_a_304() {
    let docker = engine().await;

    let started = ask(&docker, "POST", "/v1.51/containers/web/start", "").await;
    let stopped = ask(&docker, "POST", "/v1.51/containers/web/stop?t=5", "").await;
    let again = ask(&docker, "POST", "/v1.51/containers/web/stop", "").await;
    let missing = ask(&docker, "POST", "/v1.51/containers/nobody/stop", "").await;

    assert_eq!(
        (started.status, stopped.status, again.status),
        (304, 204, 304)
    );
    assert_eq!(
        (missing.status, missing.json()),
        (404, json!({"message": "No such container: nobody"}))
    );
    assert_eq!(docker.containers()["web"], "exited");
}

#[tokio::test]
async fn a_running_container_is_removed_by_force_alone() {
    let docker = engine().await;

    let refused = ask(&docker, "DELETE", "/v1.51/containers/web", "").await;
    let forced = ask(&docker, "DELETE", "/v1.51/containers/web?force=1&v=1", "").await;

    assert_eq!((refused.status, forced.status), (409, 204));
    // Named volumes stay.
    assert_eq!(docker.volumes(), ["site"]);
}

#[tokio::test]
async fn a_log_comes_in_frames() {
    let docker = engine().await;

    let path = "/v1.51/containers/web/logs?stdout=1&stderr=1";
    let all = ask(&docker, "GET", path, "").await;
    let tail = ask(
        &docker,
        "GET",
        "/v1.51/containers/web/logs?stdout=1&tail=1&timestamps=1",
        "",
    )
    .await;
    docker.cut_logs(5);
    let cut = ask(&docker, "GET", path, "").await;
    let none = ask(&docker, "GET", "/v1.51/containers/web/logs", "").await;

    let second = all.chunks[1].clone();
    assert_eq!(second[..8], [2, 0, 0, 0, 0, 0, 0, 15]);
    assert_eq!(second[8..], *"zwei: größer\n".as_bytes());
    let text = String::from_utf8_lossy(&tail.chunks[0]).into_owned();
    assert!(
        text.ends_with("2026-11-20T07:00:03.000000000Z drei\n"),
        "{text}"
    );
    assert_eq!(cut.chunks.concat(), all.chunks.concat());
    assert!(cut.chunks.iter().all(|chunk| chunk.len() <= 5));
    assert_eq!(none.status, 400);
}

#[tokio::test]
async fn with_a_terminal_a_log_is_plain() {
    let docker = engine().await;
    docker.add_container(ContainerSeed {
        config: json!({"Tty": true}),
        log: vec![(1, "plain".to_owned())],
        ..ContainerSeed::new("term", "busybox")
    });

    let log = ask(&docker, "GET", "/v1.51/containers/term/logs?stdout=1", "").await;

    assert_eq!(log.body(), "plain\n");
}

#[tokio::test]
async fn one_shot_statistics_have_no_sample_before() {
    let docker = engine().await;
    let path = "/v1.51/containers/web/stats?stream=false";

    let two = get(&docker, path).await;
    let one = get(&docker, &format!("{path}&one-shot=true")).await;
    let ended = get(&docker, "/v1.51/containers/job/stats?stream=0").await;

    let number = |value: &Value| value.as_f64().unwrap();
    let cpu = number(&two["cpu_stats"]["cpu_usage"]["total_usage"])
        - number(&two["precpu_stats"]["cpu_usage"]["total_usage"]);
    let system = number(&two["cpu_stats"]["system_cpu_usage"])
        - number(&two["precpu_stats"]["system_cpu_usage"]);
    assert!((cpu / system * 4.0 * 100.0 - 25.0).abs() < 0.01);
    assert_eq!(one["precpu_stats"]["cpu_usage"]["total_usage"], 0);
    assert!(one["precpu_stats"].get("system_cpu_usage").is_none());
    assert_eq!(ended["memory_stats"], json!({}));
}

#[tokio::test]
async fn a_container_is_created_of_an_image_that_is_here() {
    let docker = engine().await;
    let body = json!({
        "Image": "nginx:1.29",
        "Env": ["A=1"],
        "HostConfig": {"Binds": ["data:/data:ro"], "NetworkMode": "bridge"},
    });
    let create = |name: &str| format!("/v1.51/containers/create?name={name}");

    let made = ask(&docker, "POST", &create("new"), &body.to_string()).await;
    let again = ask(&docker, "POST", &create("new"), &body.to_string()).await;
    let absent = ask(&docker, "POST", &create("other"), r#"{"Image":"nothing"}"#).await;
    let inspected = get(&docker, "/v1.51/containers/new/json").await;
    ask(&docker, "POST", "/v1.51/containers/new/start", "").await;

    assert_eq!(made.status, 201, "{}", made.body());
    assert_eq!(again.status, 409);
    assert_eq!(
        absent.json(),
        json!({"message": "No such image: nothing:latest"})
    );
    assert_eq!(inspected["State"]["Status"], "created");
    assert!(
        inspected["Config"]["Env"]
            .as_array()
            .unwrap()
            .contains(&json!("A=1"))
    );
    assert_eq!(inspected["Mounts"][0]["Name"], "data");
    assert_eq!(inspected["Mounts"][0]["RW"], false);
    assert_eq!(docker.containers()["new"], "running");
    assert!(docker.volumes().contains(&"data".to_owned()));
}

#[tokio::test]
async fn a_command_is_made_started_and_asked_for_its_end() {
    let docker = engine().await;
    let body = json!({"Cmd": ["sh", "-c", "exit 3"], "AttachStdout": true, "AttachStderr": true});

    let made = ask(
        &docker,
        "POST",
        "/v1.51/containers/web/exec",
        &body.to_string(),
    )
    .await;
    let id = made.json()["Id"].as_str().unwrap().to_owned();
    let before = get(&docker, &format!("/v1.51/exec/{id}/json")).await;
    let output = ask(
        &docker,
        "POST",
        &format!("/v1.51/exec/{id}/start"),
        r#"{"Detach":false}"#,
    )
    .await;
    let after = get(&docker, &format!("/v1.51/exec/{id}/json")).await;
    let stopped = ask(
        &docker,
        "POST",
        "/v1.51/containers/job/exec",
        &body.to_string(),
    )
    .await;

    assert_eq!(before["ExitCode"], Value::Null);
    assert_eq!(output.chunks.concat()[..8], [2, 0, 0, 0, 0, 0, 0, 19]);
    assert_eq!(after["ExitCode"], 3);
    assert_eq!(stopped.status, 409);
}

#[tokio::test]
async fn a_command_can_take_over_the_connection() {
    let docker = engine().await;
    let body = json!({"Cmd": ["echo", "hallo"], "AttachStdout": true}).to_string();
    let made = ask(&docker, "POST", "/v1.51/containers/web/exec", &body).await;
    let path = format!("/v1.51/exec/{}/start", made.json()["Id"].as_str().unwrap());
    let stream = tokio::net::TcpStream::connect(docker.address())
        .await
        .unwrap();

    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: lab.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let answer = Answer::read(&exchange_on(stream, &text).await);

    assert_eq!(answer.status, 101);
    assert_eq!(answer.chunks.concat(), b"\x01\0\0\0\0\0\0\x06hallo\n");
}
