//! Tools as plain HTTP, probes, metrics.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use super::support::client::{call, get, request, send, with};
use super::support::server::{Setup, TestServer};

fn post(path: &str, body: &'static str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    request(
        Method::POST,
        path,
        &[("content-type", "application/json")],
        body,
    )
}

#[tokio::test]
async fn a_tool_is_called_with_its_arguments_as_the_body() {
    let server = TestServer::start().await;

    let answer = send(
        server.address,
        post("/api/v1/tools/lab/echo", r#"{"text":"x"}"#),
    )
    .await;
    let empty = send(server.address, post("/api/v1/tools/lab/echo", "")).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["arguments"], json!({ "text": "x" }));
    assert_eq!(answer.json()["transport"], "rest");
    assert_eq!(empty.json()["arguments"], json!({}));
}

#[rstest]
#[case(
    "/api/v1/tools/lab/erase",
    "{}",
    StatusCode::BAD_REQUEST,
    "invalid_argument"
)]
#[case(
    "/api/v1/tools/lab/echo",
    "[]",
    StatusCode::BAD_REQUEST,
    "invalid_argument"
)]
#[case(
    "/api/v1/tools/lab/echo",
    "{",
    StatusCode::BAD_REQUEST,
    "invalid_argument"
)]
#[case("/api/v1/tools/lab/nothing", "{}", StatusCode::NOT_FOUND, "not_found")]
#[case("/api/v1/tools/nothing/echo", "{}", StatusCode::NOT_FOUND, "not_found")]
#[tokio::test]
async fn a_failure_is_the_envelope_with_a_fitting_status(
    #[case] path: &str,
    #[case] body: &'static str,
    #[case] status: StatusCode,
    #[case] code: &str,
) {
    let server = TestServer::start().await;

    let answer = send(server.address, post(path, body)).await;

    assert_eq!(answer.status, status);
    assert_eq!(answer.json()["code"], code);
}

#[tokio::test]
async fn the_tools_are_listed_with_their_schemas() {
    let server = TestServer::start().await;

    let all = send(server.address, get("/api/v1/tools")).await;
    let one = send(server.address, get("/api/v1/tools/lab")).await;
    let none = send(server.address, get("/api/v1/tools/nothing")).await;

    assert_eq!(all.json(), one.json());
    let erase = all.json()["tools"][1].clone();
    assert_eq!(erase["name"], "erase");
    assert_eq!(erase["server"], "lab");
    assert_eq!(erase["effect"], "destructive");
    assert_eq!(erase["permission"], "lab:text:erase");
    assert_eq!(erase["annotations"]["destructiveHint"], true);
    assert_eq!(erase["input_schema"]["type"], "object");
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn probes_say_whether_it_lives_and_whether_it_can_serve() {
    let ready = TestServer::start().await;
    let unready = TestServer::with(Setup {
        ready: Err("the database does not answer".to_owned()),
        ..Setup::default()
    })
    .await;

    let alive = send(unready.address, get("/healthz")).await;
    let yes = send(ready.address, get("/readyz")).await;
    let no = send(unready.address, get("/readyz")).await;

    assert_eq!(alive.json(), json!({ "status": "ok" }));
    assert_eq!(yes.json(), json!({ "status": "ready" }));
    assert_eq!(no.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(no.json()["missing"], "the database does not answer");
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_for_keys_but_not_for_what_a_proxy_passes_on() {
    let server = TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await;
    send(
        server.address,
        with(
            call("/mcp", "echo", json!({})),
            "authorization",
            &server.alice,
        ),
    )
    .await;

    let local = send(server.address, get("/metrics")).await;
    let openmetrics = with(
        get("/metrics"),
        "accept",
        "application/openmetrics-text; version=1.0.0",
    );
    let openmetrics = send(server.address, openmetrics).await;
    let proxied = with(get("/metrics"), "x-forwarded-for", "192.0.2.1");
    let proxied = send(server.address, proxied).await;
    let with_key = with(get("/metrics"), "x-forwarded-for", "192.0.2.1");
    let with_key = send(
        server.address,
        with(with_key, "authorization", &server.alice),
    )
    .await;

    let text = String::from_utf8_lossy(&local.body).into_owned();
    assert_eq!(local.status, StatusCode::OK);
    assert!(
        local
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    assert!(text.contains(r#"mcp_method_name="tools/call""#), "{text}");
    assert!(
        text.contains(r#"mcp_protocol_version="2026-07-28""#),
        "{text}"
    );
    assert!(openmetrics.body.ends_with(b"# EOF\n"));
    assert_eq!(proxied.status, StatusCode::UNAUTHORIZED);
    assert_eq!(with_key.status, StatusCode::OK);
}
