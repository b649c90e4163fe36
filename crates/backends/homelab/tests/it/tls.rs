//! Certificates: whom a health check trusts, and how long they last.

use std::path::PathBuf;
use std::sync::Arc;

use homelab_core::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::world::World;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

/// An HTTPS service whose certificate a private authority has signed; it ends when dropped.
struct Secure {
    port: u16,
    folder: TempDir,
    _task: JoinSet<()>,
}

impl Secure {
    /// The certificate ends with this year.
    async fn until(year: i32) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "Lab Authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority
            .self_signed(&authority_key)
            .expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a written file");

        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        leaf.not_before = date_time_ymd(2020, 1, 1);
        leaf.not_after = date_time_ymd(year, 12, 31);
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a usable certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        Self {
            port,
            folder,
            _task: task,
        }
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    async fn world(&self, settings: Value) -> World {
        let url = format!("https://127.0.0.1:{}", self.port);
        let services = json!({ "services": [{ "service_name": "Vault", "url": url }] });
        World::of_with(services, settings).await
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else {
            continue;
        };
        let mut request = [0; 2048];
        if stream.read(&mut request).await.is_ok() {
            drop(stream.write_all(ANSWER).await);
            drop(stream.shutdown().await);
        }
    }
}

async fn check(world: &World) -> Value {
    world
        .call("homelab_check_service_health", json!({ "name": "vault" }))
        .await
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_configuration() {
    let service = Secure::until(2100).await;
    let world = service
        .world(json!({ "tls": { "ca_file": service.authority() } }))
        .await;

    let health = check(&world).await;

    assert_eq!(health["healthy"], true, "{health}");
    assert_eq!(health["tls"]["expires"], "2100-12-31T00:00:00Z");
    // From the clock of the test, 2026-06-01.
    assert_eq!(health["tls"]["days_left"], 27_241);
    assert_eq!(health.get("warning"), None);
}

#[tokio::test]
async fn one_service_may_have_a_trust_of_its_own() {
    let service = Secure::until(2100).await;
    let trust = json!({ "ca_file": service.authority() });

    let own = service
        .world(json!({ "service_tls": { "vault": trust } }))
        .await;
    let others = service
        .world(json!({ "service_tls": { "other": trust } }))
        .await;

    assert_eq!(check(&own).await["healthy"], true);
    assert_eq!(check(&others).await["healthy"], false);
}

#[tokio::test]
async fn an_unknown_authority_is_a_problem_whose_hint_names_the_setting() {
    let service = Secure::until(2100).await;
    let world = service.world(json!({})).await;

    let health = check(&world).await;

    assert_eq!(health["healthy"], false);
    assert!(
        health["hint"].as_str().unwrap().contains("ca_file"),
        "{health}"
    );
    assert!(health["tls"]["days_left"].is_number(), "{health}");
}

#[tokio::test]
async fn a_certificate_that_expires_soon_is_warned_of() {
    let service = Secure::until(2100).await;
    let world = service
        .world(json!({ "tls": { "ca_file": service.authority() } }))
        .await;
    let end = homelab_core::clock::Micros::from_rfc3339("2100-12-21T00:00:00Z").unwrap();
    world
        .clock
        .advance_seconds((end.0 - world.clock.now().0) / 1_000_000);

    let health = check(&world).await;
    let all = world
        .call(
            "homelab_check_all_services",
            json!({ "problems_only": true }),
        )
        .await;

    assert_eq!(health["healthy"], true);
    assert_eq!(health["warning"], "its certificate expires in 10 days");
    assert_eq!(all["services"][0]["tls_days_left"], 10);
}

#[tokio::test]
async fn an_expired_certificate_is_a_problem() {
    let service = Secure::until(2021).await;
    let world = service
        .world(json!({ "tls": { "ca_file": service.authority() } }))
        .await;

    let health = check(&world).await;

    assert_eq!(health["healthy"], false);
    assert!(
        health["problem"].as_str().unwrap().contains("expired"),
        "{health}"
    );
    assert!(health["tls"]["days_left"].as_i64().unwrap() < 0);
}
