use std::time::Duration;

use homelab_upstream::{Fault, Request};
use std::fmt::Write as _;

use crate::support::{Reply, Server, client, envelope, settings};

const IDLE: Duration = Duration::from_secs(5);

fn pull() -> Request {
    Request::post("pull", "/api/pull", &[]).json(&serde_json::json!({ "model": "tiny" }))
}

fn chunked(pieces: &[&str]) -> Vec<u8> {
    let mut text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for piece in pieces {
        write!(text, "{:x}\r\n{piece}\r\n", piece.len()).expect("text takes all");
    }
    text.into_bytes()
}

#[tokio::test]
async fn a_body_is_handed_over_while_it_arrives() {
    let server = Server::http(|_| Reply::Stall(chunked(&["one\n", "two"]))).await;
    let client = client(&settings(&server.url()));

    let mut stream = client.stream(pull(), IDLE).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 7 {
        read.extend_from_slice(&stream.chunk().await.unwrap().unwrap());
    }

    assert_eq!(stream.status.as_u16(), 200);
    assert_eq!(read, b"one\ntwo");
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_a_timeout_with_what_had_come() {
    let server = Server::http(|_| Reply::Stall(chunked(&["hello"]))).await;
    let client = client(&settings(&server.url()));

    let idle = Duration::from_millis(300);
    let mut stream = client.stream(pull(), idle).await.unwrap();
    assert_eq!(stream.chunk().await.unwrap().unwrap(), "hello");
    let error = stream.chunk().await.unwrap_err();

    assert_eq!(
        *error.fault(),
        Fault::Timeout {
            limit: idle,
            received: Some(5)
        }
    );
}

#[tokio::test]
async fn a_stream_whose_connection_breaks_is_cut() {
    let server = Server::http(|_| Reply::Raw(chunked(&["half"]))).await;
    let client = client(&settings(&server.url()));

    let mut stream = client.stream(pull(), IDLE).await.unwrap();
    let error = loop {
        match stream.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it ended in good order"),
            Err(error) => break error,
        }
    };

    assert_eq!(*error.fault(), Fault::Cut { received: 4 });
}

#[tokio::test]
async fn a_stream_beyond_its_cap_is_refused() {
    let server = Server::http(|_| Reply::json("0123456789")).await;
    let client = client(&settings(&server.url()));

    let request = pull().max_body(4, homelab_upstream::Overflow::Fail);
    let mut stream = client.stream(request, IDLE).await.unwrap();
    let error = stream.chunk().await.unwrap_err();

    assert_eq!(*error.fault(), Fault::TooLarge { limit: 4 });
}

#[tokio::test]
async fn a_refused_stream_says_what_the_upstream_says() {
    let server = Server::http(|_| {
        Reply::new(
            500,
            &[("content-type", "application/json")],
            r#"{"error":"pull model manifest: file does not exist"}"#,
        )
    })
    .await;
    let client = client(&settings(&server.url()));

    let error = envelope(client.stream(pull(), IDLE).await.unwrap_err());

    assert_eq!(error.upstream_status, Some(500));
    assert!(
        error.message.contains("file does not exist"),
        "{}",
        error.message
    );
    assert!(!error.retryable);
}

#[tokio::test]
async fn a_stream_is_not_asked_for_twice() {
    let server = Server::http(|_| Reply::close()).await;
    let client = client(&settings(&server.url()));

    let error = client.stream(pull(), IDLE).await.unwrap_err();

    assert_eq!(*error.fault(), Fault::Lost);
    assert_eq!(server.seen().len(), 1);
}
