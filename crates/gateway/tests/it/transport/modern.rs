//! The 2026-07-28 revision: one POST, one answer, no sessions.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::transport::support::client::{
    Client, LONG, call, get, legacy, modern, post, read_until, request, send, with,
};
use crate::transport::support::server::{Setup, TestServer};

/// With the direct way and without it: nobody can tell the difference.
async fn server(direct: bool) -> TestServer {
    let mut setup = Setup::default();
    setup.options.direct_calls = direct;
    TestServer::with(setup).await
}

#[rstest]
#[tokio::test]
async fn a_call_is_answered_as_json_with_structure_and_the_same_as_text(
    #[values(true, false)] direct: bool,
) {
    let server = server(direct).await;

    let answer = send(
        server.address,
        call("/mcp", "echo", json!({ "text": "hé" })),
    )
    .await;

    let result = answer.json()["result"].clone();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["isError"], false);
    assert_eq!(result["structuredContent"]["arguments"]["text"], "hé");
    assert_eq!(result["structuredContent"]["transport"], "http");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "homelab-mcp"
    );
}

#[rstest]
#[tokio::test]
async fn a_failed_call_says_so_in_words_and_as_an_envelope(#[values(true, false)] direct: bool) {
    let server = server(direct).await;

    let answer = send(server.address, call("/mcp", "erase", json!({}))).await;

    let result = answer.json()["result"].clone();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(result["isError"], true);
    assert_eq!(result.get("structuredContent"), None);
    assert_eq!(
        result["content"][0]["text"],
        "nothing named `it` exists. Hint: name something else"
    );
    let envelope: Value =
        serde_json::from_str(result["content"][1]["text"].as_str().unwrap()).unwrap();
    assert_eq!(envelope["code"], "invalid_argument");
    assert_eq!(envelope["instance"], "lab");
    assert_eq!(
        envelope["request_id"],
        answer.header("x-request-id").unwrap()
    );
}

#[rstest]
#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error(#[values(true, false)] direct: bool) {
    let server = server(direct).await;

    let answer = send(server.address, call("/mcp", "nothing", json!({}))).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["error"]["code"], -32602);
}

#[tokio::test]
async fn an_unknown_method_is_404_and_a_wrong_parameter_400() {
    let server = TestServer::start().await;

    let unknown = send(server.address, modern("/mcp", "tools/fly", json!({}))).await;
    let wrong = send(
        server.address,
        modern("/mcp", "tools/call", json!({ "name": 5 })),
    )
    .await;
    let undeclared = send(server.address, modern("/mcp", "prompts/list", json!({}))).await;

    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.json()["error"]["code"], -32601);
    assert_eq!(wrong.json()["error"]["code"], -32602);
    assert_eq!(undeclared.status, StatusCode::NOT_FOUND);
    assert_eq!(undeclared.json()["error"]["code"], -32601);
}

#[tokio::test]
async fn a_missing_or_contradicting_header_is_refused() {
    let server = TestServer::start().await;
    let without = |name: &str| {
        let mut request = call("/mcp", "echo", json!({}));
        request.headers_mut().remove(name);
        request
    };

    for name in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
        let answer = send(server.address, without(name)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(answer.json()["error"]["code"], -32020, "{name}");
    }
    let other = send(
        server.address,
        with(call("/mcp", "echo", json!({})), "mcp-name", "erase"),
    )
    .await;
    assert_eq!(other.json()["error"]["code"], -32020);
    let unknown = with(
        modern(
            "/mcp",
            "tools/list",
            json!({ "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2099-01-01"
        } }),
        ),
        "mcp-protocol-version",
        "2099-01-01",
    );
    let unknown = send(server.address, unknown).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(unknown.json()["error"]["code"], -32022);
}

#[tokio::test]
async fn a_name_may_travel_encoded() {
    let server = TestServer::start().await;
    let encoded = with(
        call("/mcp", "echo", json!({})),
        "mcp-name",
        "=?base64?ZWNobw==?=",
    );

    let answer = send(server.address, encoded).await;

    assert_eq!(answer.json()["result"]["isError"], false);
}

#[tokio::test]
async fn the_list_is_private_has_all_hints_and_leaves_output_schemas_to_the_servers() {
    let server = TestServer::start().await;

    let all = send(server.address, modern("/mcp", "tools/list", json!({}))).await;
    let one = send(
        server.address,
        modern("/servers/lab/mcp", "tools/list", json!({})),
    )
    .await;

    let all = all.json()["result"].clone();
    assert_eq!(all["cacheScope"], "private");
    assert_eq!(all["ttlMs"], 60_000);
    let names: Vec<_> = all["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["echo", "erase", "wait", "steps"]);
    assert_eq!(
        all["tools"][1]["annotations"],
        json!({
            "readOnlyHint": false,
            "destructiveHint": true,
            "idempotentHint": true,
            "openWorldHint": false,
        })
    );
    assert_eq!(all["tools"][0]["title"], "Echo");
    assert_eq!(all["tools"][0].get("outputSchema"), None);
    let one = one.json()["result"].clone();
    assert_eq!(one["tools"][0]["outputSchema"]["type"], "object");
}

#[tokio::test]
async fn a_cursor_that_was_never_given_out_is_refused() {
    let server = TestServer::start().await;

    let answer = send(
        server.address,
        modern("/mcp", "tools/list", json!({ "cursor": "x" })),
    )
    .await;

    assert_eq!(answer.json()["error"]["code"], -32602);
}

#[tokio::test]
async fn discovery_names_revisions_and_capabilities() {
    let server = TestServer::start().await;

    let answer = send(server.address, modern("/mcp", "server/discover", json!({}))).await;

    let result = answer.json()["result"].clone();
    let revisions = result["supportedVersions"].as_array().unwrap();
    assert!(revisions.contains(&json!("2026-07-28")), "{result}");
    assert!(revisions.contains(&json!("2024-11-05")), "{result}");
    assert_eq!(
        result["capabilities"],
        json!({ "tools": { "listChanged": true } })
    );
}

#[tokio::test]
async fn sessions_get_and_delete_mean_nothing_here() {
    let server = TestServer::start().await;
    let with_session = with(
        call("/mcp", "echo", json!({})),
        "mcp-session-id",
        "nobody's",
    );

    let answer = send(server.address, with_session).await;
    let stream = request(
        Method::GET,
        "/mcp",
        &[
            ("accept", "text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
        ],
        "",
    );
    let stream = send(server.address, stream).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(stream.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_notification_is_accepted_without_a_body() {
    let server = TestServer::start().await;
    let message = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {
        "requestId": 9, "_meta": crate::transport::support::client::meta()
    } });
    let notification = with(post("/mcp", &message), "mcp-protocol-version", "2026-07-28");
    let notification = with(notification, "mcp-method", "notifications/cancelled");

    let answer = send(server.address, notification).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn progress_comes_on_the_answers_own_stream_rising_and_before_the_answer() {
    let server = TestServer::start().await;
    let call = modern(
        "/mcp",
        "tools/call",
        json!({ "name": "steps", "arguments": {}, "_meta": { "progressToken": "p1" } }),
    );

    let answer = send(server.address, call).await;

    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let messages = answer.messages();
    let (last, before) = messages.split_last().unwrap();
    let progress: Vec<_> = before
        .iter()
        .map(|message| {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(message["params"]["progressToken"], "p1");
            message["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert_eq!(progress, [1.0, 2.0, 3.0]);
    assert_eq!(last["result"]["structuredContent"]["done"], true);
}

#[rstest]
#[tokio::test]
async fn closing_the_connection_cancels_the_call(
    #[values(true, false)] direct: bool,
    #[values(true, false)] streaming: bool,
) {
    let server = server(direct).await;
    let meta = if streaming {
        json!({ "progressToken": 1 })
    } else {
        json!({})
    };
    let call = modern(
        "/mcp",
        "tools/call",
        json!({ "name": "wait", "arguments": {}, "_meta": meta }),
    );
    let mut client = Client::connect(server.address).await;

    let waiting = tokio::spawn(async move { client.send(call).await });
    server.lab.begun.notified().await;
    waiting.abort();
    let cancelled = tokio::time::timeout(LONG, server.lab.cancelled.acquire()).await;

    assert!(cancelled.is_ok(), "the call went on");
}

#[tokio::test]
async fn a_listening_client_hears_of_changed_tools_and_nothing_else() {
    let server = TestServer::start().await;
    let listen = modern(
        "/mcp",
        "subscriptions/listen",
        json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } }),
    );
    let mut client = Client::connect(server.address).await;

    let mut stream = client.open(listen).await.into_body();
    let accepted = read_until(&mut stream, "acknowledged").await;
    server.changes.announce();
    let changed = read_until(&mut stream, "notifications/tools/list_changed").await;

    assert!(
        accepted.contains(r#""toolsListChanged":true"#),
        "{accepted}"
    );
    assert!(!accepted.contains("promptsListChanged"), "{accepted}");
    assert!(
        changed.contains("io.modelcontextprotocol/subscriptionId"),
        "{changed}"
    );
}

#[tokio::test]
async fn a_request_without_metadata_belongs_to_the_older_revisions_and_needs_a_session() {
    let server = TestServer::start().await;

    let answer = send(
        server.address,
        post("/mcp", &legacy(1, "tools/list", &json!({}))),
    )
    .await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["code"], "invalid_argument");
}

#[tokio::test]
async fn a_server_that_does_not_exist_is_404_in_json() {
    let server = TestServer::start().await;

    let answer = send(
        server.address,
        call("/servers/nothing/mcp", "echo", json!({})),
    )
    .await;
    let get = send(server.address, get("/servers/nothing/sse")).await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["message"], "there is no server `nothing`");
    assert_eq!(get.status, StatusCode::NOT_FOUND);
}
