//! The Proxmox Backup Server stand-in against the API's documentation.

mod access;
mod copies;
mod maintenance;
mod snapshots;

use std::sync::Arc;

use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_lab::pbs::{Options, Pbs, ROOT_TOKEN, Release, SnapshotSeed};
use serde_json::Value;

use crate::wire::{Answer, call};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const DAY: i64 = 86_400;
const A: &str = "/admin/datastore/main";

/// A store `main` with three snapshots of VM 100, one day apart, and one of CT 200.
async fn server() -> (Pbs, Arc<ManualClock>) {
    server_of(Release::V4_1).await
}

async fn server_of(release: Release) -> (Pbs, Arc<ManualClock>) {
    let time = Micros::from_rfc3339("2026-11-20T02:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(time));
    let server = Pbs::with(Options {
        release,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..Options::default()
    })
    .await
    .unwrap();
    for days in 0..3 {
        server.add_snapshot(SnapshotSeed::new("main", "vm", "100", days * DAY));
    }
    server.add_snapshot(SnapshotSeed::new("main", "ct", "200", DAY));
    (server, clock)
}

async fn ask(server: &Pbs, method: &str, path: &str, body: &str) -> Answer {
    ask_as(server, ROOT_TOKEN, method, path, body).await
}

async fn ask_as(server: &Pbs, token: (&str, &str), method: &str, path: &str, body: &str) -> Answer {
    let token = format!("PBSAPIToken={}:{}", token.0, token.1);
    let headers = [("Authorization", token.as_str()), JSON];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    let path = format!("/api2/json{path}");
    call(server.address(), method, &path, headers, body).await
}

async fn get(server: &Pbs, path: &str) -> Value {
    let answer = ask(server, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    answer.json()["data"].take()
}

/// Starts a task and waits for its end; its exit status.
async fn run(server: &Pbs, path: &str, body: &Value) -> String {
    let answer = ask(server, "POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body());
    let upid = answer.json()["data"].as_str().expect("a UPID").to_owned();
    wait(server, &upid).await
}

async fn wait(server: &Pbs, upid: &str) -> String {
    for _ in 0..10 {
        let status = get(server, &format!("/nodes/localhost/tasks/{upid}/status")).await;
        if status["status"] == "stopped" {
            return status["exitstatus"].as_str().unwrap().to_owned();
        }
    }
    panic!("{upid} does not end");
}
