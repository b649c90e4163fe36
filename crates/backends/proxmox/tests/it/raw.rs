//! Answers that only a socket can give: the error in the reason phrase alone, statuses of a proxy,
//! nothing at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use homelab_backend_proxmox::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::{Code, ToolError};
use homelab_core::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::world::{TODAY, context, env, reason, run};

type Answer = (u16, &'static str, String);

/// A peer that answers each request on a connection of its own; it ends when dropped.
pub(crate) struct Raw {
    port: u16,
    writes: Arc<AtomicUsize>,
    _task: JoinSet<()>,
}

impl Raw {
    /// Answers by the first line of the request; `None` hangs up.
    pub(crate) async fn answering(
        answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&writes);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = vec![0; 65536];
                let mut length = 0;
                while !head[..length].windows(4).any(|part| part == b"\r\n\r\n") {
                    match socket.read(&mut head[length..]).await {
                        Ok(read) if read > 0 => length += read,
                        _ => break,
                    }
                }
                let head = String::from_utf8_lossy(&head[..length]).into_owned();
                let line = head.lines().next().unwrap_or_default();
                if !line.starts_with("GET ") {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                let Some((status, phrase, body)) = answer(line) else {
                    continue;
                };
                let length = body.len();
                let text = format!(
                    "HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                drop(socket.write_all(text.as_bytes()).await);
            }
        });
        Self {
            port,
            writes,
            _task: task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Requests that are not `GET`.
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }
}

/// A server that talks to this peer alone.
struct Lone {
    server: Arc<dyn Server>,
    _folder: TempDir,
}

impl Lone {
    async fn with(peer: &Raw) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let settings = json!({
            "hosts": [peer.url()], "token_id": "ops@pve!lab", "token_secret": "s3cret-s3cret", "task_poll_ms": 10
        });
        Self {
            server: kind().open("pve", settings, &env),
            _folder: folder,
        }
    }

    async fn call(&self, tool: &str, args: Value) -> Result<Value, ToolError> {
        let ran = run(&*self.server, tool, args, &context()).await?;
        Ok(ran.output)
    }
}

const GUEST: &str = r#"{"data":[{"type":"qemu","id":"qemu/100","vmid":"100","node":"pve1","name":"web","status":"running","mem":"1024","maxmem":"2048","cpu":"0.5"}]}"#;
const UPID: &str = "UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:qmstart:100:ops@pve!lab:";

/// The guest list, and one answer to everything else.
async fn guest_and(status: u16, phrase: &'static str, body: &'static str) -> Raw {
    Raw::answering(move |line| {
        Some(if line.contains("/cluster/resources") {
            (200, "OK", GUEST.to_owned())
        } else {
            (status, phrase, body.to_owned())
        })
    })
    .await
}

#[tokio::test]
async fn an_error_in_the_reason_phrase_alone_is_read() {
    let peer = guest_and(500, "VM is locked (backup)", r#"{"data":null}"#).await;
    let lone = Lone::with(&peer).await;

    let error = lone
        .call("get_vm_status", json!({ "vmid": 100 }))
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::Conflict, "guest_locked")
    );
    assert!(error.envelope().message.contains("VM is locked (backup)"));
}

#[tokio::test]
async fn a_privilege_in_the_reason_phrase_alone_is_read() {
    let phrase = "Permission check failed (/vms/100, VM.Audit)";
    let peer = guest_and(403, phrase, r#"{"data":null}"#).await;
    let lone = Lone::with(&peer).await;

    let error = lone
        .call("get_vm_status", json!({ "vmid": 100 }))
        .await
        .unwrap_err();

    assert_eq!(
        error.envelope().message,
        "`ops@pve!lab` lacks the privilege `VM.Audit` on `/vms/100`"
    );
}

#[tokio::test]
async fn numbers_as_texts_are_read() {
    let peer = guest_and(200, "OK", r#"{"data":null}"#).await;
    let lone = Lone::with(&peer).await;

    let list = lone.call("list_vms", json!({})).await.expect("a list");

    assert_eq!(list["items"][0]["vmid"], 100);
    assert_eq!(list["items"][0]["cpu_percent"], 50.0);
    assert_eq!(list["items"][0]["memory_percent"], 50.0);
}

#[tokio::test]
async fn the_statuses_of_a_node_that_is_down_are_understood() {
    for (status, phrase) in [
        (595, "Connection refused"),
        (596, "Connection timed out"),
        (599, "Too many redirections"),
    ] {
        let peer = guest_and(status, phrase, r#"{"data":null}"#).await;
        let lone = Lone::with(&peer).await;

        let error = lone
            .call("get_node_status", json!({ "node": "pve2" }))
            .await
            .unwrap_err();

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamUnreachable, "node_unreachable")
        );
        assert_eq!(error.envelope().upstream_status, Some(status));
        assert!(
            error.envelope().message.contains("`pve2`")
                && error.envelope().message.contains(phrase)
        );
    }
}

#[tokio::test]
async fn a_refused_parameter_is_an_invalid_argument() {
    let body = r#"{"data":null,"errors":{"target-storage":"invalid format"},"message":"Parameter verification failed."}"#;
    let peer = guest_and(400, "Parameter verification failed.", body).await;
    let lone = Lone::with(&peer).await;

    let error = lone
        .call("get_node_status", json!({ "node": "pve1" }))
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::InvalidArgument, "parameter_refused")
    );
    assert_eq!(error.envelope().field.as_deref(), Some("target_storage"));
    assert!(error.envelope().message.contains("invalid format"));
}

#[tokio::test]
async fn a_call_that_the_version_lacks_says_so() {
    let peer = guest_and(
        501,
        "Method 'GET /nodes' not implemented",
        r#"{"data":null}"#,
    )
    .await;
    let lone = Lone::with(&peer).await;

    let error = lone.call("list_nodes", json!({})).await.unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::UpstreamRejected, "not_supported")
    );
}

#[tokio::test]
async fn an_unknown_failure_keeps_its_text_and_is_not_repeated() {
    let peer = guest_and(
        500,
        "command 'zfs list' failed: exit code 1",
        r#"{"data":null}"#,
    )
    .await;
    let lone = Lone::with(&peer).await;

    let error = lone.call("list_nodes", json!({})).await.unwrap_err();

    assert_eq!(error.code(), Code::UpstreamRejected);
    assert!(error.envelope().message.contains("zfs list"));
    assert!(!error.envelope().retryable);
}

#[tokio::test]
async fn a_secret_that_comes_back_is_taken_out() {
    let peer = guest_and(500, "bad token s3cret-s3cret", r#"{"data":null}"#).await;
    let lone = Lone::with(&peer).await;

    let error = lone.call("list_nodes", json!({})).await.unwrap_err();

    assert!(!error.to_string().contains("s3cret-s3cret"), "{error}");
}

#[tokio::test]
async fn the_end_of_a_long_log_is_fetched() {
    let peer = Raw::answering(|line| {
        let body = if line.contains("/cluster/resources") {
            GUEST.to_owned()
        } else if line.contains("/log?start=0&") {
            let lines: Vec<Value> = (1..=50)
                .map(|n| json!({ "n": n, "t": format!("line {n}") }))
                .collect();
            json!({ "data": lines, "total": 120 }).to_string()
        } else if line.contains("/log?start=100&limit=20") {
            let lines: Vec<Value> = (101..=120)
                .map(|n| json!({ "n": n, "t": format!("line {n}") }))
                .collect();
            json!({ "data": lines, "total": 120 }).to_string()
        } else {
            r#"{"data":{"status":"stopped","exitstatus":"unexpected status"}}"#.to_owned()
        };
        Some((200, "OK", body))
    })
    .await;
    let lone = Lone::with(&peer).await;

    let report = lone
        .call("get_task_status", json!({ "upid": UPID }))
        .await
        .expect("a report");

    assert_eq!(report["state"], "failed");
    let log = report["log"].as_array().expect("lines");
    assert_eq!(
        (log.len(), &log[0], &log[19]),
        (20, &json!("line 101"), &json!("line 120"))
    );
}

#[tokio::test]
async fn a_task_id_that_makes_no_sense_is_reported() {
    let peer = Raw::answering(|line| {
        let body = if line.contains("/cluster/resources") {
            GUEST.replace("running", "stopped")
        } else if line.starts_with("POST ") {
            r#"{"data":"UPID:../../x"}"#.to_owned()
        } else {
            r#"{"data":{"status":"stopped"}}"#.to_owned()
        };
        Some((200, "OK", body))
    })
    .await;
    let lone = Lone::with(&peer).await;

    let error = lone
        .call("start_vm", json!({ "vmid": 100 }))
        .await
        .unwrap_err();

    assert_eq!(reason(&error), "unexpected_answer");
    assert!(
        error
            .envelope()
            .hint
            .as_deref()
            .unwrap_or_default()
            .contains("list_tasks")
    );
}

#[tokio::test]
async fn a_second_factor_is_told_apart_from_a_wrong_password() {
    let peer = Raw::answering(|_| {
        Some((
            200,
            "OK",
            r#"{"data":{"NeedTFA":1,"ticket":"PVE:!tfa!x:00::x","username":"root@pam"}}"#
                .to_owned(),
        ))
    })
    .await;
    let today = Micros::from_rfc3339(TODAY).expect("a day");
    let folder = tempfile::tempdir().expect("a folder");
    let env = env(&folder, Arc::new(ManualClock::at(today))).await;
    let settings = json!({ "hosts": [peer.url()], "username": "root@pam", "password": "hunter22" });
    let server = kind().open("pve", settings, &env);

    let error = run(&*server, "list_nodes", json!({}), &context())
        .await
        .unwrap_err();

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "second_factor")
    );
    assert!(
        error
            .envelope()
            .hint
            .as_deref()
            .unwrap_or_default()
            .contains("API token")
    );
}
