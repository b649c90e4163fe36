//! Releases of NetBox.

use homelab_core::error::Code;
use homelab_core::server::HealthStatus;
use homelab_lab::netbox::{Release, TOKEN_V1};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{World, reason};

#[tokio::test]
async fn the_version_is_asked_for_once() {
    let world = World::lab().await;

    for _ in 0..3 {
        world.call("list_sites", json!({})).await;
    }

    let asked = world
        .netbox
        .log()
        .lines()
        .iter()
        .filter(|line| *line == "GET /api/status/")
        .count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn every_release_allocates_records_and_cables() {
    for release in [Release::V4_2, Release::V4_5, Release::V4_6, Release::V4_7] {
        let world = World::release(release).await;
        let to = json!({ "device": "n1", "interface": "eth0" });

        world
            .call(
                "allocate_ip",
                json!({ "prefix": "192.0.2.0/28", "assign_to": to, "set_primary": true }),
            )
            .await;
        let body = world
            .netbox
            .log()
            .all()
            .iter()
            .rev()
            .find(|one| one.method == "POST")
            .unwrap()
            .body
            .clone();
        world
            .call("create_vlan", json!({ "name": "a", "group": "house" }))
            .await;
        let ends = json!({ "action": "connect", "a": { "device": "n1", "port": "eth0" }, "b": { "device": "sw1", "port": "1" } });
        world.call("update_cable_map", ends).await;
        world
            .call(
                "update_cable_map",
                json!({ "action": "update", "cable": 1, "label": "x" }),
            )
            .await;
        world.call("release_ip", json!({ "id": 1 })).await;
        world.call("get_changelog", json!({ "limit": 1 })).await;

        let says_why = String::from_utf8(body)
            .unwrap()
            .contains("changelog_message");
        assert_eq!(says_why, release >= Release::V4_5, "{release:?}");
    }
}

/// Answers every request with this version.
async fn peer_of(version: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({ "netbox-version": version }).to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = [0; 4096];
            drop(stream.read(&mut seen).await);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            drop(stream.write_all(format!("{head}{body}").as_bytes()).await);
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn other_versions_are_refused_before_anything_is_asked_of_them() {
    let mut world = World::lab().await;
    for (version, wanted) in [
        ("3.7.8", "version_unsupported"),
        ("4.1.11", "version_unsupported"),
        ("5.0.0", "version_unsupported"),
        ("unknown", "unexpected_answer"),
    ] {
        let url = peer_of(version).await;
        world.reopen(&json!({ "url": url, "token": TOKEN_V1 }));

        let error = world.fail("list_sites", json!({})).await;
        let health = world.health().await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, wanted),
            "{version}"
        );
        assert_eq!(health.status, HealthStatus::Down);
    }
}
