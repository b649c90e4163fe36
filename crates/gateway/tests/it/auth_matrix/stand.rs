//! The whole server over TLS, with an issuer, an authority for certificates, and tools of each class.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homelab_core::call::CredentialKind;
use homelab_core::clock::{Clock as _, SeededEntropy};
use homelab_core::policy::{Grants, Pattern, Role};
use homelab_core::redact::Redactor;
use homelab_core::store::{AuditSink, Keys as _};
use homelab_core::tool::ToolSpec;
use homelab_gateway::auth::keys::{NewKey, generate};
use homelab_gateway::auth::{
    Algorithm, AuthParts, Authenticator, CertificateMatch, CertificateOwner, ClaimNames,
    IssuerOptions, Issuers, Methods, ProxyOptions, ResourceOptions, RoleMap, ScopeNames, Trust,
    WithoutKey,
};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::rest::Readiness;
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits, TlsFiles};
use homelab_lab::oidc::{Issuer, KeyKind, SigningKey};
use http::HeaderName;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::reference::Class;
use super::states::Shown;
use crate::support::{Bench, FakeServer, FakeTool, MemoryAudit, MemoryKeys, ran};
use crate::transport::support::client::Client;

/// Where clients believe the server to be.
pub(super) const BASE: &str = "https://lab.example";
/// The time, in seconds.
pub(super) const NOW: i64 = 1_700_000_000;

pub(super) struct Stand {
    pub(super) address: SocketAddr,
    pub(super) audit: Arc<MemoryAudit>,
    pub(super) issuer: Issuer,
    pub(super) foreign: Issuer,
    pub(super) rsa: SigningKey,
    pub(super) ec: SigningKey,
    pub(super) ed: SigningKey,
    pub(super) unpublished: SigningKey,
    pub(super) foreign_rsa: SigningKey,
    pub(super) agent: String,
    pub(super) other_agent: String,
    pub(super) owner: String,
    pub(super) revoked: String,
    pub(super) expired: String,
    runs: BTreeMap<Class, Arc<AtomicU64>>,
    certificates: Certificates,
    addresses: [AtomicU8; 2],
    running: JoinHandle<()>,
    _bench: Bench,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn spec(class: Class) -> ToolSpec {
    let (name, permission) = (class.tool(), "lamp:light:any");
    match class {
        Class::Read => ToolSpec::read(name, "T", "D.", permission),
        Class::Write => ToolSpec::write(name, "T", "D.", permission),
        Class::Destructive => ToolSpec::destructive(name, "T", "D.", permission),
        Class::Critical => {
            let mut spec = ToolSpec::destructive(name, "T", "D.", permission);
            spec.effect = homelab_core::tool::Effect::Critical;
            spec
        }
        Class::Secret => {
            let mut spec = ToolSpec::read(name, "T", "D.", permission);
            spec.secret = true;
            spec
        }
    }
}

fn tool(class: Class, runs: &Arc<AtomicU64>) -> FakeTool {
    let runs = Arc::clone(runs);
    FakeTool::new(spec(class)).runs(move |_, context| {
        runs.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(ran(json!({ "by": context.principal.name }))) })
    })
}

impl Stand {
    pub(super) async fn start() -> Self {
        Self::start_under("").await
    }

    /// With everything below a path.
    pub(super) async fn start_under(base_path: &str) -> Self {
        let key = |id: &str, kind| SigningKey::generate(id, kind).unwrap();
        let (rsa, ec, ed) = (
            key("k-rsa", KeyKind::Rsa),
            key("k-ec", KeyKind::Ec),
            key("k-ed", KeyKind::Ed),
        );
        let foreign_rsa = key("k-rsa", KeyKind::Rsa);
        let issuer = Issuer::start(&[&rsa, &ec, &ed]).await.unwrap();
        let foreign = Issuer::start(&[&foreign_rsa]).await.unwrap();
        let runs: BTreeMap<Class, Arc<AtomicU64>> = Class::ALL
            .into_iter()
            .map(|class| (class, Arc::default()))
            .collect();
        let tools = runs
            .iter()
            .map(|(class, runs)| tool(*class, runs))
            .collect();
        let bench = Bench::new(vec![FakeServer::new("lamp", "lamp", tools)]);
        let keys = StoredKeys::new(&bench).await;
        let certificates = Certificates::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let methods = methods(&issuer, base_path);
        let routes = router(http_parts(&bench, keys.store.clone(), methods, base_path));
        let tls = certificates.server();
        let running = tokio::spawn(async move {
            let limits = Limits::default();
            listen::serve(
                vec![listener],
                routes,
                Some(tls),
                limits,
                CancellationToken::new(),
            )
            .await
            .unwrap();
        });
        Self {
            address,
            audit: bench.audit.clone(),
            issuer,
            foreign,
            rsa,
            ec,
            ed,
            unpublished: key("k-unpublished", KeyKind::Rsa),
            foreign_rsa,
            agent: keys.agent,
            other_agent: keys.other_agent,
            owner: keys.owner,
            revoked: keys.revoked,
            expired: keys.expired,
            runs,
            certificates,
            addresses: [AtomicU8::new(0), AtomicU8::new(0)],
            running,
            _bench: bench,
        }
    }

    /// How often each tool has run.
    pub(super) fn runs(&self) -> BTreeMap<Class, u64> {
        self.runs
            .iter()
            .map(|(class, runs)| (*class, runs.load(Ordering::SeqCst)))
            .collect()
    }

    /// An address that no cell used before, so that none meets the limits of another.
    pub(super) fn outsider(&self) -> Ipv4Addr {
        self.fresh(1)
    }

    /// The same, of a listed proxy.
    pub(super) fn proxy(&self) -> Ipv4Addr {
        self.fresh(2)
    }

    fn fresh(&self, network: u8) -> Ipv4Addr {
        let low = self.addresses[0].fetch_add(1, Ordering::SeqCst);
        let high = if low == u8::MAX {
            self.addresses[1].fetch_add(1, Ordering::SeqCst)
        } else {
            self.addresses[1].load(Ordering::SeqCst)
        };
        Ipv4Addr::new(127, network, high, low.max(1))
    }

    /// A token of nobody's: signed with a secret that is not configured.
    pub(super) fn token_with_secret(&self, claims: &Value) -> String {
        let header = json!({ "alg": "HS256", "kid": self.rsa.id() });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(&header), part(claims), part(&json!("x")))
    }

    /// A connection; none if TLS refuses it.
    pub(super) async fn connect(&self, source: Ipv4Addr, shown: Shown) -> Option<Client> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = self.certificates.client(shown);
        let mut stream = connector.connect(name, stream).await.ok()?;
        // In TLS 1.3 a client hears of its refused certificate with the first answer.
        if shown == Shown::OtherAuthority {
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok()?;
            assert!(answer.is_empty(), "the certificate was accepted");
            return None;
        }
        Some(Client::over(stream, self.address).await)
    }
}

/// Keys in all their states.
struct StoredKeys {
    store: Arc<MemoryKeys>,
    agent: String,
    other_agent: String,
    owner: String,
    revoked: String,
    expired: String,
}

impl StoredKeys {
    async fn new(bench: &Bench) -> Self {
        let store = Arc::new(MemoryKeys::default());
        let entropy = SeededEntropy::new(5);
        let now = bench.clock.now();
        let make = async |name: &str, kind, role, expires_at| {
            let new = NewKey {
                name: name.into(),
                kind,
                role,
                grants: Grants::default(),
                expires_at,
            };
            let (row, text) = generate(new, &*bench.clock, &entropy);
            store.insert(row).await.unwrap();
            text.expose().to_owned()
        };
        let (operator, agent) = (Role::Operator, CredentialKind::Agent);
        let keys = Self {
            agent: make("agent", agent, operator, None).await,
            other_agent: make("other", agent, operator, None).await,
            owner: make("owner", CredentialKind::Owner, Role::Admin, None).await,
            revoked: make("revoked", agent, Role::Admin, None).await,
            expired: make("expired", agent, Role::Admin, Some(now)).await,
            store: store.clone(),
        };
        keys.store.revoke("revoked", now).await.unwrap();
        keys
    }
}

fn methods(issuer: &Issuer, base_path: &str) -> Methods {
    let scopes = ScopeNames::default();
    let options = IssuerOptions {
        name: "idp".to_owned(),
        url: Some(issuer.url()),
        trust: Trust::Published {
            keys: None,
            tls: homelab_upstream::TlsConfig::default(),
        },
        audiences: None,
        algorithms: Algorithm::DEFAULT.to_vec(),
        leeway: Duration::from_mins(1),
        claims: ClaimNames::default(),
        roles: RoleMap {
            groups: BTreeMap::from([
                ("lab".to_owned(), Role::Operator),
                ("lab-admins".to_owned(), Role::Admin),
                ("guests".to_owned(), Role::Viewer),
            ]),
            default: None,
        },
        needs_scopes: true,
    };
    Methods {
        issuers: Some(Issuers::new(vec![options], scopes.clone(), &Redactor::default()).unwrap()),
        resource: Some(ResourceOptions {
            base: format!("{BASE}{base_path}").parse().unwrap(),
            authorization_servers: vec![issuer.url()],
            scopes,
            first: vec!["homelab:read".to_owned()],
            supported: vec!["homelab:read".to_owned(), "homelab:write".to_owned()],
        }),
        certificates: vec![CertificateOwner {
            matches: CertificateMatch::Uri(Pattern::new("spiffe://lab/agent/*")),
            name: Some("backup".to_owned()),
            role: Role::Operator,
        }],
        proxy: Some(ProxyOptions {
            addresses: vec!["127.2.0.0/16".parse().unwrap()],
            user_header: Some(HeaderName::from_static("remote-user")),
            groups_header: Some(HeaderName::from_static("remote-groups")),
            groups_separator: ',',
            roles: RoleMap {
                groups: BTreeMap::from([("lab".to_owned(), Role::Operator)]),
                default: None,
            },
            secret: None,
            openwebui: true,
        }),
        taint_off: ["idp:robot".to_owned()].into(),
    }
}

fn http_parts(
    bench: &Bench,
    keys: Arc<MemoryKeys>,
    methods: Methods,
    base_path: &str,
) -> HttpParts {
    let handler = Arc::new(HandlerParts {
        caller: bench.dispatcher.clone(),
        metrics: bench.metrics.clone(),
        changes: ToolListChanges::default(),
        clock: bench.clock.clone(),
        entropy: Arc::new(SeededEntropy::new(7)),
        shutdown: CancellationToken::new(),
        sealer: Sealer::new([7; 32]),
        output_schemas_in_aggregate: false,
    });
    let parts = AuthParts {
        keys,
        audit: Arc::clone(&bench.audit) as Arc<dyn AuditSink>,
        clock: bench.clock.clone(),
        entropy: Arc::new(SeededEntropy::new(8)),
        metrics: bench.metrics.clone(),
        without_key: WithoutKey::Refused,
    };
    HttpParts {
        handler,
        authenticator: Authenticator::with(parts, methods),
        registry: bench.registry.clone(),
        approvals: None,
        ccpm: None,
        ready: Arc::new(Ready),
        options: HttpOptions {
            base_path: base_path.to_owned(),
            allowed_hosts: vec!["lab.example".parse().unwrap()],
            ..HttpOptions::default()
        },
    }
}

struct Ready;

#[async_trait]
impl Readiness for Ready {
    async fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The authority of the server and its clients, another one, and clients with and without.
struct Certificates {
    folder: tempfile::TempDir,
    ours: Authority,
    clients: Vec<(Shown, TlsConnector)>,
}

struct Authority {
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
            issuer: rcgen::Issuer::new(params, key),
            certificate,
        }
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, rcgen::KeyPair) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let uri = format!("spiffe://lab/{name}").try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

impl Certificates {
    fn new() -> Self {
        let (ours, other) = (Authority::new(), Authority::new());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(ours.certificate.der().clone()).unwrap();
        let connector = |identity: Option<(rcgen::Certificate, rcgen::KeyPair)>| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let builder = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots.clone());
            let config = match identity {
                None => builder.with_no_client_auth(),
                Some((certificate, key)) => {
                    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
                    builder
                        .with_client_auth_cert(vec![certificate.der().clone()], key)
                        .unwrap()
                }
            };
            TlsConnector::from(Arc::new(config))
        };
        let clients = vec![
            (Shown::None, connector(None)),
            (Shown::Agent, connector(Some(ours.sign("agent/backup")))),
            (Shown::Nobody, connector(Some(ours.sign("person/eve")))),
            (
                Shown::OtherAuthority,
                connector(Some(other.sign("agent/backup"))),
            ),
        ];
        Self {
            folder: tempfile::tempdir().unwrap(),
            ours,
            clients,
        }
    }

    fn file(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn server(&self) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self.ours.sign("server");
        let files = TlsFiles {
            cert: self.file("cert.pem", &certificate.pem()),
            key: self.file("key.pem", &key.serialize_pem()),
            client_ca: Some(self.file("ca.pem", &self.ours.certificate.pem())),
            client_optional: true,
        };
        files.load().unwrap()
    }

    fn client(&self, shown: Shown) -> &TlsConnector {
        let found = self.clients.iter().find(|(kind, _)| *kind == shown);
        &found.unwrap().1
    }
}
