//! The accept loop: limits, TLS, the end.

use std::net::SocketAddr;
use std::time::Duration;

use homelab_gateway::transport::listen::{Limits, TlsError, TlsFiles};
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::support::client::{Client, LONG, call, get, read_until, send};
use super::support::server::{Setup, TestServer};

async fn limited(change: impl FnOnce(&mut Limits)) -> TestServer {
    let mut setup = Setup::default();
    change(&mut setup.limits);
    TestServer::with(setup).await
}

/// Whether the other side closes within a time in which nothing else could.
async fn closes(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A reset is a closed connection, too.
    timeout(LONG, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn headers_that_trickle_in_are_cut_off() {
    let server = limited(|limits| limits.head = Duration::from_millis(300)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /mcp HTTP/1.1\r\n").await.unwrap();
    let start = Instant::now();

    let cut = async {
        // One header line at a time, each well within any time-out of its own.
        while stream.write_all(b"x-a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = timeout(LONG, cut).await;

    assert!(ended.is_ok(), "the connection is still open");
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_is_not() {
    let server = limited(|limits| limits.idle = Duration::from_millis(300)).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut used = Client::connect(server.address).await;

    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        assert_eq!(used.send(get("/healthz")).await.status, StatusCode::OK);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert!(closes(&mut idle).await);
}

#[tokio::test]
async fn what_is_no_http_is_answered_and_closed() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();

    stream
        .write_all(b"\x16\x03\x01\x02\x00 not HTTP\r\n\r\n")
        .await
        .unwrap();

    assert!(closes(&mut stream).await);
    assert_eq!(
        send(server.address, get("/healthz")).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn many_idle_connections_do_not_hinder_one_that_works() {
    let server = TestServer::start().await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }

    let answer = send(server.address, call("/mcp", "echo", json!({}))).await;

    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_one_to_close() {
    let server = limited(|limits| limits.max_connections = 2).await;
    let mut first = Client::connect(server.address).await;
    let mut second = Client::connect(server.address).await;
    first.send(get("/healthz")).await;
    second.send(get("/healthz")).await;

    let third = tokio::spawn(send(server.address, get("/healthz")));
    let waits = timeout(Duration::from_millis(200), async {
        while !third.is_finished() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .is_err();
    drop(first);
    let served = timeout(LONG, third).await.unwrap().unwrap();

    assert!(waits, "a third connection was served");
    assert_eq!(served.status, StatusCode::OK);
}

#[tokio::test]
async fn the_end_waits_for_calls_and_not_for_streams_or_idle_clients() {
    let mut server = TestServer::start().await;
    let mut calling = Client::connect(server.address).await;
    let mut streaming = Client::connect(server.address).await;
    let mut idle = Client::connect(server.address).await;
    idle.send(get("/healthz")).await;
    let mut stream = streaming.open(get("/sse")).await.into_body();
    read_until(&mut stream, "endpoint").await;
    let call = tokio::spawn(async move { calling.send(call("/mcp", "wait", json!({}))).await });
    server.lab.begun.notified().await;

    let lab = server.lab.clone();
    let start = Instant::now();
    server.shutdown.cancel();
    let stopped = tokio::spawn(async move { server.stopped().await });
    lab.release.notify_one();
    let answer = timeout(LONG, call).await.unwrap().unwrap();
    timeout(LONG, stopped).await.unwrap().unwrap();

    assert_eq!(answer.json()["result"]["structuredContent"]["waited"], true);
    assert!(start.elapsed() < Limits::default().drain);
}

#[tokio::test]
async fn a_call_that_outlasts_the_end_is_cancelled() {
    let mut server = limited(|limits| limits.drain = Duration::from_millis(200)).await;
    let mut client = Client::connect(server.address).await;
    let call = call("/mcp", "wait", json!({}));
    let calling = tokio::spawn(async move { client.open(call).await });
    server.lab.begun.notified().await;

    timeout(LONG, server.stopped()).await.unwrap();
    let cancelled = timeout(LONG, server.lab.cancelled.acquire()).await;

    assert!(cancelled.is_ok(), "the call went on");
    calling.abort();
}

/// A certificate authority, and what it signed.
struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            issuer: rcgen::Issuer::new(params, key),
            certificate,
        }
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn files(&self, mutual: bool) -> TlsFiles {
        let (certificate, key) = self.sign("localhost");
        TlsFiles {
            cert: self.file("cert.pem", &certificate.pem()),
            key: self.file("key.pem", &key.serialize_pem()),
            client_ca: mutual.then(|| self.file("ca.pem", &self.certificate.pem())),
            client_optional: false,
        }
    }

    /// A client that trusts this authority, with a certificate of its own or without.
    fn client(&self, identity: bool) -> tokio_rustls::TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = if identity {
            let (certificate, key) = self.sign("client");
            let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder
                .with_client_auth_cert(vec![certificate.der().clone()], key)
                .unwrap()
        } else {
            builder.with_no_client_auth()
        };
        std::sync::Arc::new(config).into()
    }
}

async fn over_tls(
    address: SocketAddr,
    connector: &tokio_rustls::TlsConnector,
) -> std::io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn tls_serves_with_certificate_and_key_from_files() {
    let authority = Authority::new();
    let server = TestServer::with(Setup {
        tls: Some(authority.files(false).load().unwrap()),
        ..Setup::default()
    })
    .await;

    let answer = over_tls(server.address, &authority.client(false))
        .await
        .unwrap();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn mutual_tls_refuses_clients_without_a_certificate_of_the_authority() {
    let authority = Authority::new();
    let server = TestServer::with(Setup {
        tls: Some(authority.files(true).load().unwrap()),
        ..Setup::default()
    })
    .await;

    let known = over_tls(server.address, &authority.client(true)).await;
    let unknown = over_tls(server.address, &authority.client(false)).await;

    assert!(known.unwrap().starts_with("HTTP/1.1 200"));
    assert!(unknown.is_err(), "{unknown:?}");
}

#[tokio::test]
async fn a_client_that_never_ends_its_handshake_is_cut_off() {
    let authority = Authority::new();
    let mut setup = Setup {
        tls: Some(authority.files(false).load().unwrap()),
        ..Setup::default()
    };
    setup.limits.handshake = Duration::from_millis(200);
    let server = TestServer::with(setup).await;

    let mut stream = TcpStream::connect(server.address).await.unwrap();

    assert!(closes(&mut stream).await);
}

#[test]
fn unusable_files_are_named() {
    let authority = Authority::new();
    let files = authority.files(false);
    let with = |change: &dyn Fn(&mut TlsFiles)| {
        let mut changed = files.clone();
        change(&mut changed);
        changed.load().unwrap_err()
    };

    let missing = with(&|files| files.cert = "/nowhere/cert.pem".into());
    let empty = with(&|files| files.cert = files.key.clone());
    let other = with(&|files| {
        files.key = authority.file("other.pem", &authority.sign("x").1.serialize_pem());
    });

    assert!(missing.to_string().contains("/nowhere/cert.pem"));
    assert!(matches!(empty, TlsError::Empty { .. }), "{empty:?}");
    assert!(matches!(other, TlsError::Unusable(_)), "{other:?}");
}
