//! What is refused before any route: hosts, origins, keys, sizes, unknown paths; and bodies that
//! are no messages.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use super::support::client::{call, get, modern, post_bytes, request, send, with};
use super::support::server::{Setup, TestServer};

#[tokio::test]
async fn a_wrong_host_or_origin_is_403_and_a_local_one_is_let_in() {
    let server = TestServer::start().await;
    let echo = || call("/mcp", "echo", json!({}));

    let host = send(server.address, with(echo(), "host", "evil.example")).await;
    let origin = send(
        server.address,
        with(echo(), "origin", "https://evil.example"),
    )
    .await;
    let null = send(server.address, with(echo(), "origin", "null")).await;
    let local = send(
        server.address,
        with(echo(), "origin", "http://localhost:6274"),
    )
    .await;

    assert_eq!(host.status, StatusCode::FORBIDDEN);
    assert_eq!(host.json()["code"], "permission_denied");
    assert!(
        host.json()["hint"]
            .as_str()
            .unwrap()
            .contains("allowed_hosts")
    );
    assert_eq!(origin.status, StatusCode::FORBIDDEN);
    assert!(
        origin.json()["hint"]
            .as_str()
            .unwrap()
            .contains("allowed_origins")
    );
    assert_eq!(origin.header("access-control-allow-origin"), None);
    assert_eq!(null.status, StatusCode::FORBIDDEN);
    assert_eq!(local.status, StatusCode::OK);
    assert_eq!(
        local.header("access-control-allow-origin"),
        Some("http://localhost:6274")
    );
}

#[tokio::test]
async fn listed_hosts_and_origins_are_let_in() {
    let mut setup = Setup::default();
    setup.options.allowed_hosts = vec!["lab.example.org".parse().unwrap()];
    setup.options.allowed_origins = vec!["https://ui.example.org".parse().unwrap()];
    let server = TestServer::with(setup).await;
    let echo = with(call("/mcp", "echo", json!({})), "host", "lab.example.org");

    let answer = send(
        server.address,
        with(echo, "origin", "https://ui.example.org"),
    )
    .await;

    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_may_ask_before_it_sends() {
    let server = TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await;
    let preflight = |origin: &'static str| {
        request(
            Method::OPTIONS,
            "/mcp",
            &[
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,mcp-method"),
            ],
            "",
        )
    };

    let allowed = send(server.address, preflight("http://localhost:6274")).await;
    let refused = send(server.address, preflight("https://evil.example")).await;

    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    let headers = allowed.header("access-control-allow-headers").unwrap();
    for header in [
        "authorization",
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-name",
    ] {
        assert!(headers.contains(header), "{headers}");
    }
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        Some("GET, POST, PUT, PATCH, DELETE")
    );
    assert!(
        allowed
            .header("access-control-expose-headers")
            .unwrap()
            .contains("mcp-session-id")
    );
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[rstest]
#[case("/mcp")]
#[case("/servers/lab/mcp")]
#[case("/api/v1/tools/lab/echo")]
#[tokio::test]
async fn without_a_key_or_with_a_wrong_one_the_answer_is_401(#[case] path: &str) {
    let server = TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await;
    let request = || call(path, "echo", json!({}));

    let none = send(server.address, request()).await;
    let wrong = send(
        server.address,
        with(request(), "authorization", "Bearer nonsense"),
    )
    .await;
    let basic = send(
        server.address,
        with(request(), "authorization", "Basic YTpi"),
    )
    .await;
    let right = send(
        server.address,
        with(request(), "authorization", &server.alice),
    )
    .await;

    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        none.header("www-authenticate"),
        Some(r#"Bearer realm="homelab-mcp""#)
    );
    for wrong in [wrong, basic] {
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        let challenge = wrong.header("www-authenticate").unwrap();
        assert!(
            challenge.contains(r#"error="invalid_token""#),
            "{challenge}"
        );
    }
    assert_eq!(right.status, StatusCode::OK);
}

#[tokio::test]
async fn streams_and_metrics_need_a_key_too_and_probes_do_not() {
    let mut setup = Setup {
        keys: true,
        ..Setup::default()
    };
    setup.options.metrics = homelab_gateway::rest::MetricsAccess::Key;
    let server = TestServer::with(setup).await;

    for path in ["/sse", "/servers/lab/sse", "/metrics", "/api/v1/tools"] {
        let answer = send(server.address, get(path)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        let answer = send(
            server.address,
            with(get(path), "host", "10.0.0.1.nip.example"),
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

#[rstest]
#[case("/.well-known/oauth-protected-resource")]
#[case("/.well-known/oauth-protected-resource/mcp")]
#[case("/.well-known/oauth-authorization-server")]
#[case("/.well-known/openid-configuration")]
#[case("/mcp/more")]
#[case("/servers")]
#[case("/servers/lab")]
#[case("/api")]
#[case("/api/v1/nothing")]
#[case("/register")]
#[case("/")]
#[tokio::test]
async fn a_path_that_is_not_served_is_404_in_json(#[case] path: &str) {
    let server = TestServer::with(Setup {
        keys: true,
        ..Setup::default()
    })
    .await;

    let answer = send(server.address, get(path)).await;

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["code"], "not_found");
}

#[tokio::test]
async fn a_wrong_method_is_405_in_json_and_names_the_right_ones() {
    let server = TestServer::start().await;

    let put = send(server.address, request(Method::PUT, "/mcp", &[], "")).await;
    let post = send(server.address, request(Method::POST, "/sse", &[], "")).await;

    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(put.header("allow"), Some("GET,HEAD,POST,DELETE"));
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.header("allow"), Some("GET,HEAD"));
    assert_eq!(post.json()["code"], "invalid_argument");
}

#[tokio::test]
async fn everything_is_under_the_base_path() {
    let mut setup = Setup::default();
    setup.options.base_path = "/home/lab/".to_owned();
    let server = TestServer::with(setup).await;

    let inside = send(server.address, call("/home/lab/mcp", "echo", json!({}))).await;
    let named = send(
        server.address,
        call("/home/lab/servers/lab/mcp", "echo", json!({})),
    )
    .await;
    let outside = send(server.address, call("/mcp", "echo", json!({}))).await;
    let unknown = send(server.address, get("/home/lab/nothing")).await;

    assert_eq!(inside.status, StatusCode::OK);
    assert_eq!(named.status, StatusCode::OK);
    assert_eq!(outside.status, StatusCode::NOT_FOUND);
    assert_eq!(outside.json()["code"], "not_found");
    assert_eq!(unknown.json()["code"], "not_found");
}

#[rstest]
#[tokio::test]
async fn ten_megabytes_are_413_announced_or_in_chunks(
    #[values("/mcp", "/api/v1/tools/lab/echo")] path: &str,
    #[values(true, false)] announced: bool,
) {
    let server = TestServer::start().await;
    let mut large = call(path, "echo", json!({ "text": "x".repeat(10_000_000) }));
    if !announced {
        large
            .headers_mut()
            .insert("transfer-encoding", "chunked".parse().unwrap());
    }

    let answer = send(server.address, large).await;

    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        answer.json()["message"],
        "the request is larger than 4194304 bytes"
    );
}

#[rstest]
#[case("", -32700)]
#[case("{", -32700)]
#[case("not json", -32700)]
#[case("\u{0}", -32700)]
#[case("[]", -32600)]
#[case(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600)]
#[case("null", -32600)]
#[case("42", -32600)]
#[case("{}", -32600)]
#[case(r#"{"jsonrpc":"2.0"}"#, -32600)]
#[case(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600)]
#[case(r#"{"id":1,"method":"ping"}"#, -32600)]
#[case(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600)]
#[case(r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600)]
#[tokio::test]
async fn what_is_no_message_is_400_with_the_code_of_json_rpc(
    #[case] body: &'static str,
    #[case] code: i32,
) {
    let server = TestServer::start().await;

    let answer = send(server.address, post_bytes("/mcp", body)).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], code, "{answer:?}");
    assert_eq!(answer.json()["jsonrpc"], "2.0");
}

#[tokio::test]
async fn a_client_that_cannot_read_the_answer_or_sends_no_json_is_told() {
    let server = TestServer::start().await;

    let accept = send(
        server.address,
        with(
            call("/mcp", "echo", json!({})),
            "accept",
            "application/json",
        ),
    )
    .await;
    let kind = send(
        server.address,
        with(
            call("/mcp", "echo", json!({})),
            "content-type",
            "text/plain",
        ),
    )
    .await;

    assert_eq!(accept.status, StatusCode::NOT_ACCEPTABLE);
    assert!(
        accept.json()["message"]
            .as_str()
            .unwrap()
            .contains("text/event-stream")
    );
    assert_eq!(kind.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(
        kind.json()["message"]
            .as_str()
            .unwrap()
            .contains("application/json")
    );
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let server = TestServer::start().await;

    let first = send(server.address, modern("/mcp", "tools/list", json!({}))).await;
    let second = send(server.address, get("/nothing")).await;

    let ids = [first, second].map(|answer| answer.header("x-request-id").unwrap().to_owned());
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 36);
}
