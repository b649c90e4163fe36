//! API keys at the door: what opens, what does not, and what the store sees of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homelab_core::call::{CredentialKind, Transport};
use homelab_core::clock::{Clock as _, ManualClock, SeededEntropy};
use homelab_core::policy::{Grants, Role};
use homelab_core::secret::Secret;
use homelab_core::store::{AuditSink, Keys as _};
use homelab_gateway::auth::keys::{NewKey, generate};
use homelab_gateway::auth::{AuthError, AuthParts, Authenticator, WithoutKey, local};
use homelab_gateway::metrics::Metrics;
use rstest::rstest;

use crate::support::{MemoryAudit, MemoryKeys, clock, metrics};

struct Door {
    authenticator: Arc<Authenticator>,
    keys: Arc<MemoryKeys>,
    audit: Arc<MemoryAudit>,
    clock: Arc<ManualClock>,
    metrics: Arc<Metrics>,
    entropy: SeededEntropy,
}

impl Door {
    fn new() -> Self {
        Self::with(WithoutKey::Refused)
    }

    fn with(without_key: WithoutKey) -> Self {
        let (keys, audit) = (
            Arc::new(MemoryKeys::default()),
            Arc::new(MemoryAudit::default()),
        );
        let (clock, metrics) = (clock(), metrics());
        let authenticator = Authenticator::new(AuthParts {
            keys: Arc::clone(&keys) as _,
            audit: Arc::clone(&audit) as Arc<dyn AuditSink>,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SeededEntropy::new(9)),
            metrics: Arc::clone(&metrics),
            without_key,
        });
        Self {
            authenticator,
            keys,
            audit,
            clock,
            metrics,
            entropy: SeededEntropy::new(1),
        }
    }

    /// A key in force, valid for an hour.
    async fn key(&self, name: &str, kind: CredentialKind, role: Role) -> Secret {
        let new = NewKey {
            name: name.into(),
            kind,
            role,
            grants: Grants::default(),
            expires_at: Some(self.clock.now().plus_seconds(3600)),
        };
        let (key, text) = generate(new, &*self.clock, &self.entropy);
        self.keys.insert(key).await.unwrap();
        text
    }

    async fn open(&self, key: &Secret) -> Result<String, AuthError> {
        self.send(&format!("Bearer {}", key.expose())).await
    }

    async fn send(&self, header: &str) -> Result<String, AuthError> {
        let peer: IpAddr = "192.0.2.7".parse().unwrap();
        let principal = self
            .authenticator
            .authenticate(Some(header), Some(peer))
            .await?;
        Ok(principal.name.clone())
    }

    fn counted(&self, reason: &str) -> bool {
        let series = format!("homelab_mcp_auth_failures_total{{reason=\"{reason}\"}}");
        self.metrics.encode(false).contains(&series)
    }
}

#[tokio::test]
async fn a_key_opens_with_its_name_kind_role_and_patterns() {
    let door = Door::new();
    let agent = door
        .key("claude", CredentialKind::Agent, Role::Operator)
        .await;
    let owner = door.key("me", CredentialKind::Owner, Role::Admin).await;
    let header = |key: &Secret| format!("bearer  {} ", key.expose());

    let agent = door
        .authenticator
        .authenticate(Some(&header(&agent)), None)
        .await
        .unwrap();
    let owner = door
        .authenticator
        .authenticate(Some(&header(&owner)), None)
        .await
        .unwrap();

    assert_eq!(
        (agent.name.as_str(), agent.kind, agent.role),
        ("claude", CredentialKind::Agent, Role::Operator)
    );
    assert_eq!(agent.credential.len(), 12);
    assert_eq!(
        (owner.kind, owner.role),
        (CredentialKind::Owner, Role::Admin)
    );
}

#[tokio::test]
async fn requests_within_a_second_cost_no_query() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;
    door.open(&key).await.unwrap();
    let before = door.keys.queries.load(Ordering::SeqCst);

    for _ in 0..100 {
        door.open(&key).await.unwrap();
    }

    assert_eq!(door.keys.queries.load(Ordering::SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_key_revoked_elsewhere_stops_working_within_about_a_second() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;
    door.open(&key).await.unwrap();

    door.keys.revoke("claude", door.clock.now()).await.unwrap();
    tokio::time::advance(Duration::from_millis(1_100)).await;
    let after = door.open(&key).await;

    assert_eq!(after, Err(AuthError::Invalid));
    assert!(door.counted("revoked"));
}

#[tokio::test]
async fn a_key_made_elsewhere_works_at_once() {
    let door = Door::new();
    let first = door.key("first", CredentialKind::Agent, Role::Viewer).await;
    door.open(&first).await.unwrap();

    let second = door
        .key("second", CredentialKind::Agent, Role::Viewer)
        .await;

    assert_eq!(door.open(&second).await.as_deref(), Ok("second"));
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;
    door.clock.advance_seconds(3599);
    let before = door.open(&key).await;
    door.clock.advance_seconds(1);

    assert!(before.is_ok());
    assert_eq!(door.open(&key).await, Err(AuthError::Invalid));
    assert!(door.counted("expired"));
}

#[rstest]
#[case::not_a_key("Bearer hello", "malformed")]
#[case::another_scheme("Basic dXNlcjpwYXNz", "malformed")]
#[case::no_scheme(
    "hlab_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "malformed"
)]
#[case::unknown(
    "Bearer hlab_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "unknown"
)]
#[tokio::test]
async fn what_is_wrong_is_recorded_and_not_told(#[case] header: &str, #[case] reason: &str) {
    let door = Door::new();

    let error = door.send(header).await.unwrap_err();

    assert_eq!(error, AuthError::Invalid);
    assert!(door.counted(reason));
    let row = &door.audit.rows()[0].entry;
    assert_eq!(
        (row.action.as_str(), row.outcome.as_deref()),
        ("sign_in_refused", Some(reason))
    );
    assert_eq!(row.ip_address.as_deref(), Some("192.0.2.7"));
    assert!(!format!("{row:?}").contains("AAAAAAA"));
}

#[tokio::test]
async fn the_right_id_with_a_wrong_secret_opens_nothing() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;
    let other = door.key("other", CredentialKind::Agent, Role::Viewer).await;
    let part = |key: &Secret, index| key.expose().splitn(3, '_').nth(index).unwrap().to_owned();
    let wrong = format!("hlab_{}_{}", part(&key, 1), part(&other, 2));

    let refused = door.open(&Secret::new(wrong)).await;

    assert_eq!(refused, Err(AuthError::Invalid));
    assert!(door.counted("wrong_secret"));
}

#[tokio::test(start_paused = true)]
async fn wrong_keys_are_limited_for_each_address_and_right_ones_are_not() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;

    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(door.send("Bearer nonsense").await.unwrap_err());
    }
    let right = door.open(&key).await;
    let queries = door.keys.queries.load(Ordering::SeqCst);
    let unknown = "Bearer hlab_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let limited = door.send(unknown).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let later = door.send("Bearer nonsense").await;

    assert_eq!(answers[..10], [AuthError::Invalid; 10]);
    let AuthError::Limited { retry_after } = answers[10] else {
        panic!("{answers:?}");
    };
    assert_eq!(retry_after, Duration::from_secs(2));
    assert!(right.is_ok());
    // Guessing beyond the limit costs the database nothing.
    assert!(matches!(limited, Err(AuthError::Limited { .. })));
    assert_eq!(door.keys.queries.load(Ordering::SeqCst), queries);
    assert_eq!(later, Err(AuthError::Invalid));
    // One row for the first, the others are gathered.
    assert_eq!(door.audit.rows().len(), 1);
}

#[tokio::test]
async fn a_request_without_a_key_is_refused_unless_none_is_asked_for() {
    let strict = Door::new();
    let open = Door::with(WithoutKey::Is(Role::Viewer));

    let refused = strict
        .authenticator
        .authenticate(None, None)
        .await
        .unwrap_err();
    let anonymous = open.authenticator.authenticate(None, None).await.unwrap();
    let wrong = open.send("Bearer nonsense").await;

    assert_eq!(refused, AuthError::Missing);
    assert_eq!(
        (anonymous.name.as_str(), anonymous.role),
        ("anonymous", Role::Viewer)
    );
    assert_eq!(wrong, Err(AuthError::Invalid));
}

#[tokio::test(start_paused = true)]
async fn known_keys_survive_a_short_outage_of_the_store_and_no_long_one() {
    let door = Door::new();
    let key = door
        .key("claude", CredentialKind::Agent, Role::Viewer)
        .await;
    door.open(&key).await.unwrap();
    door.keys.broken.store(true, Ordering::SeqCst);

    tokio::time::advance(Duration::from_secs(5)).await;
    let short = door.open(&key).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    let long = [door.open(&key).await, door.open(&key).await];
    door.keys.broken.store(false, Ordering::SeqCst);
    let again = door.open(&key).await;

    assert!(short.is_ok());
    assert_eq!(
        long,
        [Err(AuthError::Unavailable), Err(AuthError::Unavailable)]
    );
    assert!(again.is_ok());
}

#[tokio::test]
async fn a_store_that_never_answered_opens_nothing() {
    let door = Door::with(WithoutKey::Is(Role::Admin));
    door.keys.broken.store(true, Ordering::SeqCst);
    let unknown = "Bearer hlab_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    assert_eq!(door.send(unknown).await, Err(AuthError::Unavailable));
}

#[rstest]
#[case(AuthError::Missing, 401, Some(r#"Bearer realm="homelab-mcp""#), None)]
#[case(
    AuthError::Invalid,
    401,
    Some(r#"Bearer realm="homelab-mcp", error="invalid_token", error_description="the API key is unknown, expired or revoked""#),
    None
)]
#[case(AuthError::Limited { retry_after: Duration::from_millis(1_500) }, 429, None, Some("2"))]
#[case(AuthError::Unavailable, 503, None, Some("1"))]
fn http_says_what_to_do(
    #[case] error: AuthError,
    #[case] status: u16,
    #[case] challenge: Option<&str>,
    #[case] retry_after: Option<&str>,
) {
    use axum::response::IntoResponse as _;

    let response = error.into_response();

    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    };
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(header("www-authenticate"), challenge);
    assert_eq!(header("retry-after"), retry_after);
    assert_eq!(header("content-type"), Some("application/json"));
}

#[test]
fn a_local_caller_is_named_after_door_and_user() {
    let principal = local(Transport::Stdio, 1000, Role::Operator);

    assert_eq!(principal.name, "stdio:1000");
    assert_eq!(principal.kind, CredentialKind::Local);
    assert_eq!(principal.role, Role::Operator);
}
