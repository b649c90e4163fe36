//! Engines that are not there, not engines, too old, slow, or not to be changed.

use std::time::Duration;

use homelab_backend::Shared;
use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::world::{World, hint, reason};

/// Answers each connection's first request with these bytes, then closes.
async fn answering(bytes: &'static [u8]) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await;
                if read.is_ok() {
                    stream.write_all(bytes).await.unwrap_or_default();
                }
            });
        }
    });
    json!({ "hosts": { "fake": { "url": format!("tcp://{address}"), "plain": true } }, "timeout_s": 2 })
}

async fn failing(settings: Value) -> homelab_core::error::ToolError {
    let world = World::with(settings, Shared::default()).await;
    world.fail("list_containers", json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_socket_is_told_with_where_to_look() {
    let world = World::at(std::path::Path::new("/nonexistent/docker.sock")).await;

    let error = world.fail("list_containers", json!({})).await;
    let health = world.health().await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "socket_missing")
    );
    assert!(
        hint(&error).contains("`servers.docker.url`"),
        "{}",
        hint(&error)
    );
    assert_eq!(health.status, HealthStatus::Down);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_nobody_listens_at_is_told_from_a_missing_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let world = World::at(&socket).await;

    let error = world.fail("get_system_info", json!({})).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamUnreachable, "refused")
    );
    assert!(error.envelope().retryable);
    assert!(hint(&error).contains("systemctl start docker"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_is_told_and_works_again_when_it_is_back() {
    let Some(engine) = homelab_testkit::DockerEngine::start().unwrap() else {
        return;
    };
    let world = World::at(&engine.socket()).await;
    world.sleeper("survivor").await;

    engine.stop().unwrap();
    let stopped = world
        .fail("stop_container", json!({ "container": "survivor" }))
        .await;
    let health = world.health().await;
    engine.restart().unwrap();
    let back = world.call("list_containers", json!({})).await;

    assert_eq!(stopped.code(), Code::UpstreamUnreachable);
    assert_eq!(health.status, HealthStatus::Down);
    assert_eq!(back["items"][0]["name"], "survivor");
    assert_eq!(world.health().await.status, HealthStatus::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_engine_is_told_so() {
    let not_http = failing(answering(b"SSH-2.0-OpenSSH_10.0\r\n").await).await;
    let web = failing(
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK").await,
    )
    .await;
    let old = failing(answering(b"HTTP/1.1 200 OK\r\nApi-Version: 1.24\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK").await).await;
    let closed = failing(answering(b"").await).await;

    assert_eq!(
        (not_http.code(), reason(&not_http)),
        (Code::UpstreamRejected, "not_http")
    );
    assert_eq!(reason(&web), "unexpected_answer");
    assert_eq!(reason(&old), "api_version_unsupported");
    assert_eq!(
        (closed.code(), reason(&closed)),
        (Code::UpstreamUnreachable, "connection_lost")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_silent_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = json!({ "hosts": { "slow": { "url": format!("tcp://{address}"), "plain": true } }, "timeout_s": 1 });

    let error = tokio::time::timeout(Duration::from_secs(20), failing(settings))
        .await
        .unwrap();

    assert_eq!(error.code(), Code::Timeout);
    drop(listener);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_long_cut_or_no_json_are_told_apart() {
    // The same answer to `/_ping` and to what follows.
    let garbage = failing(answering(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\nConnection: close\r\n\r\n<html").await).await;
    let cut = failing(answering(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 500\r\nConnection: close\r\n\r\n[").await).await;
    let failed = failing(answering(b"HTTP/1.1 500 Oops\r\nApi-Version: 1.41\r\nContent-Length: 22\r\nConnection: close\r\n\r\n{\"message\":\"disk full\"}").await).await;

    assert_eq!(reason(&garbage), "unexpected_answer");
    assert_eq!(reason(&cut), "cut");
    assert_eq!(
        (failed.code(), failed.envelope().upstream_status),
        (Code::UpstreamRejected, Some(500))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_hosts_are_told_apart_and_one_that_is_down_does_not_hide_the_other() {
    let Some(engine) = homelab_testkit::DockerEngine::shared() else {
        return;
    };
    let settings = json!({
        "url": format!("unix://{}", engine.socket().display()),
        "hosts": { "attic": { "url": "unix:///nonexistent/docker.sock" } },
    });
    let world = World::with(settings, Shared::default()).await;

    let by_default = world
        .call("get_system_info", json!({ "disk": false }))
        .await;
    let attic = world
        .fail("get_system_info", json!({ "host": "attic" }))
        .await;
    let unknown = world
        .fail("get_system_info", json!({ "host": "atic" }))
        .await;

    assert_eq!(
        (&by_default["host"], &by_default["hosts"]),
        (&json!("local"), &json!(["attic", "local"]))
    );
    assert_eq!(reason(&attic), "socket_missing");
    assert!(hint(&attic).contains("`servers.docker.hosts.attic.url`"));
    assert_eq!(
        (reason(&unknown), hint(&unknown)),
        ("docker_host_unknown", "did you mean `attic`?")
    );
    assert_eq!(world.health().await.status, HealthStatus::Degraded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_read_only_is_only_read() {
    let Some(engine) = homelab_testkit::DockerEngine::shared() else {
        return;
    };
    let url = format!("unix://{}", engine.socket().display());
    let world = World::with(
        json!({ "hosts": { "safe": { "url": url, "read_only": true } } }),
        Shared::default(),
    )
    .await;

    for (tool, args) in [
        ("start_container", json!({ "container": "x1" })),
        ("create_container", json!({ "image": "lab/busybox:1" })),
        (
            "exec_container",
            json!({ "container": "x1", "command": ["true"] }),
        ),
        ("pull_image", json!({ "image": "x" })),
        ("prune_system", json!({ "dry_run": false })),
        ("create_volume", json!({ "name": "x" })),
    ] {
        let error = world.fail(tool, args).await;
        assert_eq!(
            (error.code(), reason(&error)),
            (Code::PermissionDenied, "host_read_only"),
            "{tool}"
        );
    }
    assert_eq!(world.call("prune_system", json!({})).await["dry_run"], true);
    world.call("list_images", json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_a_label_is_shown_other_containers_do_not_exist() {
    let Some(engine) = homelab_testkit::DockerEngine::shared() else {
        return;
    };
    let all = World::at(&engine.socket()).await;
    all.sleeper("hidden-one").await;
    all.container(
        "shown-one",
        json!({ "command": ["sleep", "600"], "labels": { "agents": "yes" } }),
    )
    .await;
    let url = format!("unix://{}", engine.socket().display());
    let settings = json!({ "hosts": { "shared": { "url": url, "only_label": "agents=yes" } } });
    let world = World::with(settings, Shared::default()).await;

    let list = world.call("list_containers", json!({})).await;
    let hidden = world
        .fail("stop_container", json!({ "container": "hidden-one" }))
        .await;
    let plan = world.call("prune_system", json!({ "images": "all" })).await;
    let volumes = world
        .fail("prune_system", json!({ "volumes": "all" }))
        .await;

    assert_eq!(
        (&list["total"], &list["items"][0]["name"]),
        (&json!(1), &json!("shown-one"))
    );
    assert_eq!(hidden.code(), Code::NotFound);
    assert!(!hint(&hidden).contains("hidden-one"));
    assert_eq!(
        (&plan["images"], &plan["containers"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(reason(&volumes), "host_limited");
}
