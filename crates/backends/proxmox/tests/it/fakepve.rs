//! Against a Proxmox VE that others wrote from the product's own schema: it shares no misunderstanding with us.

use std::sync::Arc;

use homelab_backend_proxmox::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::{Code, ToolError};
use homelab_core::server::{HealthStatus, Server};
use homelab_testkit::FakePve;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{TODAY, column, context, env, reason, run};

struct Peer {
    pve: FakePve,
    server: Arc<dyn Server>,
    _folder: TempDir,
}

impl Peer {
    /// The peer, asked with a token of root; `None` skips the test.
    async fn start() -> Option<Self> {
        let pve = FakePve::start().expect("fakepve starts")?;
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let (id, secret) = FakePve::ROOT_TOKEN;
        let settings = settings(&pve, &json!({ "token_id": id, "token_secret": secret }));
        Some(Self {
            server: kind().open("pve", settings, &env),
            pve,
            _folder: folder,
        })
    }

    /// The same peer with other credentials or trust.
    async fn with(&self, more: Value) -> (Arc<dyn Server>, TempDir) {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let server = kind().open("pve", settings(&self.pve, &more), &env);
        (server, folder)
    }

    async fn call(&self, tool: &str, args: Value) -> Value {
        match run(&*self.server, tool, args, &context()).await {
            Ok(ran) => {
                assert_eq!(ran.mismatches, [], "{tool} did not take: {}", ran.output);
                ran.output
            }
            Err(error) => panic!("{tool} failed: {error:?}"),
        }
    }

    async fn fail(&self, tool: &str, args: Value) -> ToolError {
        fail(&*self.server, tool, args).await
    }

    async fn status(&self, vmid: u32) -> Value {
        let guest = self.call("get_vm_status", json!({ "vmid": vmid })).await;
        guest["status"].clone()
    }
}

async fn fail(server: &dyn Server, tool: &str, args: Value) -> ToolError {
    match run(server, tool, args, &context()).await {
        Ok(ran) => panic!("{tool} answered {}", ran.output),
        Err(error) => error,
    }
}

fn settings(pve: &FakePve, more: &Value) -> Value {
    let mut settings = json!({
        "hosts": [pve.url()],
        "tls": { "fingerprint": pve.fingerprint() },
        "task_poll_ms": 10,
        "task_wait_s": 30,
    });
    for (key, value) in more.as_object().expect("settings") {
        settings[key] = value.clone();
    }
    settings
}

#[tokio::test]
async fn guests_nodes_and_storages_are_read() {
    let Some(peer) = Peer::start().await else {
        return;
    };

    let guests = peer.call("list_vms", json!({})).await;
    let nodes = peer.call("list_nodes", json!({})).await;
    let storages = peer.call("list_storage", json!({ "node": "pve1" })).await;
    let health = peer.server.health().await;

    assert_eq!(column(&guests, "vmid"), [100, 101, 200]);
    assert_eq!(column(&guests, "name"), ["web", "build", "dns"]);
    assert_eq!(column(&nodes, "node"), ["pve1", "pve2"]);
    assert_eq!(column(&storages, "storage"), ["local", "local-lvm"]);
    assert_eq!(health.status, HealthStatus::Ok, "{}", health.message);
}

#[tokio::test]
async fn guests_are_started_changed_and_stopped_and_every_task_is_waited_for() {
    let Some(peer) = Peer::start().await else {
        return;
    };

    let started = peer.call("start_vm", json!({ "vmid": 101 })).await;
    assert_eq!(started["task"]["exit_status"], "OK", "{started}");
    assert_eq!(peer.status(101).await, "running");

    peer.call(
        "update_vm_config",
        json!({ "vmid": 101, "description": "builds", "tags": ["ci"] }),
    )
    .await;
    let changed = peer.call("list_vms", json!({ "tag": "ci" })).await;
    assert_eq!(column(&changed, "vmid"), [101]);

    peer.call("stop_vm", json!({ "vmid": 101, "force": true }))
        .await;
    assert_eq!(peer.status(101).await, "stopped");
    peer.call("stop_vm", json!({ "vmid": 200, "force": true }))
        .await;
    assert_eq!(peer.status(200).await, "stopped");
}

#[tokio::test]
async fn snapshots_are_made_listed_and_removed() {
    let Some(peer) = Peer::start().await else {
        return;
    };

    peer.call("create_snapshot", json!({ "vmid": 101, "name": "before" }))
        .await;
    let list = peer.call("list_snapshots", json!({ "vmid": 101 })).await;
    assert_eq!(column(&list, "name"), ["before"]);
    peer.call("delete_snapshot", json!({ "vmid": 101, "name": "before" }))
        .await;

    let list = peer.call("list_snapshots", json!({ "vmid": 101 })).await;
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn refusals_are_told_in_our_words() {
    let Some(peer) = Peer::start().await else {
        return;
    };

    let missing = peer.fail("get_vm_status", json!({ "vmid": 999 })).await;
    assert_eq!(
        (missing.code(), reason(&missing)),
        (Code::NotFound, "guest_not_found")
    );
    let running = peer.fail("delete_vm", json!({ "vmid": 100 })).await;
    assert_eq!(reason(&running), "guest_running");

    peer.pve.tell(r#"["lose_quorum"]"#).expect("a scenario");
    let stuck = peer.fail("start_vm", json!({ "vmid": 101 })).await;
    assert_eq!(reason(&stuck), "no_quorum");
    peer.pve.tell(r#"["regain_quorum"]"#).expect("a scenario");

    peer.pve
        .tell(r#"["set_node_offline", "pve2"]"#)
        .expect("a scenario");
    let lost = peer
        .fail("get_node_status", json!({ "node": "pve2" }))
        .await;
    assert_eq!(
        (lost.code(), reason(&lost)),
        (Code::UpstreamUnreachable, "node_unreachable")
    );
}

#[tokio::test]
async fn a_token_has_the_rights_that_it_was_given_and_no_more() {
    let Some(peer) = Peer::start().await else {
        return;
    };
    let (id, secret) = FakePve::READ_TOKEN;
    let (reader, _folder) = peer
        .with(json!({ "token_id": id, "token_secret": secret }))
        .await;
    let (stranger, _other) = peer
        .with(json!({ "token_id": id, "token_secret": "of-another" }))
        .await;

    let seen = run(&*reader, "list_vms", json!({}), &context()).await;
    let refused = fail(&*reader, "start_vm", json!({ "vmid": 101 })).await;
    let unknown = fail(&*stranger, "list_vms", json!({})).await;

    assert_eq!(column(&seen.expect("guests").output, "vmid").len(), 3);
    assert_eq!(reason(&refused), "privilege_missing");
    assert!(refused.to_string().contains("VM.PowerMgmt"), "{refused:?}");
    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::UpstreamUnauthorized, "token_refused")
    );
}

#[tokio::test]
async fn a_password_is_a_ticket_that_is_renewed() {
    let Some(peer) = Peer::start().await else {
        return;
    };
    let login = json!({ "username": "root@pam", "password": FakePve::ROOT_PASSWORD });
    let (server, _folder) = peer.with(login).await;

    let before = run(&*server, "start_vm", json!({ "vmid": 101 }), &context()).await;
    peer.pve.tell(r#"["revoke_tickets"]"#).expect("a scenario");
    let after = run(&*server, "list_vms", json!({}), &context()).await;

    assert!(before.is_ok(), "{before:?}");
    assert!(after.is_ok(), "{after:?}");
}

#[tokio::test]
async fn another_certificate_is_not_trusted() {
    let Some(peer) = Peer::start().await else {
        return;
    };
    let (id, secret) = FakePve::ROOT_TOKEN;
    let other = ["AA"; 32].join(":");
    let (server, _folder) = peer
        .with(json!({ "token_id": id, "token_secret": secret, "tls": { "fingerprint": other } }))
        .await;

    let error = fail(&*server, "list_vms", json!({})).await;

    assert_eq!(error.code(), Code::UpstreamUnreachable);
}

#[tokio::test]
async fn a_raw_call_reaches_what_the_tools_know() {
    let Some(peer) = Peer::start().await else {
        return;
    };

    let found = peer.call("search_api", json!({ "query": "start" })).await;
    let started = peer
        .call(
            "call_api",
            json!({ "method": "POST", "path": "/nodes/pve2/qemu/101/status/start" }),
        )
        .await;
    let task = json!({ "upid": started["task"], "wait_s": 30 });
    let ended = peer.call("get_task_status", task).await;

    // It serves the API and nothing else, so its description is not to be had.
    assert!(found["note"].is_string());
    assert_eq!(ended["exit_status"], "OK", "{ended}");
    assert_eq!(peer.status(101).await, "running");
}
