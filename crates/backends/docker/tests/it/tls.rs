//! A real engine behind TLS: whom we trust, and how it knows us.

use std::path::PathBuf;
use std::sync::Arc;

use homelab_backend::Shared;
use homelab_core::error::{Code, ToolError};
use homelab_testkit::DockerEngine;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::world::{World, hint, reason};

/// What `dockerd --tlsverify` does before it listens: takes TLS off, of clients that it knows.
struct Front {
    port: u16,
    folder: TempDir,
    _task: JoinSet<()>,
}

impl Front {
    async fn before(engine: &DockerEngine) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::default();
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "Lab Authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority
            .self_signed(&authority_key)
            .expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("a written file");
        };
        write("ca.pem", certificate.pem());
        let issuer = Issuer::new(authority, authority_key);
        let signed = |names: Vec<String>| {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(names).expect("names");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            (certificate, key)
        };
        let (client, client_key) = signed(vec!["client".to_owned()]);
        write("client.pem", client.pem());
        write("client-key.pem", client_key.serialize_pem());
        let (server, server_key) = signed(vec!["127.0.0.1".to_owned()]);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).expect("an authority");
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_client_cert_verifier(clients.expect("a verifier"))
            .with_single_cert(
                vec![server.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der())),
            )
            .expect("a usable certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let mut task = JoinSet::new();
        task.spawn(forward(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            engine.socket(),
        ));
        Self {
            port,
            folder,
            _task: task,
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "shorter where it is called")]
    fn settings(&self, more: Value) -> Value {
        let mut host = json!({ "url": format!("tcp://127.0.0.1:{}", self.port) });
        host.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({ "hosts": { "vps": host } })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn forward(listener: TcpListener, acceptor: TlsAcceptor, socket: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, socket) = (acceptor.clone(), socket.clone());
        tokio::spawn(async move {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && let Ok(mut engine) = UnixStream::connect(socket).await
            {
                drop(tokio::io::copy_bidirectional(&mut stream, &mut engine).await);
            }
        });
    }
}

async fn failing(settings: Value) -> ToolError {
    World::with(settings, Shared::default())
        .await
        .fail("list_containers", json!({}))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_behind_tls_is_used_with_certificates_on_both_sides() {
    let Some(engine) = DockerEngine::shared() else {
        return;
    };
    let front = Front::before(engine).await;
    let world = World::with(
        front.settings(json!({
            "tls": { "ca_file": front.file("ca.pem") },
            "client_certificate_file": front.file("client.pem"), "client_key_file": front.file("client-key.pem"),
        })),
        Shared::default(),
    )
    .await;

    world.sleeper("tls-sleeper").await;
    let done = world
        .call(
            "exec_container",
            json!({ "container": "tls-sleeper", "command": ["echo", "over TLS"] }),
        )
        .await;
    let info = world
        .call("get_system_info", json!({ "disk": false }))
        .await;

    assert_eq!(done["stdout"], "over TLS\n");
    assert_eq!(info["address"], format!("tcp://127.0.0.1:{}", front.port));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_authority_a_missing_client_certificate_and_plain_text_are_told_apart() {
    let Some(engine) = DockerEngine::shared() else {
        return;
    };
    let front = Front::before(engine).await;

    let unknown = failing(front.settings(json!({}))).await;
    let anonymous =
        failing(front.settings(json!({ "tls": { "ca_file": front.file("ca.pem") } }))).await;
    let plain = failing(front.settings(json!({ "plain": true }))).await;

    assert_eq!(
        (unknown.code(), reason(&unknown)),
        (Code::UpstreamUnreachable, "tls_unknown_issuer")
    );
    assert!(
        hint(&unknown).contains("[servers.docker.hosts.vps]"),
        "{}",
        hint(&unknown)
    );
    assert_eq!(reason(&anonymous), "tls_handshake", "{anonymous}");
    assert!(hint(&anonymous).contains("client_certificate_file"));
    assert!(
        matches!(reason(&plain), "not_http" | "connection_lost"),
        "{plain}"
    );
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named_before_anything_is_asked() {
    let missing = failing(json!({ "hosts": { "vps": { "url": "tcp://192.0.2.1", "tls": { "ca_file": "/no/such.pem" } } } })).await;
    let key = failing(json!({ "hosts": { "vps": {
        "url": "tcp://192.0.2.1", "client_certificate_file": "/no/such.pem", "client_key_file": "/no/such.pem",
    } } }))
    .await;

    assert_eq!(missing.code(), Code::NotConfigured);
    assert_eq!(
        missing.envelope().field.as_deref(),
        Some("servers.docker.hosts.vps.tls.ca_file")
    );
    assert_eq!(
        key.envelope().field.as_deref(),
        Some("servers.docker.hosts.vps.client_certificate_file")
    );
}

#[tokio::test]
async fn a_host_behind_ssh_that_is_not_configured_is_told_so() {
    let error = failing(json!({ "hosts": { "nas": { "url": "ssh://nas" } } })).await;

    assert_eq!(
        (error.code(), reason(&error)),
        (Code::NotConfigured, "setting_missing")
    );
    assert_eq!(error.envelope().field.as_deref(), Some("ssh.hosts.nas"));
}
