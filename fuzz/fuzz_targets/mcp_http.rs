//! A POST to an MCP or REST address: the first line of the input says where and with which headers,
//! the rest is the body.
#![no_main]

use axum::body::Body;
use homelab_fuzz::{Fixture, run};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use tower::ServiceExt as _;

const PATHS: [&str; 5] = [
    "/mcp",
    "/servers/bench/mcp",
    "/messages?sessionId=x",
    "/api/v1/tools/bench/echo",
    "/servers/bench/messages",
];
const VERSIONS: [&str; 5] = [
    "2026-07-28",
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "1999-01-01",
];

fuzz_target!(|input: &[u8]| {
    let (head, body) = match input {
        [head, rest @ ..] => (usize::from(*head), rest),
        [] => (0, [].as_slice()),
    };
    let request = Request::post(PATHS[head % PATHS.len()])
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header(
            "mcp-protocol-version",
            VERSIONS[head / PATHS.len() % VERSIONS.len()],
        )
        .header("mcp-method", "tools/call")
        .header("mcp-name", "bench_echo")
        .body(Body::from(body.to_vec()))
        .expect("a request");
    run(async {
        let fixture = Fixture::new();
        let response = fixture.router().oneshot(request).await.expect("a response");
        let status = response.status();
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
        // Streams end with the server.
        fixture.handler.shutdown.cancel();
        let body = response.into_body().collect().await;
        drop(body);
    });
});
