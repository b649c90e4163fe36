//! Tokens and the issuers behind them: keys that rotate, issuers that fail, strangers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::SeededEntropy;
use homelab_core::policy::{Role, Scope};
use homelab_core::redact::Redactor;
use homelab_core::secret::Secret;
use homelab_core::store::AuditSink;
use homelab_gateway::auth::{
    Algorithm, AuthError, AuthParts, Authenticator, ClaimNames, Credentials, IssuerOptions,
    Issuers, Methods, ResourceOptions, RoleMap, ScopeNames, Trust, WithoutKey,
};
use homelab_lab::Fault;
use homelab_lab::oidc::{Discovery, Issuer, KeyKind, Signing, SigningKey};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{MemoryAudit, MemoryKeys, clock, metrics};

const NOW: i64 = 1_700_000_000;
const MCP: &str = "https://lab.example/mcp";

/// An authenticator that trusts one issuer.
struct Lab {
    issuer: Issuer,
    key: SigningKey,
    authenticator: Arc<Authenticator>,
}

fn key(id: &str) -> SigningKey {
    SigningKey::generate(id, KeyKind::Ec).unwrap()
}

fn options(url: Option<String>) -> IssuerOptions {
    IssuerOptions {
        name: "idp".to_owned(),
        url,
        trust: Trust::Published {
            keys: None,
            tls: homelab_upstream::TlsConfig::default(),
        },
        audiences: None,
        algorithms: Algorithm::DEFAULT.to_vec(),
        leeway: Duration::from_mins(1),
        claims: ClaimNames::default(),
        roles: RoleMap {
            groups: BTreeMap::new(),
            default: Some(Role::Operator),
        },
        needs_scopes: false,
    }
}

fn authenticator(issuers: Vec<IssuerOptions>) -> Arc<Authenticator> {
    let parts = AuthParts {
        keys: Arc::new(MemoryKeys::default()),
        audit: Arc::new(MemoryAudit::default()) as Arc<dyn AuditSink>,
        clock: clock(),
        entropy: Arc::new(SeededEntropy::new(9)),
        metrics: metrics(),
        without_key: WithoutKey::Refused,
    };
    let scopes = ScopeNames::default();
    let issuers = Issuers::new(issuers, scopes.clone(), &Redactor::default()).unwrap();
    let methods = Methods {
        issuers: Some(issuers),
        resource: Some(ResourceOptions {
            base: "https://lab.example".parse().unwrap(),
            authorization_servers: Vec::new(),
            scopes,
            first: Vec::new(),
            supported: Vec::new(),
        }),
        taint_off: ["idp:robot".to_owned()].into(),
        ..Methods::default()
    };
    Authenticator::with(parts, methods)
}

impl Lab {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut IssuerOptions)) -> Self {
        let key = key("k1");
        let issuer = Issuer::start(&[&key]).await.unwrap();
        let mut options = options(Some(issuer.url()));
        change(&mut options);
        Self {
            authenticator: authenticator(vec![options]),
            issuer,
            key,
        }
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer.url(),
            "aud": MCP,
            "sub": "0d1c",
            "preferred_username": "alice",
            "exp": NOW + 300,
        })
    }

    fn token(&self, key: &SigningKey) -> String {
        key.sign(&self.claims(), Signing::Usual).unwrap()
    }

    async fn open(&self, token: &str) -> Result<String, AuthError> {
        open(&self.authenticator, token, "192.0.2.7").await
    }

    /// From an address that has not been limited.
    async fn open_from(&self, address: &str, token: &str) -> Result<String, AuthError> {
        open(&self.authenticator, token, address).await
    }
}

async fn open(
    authenticator: &Authenticator,
    token: &str,
    address: &str,
) -> Result<String, AuthError> {
    let header = format!("Bearer {token}");
    let sent = Credentials {
        authorization: Some(&header),
        peer: Some(address.parse().unwrap()),
        path: Some("/mcp"),
        ..Credentials::default()
    };
    let principal = authenticator.sign_in(&sent).await?;
    Ok(principal.name.clone())
}

/// Lets time pass that nobody waits for.
async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_opens_under_the_name_of_its_issuer_and_user() {
    let lab = Lab::start().await;
    let header = format!("bearer {}", lab.token(&lab.key));
    let sent = Credentials {
        authorization: Some(&header),
        path: Some("/mcp"),
        ..Credentials::default()
    };

    let principal = lab.authenticator.sign_in(&sent).await.unwrap();

    assert_eq!(principal.name, "idp:alice");
    assert_eq!(principal.credential, "idp:0d1c");
    assert_eq!(principal.role, Role::Operator);
    assert_eq!(principal.scope, None);
    assert!(principal.taintable);
}

#[tokio::test]
async fn scopes_bind_a_token_even_where_none_is_needed_and_taint_is_off_by_name() {
    let lab = Lab::start().await;
    let mut claims = lab.claims();
    claims["scope"] = json!("homelab:read");
    claims["preferred_username"] = json!("robot");
    let header = format!("Bearer {}", lab.key.sign(&claims, Signing::Usual).unwrap());
    let sent = Credentials {
        authorization: Some(&header),
        path: Some("/mcp"),
        ..Credentials::default()
    };

    let principal = lab.authenticator.sign_in(&sent).await.unwrap();

    assert_eq!(principal.scope, Some(Scope::Read));
    assert!(!principal.taintable);
}

#[tokio::test]
async fn many_tokens_at_once_read_the_keys_once() {
    let lab = Lab::start().await;
    let token = lab.token(&lab.key);

    let opened = futures_util::future::join_all((0..50).map(|_| lab.open(&token))).await;

    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(lab.issuer.key_requests(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_flood_of_made_up_ones_asks_the_issuer_once_in_ten_seconds() {
    let lab = Lab::start().await;
    lab.open(&lab.token(&lab.key)).await.unwrap();
    let (next, made_up) = (key("k2"), key("made-up"));

    lab.issuer.publish(&[&next]);
    later(Duration::from_secs(11)).await;
    let rotated = lab.open(&lab.token(&next)).await;
    let old = lab.open_from("192.0.2.8", &lab.token(&lab.key)).await;
    let before = lab.issuer.key_requests();
    for host in 0..100 {
        let address = format!("198.51.100.{host}");
        let refused = lab.open_from(&address, &lab.token(&made_up)).await;
        assert_eq!(refused, Err(AuthError::Invalid));
    }

    assert_eq!(rotated.as_deref(), Ok("idp:alice"));
    assert_eq!(old, Err(AuthError::Invalid), "a withdrawn key still opens");
    assert_eq!(lab.issuer.key_requests(), before);
    later(Duration::from_secs(11)).await;
    lab.open_from("203.0.113.1", &lab.token(&made_up))
        .await
        .unwrap_err();
    assert_eq!(lab.issuer.key_requests(), before + 1);
}

#[rstest]
#[case::an_error(Fault::Status(500))]
#[case::a_page(Fault::NotJson)]
#[case::too_much(Fault::Oversized(1 << 20))]
#[case::elsewhere(Fault::Redirect("https://evil.example/keys".to_owned()))]
#[case::cut(Fault::CutBody)]
#[tokio::test]
async fn an_issuer_that_fails_opens_nothing_and_is_asked_again(#[case] fault: Fault) {
    let lab = Lab::start().await;
    let token = lab.token(&lab.key);
    lab.issuer.faults().always("/", fault);

    let down = lab.open(&token).await;
    lab.issuer.faults().clear();
    let at_once = lab.open(&token).await;
    later(Duration::from_secs(11)).await;
    let up = lab.open(&token).await;

    assert_eq!(down, Err(AuthError::IssuerUnavailable));
    assert_eq!(at_once, Err(AuthError::IssuerUnavailable));
    assert_eq!(up.as_deref(), Ok("idp:alice"));
}

#[tokio::test]
async fn known_keys_outlive_a_short_outage_of_the_issuer_and_no_long_one() {
    let lab = Lab::start().await;
    let token = lab.token(&lab.key);
    lab.open(&token).await.unwrap();
    lab.issuer.faults().always("/", Fault::Status(404));

    later(Duration::from_mins(30)).await;
    let short = lab.open(&token).await;
    later(Duration::from_mins(31)).await;
    let long = lab.open(&token).await;

    assert!(short.is_ok());
    assert_eq!(long, Err(AuthError::IssuerUnavailable));
}

#[rstest]
#[case(Discovery::OpenId, true)]
#[case(Discovery::OAuth, true)]
#[case(Discovery::OtherIssuer, false)]
#[tokio::test]
async fn either_document_leads_to_the_keys_if_it_is_about_this_issuer(
    #[case] discovery: Discovery,
    #[case] opens: bool,
) {
    let lab = Lab::start().await;
    lab.issuer.set_discovery(discovery);

    let opened = lab.open(&lab.token(&lab.key)).await;

    assert_eq!(opened.is_ok(), opens, "{opened:?}");
}

#[tokio::test]
async fn a_strangers_token_causes_no_request_to_anybody() {
    let lab = Lab::start().await;
    let (stranger_key, mut claims) = (key("k1"), lab.claims());
    let stranger = Issuer::start(&[&stranger_key]).await.unwrap();
    claims["iss"] = json!(stranger.url());
    let token = stranger_key.sign(&claims, Signing::Usual).unwrap();

    let refused = lab.open(&token).await;

    assert_eq!(refused, Err(AuthError::Invalid));
    assert!(stranger.log().all().is_empty());
    assert!(lab.issuer.log().all().is_empty());
}

#[tokio::test]
async fn wrong_tokens_are_limited_for_each_address_and_right_ones_are_not() {
    let lab = Lab::start().await;
    let (right, wrong) = (lab.token(&lab.key), lab.token(&key("other")));
    lab.open(&right).await.unwrap();

    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(lab.open(&wrong).await.unwrap_err());
    }

    assert_eq!(answers[..10], [AuthError::Invalid; 10]);
    assert!(matches!(answers[11], AuthError::Limited { .. }));
    assert!(lab.open(&right).await.is_ok());
}

#[tokio::test]
async fn a_secret_among_the_published_keys_verifies_nothing() {
    let lab = Lab::start().await;
    let secret = json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "c2VjcmV0c2VjcmV0" });
    lab.issuer.publish_too(secret);

    // Signed with the same bytes would be `HS256`, which no published key may have signed.
    let rsa = SigningKey::generate("s", KeyKind::Rsa).unwrap();
    let token = rsa
        .sign(&lab.claims(), Signing::PublicKeyAsSecret(0))
        .unwrap();

    assert_eq!(lab.open(&token).await, Err(AuthError::Invalid));
}

#[tokio::test]
async fn a_token_for_another_endpoint_of_this_server_opens_nothing_here() {
    let lab = Lab::start().await;
    let mut claims = lab.claims();
    claims["aud"] = json!("https://lab.example/servers/pve/mcp");
    let token = lab.key.sign(&claims, Signing::Usual).unwrap();
    let header = format!("Bearer {token}");
    let at = |path| Credentials {
        authorization: Some(&header),
        path: Some(path),
        ..Credentials::default()
    };

    let here = lab.authenticator.sign_in(&at("/mcp")).await;
    let there = lab.authenticator.sign_in(&at("/servers/pve/mcp")).await;

    assert_eq!(here.unwrap_err(), AuthError::Invalid);
    assert!(there.is_ok());
}

/// A token with a shared secret, made by hand.
fn shared(secret: &str, claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let key = SigningKey::generate("unused", KeyKind::Ed).unwrap();
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let unsigned = key
        .sign_with_header(&header, claims, Signing::None)
        .unwrap();
    let signed = unsigned.trim_end_matches('.');
    let mac = homelab_lab::oidc::hmac_sha256(secret.as_bytes(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn openwebui() -> IssuerOptions {
    IssuerOptions {
        name: "openwebui".to_owned(),
        trust: Trust::Shared(Secret::new(SECRET)),
        audiences: Some(Vec::new()),
        algorithms: vec![Algorithm::HS256],
        claims: ClaimNames {
            name: "id".to_owned(),
            ..ClaimNames::default()
        },
        ..options(None)
    }
}

#[tokio::test]
async fn a_shared_secret_opens_for_hs256_alone_and_only_where_it_is_configured() {
    let lab = Lab::start().await;
    let both = authenticator(vec![options(Some(lab.issuer.url())), openwebui()]);
    let session = json!({ "id": "6f2c", "exp": NOW + 300 });
    let token = shared(SECRET, &session);

    let opened = open(&both, &token, "192.0.2.1").await;
    let unconfigured = lab.open(&token).await;
    let guessed = open(&both, &shared("another", &session), "192.0.2.2").await;
    let endless = open(
        &both,
        &shared(SECRET, &json!({ "id": "6f2c" })),
        "192.0.2.3",
    )
    .await;
    // In the name of the other issuer, whose keys are public.
    let other = open(&both, &shared(SECRET, &lab.claims()), "192.0.2.4").await;
    let signed = lab.key.sign(&session, Signing::Usual).unwrap();
    let signed = open(&both, &signed, "192.0.2.5").await;

    assert_eq!(opened.as_deref(), Ok("openwebui:6f2c"));
    for refused in [unconfigured, guessed, endless, other, signed] {
        assert_eq!(refused, Err(AuthError::Invalid));
    }
}

#[rstest]
#[case::short_secret(IssuerOptions { trust: Trust::Shared(Secret::new("short")), ..openwebui() })]
#[case::secret_and_public(IssuerOptions { algorithms: Algorithm::DEFAULT.to_vec(), ..openwebui() })]
#[case::symmetric_without_secret(
    IssuerOptions { algorithms: vec![Algorithm::HS256], ..options(Some("https://idp.example".to_owned())) }
)]
#[case::in_the_clear(options(Some("http://idp.example".to_owned())))]
#[case::no_url(options(None))]
#[case::no_audience(
    IssuerOptions { audiences: Some(Vec::new()), ..options(Some("https://idp.example".to_owned())) }
)]
fn an_issuer_that_would_be_unsafe_is_refused(#[case] options: IssuerOptions) {
    let made = Issuers::new(vec![options], ScopeNames::default(), &Redactor::default());

    assert!(made.is_err());
}
