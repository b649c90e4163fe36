//! The revisions with `initialize` and sessions over Streamable HTTP.

use std::net::SocketAddr;

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::transport::support::client::{
    Answer, Client, LONG, initialize, legacy, post, read_until, request, send, with,
};
use crate::transport::support::server::{Setup, TestServer};

/// An open session, as one client holds it.
struct Session {
    address: SocketAddr,
    id: String,
    authorization: Option<String>,
}

impl Session {
    async fn open(address: SocketAddr, authorization: Option<&str>) -> Self {
        let mut opening = post("/mcp", &initialize("2025-11-25"));
        if let Some(authorization) = authorization {
            opening = with(opening, "authorization", authorization);
        }
        let answer = send(address, opening).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let session = Self {
            address,
            id: answer.header("mcp-session-id").unwrap().to_owned(),
            authorization: authorization.map(str::to_owned),
        };
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let accepted = session.send(&initialized).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED);
        session
    }

    fn request(
        &self,
        method: Method,
        body: String,
    ) -> http::Request<http_body_util::Full<bytes::Bytes>> {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("mcp-session-id", self.id.as_str()),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        headers.push(match method {
            Method::GET => ("accept", "text/event-stream"),
            _ => ("accept", "application/json, text/event-stream"),
        });
        if let Some(authorization) = &self.authorization {
            headers.push(("authorization", authorization));
        }
        request(method, "/mcp", &headers, body)
    }

    async fn send(&self, message: &Value) -> Answer {
        send(
            self.address,
            self.request(Method::POST, message.to_string()),
        )
        .await
    }

    async fn call(&self, tool: &str, meta: Value) -> Answer {
        let params = json!({ "name": tool, "arguments": {}, "_meta": meta });
        self.send(&legacy(7, "tools/call", &params)).await
    }
}

async fn with_keys() -> TestServer {
    TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await
}

#[rstest]
#[case("2024-11-05", "2024-11-05")]
#[case("2025-03-26", "2025-03-26")]
#[case("2025-06-18", "2025-06-18")]
#[case("2025-11-25", "2025-11-25")]
#[case("2019-01-01", "2025-11-25")]
#[tokio::test]
async fn initialize_agrees_on_a_revision(#[case] asked: &str, #[case] agreed: &str) {
    let server = TestServer::start().await;

    let answer = send(server.address, post("/mcp", &initialize(asked))).await;

    let messages = answer.messages();
    let result = &messages[0]["result"];
    assert_eq!(result["protocolVersion"], agreed);
    assert_eq!(
        result["capabilities"],
        json!({ "tools": { "listChanged": true } })
    );
    assert_eq!(result["serverInfo"]["name"], "homelab-mcp");
    assert!(result["instructions"].as_str().unwrap().len() < 200);
}

#[tokio::test]
async fn a_session_lists_calls_and_pings() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;

    let list = session.send(&legacy(1, "tools/list", &json!({}))).await;
    let call = session.call("echo", json!({})).await;
    let ping = session.send(&legacy(2, "ping", &json!({}))).await;

    let list = list.messages();
    assert_eq!(list[0]["result"]["tools"].as_array().unwrap().len(), 4);
    assert_eq!(list[0]["result"].get("resultType"), None);
    let call = call.messages();
    assert_eq!(call[0]["id"], 7);
    assert_eq!(
        call[0]["result"]["structuredContent"]["session"],
        json!(session.id)
    );
    assert_eq!(call[0]["result"].get("_meta"), None);
    assert_eq!(ping.messages()[0]["result"], json!({}));
}

#[tokio::test]
async fn an_unknown_tool_or_method_and_wrong_parameters_have_their_codes() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;

    let tool = session.call("nothing", json!({})).await;
    let method = session.send(&legacy(1, "tools/fly", &json!({}))).await;
    let wrong = session
        .send(&legacy(2, "tools/call", &json!({ "name": 5 })))
        .await;
    let undeclared = session.send(&legacy(3, "resources/list", &json!({}))).await;

    assert_eq!(tool.messages()[0]["error"]["code"], -32602);
    assert_eq!(method.messages()[0]["error"]["code"], -32601);
    assert_eq!(wrong.messages()[0]["error"]["code"], -32602);
    assert_eq!(undeclared.messages()[0]["error"]["code"], -32601);
}

#[tokio::test]
async fn an_unknown_session_is_404_also_after_a_restart() {
    let server = TestServer::start().await;
    let mut session = Session::open(server.address, None).await;

    let restarted = TestServer::start().await;
    session.address = restarted.address;
    let posted = session.send(&legacy(1, "tools/list", &json!({}))).await;
    let streamed = send(
        restarted.address,
        session.request(Method::GET, String::new()),
    )
    .await;
    let deleted = send(
        restarted.address,
        session.request(Method::DELETE, String::new()),
    )
    .await;

    for answer in [posted, streamed, deleted] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.json()["code"], "not_found");
    }
}

#[tokio::test]
async fn a_deleted_session_is_gone() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;

    let deleted = send(
        server.address,
        session.request(Method::DELETE, String::new()),
    )
    .await;
    let after = session.send(&legacy(1, "tools/list", &json!({}))).await;

    assert!(deleted.status.is_success());
    assert_eq!(after.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_belongs_to_the_key_that_opened_it() {
    let server = with_keys().await;
    let mut session = Session::open(server.address, Some(&server.alice)).await;

    let own = session.call("echo", json!({})).await;
    session.authorization = Some(server.bob.clone());
    let foreign = session.call("echo", json!({})).await;
    let deleted = send(
        server.address,
        session.request(Method::DELETE, String::new()),
    )
    .await;
    session.authorization = Some(server.alice.clone());
    let still_there = session.call("echo", json!({})).await;

    assert_eq!(
        own.messages()[0]["result"]["structuredContent"]["principal"],
        "alice"
    );
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(deleted.status, StatusCode::NOT_FOUND);
    assert_eq!(still_there.status, StatusCode::OK);
}

#[tokio::test]
async fn a_foreign_session_cannot_be_entered_by_claiming_a_newer_revision() {
    let server = with_keys().await;
    let session = Session::open(server.address, Some(&server.alice)).await;
    let opening = with(
        post("/mcp", &initialize("2026-07-28")),
        "mcp-session-id",
        &session.id,
    );
    let opening = with(opening, "mcp-protocol-version", "2026-07-28");
    let opening = with(opening, "authorization", &server.bob);

    let answer = send(server.address, opening).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_ne!(answer.header("mcp-session-id"), Some(session.id.as_str()));
}

#[tokio::test]
async fn one_session_too_many_closes_the_one_that_was_idle_for_longest() {
    let mut setup = Setup::default();
    setup.options.max_sessions = 2;
    let server = TestServer::with(setup).await;

    let first = Session::open(server.address, None).await;
    let second = Session::open(server.address, None).await;
    first.call("echo", json!({})).await;
    let third = Session::open(server.address, None).await;

    assert_eq!(first.call("echo", json!({})).await.status, StatusCode::OK);
    assert_eq!(third.call("echo", json!({})).await.status, StatusCode::OK);
    assert_eq!(
        second.call("echo", json!({})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_session_of_one_endpoint_is_unknown_at_another() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;
    let message = legacy(1, "tools/list", &json!({}));
    let elsewhere = with(
        post("/servers/lab/mcp", &message),
        "mcp-session-id",
        &session.id,
    );

    let answer = send(server.address, elsewhere).await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_stream_of_a_session_tells_of_changed_tools() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;
    let mut client = Client::connect(server.address).await;

    let mut stream = client
        .open(session.request(Method::GET, String::new()))
        .await
        .into_body();
    // The session's own task has begun to listen once it answers.
    session.send(&legacy(1, "ping", &json!({}))).await;
    server.changes.announce();

    read_until(&mut stream, "notifications/tools/list_changed").await;
}

#[tokio::test]
async fn progress_comes_on_the_calls_own_stream() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;

    let answer = session.call("steps", json!({ "progressToken": 5 })).await;

    let messages = answer.messages();
    let (last, before) = messages.split_last().unwrap();
    let progress: Vec<_> = before
        .iter()
        .map(|message| message["params"]["progress"].as_f64().unwrap())
        .collect();
    assert_eq!(progress, [1.0, 2.0, 3.0]);
    assert_eq!(last["result"]["structuredContent"]["done"], true);
}

#[tokio::test]
async fn a_cancelled_notification_cancels_the_call() {
    let server = TestServer::start().await;
    let session = Session::open(server.address, None).await;
    let call = session.request(
        Method::POST,
        legacy(7, "tools/call", &json!({ "name": "wait" })).to_string(),
    );
    let mut client = Client::connect(server.address).await;

    let _stream = client.open(call).await;
    server.lab.begun.notified().await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    session.send(&cancel).await;
    let cancelled = tokio::time::timeout(LONG, server.lab.cancelled.acquire()).await;

    assert!(cancelled.is_ok(), "the call went on");
}
