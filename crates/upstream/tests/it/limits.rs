use std::time::Duration;

use homelab_upstream::{ClientConfig, Fault, Overflow, Request};
use rstest::rstest;
use tokio::net::TcpListener;

use crate::support::{Reply, Server, client, envelope, settings};

fn get() -> Request {
    Request::get("read", "/", &[])
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_a_timeout() {
    let server = Server::http(|_| Reply::silence()).await;
    let client = client(&settings(&server.url()));

    let request = get().timeout(Duration::from_millis(50));
    let error = envelope(client.send(request).await.unwrap_err());

    assert_eq!(error.code.as_str(), "timeout");
    assert_eq!(error.message, "`pve` gave no answer within 50ms");
    assert!(error.retryable);
    assert!(error.hint.unwrap().contains("servers.pve"));
}

#[tokio::test]
async fn a_timeout_of_a_change_is_not_worth_a_retry_without_a_look() {
    let server = Server::http(|_| Reply::silence()).await;
    let client = client(&settings(&server.url()));

    let request = Request::post("stop", "/", &[]).timeout(Duration::from_millis(50));
    let error = envelope(client.send(request).await.unwrap_err());

    assert!(!error.retryable);
    assert!(error.hint.unwrap().contains("may have had its effect"));
}

#[tokio::test]
async fn a_body_that_trickles_out_is_a_timeout_with_what_had_come() {
    let server = Server::http(|_| {
        Reply::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello".to_vec())
    })
    .await;
    let client = client(&settings(&server.url()));

    let request = get().timeout(Duration::from_secs(1));
    let error = client.send(request).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "`pve` did not finish its answer within 1s, after 5 bytes"
    );
}

#[rstest]
#[case::of_a_length(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello")]
#[case::in_chunks(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")]
#[tokio::test]
async fn a_body_that_ends_early_is_an_error(#[case] bytes: &'static [u8]) {
    let server = Server::http(|_| Reply::Raw(bytes.to_vec())).await;
    let client = client(&settings(&server.url()));

    let error = client.send(get()).await.unwrap_err();

    assert_eq!(error.fault(), &Fault::Cut { received: 5 });
    let error = envelope(error);
    assert_eq!(error.code.as_str(), "upstream_rejected");
    assert_eq!(error.reason.as_deref(), Some("cut"));
    assert_eq!(server.seen().len(), 1);
}

#[rstest]
#[case::announced("HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n")]
#[case::unannounced("HTTP/1.1 200 OK\r\n\r\n")]
#[tokio::test]
async fn a_body_beyond_the_limit_fails_or_is_cut(#[case] head: &'static str) {
    let server =
        Server::http(move |_| Reply::Raw(format!("{head}{}", "x".repeat(2000)).into_bytes())).await;
    let config = ClientConfig {
        max_body: 1000,
        ..settings(&server.url())
    };
    let client = client(&config);

    let error = client.send(get()).await.unwrap_err();
    let cut = client
        .send(get().max_body(10, Overflow::Cut))
        .await
        .unwrap();
    let enough = client
        .send(get().max_body(2000, Overflow::Fail))
        .await
        .unwrap();

    assert_eq!(error.fault(), &Fault::TooLarge { limit: 1000 });
    assert_eq!(
        (cut.body.as_ref(), cut.truncated),
        (b"xxxxxxxxxx".as_slice(), true)
    );
    assert_eq!((enough.body.len(), enough.truncated), (2000, false));
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_limit_only() {
    let server = Server::http(|_| {
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        Reply::Stall(format!("{head}{}", "x".repeat(5000)).into_bytes())
    })
    .await;
    let client = client(&settings(&server.url()));

    let response = client
        .send(get().max_body(1000, Overflow::Cut))
        .await
        .unwrap();

    assert_eq!((response.body.len(), response.truncated), (1000, true));
}

#[tokio::test]
async fn the_long_page_of_an_error_does_not_hide_its_status() {
    let server = Server::http(|_| Reply::new(500, &[], &"x".repeat(5000))).await;
    let config = ClientConfig {
        max_body: 1000,
        retries: 0,
        ..settings(&server.url())
    };

    let error = client(&config).send(get()).await.unwrap().checked();

    assert_eq!(error.unwrap_err().status(), Some(500));
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_connection() {
    // Accepts, and never answers the client's hello.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let config = ClientConfig {
        connect_timeout: Duration::from_millis(50),
        retries: 0,
        ..settings(&url.parse().unwrap())
    };

    let error = envelope(client(&config).send(get()).await.unwrap_err());

    assert_eq!(error.code.as_str(), "upstream_unreachable");
    assert_eq!(error.reason.as_deref(), Some("connect_timeout"));
    assert_eq!(
        error.message,
        format!("no connection to `{url}` within 50ms")
    );
}

#[tokio::test]
async fn no_attempt_begins_that_the_limit_leaves_no_time_for() {
    let server = Server::http(|_| Reply::new(503, &[("retry-after", "3")], "")).await;
    let client = client(&settings(&server.url()));

    // Three seconds are within what the client waits, but not within the request's limit.
    let request = get().timeout(Duration::from_secs(2));
    let response = client.send(request).await.unwrap();

    assert_eq!(response.status.as_u16(), 503);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_limit_holds_over_all_attempts() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let server =
        Server::http(
            move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Reply::status(503),
                _ => Reply::silence(),
            },
        )
        .await;
    let client = client(&settings(&server.url()));

    let request = get().timeout(Duration::from_secs(1));
    let error = client.send(request).await.unwrap_err();

    assert!(matches!(
        error.fault(),
        Fault::Timeout { received: None, .. }
    ));
    assert_eq!(server.seen().len(), 2);
}
