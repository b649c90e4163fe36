//! One client at the other end of two pipes.

use std::sync::Arc;

use homelab_core::call::{CredentialKind, Principal};
use homelab_core::policy::Role;
use homelab_core::server::Endpoint;
use homelab_gateway::mcp::ToolListChanges;
use homelab_gateway::transport::stdio::{StdioError, serve_on};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, duplex};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::support::client::{LONG, initialize, legacy, meta};
use super::support::lab::Lab;
use super::support::server::handler_parts;

struct Stdio {
    input: Option<DuplexStream>,
    output: Lines<BufReader<DuplexStream>>,
    lab: Arc<Lab>,
    changes: ToolListChanges,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), StdioError>>,
}

impl Stdio {
    fn start() -> Self {
        let lab = Lab::new();
        let shutdown = CancellationToken::new();
        let parts = handler_parts(lab.clone(), shutdown.clone());
        let changes = parts.changes.clone();
        let principal = Arc::new(Principal::new(
            "stdio:1000",
            "stdio:1000",
            CredentialKind::Local,
            Role::Operator,
        ));
        let (input, server_input) = duplex(64 * 1024);
        let (output, server_output) = duplex(64 * 1024);
        let endpoint = Endpoint::Server("lab".into());
        let serving = tokio::spawn(serve_on(
            parts,
            endpoint,
            principal,
            server_input,
            server_output,
        ));
        Self {
            input: Some(input),
            output: BufReader::new(output).lines(),
            lab,
            changes,
            shutdown,
            serving,
        }
    }

    async fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string()).await;
    }

    async fn send_line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// The next line, which must be a message: there is nothing else on standard output.
    async fn message(&mut self) -> Value {
        let line = timeout(LONG, self.output.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().expect("a line")).unwrap()
    }

    async fn handshake(&mut self) {
        self.send(&initialize("2025-06-18")).await;
        let answer = self.message().await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
    }

    async fn ended(self) -> Result<(), StdioError> {
        timeout(LONG, self.serving).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_session_calls_tools_as_the_local_user() {
    let mut stdio = Stdio::start();

    stdio.handshake().await;
    stdio
        .send(&legacy(1, "tools/call", &json!({ "name": "echo" })))
        .await;
    let answer = stdio.message().await;

    let content = &answer["result"]["structuredContent"];
    assert_eq!(content["principal"], "stdio:1000");
    assert_eq!(content["transport"], "stdio");
    assert!(content["session"].as_str().unwrap().len() > 20);
}

#[tokio::test]
async fn the_stateless_revision_works_without_a_handshake() {
    let mut stdio = Stdio::start();

    stdio
        .send(&legacy(1, "server/discover", &json!({ "_meta": meta() })))
        .await;
    let discovered = stdio.message().await;
    let params = json!({ "name": "echo", "arguments": {}, "_meta": meta() });
    stdio.send(&legacy(2, "tools/call", &params)).await;
    let called = stdio.message().await;

    assert_eq!(discovered["result"]["resultType"], "complete");
    assert_eq!(called["result"]["resultType"], "complete");
    assert_eq!(
        called["result"]["structuredContent"]["principal"],
        "stdio:1000"
    );
}

#[tokio::test]
async fn progress_cancellation_and_changes_reach_the_client_and_the_call() {
    let mut stdio = Stdio::start();
    stdio.handshake().await;

    let params =
        json!({ "name": "steps", "arguments": { "count": 1 }, "_meta": { "progressToken": 8 } });
    stdio.send(&legacy(1, "tools/call", &params)).await;
    let progress = stdio.message().await;
    let done = stdio.message().await;
    stdio
        .send(&legacy(2, "tools/call", &json!({ "name": "wait" })))
        .await;
    stdio.lab.begun.notified().await;
    stdio
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } }))
        .await;
    let cancelled = timeout(LONG, stdio.lab.cancelled.acquire()).await.is_ok();
    stdio.changes.announce();
    let changed = stdio.message().await;

    assert_eq!(progress["params"]["progress"], 1.0);
    assert_eq!(done["id"], 1);
    assert!(cancelled, "the call went on");
    assert_eq!(changed["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn nonsense_is_passed_over() {
    let mut stdio = Stdio::start();
    stdio.handshake().await;

    stdio.send_line("not json").await;
    stdio.send_line("").await;
    stdio.send(&legacy(1, "ping", &json!({}))).await;
    let answer = stdio.message().await;

    assert_eq!(answer["id"], 1);
}

#[tokio::test]
async fn it_ends_when_its_input_closes_and_answers_what_is_under_way() {
    let mut stdio = Stdio::start();
    stdio.handshake().await;
    stdio
        .send(&legacy(1, "tools/call", &json!({ "name": "wait" })))
        .await;
    stdio.lab.begun.notified().await;

    stdio.input = None;
    stdio.lab.release.notify_one();
    let answer = stdio.message().await;

    assert_eq!(answer["result"]["structuredContent"]["waited"], true);
    assert!(stdio.ended().await.is_ok());
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let mut stdio = Stdio::start();
    stdio.handshake().await;

    stdio.shutdown.cancel();

    assert!(stdio.ended().await.is_ok());
}

#[tokio::test]
async fn a_client_that_says_nothing_is_no_error() {
    let mut stdio = Stdio::start();

    stdio.input = None;

    assert!(stdio.ended().await.is_ok());
}
