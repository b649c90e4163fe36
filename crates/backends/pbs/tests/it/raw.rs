//! Peers that answer what no server should.

use std::sync::Arc;

use homelab_backend_pbs::kind;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::{Code, ToolError};
use homelab_core::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{TODAY, context, env, reason, run};

/// Answers every request with the first body whose word occurs in the request's first line.
async fn peer(answers: Vec<(&'static str, u16, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let read = socket.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]).into_owned();
            let line = text.lines().next().unwrap_or_default();
            let (status, body) = answers
                .iter()
                .find(|(word, ..)| line.contains(word))
                .map_or((404, String::new()), |(_, status, body)| {
                    (*status, body.clone())
                });
            let answer = format!(
                "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            drop(socket.write_all(answer.as_bytes()).await);
        }
    });
    format!("http://{address}")
}

struct Asked {
    server: Arc<dyn Server>,
    _folder: TempDir,
}

impl Asked {
    async fn of(settings: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        Self {
            server: kind().open("pbs", settings, &env),
            _folder: folder,
        }
    }

    async fn token(url: String) -> Self {
        Self::of(json!({ "url": url, "token_id": "a@pbs!b", "token_secret": "tell-nobody", "task_poll_ms": 10 })).await
    }

    async fn fail(&self, tool: &str, args: Value) -> ToolError {
        run(&*self.server, tool, args, &context())
            .await
            .expect_err("a failure")
    }
}

#[tokio::test]
async fn a_second_factor_is_no_ticket() {
    let ticket =
        json!({ "data": { "username": "root@pam", "ticket": "PBS:!tfa!%7B%7D:6740A1B2::x" } });
    let url = peer(vec![("/access/ticket", 200, ticket.to_string())]).await;
    let settings = json!({ "url": url, "username": "root@pam", "password": "right" });

    let error = Asked::of(settings)
        .await
        .fail("list_remotes", json!({}))
        .await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "second_factor")
    );
    assert_eq!(
        error.envelope().field.as_deref(),
        Some("servers.pbs.username")
    );
}

#[tokio::test]
async fn a_task_without_a_readable_id_is_not_followed() {
    for id in [
        "null",
        "\"\"",
        "\"UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:\"",
    ] {
        let url = peer(vec![("/gc", 200, format!("{{\"data\":{id}}}"))]).await;

        let error = Asked::token(url)
            .await
            .fail("run_gc", json!({ "datastore": "main" }))
            .await;

        assert_eq!(
            (error.code(), reason(&error)),
            (Code::UpstreamRejected, "unexpected_answer")
        );
        assert!(!error.envelope().retryable);
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_is_said_without_its_values() {
    let url = peer(vec![(
        "/remote",
        200,
        json!({ "data": [{ "name": { "x": "tell-nobody-else" } }] }).to_string(),
    )])
    .await;

    let error = Asked::token(url)
        .await
        .fail("list_remotes", json!({}))
        .await;

    assert_eq!(reason(&error), "unexpected_answer");
    assert!(!error.envelope().message.contains("tell-nobody"), "{error}");
}

#[tokio::test]
async fn a_secret_that_comes_back_in_an_error_is_not_repeated() {
    let body = "authentication failed for a@pbs!b:tell-nobody \u{1b}[31m".to_owned();
    let url = peer(vec![("/remote", 400, body)]).await;

    let error = Asked::token(url)
        .await
        .fail("list_remotes", json!({}))
        .await;

    assert_eq!(reason(&error), "refused_by_server");
    let message = &error.envelope().message;
    assert!(
        !message.contains("tell-nobody") && !message.contains('\u{1b}'),
        "{message}"
    );
}

#[tokio::test]
async fn plain_text_is_read_whatever_type_and_status_it_comes_with() {
    for status in [400, 500, 503, 507] {
        let url = peer(vec![(
            "/remote",
            status,
            "proxy is out of paper".to_owned(),
        )])
        .await;

        let error = Asked::token(url)
            .await
            .fail("list_remotes", json!({}))
            .await;

        let message = &error.envelope().message;
        assert!(message.ends_with(": proxy is out of paper"), "{message}");
    }
}

#[tokio::test]
async fn a_page_of_html_in_an_error_is_left_out() {
    let url = peer(vec![(
        "/remote",
        403,
        "<html>Forbidden by proxy</html>".to_owned(),
    )])
    .await;

    let error = Asked::token(url)
        .await
        .fail("list_remotes", json!({}))
        .await;

    assert_eq!(error.code(), Code::UpstreamUnauthorized);
    assert!(!error.envelope().message.contains("html"));
}

#[tokio::test]
async fn a_prune_answer_that_marks_protected_backups_is_not_believed() {
    let rows = json!({ "data": [
        { "backup-type": "vm", "backup-id": "100", "backup-time": 100, "keep": false, "protected": true },
        { "backup-type": "vm", "backup-id": "100", "backup-time": 200, "keep": false },
        { "backup-type": "vm", "backup-id": "../x", "backup-time": 300, "keep": false },
    ] });
    let url = peer(vec![("/prune", 200, rows.to_string())]).await;

    let ran = run(
        &*Asked::token(url).await.server,
        "prune_backups",
        json!({ "datastore": "main", "group": "vm/100", "keep_last": 1 }),
        &context(),
    )
    .await
    .expect("a dry run");

    assert_eq!(
        ran.output["groups"][0]["removed"],
        json!(["vm/100/1970-01-01T00:03:20Z"])
    );
    assert_eq!(ran.output["groups"][0]["protected"], 1);
}
