//! Questions to the client: by a result that the next call answers, and by a request in a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use homelab_core::tool::ToolSpec;
use homelab_gateway::mcp::HandlerParts;
use homelab_gateway::transport::http::{HttpParts, router};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Bench, FakeServer, FakeTool};
use crate::transport::support::client::{
    Client, initialize, legacy, modern, post, read_until, request, send, with,
};
use crate::transport::support::server::{Setup, TestServer};

/// A server whose tools a person must agree to, and how often one ran.
async fn serve() -> (TestServer, Arc<AtomicU64>) {
    let which = json!({ "id": { "type": "integer" } });
    let tools = vec![
        FakeTool::new(ToolSpec::destructive(
            "smash",
            "Smash",
            "Breaks it.",
            "lamp:light:smash",
        ))
        .takes(which.clone(), &[]),
        FakeTool::new(ToolSpec::critical(
            "wreck",
            "Wreck",
            "Wrecks it.",
            "lamp:light:wreck",
        ))
        .takes(which, &[]),
    ];
    let lamp = FakeServer::new("lamp", "lamp", tools);
    let runs = Arc::clone(&lamp.runs);
    let bench = Bench::with_control(vec![lamp]);
    let setup = Setup {
        keys: true,
        ..Setup::default()
    };
    let server = TestServer::serving(setup, |parts| {
        let handler = HandlerParts {
            caller: bench.dispatcher.clone(),
            ..(*parts.handler).clone()
        };
        router(HttpParts {
            handler: Arc::new(handler),
            approvals: Some(bench.approvals.clone()),
            registry: bench.registry.clone(),
            ..parts
        })
    })
    .await;
    (server, runs)
}

/// A call by a client that can be asked, with what it brings from the round before.
#[expect(clippy::needless_pass_by_value, reason = "reads best with json!")]
fn call(
    key: &str,
    tool: &str,
    arguments: Value,
    round: Option<(&str, Value)>,
) -> Request<Full<Bytes>> {
    let mut params = json!({
        "name": tool,
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
        },
    });
    if let Some((state, answer)) = round {
        params["requestState"] = state.into();
        params["inputResponses"] = json!({ "approval": answer });
    }
    with(modern("/mcp", "tools/call", params), "authorization", key)
}

fn accept() -> Value {
    json!({ "action": "accept", "content": { "approve": true } })
}

/// The state of the question that the answer must be.
fn question(result: &Value) -> String {
    assert_eq!(result["result"]["resultType"], "input_required", "{result}");
    let asked = &result["result"]["inputRequests"]["approval"];
    assert_eq!(asked["method"], "elicitation/create");
    let message = asked["params"]["message"].as_str().unwrap();
    assert!(message.contains("smash on lamp (destructive)"), "{message}");
    result["result"]["requestState"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn an_answer_in_the_next_round_lets_the_call_run_once() {
    let (server, runs) = serve().await;
    let ask = |round| call(&server.alice, "lamp_smash", json!({ "id": 7 }), round);

    let first = send(server.address, ask(None)).await.json();
    let state = question(&first);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
    let second = send(server.address, ask(Some((&state, accept()))))
        .await
        .json();

    assert_eq!(second["result"]["isError"], false, "{second}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // The same state again is about an approval that was used.
    let replayed = send(server.address, ask(Some((&state, accept()))))
        .await
        .json();
    assert_ne!(question(&replayed), state);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[rstest]
#[case::declined(json!({ "action": "decline" }), "approval_denied")]
#[case::unticked(json!({ "action": "accept", "content": { "approve": false } }), "approval_denied")]
#[case::cancelled(json!({ "action": "cancel" }), "approval_required")]
#[case::nonsense(json!(17), "approval_required")]
#[tokio::test]
async fn anything_but_a_yes_does_not_let_it_run(#[case] answer: Value, #[case] code: &str) {
    let (server, runs) = serve().await;
    let ask = |round| call(&server.alice, "lamp_smash", json!({}), round);
    let state = question(&send(server.address, ask(None)).await.json());

    let second = send(server.address, ask(Some((&state, answer))))
        .await
        .json();

    assert_eq!(second["result"]["isError"], true, "{second}");
    assert!(second.to_string().contains(code), "{second}");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_changed_or_foreign_state_is_refused_and_other_arguments_are_asked_about_anew() {
    let (server, runs) = serve().await;
    let arguments = json!({ "id": 7 });
    let ask =
        |key: &str, arguments: &Value, round| call(key, "lamp_smash", arguments.clone(), round);
    let first = send(server.address, ask(&server.alice, &arguments, None)).await;
    let state = question(&first.json());

    let mut changed = state.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let altered = ask(&server.alice, &arguments, Some((&changed, accept())));
    let altered = send(server.address, altered).await.json();
    let foreign = ask(&server.bob, &arguments, Some((&state, accept())));
    let foreign = send(server.address, foreign).await.json();
    let other = ask(&server.alice, &json!({ "id": 8 }), Some((&state, accept())));
    let other = send(server.address, other).await.json();

    for refused in [altered, foreign] {
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    assert_ne!(question(&other), state);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_round_decides_what_only_an_owner_may() {
    let (server, runs) = serve().await;
    let ask = |tool, round| call(&server.alice, tool, json!({}), round);
    let state = question(&send(server.address, ask("lamp_smash", None)).await.json());

    let plain = send(server.address, ask("lamp_wreck", None)).await.json();
    let borrowed = ask("lamp_wreck", Some((&state, accept())));
    let borrowed = send(server.address, borrowed).await.json();

    for held in [plain, borrowed] {
        assert_eq!(held["result"]["resultType"], "complete", "{held}");
        assert!(held.to_string().contains("approval_required"), "{held}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_gets_an_error_that_says_how_to_go_on() {
    let (server, runs) = serve().await;
    let params = json!({ "name": "lamp_smash", "arguments": {} });
    let plain = with(
        modern("/mcp", "tools/call", params),
        "authorization",
        &server.alice,
    );

    let held = send(server.address, plain).await.json();

    let text = held.to_string();
    assert!(
        text.contains("approval_required") && text.contains("approval_wait"),
        "{text}"
    );
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[rstest]
#[case::yes(accept(), 1, "\"isError\":false")]
#[case::no(json!({ "action": "decline" }), 0, "approval_denied")]
#[case::nobody(json!({ "action": "cancel" }), 0, "approval_required")]
#[tokio::test]
async fn in_a_session_the_client_is_asked_by_a_request(
    #[case] answer: Value,
    #[case] ran: u64,
    #[case] wanted: &str,
) {
    let (server, runs) = serve().await;
    let mut opening = initialize("2025-11-25");
    opening["params"]["capabilities"] = json!({ "elicitation": { "form": {} } });
    let opening = with(post("/mcp", &opening), "authorization", &server.alice);
    let opened = send(server.address, opening).await;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let in_session = |message: Value| {
        let headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-session-id", session.as_str()),
            ("mcp-protocol-version", "2025-11-25"),
            ("authorization", server.alice.as_str()),
        ];
        request(Method::POST, "/mcp", &headers, message.to_string())
    };
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    send(server.address, in_session(initialized)).await;

    let mut client = Client::connect(server.address).await;
    let calling = legacy(
        5,
        "tools/call",
        &json!({ "name": "lamp_smash", "arguments": {} }),
    );
    let mut stream = client.open(in_session(calling)).await.into_body();
    let asked = read_until(&mut stream, "elicitation/create").await;
    let data = asked
        .lines()
        .rfind(|line| line.contains("elicitation/create"))
        .unwrap();
    let question: Value = serde_json::from_str(data.trim_start_matches("data:").trim()).unwrap();
    let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
    let accepted = send(server.address, in_session(response)).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);

    read_until(&mut stream, wanted).await;
    assert_eq!(runs.load(Ordering::SeqCst), ran);
}

#[tokio::test]
async fn an_agent_key_sees_its_held_calls_over_rest_and_decides_none() {
    let (server, runs) = serve().await;
    let rest = |method, path: &str, key: &str, body: String| {
        let headers = [("authorization", key), ("content-type", "application/json")];
        request(method, path, &headers, body)
    };
    let calling = rest(
        Method::POST,
        "/api/v1/tools/lamp/smash",
        &server.alice,
        "{}".into(),
    );
    let held = send(server.address, calling).await;
    assert_eq!(held.status, StatusCode::FORBIDDEN);
    let id = held.json()["approval_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/approvals/{id}");

    let shown = send(
        server.address,
        rest(Method::GET, &path, &server.alice, String::new()),
    )
    .await;
    let digest = shown.json()["digest"].clone();
    let foreign = send(
        server.address,
        rest(Method::GET, &path, &server.bob, String::new()),
    )
    .await;
    let decision = json!({ "decision": "approve", "digest": digest }).to_string();
    let decide = rest(
        Method::POST,
        &format!("{path}/decision"),
        &server.bob,
        decision,
    );
    let decided = send(server.address, decide).await;
    let listed = rest(
        Method::GET,
        "/api/v1/approvals?state=pending",
        &server.alice,
        String::new(),
    );
    let listed = send(server.address, listed).await.json();
    let wrong = rest(
        Method::GET,
        "/api/v1/approvals?state=maybe",
        &server.alice,
        String::new(),
    );
    let wrong = send(server.address, wrong).await;

    assert_eq!(shown.json()["state"], "pending");
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    assert_eq!(decided.status, StatusCode::FORBIDDEN);
    assert_eq!(decided.json()["reason"], "not_an_owner");
    assert_eq!(listed["items"][0]["id"], Value::from(id));
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}
