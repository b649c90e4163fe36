//! The server as a protected resource, and the bounds that requests set themselves.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use rstest::rstest;
use serde_json::{Value, json};

use super::doors::Door;
use super::reference::{Class, Outcome};
use super::stand::Stand;
use super::states::{Shown, State};
use crate::transport::support::client::{
    Answer, call, get, initialize, post, read_until, request, with,
};

async fn send(stand: &Stand, request: Request<Full<Bytes>>) -> Answer {
    let source = stand.outsider();
    let mut client = stand.connect(source, Shown::None).await.unwrap();
    client.send(request).await
}

#[rstest]
#[case("", "https://lab.example")]
#[case("/mcp", "https://lab.example/mcp")]
#[case("/sse", "https://lab.example/sse")]
#[case("/servers/lamp/mcp", "https://lab.example/servers/lamp/mcp")]
#[case("/servers/lamp/sse", "https://lab.example/servers/lamp/sse")]
#[tokio::test]
async fn each_endpoint_says_without_a_credential_where_to_sign_in(
    #[case] endpoint: &str,
    #[case] resource: &str,
) {
    let stand = Stand::start().await;
    let path = format!("/.well-known/oauth-protected-resource{endpoint}");

    let answer = send(&stand, get(&path)).await;

    assert_eq!(answer.status, StatusCode::OK);
    let document = answer.json();
    assert_eq!(document["resource"], resource);
    assert_eq!(
        document["authorization_servers"],
        json!([stand.issuer.url()])
    );
    assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    assert_eq!(
        document["scopes_supported"],
        json!(["homelab:read", "homelab:write"])
    );
}

/// A proxy may pass on either: the path of RFC 9728 is before the base path.
#[tokio::test]
async fn below_a_base_path_the_documents_are_before_it_and_behind_it() {
    let stand = Stand::start_under("/homelab").await;

    for path in [
        "/.well-known/oauth-protected-resource/homelab/mcp",
        "/homelab/.well-known/oauth-protected-resource/mcp",
    ] {
        let answer = send(&stand, get(path)).await;

        assert_eq!(
            answer.json()["resource"],
            "https://lab.example/homelab/mcp",
            "{path}"
        );
    }
    let refused = send(&stand, call("/homelab/mcp", "lamp_peek", json!({}))).await;
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .contains("https://lab.example/.well-known/oauth-protected-resource/homelab/mcp")
    );
}

#[tokio::test]
async fn other_well_known_paths_are_not_there() {
    let stand = Stand::start().await;

    for path in [
        "/.well-known/oauth-protected-resource/ui",
        "/.well-known/oauth-protected-resource/servers/lamp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/mcp/.well-known/oauth-protected-resource",
    ] {
        let answer = send(&stand, get(path)).await;

        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["code"], "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_challenge_names_document_and_scope_and_pages_may_read_it() {
    let stand = Stand::start().await;
    let mut asked = call("/servers/lamp/mcp", "peek", json!({}));
    asked = with(asked, "origin", "http://localhost:3000");

    let answer = send(&stand, asked).await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(
            r#"Bearer realm="homelab-mcp", resource_metadata="https://lab.example/.well-known/oauth-protected-resource/servers/lamp/mcp", scope="homelab:read""#
        )
    );
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("www-authenticate"));
}

#[tokio::test]
async fn a_call_beyond_the_scope_names_the_scope_and_is_audited() {
    let stand = Stand::start().await;
    let dress = stand.dress(State::TokenToRead);
    let mut asked = call("/mcp", "lamp_paint", json!({}));
    for (name, value) in &dress.headers {
        asked.headers_mut().append(*name, value.parse().unwrap());
    }

    let answer = send(&stand, asked).await;

    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#)
            && challenge.contains(r#"scope="homelab:write""#),
        "{challenge}"
    );
    let rows = stand.audit.rows();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].entry.outcome.as_deref(), Some("insufficient_scope"));
}

fn with_key(stand: &Stand, request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    with(request, "authorization", &format!("Bearer {}", stand.agent))
}

/// Whether a call of a write got through to it.
async fn paints(stand: &Stand, request: Request<Full<Bytes>>) -> bool {
    let before = stand.runs()[&Class::Write];
    send(stand, with_key(stand, request)).await;
    stand.runs()[&Class::Write] > before
}

#[rstest]
#[case("x-mcp-readonly", "true", false)]
#[case("x-mcp-readonly", "false", true)]
#[case("x-mcp-toolsets", "lamp", true)]
#[case("x-mcp-toolsets", "proxmox, docker", false)]
#[case("x-mcp-tools", "paint", true)]
#[case("x-mcp-tools", "peek,reveal", false)]
#[case("x-mcp-exclude-tools", "pai*", false)]
#[case("x-mcp-exclude-tools", "peek", true)]
#[tokio::test]
async fn a_request_may_tighten_itself_at_every_stateless_door(
    #[case] header: &'static str,
    #[case] value: &str,
    #[case] runs: bool,
) {
    let stand = Stand::start().await;
    let modern = || with(call("/mcp", "lamp_paint", json!({})), header, value);
    let rest = || {
        let json = [("content-type", "application/json")];
        let path = "/api/v1/tools/lamp/paint";
        with(request(Method::POST, path, &json, "{}"), header, value)
    };

    assert_eq!(paints(&stand, modern()).await, runs);
    assert_eq!(paints(&stand, rest()).await, runs);
}

#[tokio::test]
async fn no_header_makes_a_caller_more_than_it_is() {
    let stand = Stand::start().await;
    let loosening = [
        ("x-mcp-readonly", "false"),
        ("x-mcp-toolsets", "all"),
        ("x-mcp-tools", "*"),
        ("x-mcp-role", "admin"),
    ];
    for (header, value) in loosening {
        let mut reveal = with_key(&stand, call("/mcp", "lamp_reveal", json!({})));
        reveal = with(reveal, header, value);

        let answer = send(&stand, reveal).await;

        assert_eq!(answer.json()["error"]["code"], -32602);
    }
    assert_eq!(stand.runs()[&Class::Secret], 0);
}

/// The bounds of an event stream hold for its messages, whatever headers those have.
#[tokio::test]
async fn a_stream_keeps_the_bounds_that_it_was_opened_with() {
    let stand = Stand::start().await;
    let source = stand.outsider();
    let mut stream = stand.connect(source, Shown::None).await.unwrap();
    let mut client = stand.connect(source, Shown::None).await.unwrap();
    let opened = with(with_key(&stand, get("/sse")), "x-mcp-readonly", "true");
    let mut events = stream.open(opened).await.into_body();
    let first = read_until(&mut events, "\n\n").await;
    let path = first.split("data: ").nth(1).unwrap().trim().to_owned();
    let message = |message: &Value| with_key(&stand, post(&path, message));
    client.send(message(&initialize("2024-11-05"))).await;
    read_until(&mut events, "\n\n").await;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.send(message(&initialized)).await;

    let params = json!({ "name": "lamp_paint", "arguments": {} });
    let paint = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let looser = with(message(&paint), "x-mcp-readonly", "false");
    client.send(looser).await;
    let answer = read_until(&mut events, "\n\n").await;

    assert!(answer.contains("-32602"), "{answer}");
    assert_eq!(stand.runs()[&Class::Write], 0);
}

/// A session belongs to whom opened it, the user behind a shared key included.
#[tokio::test]
async fn users_behind_one_key_do_not_share_sessions() {
    let stand = Stand::start().await;
    let source = stand.proxy();
    let as_user = |id: &str, request: Request<Full<Bytes>>| {
        with(with_key(&stand, request), "x-openwebui-user-id", id)
    };
    let mut client = stand.connect(source, Shown::None).await.unwrap();
    let opened = client
        .send(as_user("carol", post("/mcp", &initialize("2025-11-25"))))
        .await;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let listing = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let list = |id: &str| {
        let request = as_user(id, post("/mcp", &listing));
        with(request, "mcp-session-id", &session)
    };

    let own = client.send(list("carol")).await;
    let foreign = client.send(list("mallory")).await;

    assert_eq!(own.status, StatusCode::OK);
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}

/// The audit names who was behind the proxy, and no header that a client made up.
#[tokio::test]
async fn the_audit_has_the_user_behind_the_proxy_and_where_he_came_from() {
    let stand = Stand::start().await;
    let source = stand.proxy();
    let mut client = stand.connect(source, Shown::None).await.unwrap();
    let mut asked = call("/mcp", "lamp_peek", json!({}));
    asked = with(asked, "remote-user", "dave");
    asked = with(asked, "remote-groups", "lab");
    asked = with(asked, "x-forwarded-for", "10.9.9.9, 198.51.100.4");

    client.send(asked).await;

    let rows = stand.audit.rows();
    let row = &rows.last().unwrap().entry;
    assert_eq!(row.user, "proxy:dave");
    assert_eq!(row.ip_address.as_deref(), Some("198.51.100.4"));
}

#[tokio::test]
async fn a_write_by_token_runs_once_where_its_scope_covers_it() {
    let stand = Stand::start().await;

    let outcome = Door::Modern
        .call(&stand, State::TokenToWrite, Class::Write)
        .await;

    assert_eq!(outcome, Outcome::Ran);
    assert_eq!(stand.runs()[&Class::Write], 1);
}
