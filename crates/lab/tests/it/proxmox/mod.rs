//! The Proxmox VE stand-in against the API's documentation.

mod access;
mod backups;
mod cluster;
mod guests;
mod tasks;
mod wire_level;

use std::sync::Arc;

use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_lab::proxmox::{GuestSeed, Options, Pace, Proxmox, ROOT_TOKEN, Release};
use serde_json::Value;

use crate::wire::{Answer, call};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Two nodes; VM 100 (stopped) and 101 (with agent), CT 200, all on `pve1`.
async fn cluster() -> (Proxmox, Arc<ManualClock>) {
    cluster_of(Release::V9_1).await
}

async fn cluster_of(release: Release) -> (Proxmox, Arc<ManualClock>) {
    let time = Micros::from_rfc3339("2026-11-20T02:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(time));
    let cluster = Proxmox::with(Options {
        release,
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        ..Options::default()
    })
    .await
    .unwrap();
    cluster.add_guest(GuestSeed::machine(100, "web", "pve1").stopped());
    cluster.add_guest(GuestSeed::machine(101, "docker", "pve1").at("192.0.2.87/24"));
    cluster.add_guest(GuestSeed::container(200, "dns", "pve1").at("192.0.2.53/24"));
    (cluster, clock)
}

/// A request with root's token. The path is below `/api2/json`.
async fn ask(cluster: &Proxmox, method: &str, path: &str, body: &str) -> Answer {
    ask_as(cluster, ROOT_TOKEN, method, path, body).await
}

async fn ask_as(
    cluster: &Proxmox,
    token: (&str, &str),
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    let token = format!("PVEAPIToken={}={}", token.0, token.1);
    let headers = [("Authorization", token.as_str()), FORM];
    let headers = if body.is_empty() {
        &headers[..1]
    } else {
        &headers[..]
    };
    let path = format!("/api2/json{path}");
    call(cluster.address(), method, &path, headers, body).await
}

/// What stands under `data`.
async fn get(cluster: &Proxmox, path: &str) -> Value {
    let answer = ask(cluster, "GET", path, "").await;
    assert_eq!(
        answer.status,
        200,
        "{path}: {} {}",
        answer.reason,
        answer.body()
    );
    answer.json()["data"].take()
}

/// Starts a task and waits for its end; its exit status.
async fn run(cluster: &Proxmox, method: &str, path: &str, body: &str) -> String {
    let answer = ask(cluster, method, path, body).await;
    assert_eq!(
        answer.status,
        200,
        "{path}: {} {}",
        answer.reason,
        answer.body()
    );
    let upid = answer.json()["data"].as_str().expect("a UPID").to_owned();
    wait(cluster, &upid).await
}

async fn wait(cluster: &Proxmox, upid: &str) -> String {
    let node = upid.split(':').nth(1).unwrap();
    for _ in 0..10 {
        let status = get(cluster, &format!("/nodes/{node}/tasks/{upid}/status")).await;
        if status["status"] == "stopped" {
            return status["exitstatus"].as_str().unwrap().to_owned();
        }
    }
    panic!("{upid} does not end");
}

/// Tasks end with the call.
fn at_once(cluster: &Proxmox) {
    cluster.set_pace(Pace::Polls(0));
}
