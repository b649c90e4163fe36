//! A secret that goes to an upstream comes back in no text, whatever the upstream does with it.

use std::io;
use std::sync::{Arc, Mutex};

use homelab_core::error::ToolError;
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_upstream::{Client, ClientConfig, HeaderName, Request, Url};
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{Reply, Seen, Server, settings};

const CANARY: &str = "canary-7f3a";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A request that carries the canary everywhere a secret may be.
fn request(base: &Url) -> Request {
    let secret = Secret::new(CANARY);
    let mut url = base.join("/path-canary-7f3a").unwrap();
    url.set_username("admin").unwrap();
    url.set_password(Some(CANARY)).unwrap();
    Request::get_url("read", url)
        .secret_query("apikey", &secret)
        .secret_header(HeaderName::from_static("x-api-key"), &secret)
        .json(&serde_json::json!({ "password": CANARY }))
}

/// An upstream that repeats everything it was sent.
fn echo(seen: &Seen) -> Reply {
    let text = format!(
        "bad: {} {:?} {}",
        seen.target,
        seen.header("authorization"),
        String::from_utf8_lossy(&seen.body)
    );
    let body = serde_json::json!({ "message": text }).to_string();
    Reply::new(400, &[], &body)
}

/// Sends the canary to each upstream; returns every text that came of it.
async fn send_to_all(upstreams: &[Url]) -> Vec<String> {
    let mut texts = Vec::new();
    for base in upstreams {
        let config = ClientConfig {
            retries: 1,
            ..settings(base)
        };
        let client = Client::new(&config, Redactor::default()).unwrap();
        texts.push(format!("{:?} {client:?} {config:?}", request(base)));
        let error = match client.send(request(base)).await {
            Ok(response) => {
                texts.push(format!("{response:?}"));
                response.checked().unwrap_err()
            }
            Err(error) => error,
        };
        texts.push(format!("{error} {error:?}"));
        let error = ToolError::from(error);
        texts.push(format!(
            "{error} {}",
            serde_json::to_string(&error).unwrap()
        ));
    }
    texts
}

#[tokio::test]
async fn no_error_span_or_event_holds_what_was_sent() {
    let log = Log::default();
    let echoing = Server::http(echo).await;
    let closing = Server::http(|_| Reply::close()).await;
    let looping = Server::http(|_| Reply::redirect(302, "/again?x=canary-7f3a")).await;
    let gone = Url::parse("http://127.0.0.1:1/").unwrap();
    let upstreams = [echoing.url(), closing.url(), looping.url(), gone];
    // A callsite that another test registers just while a subscriber is made is not asked again and
    // stays silent (tracing-core `callsite::register`), so all of them are registered before.
    send_to_all(&upstreams).await;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();

    let texts = send_to_all(&upstreams).with_subscriber(subscriber).await;

    let basic = "YWRtaW46Y2FuYXJ5LTdmM2E";
    for text in &texts {
        assert!(!text.contains(CANARY) && !text.contains(basic), "{text}");
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("upstream.request{service=\"pve\""), "{log}");
    assert!(log.contains("status=400"), "{log}");
    // The libraries below us included.
    assert!(!log.contains(CANARY) && !log.contains(basic), "{log}");
    assert_eq!(echoing.seen()[0].header("x-api-key"), Some(CANARY));
}

#[tokio::test]
async fn a_secret_known_to_the_redactor_is_taken_out_of_what_the_upstream_says() {
    let server =
        Server::http(|_| Reply::new(400, &[], r#"{"message":"no user canary-7f3a"}"#)).await;
    let redactor = Redactor::default();
    redactor.learn(&Secret::new(CANARY));
    let client = Client::new(&settings(&server.url()), redactor).unwrap();

    let answer = client.send(Request::get("read", "/", &[])).await.unwrap();

    let error = answer.checked().unwrap_err().to_string();
    assert_eq!(
        error,
        "`pve` refused the request (400): no user ***REDACTED***"
    );
}
