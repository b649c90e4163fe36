use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use homelab_core::observe::{Observation, Observer};
use homelab_upstream::{ClientConfig, Fault, Request};
use rstest::rstest;

use crate::support::{Reply, Server, client, envelope, settings};

fn get() -> Request {
    Request::get("read", "/", &[])
}

/// A server that answers its first requests with `first`, and then well.
async fn server_failing(times: u32, first: fn() -> Reply) -> Server {
    let count = AtomicU32::new(0);
    Server::http(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) < times {
            first()
        } else {
            Reply::json("1")
        }
    })
    .await
}

#[rstest]
#[case::too_many(|| Reply::status(429))]
#[case::bad_gateway(|| Reply::status(502))]
#[case::unavailable(|| Reply::status(503))]
#[case::gateway_timeout(|| Reply::status(504))]
#[case::told_when(|| Reply::new(503, &[("retry-after", "0")], ""))]
#[case::lost(Reply::close)]
#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds(#[case] first: fn() -> Reply) {
    let server = server_failing(2, first).await;

    let response = client(&settings(&server.url())).send(get()).await.unwrap();

    assert_eq!(response.status.as_u16(), 200);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn after_the_last_attempt_the_answer_stands() {
    let server = server_failing(10, || Reply::status(503)).await;

    let response = client(&settings(&server.url())).send(get()).await.unwrap();

    assert_eq!(response.status.as_u16(), 503);
    assert_eq!(server.seen().len(), 3);
    let error = envelope(response.checked().unwrap_err());
    assert!(error.retryable);
    assert_eq!(error.upstream_status, Some(503));
}

#[rstest]
#[case::a_change(|| Reply::status(503), Request::post("create", "/", &[]))]
#[case::a_lost_change(Reply::close, Request::post("create", "/", &[]))]
#[case::an_error_of_the_program(|| Reply::status(500), get())]
#[case::not_found(|| Reply::status(404), get())]
#[case::forbidden(|| Reply::status(403), get())]
#[case::not_http(|| Reply::Raw(b"SSH-2.0-OpenSSH_10.0\r\n".to_vec()), get())]
#[case::no_retries_asked(|| Reply::status(503), get().retries(0))]
#[tokio::test]
async fn what_a_repetition_would_not_help_is_sent_once(
    #[case] first: fn() -> Reply,
    #[case] request: Request,
) {
    let server = server_failing(1, first).await;

    let result = client(&settings(&server.url())).send(request).await;

    let succeeded = result.is_ok_and(|response| response.status.is_success());
    assert!(!succeeded);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_change_that_may_be_repeated_is() {
    let server = server_failing(1, || Reply::status(502)).await;

    let response = client(&settings(&server.url()))
        .send(Request::put("set", "/", &[]).json(&1).idempotent())
        .await
        .unwrap();

    assert_eq!(response.status.as_u16(), 200);
    assert_eq!(server.seen()[1].body, b"1");
}

#[tokio::test]
async fn a_long_retry_after_is_reported_instead_of_waited_for() {
    let server = server_failing(1, || Reply::new(429, &[("retry-after", "120")], "")).await;

    let answer = client(&settings(&server.url())).send(get()).await.unwrap();
    let error = envelope(answer.checked().unwrap_err());

    assert_eq!(server.seen().len(), 1);
    assert_eq!(error.code.as_str(), "rate_limited");
    assert_eq!((error.retryable, error.retry_after_s), (true, Some(120)));
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_tried_again_and_then_named() {
    let address = free_address();
    let (config, retries) = counting(settings(&format!("http://{address}").parse().unwrap()));

    let error = client(&config).send(get()).await.unwrap_err();

    assert_eq!(retries.load(Ordering::SeqCst), 2);
    assert_eq!(error.fault(), &Fault::Refused);
    let error = envelope(error);
    assert_eq!(error.code.as_str(), "upstream_unreachable");
    assert_eq!(
        error.message,
        format!("nothing listens at `http://{address}`")
    );
    assert!(error.hint.unwrap().contains("`servers.pve.url`"));
    assert!(error.retryable);
}

/// An address where nothing listens (any more).
fn free_address() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Settings whose observer keeps the number of retries of the last request.
fn counting(config: ClientConfig) -> (ClientConfig, Arc<AtomicU32>) {
    struct Count(Arc<AtomicU32>);
    impl Observer for Count {
        fn observe(&self, observation: &Observation<'_>) {
            self.0.store(observation.retries, Ordering::SeqCst);
        }
    }
    let count = Arc::new(AtomicU32::new(0));
    let observer = Arc::new(Count(Arc::clone(&count)));
    (ClientConfig { observer, ..config }, count)
}
