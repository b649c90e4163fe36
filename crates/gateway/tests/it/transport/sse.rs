//! The HTTP+SSE pair of the 2024-11-05 revision.

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::support::client::{
    Answer, Client, LONG, get, initialize, legacy, post, post_bytes, read_until, request, send,
    with,
};
use super::support::server::{Setup, TestServer};

/// An open stream, and where its client posts.
struct Stream {
    _client: Client,
    body: Incoming,
    path: String,
}

impl Stream {
    async fn open(server: &TestServer, request: Request<Full<bytes::Bytes>>) -> Self {
        let mut client = Client::connect(server.address).await;
        let response = client.open(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let mut body = response.into_body();
        let first = read_until(&mut body, "\n\n").await;
        let path = first
            .strip_prefix("event: endpoint\ndata: ")
            .unwrap_or_else(|| panic!("{first:?}"))
            .trim_end()
            .to_owned();
        Self {
            _client: client,
            body,
            path,
        }
    }

    async fn post(&self, server: &TestServer, message: &Value) -> Answer {
        send(server.address, post(&self.path, message)).await
    }

    async fn handshake(&mut self, server: &TestServer) {
        let accepted = self.post(server, &initialize("2024-11-05")).await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED);
        let answer = read_until(&mut self.body, "\n\n").await;
        assert!(
            answer.contains(r#""protocolVersion":"2024-11-05""#),
            "{answer}"
        );
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.post(server, &initialized).await;
    }

    /// The next message.
    async fn message(&mut self) -> Value {
        let event = read_until(&mut self.body, "\n\n").await;
        let data = event
            .strip_prefix("event: message\ndata: ")
            .unwrap_or_else(|| panic!("{event:?}"));
        serde_json::from_str(data.trim_end()).unwrap()
    }
}

#[tokio::test]
async fn a_client_of_the_first_revision_lists_and_calls() {
    let server = TestServer::start().await;
    let mut stream = Stream::open(&server, get("/sse")).await;

    stream.handshake(&server).await;
    stream
        .post(&server, &legacy(1, "tools/list", &json!({})))
        .await;
    let list = stream.message().await;
    let call = legacy(
        2,
        "tools/call",
        &json!({ "name": "echo", "arguments": { "text": "x" } }),
    );
    let accepted = stream.post(&server, &call).await;
    let answer = stream.message().await;

    assert_eq!(list["result"]["tools"].as_array().unwrap().len(), 4);
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    assert_eq!(answer["id"], 2);
    assert_eq!(
        answer["result"]["structuredContent"]["arguments"]["text"],
        "x"
    );
    assert_eq!(answer["result"]["structuredContent"]["transport"], "sse");
    let session = answer["result"]["structuredContent"]["session"]
        .as_str()
        .unwrap();
    assert!(stream.path.ends_with(session));
}

#[tokio::test]
async fn a_server_of_its_own_has_a_pair_of_its_own() {
    let mut setup = Setup::default();
    setup.options.base_path = "/lab".to_owned();
    let server = TestServer::with(setup).await;

    let mut stream = Stream::open(&server, get("/lab/servers/lab/sse")).await;
    stream.handshake(&server).await;
    let elsewhere = stream.path.replace("/servers/lab/", "/");
    let elsewhere = send(
        server.address,
        post(&elsewhere, &legacy(1, "ping", &json!({}))),
    )
    .await;

    assert!(
        stream
            .path
            .starts_with("/lab/servers/lab/messages?session_id="),
        "{}",
        stream.path
    );
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_message_without_a_known_session_is_404() {
    let server = TestServer::start().await;
    let _open = Stream::open(&server, get("/sse")).await;

    for path in [
        "/messages",
        "/messages?session_id=",
        "/messages?session_id=guess",
    ] {
        let answer = send(server.address, post(path, &initialize("2024-11-05"))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["code"], "not_found");
    }
}

#[tokio::test]
async fn a_session_belongs_to_the_key_that_opened_it() {
    let server = TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await;
    let alices = with(get("/sse"), "authorization", &server.alice);
    let stream = Stream::open(&server, alices).await;
    let message = |key: &str| {
        with(
            post(&stream.path, &initialize("2024-11-05")),
            "authorization",
            key,
        )
    };

    let none = send(
        server.address,
        post(&stream.path, &initialize("2024-11-05")),
    )
    .await;
    let foreign = send(server.address, message(&server.bob)).await;
    let own = send(server.address, message(&server.alice)).await;

    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(own.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_is_no_message_is_400() {
    let server = TestServer::start().await;
    let stream = Stream::open(&server, get("/sse")).await;

    let broken = send(server.address, post_bytes(&stream.path, "{")).await;
    let batch = send(server.address, post_bytes(&stream.path, "[]")).await;

    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    assert_eq!(broken.json()["error"]["code"], -32700);
    assert_eq!(batch.json()["error"]["code"], -32600);
}

#[tokio::test]
async fn progress_and_changed_tools_come_on_the_stream() {
    let server = TestServer::start().await;
    let mut stream = Stream::open(&server, get("/sse")).await;
    stream.handshake(&server).await;

    let params = json!({ "name": "steps", "_meta": { "progressToken": "t" } });
    stream
        .post(&server, &legacy(3, "tools/call", &params))
        .await;
    let read = read_until(&mut stream.body, r#""id":3"#).await;
    server.changes.announce();
    read_until(&mut stream.body, "notifications/tools/list_changed").await;

    assert_eq!(read.matches("notifications/progress").count(), 3, "{read}");
}

#[tokio::test]
async fn closing_the_stream_cancels_what_it_waits_for() {
    let server = TestServer::start().await;
    let mut stream = Stream::open(&server, get("/sse")).await;
    stream.handshake(&server).await;

    stream
        .post(
            &server,
            &legacy(4, "tools/call", &json!({ "name": "wait" })),
        )
        .await;
    server.lab.begun.notified().await;
    let path = stream.path.clone();
    drop(stream);
    let cancelled = tokio::time::timeout(LONG, server.lab.cancelled.acquire()).await;
    let after = send(server.address, post(&path, &legacy(5, "ping", &json!({})))).await;

    assert!(cancelled.is_ok(), "the call went on");
    assert_eq!(after.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_end_waits_for_the_answers_that_the_stream_owes() {
    let mut server = TestServer::start().await;
    let mut stream = Stream::open(&server, get("/sse")).await;
    stream.handshake(&server).await;
    stream
        .post(
            &server,
            &legacy(4, "tools/call", &json!({ "name": "wait" })),
        )
        .await;
    server.lab.begun.notified().await;

    let lab = server.lab.clone();
    server.shutdown.cancel();
    let stopped = tokio::spawn(async move { server.stopped().await });
    lab.release.notify_one();
    let answer = stream.message().await;
    let ended = tokio::time::timeout(LONG, stopped).await;

    assert_eq!(answer["result"]["structuredContent"]["waited"], true);
    assert!(ended.is_ok(), "the stream went on");
}

#[tokio::test]
async fn one_stream_too_many_is_refused_until_another_closes() {
    let mut setup = Setup::default();
    setup.options.max_sessions = 1;
    let server = TestServer::with(setup).await;
    let first = Stream::open(&server, get("/sse")).await;

    let refused = send(server.address, get("/sse")).await;
    drop(first);
    let opened = tokio::time::timeout(LONG, async {
        loop {
            let mut client = Client::connect(server.address).await;
            if client.open(get("/sse")).await.status() == StatusCode::OK {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;

    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["code"], "rate_limited");
    assert!(opened.is_ok(), "the place was never freed");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let mut setup = Setup::default();
    setup.options.sse = false;
    let server = TestServer::with(setup).await;

    let stream = send(server.address, get("/sse")).await;
    let message = send(server.address, request(Method::POST, "/messages", &[], "")).await;

    assert_eq!(stream.status, StatusCode::NOT_FOUND);
    assert_eq!(message.status, StatusCode::NOT_FOUND);
}
