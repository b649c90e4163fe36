//! The states of authentication: what a client brings along.

use std::net::Ipv4Addr;

use homelab_lab::oidc::Signing;
use serde_json::{Value, json};

use super::stand::{BASE, NOW, Stand};

/// A row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Nothing,
    AgentKey,
    OwnerKey,
    RevokedKey,
    ExpiredKey,
    /// The key where it does not belong.
    KeyInQuery,
    /// A right key, and another header of the same name.
    TwoAuthorizations,
    TokenToRead,
    TokenToWrite,
    TokenToWriteOfViewer,
    TokenToWriteOfAdmin,
    /// ES256.
    TokenOfAdmin,
    /// PS256.
    TokenOfPss,
    /// EdDSA.
    TokenOfEd,
    TokenWithoutScope,
    TokenWithoutRole,
    TokenForOtherEndpoint,
    /// Our issuer's key, another issuer's name.
    TokenOfOtherIssuer,
    TokenUnsigned,
    TokenSignedWithPublicKey(usize),
    TokenBroken,
    /// Other claims under the same signature.
    TokenAltered,
    TokenExpired,
    TokenNotYetValid,
    TokenOfUnknownKey,
    /// Another issuer's, whose key has the id of one of ours.
    TokenOfForeignIssuer,
    /// Our issuer's name and key id, signed by that other key.
    TokenOfForeignKey,
    /// HS256 with a secret that nobody configured.
    TokenWithSharedSecret,
    Certificate,
    CertificateOfNobody,
    CertificateOfOtherAuthority,
    ProxyUser,
    ProxyUserWithoutRole,
    ProxyUserFromElsewhere,
    ProxyHeaderTwice,
    ProxyHeaderUnderscore,
    ProxyHeaderBothSpellings,
    ProxyHeadersSmuggledFromElsewhere,
    /// A wrong key is not made good by a proxy's word.
    ProxyUserWithWrongKey,
    OpenWebUiUser,
    OpenWebUiPending,
    /// The key counts, the headers do not.
    OpenWebUiUserFromElsewhere,
    /// A right key at somebody else's session.
    ForeignSession,
    ReadOnlyHeader,
    MalformedBounds,
}

impl State {
    pub(super) const ALL: [Self; 48] = [
        Self::Nothing,
        Self::AgentKey,
        Self::OwnerKey,
        Self::RevokedKey,
        Self::ExpiredKey,
        Self::KeyInQuery,
        Self::TwoAuthorizations,
        Self::TokenToRead,
        Self::TokenToWrite,
        Self::TokenToWriteOfViewer,
        Self::TokenToWriteOfAdmin,
        Self::TokenOfAdmin,
        Self::TokenOfPss,
        Self::TokenOfEd,
        Self::TokenWithoutScope,
        Self::TokenWithoutRole,
        Self::TokenForOtherEndpoint,
        Self::TokenOfOtherIssuer,
        Self::TokenUnsigned,
        Self::TokenSignedWithPublicKey(0),
        Self::TokenSignedWithPublicKey(1),
        Self::TokenSignedWithPublicKey(2),
        Self::TokenSignedWithPublicKey(3),
        Self::TokenBroken,
        Self::TokenAltered,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenOfUnknownKey,
        Self::TokenOfForeignIssuer,
        Self::TokenOfForeignKey,
        Self::TokenWithSharedSecret,
        Self::Certificate,
        Self::CertificateOfNobody,
        Self::CertificateOfOtherAuthority,
        Self::ProxyUser,
        Self::ProxyUserWithoutRole,
        Self::ProxyUserFromElsewhere,
        Self::ProxyHeaderTwice,
        Self::ProxyHeaderUnderscore,
        Self::ProxyHeaderBothSpellings,
        Self::ProxyHeadersSmuggledFromElsewhere,
        Self::ProxyUserWithWrongKey,
        Self::OpenWebUiUser,
        Self::OpenWebUiPending,
        Self::OpenWebUiUserFromElsewhere,
        Self::ForeignSession,
        Self::ReadOnlyHeader,
        Self::MalformedBounds,
    ];
}

/// Which certificate a client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    None,
    Agent,
    Nobody,
    OtherAuthority,
}

/// What the requests of a cell look like.
#[derive(Debug, Clone)]
pub(super) struct Dress {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) source: Ipv4Addr,
    pub(super) shown: Shown,
    pub(super) query: Option<String>,
}

fn claims(issuer: &str, groups: &[&str], scope: &str) -> Value {
    json!({
        "iss": issuer,
        "aud": ["account", BASE],
        "sub": "0d1c",
        "preferred_username": "alice",
        "groups": groups,
        "scope": scope,
        "iat": NOW - 10,
        "exp": NOW + 300,
    })
}

/// The same claims with one changed.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

impl Stand {
    /// What a client in this state brings along.
    pub(super) fn dress(&self, state: State) -> Dress {
        let mut dress = Dress {
            headers: Vec::new(),
            source: self.outsider(),
            shown: Shown::None,
            query: None,
        };
        match state {
            State::Nothing => {}
            State::Certificate => dress.shown = Shown::Agent,
            State::CertificateOfNobody => dress.shown = Shown::Nobody,
            State::CertificateOfOtherAuthority => dress.shown = Shown::OtherAuthority,
            State::KeyInQuery => dress.query = Some(format!("access_token={}", self.agent)),
            State::AgentKey | State::ForeignSession => dress.bearer(&self.agent),
            State::OwnerKey => dress.bearer(&self.owner),
            State::RevokedKey => dress.bearer(&self.revoked),
            State::ExpiredKey => dress.bearer(&self.expired),
            State::TwoAuthorizations => {
                dress.bearer(&self.agent);
                dress.bearer("something-else");
            }
            State::ReadOnlyHeader => {
                dress.bearer(&self.agent);
                dress.add("x-mcp-readonly", "true");
            }
            State::MalformedBounds => {
                dress.bearer(&self.agent);
                dress.add("x-mcp-toolsets", "lamp,,");
            }
            State::ProxyUser
            | State::ProxyUserWithoutRole
            | State::ProxyUserFromElsewhere
            | State::ProxyHeaderTwice
            | State::ProxyHeaderUnderscore
            | State::ProxyHeaderBothSpellings
            | State::ProxyHeadersSmuggledFromElsewhere
            | State::ProxyUserWithWrongKey => self.dress_as_proxy(state, &mut dress),
            State::OpenWebUiUser | State::OpenWebUiPending | State::OpenWebUiUserFromElsewhere => {
                dress.bearer(&self.agent);
                dress.add("x-openwebui-user-id", "77");
                dress.add("x-openwebui-user-email", "carol@lab.example");
                let pending = state == State::OpenWebUiPending;
                dress.add(
                    "x-openwebui-user-role",
                    if pending { "pending" } else { "admin" },
                );
                if state != State::OpenWebUiUserFromElsewhere {
                    dress.source = self.proxy();
                }
            }
            token => {
                let token = self.token(token);
                dress.bearer(&token);
            }
        }
        dress
    }

    fn dress_as_proxy(&self, state: State, dress: &mut Dress) {
        dress.add("remote-groups", "lab");
        match state {
            State::ProxyHeaderUnderscore => dress.add("remote_user", "dave"),
            State::ProxyHeadersSmuggledFromElsewhere => {
                dress.add("remote-user", "dave");
                dress.add("remote-user", "erin");
                dress.add("remote_user", "erin");
            }
            _ => dress.add("remote-user", "dave"),
        }
        match state {
            State::ProxyHeaderTwice => dress.add("remote-user", "erin"),
            State::ProxyHeaderBothSpellings => dress.add("remote_user", "erin"),
            State::ProxyUserWithoutRole => {
                dress.headers.retain(|(name, _)| *name != "remote-groups");
                dress.add("remote-groups", "guests");
            }
            State::ProxyUserWithWrongKey => dress.bearer(&self.revoked),
            _ => {}
        }
        if !matches!(
            state,
            State::ProxyUserFromElsewhere | State::ProxyHeadersSmuggledFromElsewhere
        ) {
            dress.source = self.proxy();
        }
    }

    fn token(&self, state: State) -> String {
        let ours = self.issuer.url();
        let write = || claims(&ours, &["lab"], "openid homelab:write");
        let admin = || claims(&ours, &["lab-admins", "lab"], "homelab:admin");
        let (key, claims, how) = match state {
            State::TokenToRead => (
                &self.rsa,
                claims(&ours, &["lab"], "homelab:read"),
                Signing::Usual,
            ),
            State::TokenToWriteOfViewer => (
                &self.rsa,
                claims(&ours, &["guests"], "homelab:write"),
                Signing::Usual,
            ),
            State::TokenToWriteOfAdmin => (
                &self.rsa,
                claims(&ours, &["lab-admins"], "homelab:write"),
                Signing::Usual,
            ),
            State::TokenOfAdmin => (&self.ec, admin(), Signing::Usual),
            State::TokenOfPss => (&self.rsa, admin(), Signing::Pss),
            State::TokenOfEd => (&self.ed, write(), Signing::Usual),
            State::TokenWithoutScope => (
                &self.rsa,
                with(write(), "scope", json!("openid")),
                Signing::Usual,
            ),
            State::TokenWithoutRole => (
                &self.rsa,
                with(write(), "groups", json!(["else"])),
                Signing::Usual,
            ),
            State::TokenForOtherEndpoint => {
                let other = json!(format!("{BASE}/servers/other/mcp"));
                (&self.rsa, with(admin(), "aud", other), Signing::Usual)
            }
            State::TokenOfOtherIssuer => {
                let other = json!("https://other.example");
                (&self.rsa, with(admin(), "iss", other), Signing::Usual)
            }
            State::TokenUnsigned => (&self.rsa, admin(), Signing::None),
            State::TokenSignedWithPublicKey(encoding) => {
                (&self.rsa, admin(), Signing::PublicKeyAsSecret(encoding))
            }
            State::TokenBroken => (&self.rsa, admin(), Signing::Broken),
            State::TokenExpired => (
                &self.rsa,
                with(admin(), "exp", json!(NOW - 61)),
                Signing::Usual,
            ),
            State::TokenNotYetValid => (
                &self.rsa,
                with(admin(), "nbf", json!(NOW + 61)),
                Signing::Usual,
            ),
            State::TokenOfUnknownKey => (&self.unpublished, admin(), Signing::Usual),
            State::TokenOfForeignIssuer => {
                let foreign = json!(self.foreign.url());
                (
                    &self.foreign_rsa,
                    with(admin(), "iss", foreign),
                    Signing::Usual,
                )
            }
            State::TokenOfForeignKey => (&self.foreign_rsa, admin(), Signing::Usual),
            State::TokenWithSharedSecret => return self.token_with_secret(&admin()),
            State::TokenAltered => {
                let honest = self.rsa.sign(&write(), Signing::Usual).unwrap();
                let forged = self.rsa.sign(&admin(), Signing::None).unwrap();
                let part = |token: &str, index| token.split('.').nth(index).unwrap().to_owned();
                return format!(
                    "{}.{}.{}",
                    part(&honest, 0),
                    part(&forged, 1),
                    part(&honest, 2)
                );
            }
            _ => (&self.rsa, write(), Signing::Usual),
        };
        key.sign(&claims, how).unwrap()
    }
}

impl Dress {
    pub(super) fn add(&mut self, name: &'static str, value: &str) {
        self.headers.push((name, value.to_owned()));
    }

    fn bearer(&mut self, token: &str) {
        self.add("authorization", &format!("Bearer {token}"));
    }
}
