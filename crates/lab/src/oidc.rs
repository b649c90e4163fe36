//! A stand-in for an identity provider: discovery, keys that rotate, and tokens of every kind, the
//! forged ones included.
//!
//! Source of the contract: OpenID Connect Discovery 1.0 §4, RFC 8414 §3, RFC 7517, RFC 7519. Keys
//! are made at run time. Signing is done here with the primitives and not with a token library, so
//! that signer and verifier share no mistakes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, signature};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::log::RequestLog;
use crate::upstream::{Upstream, unexpected};
use crate::{Faults, Recorded};

/// Path of the issuer, so that both discovery paths differ from the root.
const REALM: &str = "/realms/lab";

/// The kinds of key that it signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits: `RS256` and `PS256`.
    Rsa,
    /// P-256: `ES256`.
    Ec,
    /// Ed25519: `EdDSA`.
    Ed,
}

/// A key pair with its id.
pub struct SigningKey {
    id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// As its key does by default: `RS256`, `ES256`, `EdDSA`.
    Usual,
    /// RSA with PSS.
    Pss,
    /// `alg` is `none` and the signature empty.
    None,
    /// `HS256` with the public key, in the n-th of its usual encodings, as the secret.
    PublicKeyAsSecret(usize),
    /// The right algorithm over other bytes.
    Broken,
}

/// Encodings of a public key that [`Signing::PublicKeyAsSecret`] knows.
pub const PUBLIC_ENCODINGS: usize = 4;

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate(id: &str, kind: KeyKind) -> io::Result<Self> {
        let failed = |_| io::Error::other("no key could be made");
        let pair = match kind {
            KeyKind::Rsa => Pair::Rsa(Box::new(
                RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?,
            )),
            KeyKind::Ec => Pair::Ec(Box::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?,
            )),
            KeyKind::Ed => Pair::Ed(Box::new(Ed25519KeyPair::generate().map_err(failed)?)),
        };
        Ok(Self {
            id: id.to_owned(),
            pair,
        })
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half as JWK.
    pub fn public(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                json!({
                    "kty": "RSA",
                    "n": encode(public.modulus().big_endian_without_leading_zero()),
                    "e": encode(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(pair) => {
                // 0x04, then both coordinates.
                let point = pair.public_key().as_ref();
                let half = (point.len() - 1) / 2;
                let mut halves = point.iter().skip(1).copied().collect::<Vec<u8>>();
                let y = halves.split_off(half);
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&halves), "y": encode(&y) })
            }
            Pair::Ed(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token with this key's id in its header.
    ///
    /// # Errors
    /// When it cannot be signed that way.
    pub fn sign(&self, claims: &Value, how: Signing) -> io::Result<String> {
        let mut header = json!({ "typ": "JWT", "kid": self.id });
        header["alg"] = json!(self.algorithm(how));
        self.sign_with_header(&header, claims, how)
    }

    /// A token with this header, whatever it says.
    ///
    /// # Errors
    /// When it cannot be signed that way.
    pub fn sign_with_header(
        &self,
        header: &Value,
        claims: &Value,
        how: Signing,
    ) -> io::Result<String> {
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let bytes = match how {
            Signing::Broken => [signed.as_bytes(), b"!"].concat(),
            _ => signed.as_bytes().to_vec(),
        };
        let signature = match how {
            Signing::None => Vec::new(),
            Signing::PublicKeyAsSecret(encoding) => {
                let secret = self.public_encoding(encoding)?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                hmac::sign(&key, &bytes).as_ref().to_vec()
            }
            _ => self.signature(&bytes, how)?,
        };
        Ok(format!("{signed}.{}", encode(&signature)))
    }

    fn algorithm(&self, how: Signing) -> &'static str {
        match (how, &self.pair) {
            (Signing::None, _) => "none",
            (Signing::PublicKeyAsSecret(_), _) => "HS256",
            (Signing::Pss, _) => "PS256",
            (_, Pair::Rsa(_)) => "RS256",
            (_, Pair::Ec(_)) => "ES256",
            (_, Pair::Ed(_)) => "EdDSA",
        }
    }

    fn signature(&self, bytes: &[u8], how: Signing) -> io::Result<Vec<u8>> {
        let failed = |_| io::Error::other("the token could not be signed");
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn signature::RsaEncoding = match how {
                    Signing::Pss => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, bytes, &mut signed)
                    .map_err(failed)?;
                Ok(signed)
            }
            Pair::Ec(pair) => Ok(pair.sign(&random, bytes).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed(pair) => Ok(pair.sign(bytes).as_ref().to_vec()),
        }
    }

    /// What an attacker may take for the secret: DER and PEM of both usual structures.
    fn public_encoding(&self, encoding: usize) -> io::Result<Vec<u8>> {
        let Pair::Rsa(pair) = &self.pair else {
            return Err(io::Error::other("only RSA keys have these encodings"));
        };
        let failed = |_| io::Error::other("the public key cannot be encoded");
        let public = pair.public_key();
        let spki: PublicKeyX509Der<'_> = public.as_der().map_err(failed)?;
        let pem = |label: &str, der: &[u8]| {
            let text = STANDARD.encode(der);
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(64)
                .filter_map(|line| std::str::from_utf8(line).ok())
                .collect();
            format!(
                "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
                lines.join("\n")
            )
            .into_bytes()
        };
        Ok(match encoding % PUBLIC_ENCODINGS {
            0 => pem("PUBLIC KEY", spki.as_ref()),
            1 => spki.as_ref().to_vec(),
            2 => pem("RSA PUBLIC KEY", public.as_ref()),
            _ => public.as_ref().to_vec(),
        })
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Which of the discovery documents there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Discovery {
    /// OpenID Connect's.
    #[default]
    OpenId,
    /// That of RFC 8414 alone.
    OAuth,
    /// OpenID Connect's, about another issuer.
    OtherIssuer,
}

/// An issuer on a loopback port; it ends when this is dropped.
pub struct Issuer {
    upstream: Upstream,
    shared: Shared,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Published>>);

#[derive(Default)]
struct Published {
    base: String,
    keys: Vec<Value>,
    discovery: Discovery,
}

impl Issuer {
    /// Publishes these keys.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn start(keys: &[&SigningKey]) -> io::Result<Self> {
        let shared = Shared::default();
        let routes = Router::new()
            .route(
                "/realms/lab/.well-known/openid-configuration",
                get(openid_configuration),
            )
            .route(
                "/.well-known/oauth-authorization-server/realms/lab",
                get(authorization_server),
            )
            .route("/realms/lab/keys", get(published_keys))
            .with_state(shared.clone());
        let upstream = Upstream::serve(routes).await?;
        shared.lock().base = upstream.url();
        let issuer = Self { upstream, shared };
        issuer.publish(keys);
        Ok(issuer)
    }

    /// The issuer's identifier, as its tokens name it.
    pub fn url(&self) -> String {
        format!("{}{REALM}", self.upstream.url())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// Publishes these keys and no others from now on.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.shared.lock().keys = keys.iter().map(|key| key.public()).collect();
    }

    /// Publishes this JWK too, whatever it is.
    pub fn publish_too(&self, jwk: Value) {
        self.shared.lock().keys.push(jwk);
    }

    /// Changes which documents there are.
    pub fn set_discovery(&self, discovery: Discovery) {
        self.shared.lock().discovery = discovery;
    }

    /// How it is to fail.
    pub fn faults(&self) -> &Faults {
        self.upstream.faults()
    }

    /// What it was asked.
    pub fn log(&self) -> &RequestLog {
        self.upstream.log()
    }

    /// How often its keys were read.
    pub fn key_requests(&self) -> usize {
        let is_keys = |request: &Recorded| request.path.ends_with("/keys");
        self.log().all().iter().filter(|one| is_keys(one)).count()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metadata(&self, issuer: &str) -> Response {
        let base = self.lock().base.clone();
        axum::Json(json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}{REALM}/authorize"),
            "token_endpoint": format!("{base}{REALM}/token"),
            "jwks_uri": format!("{base}{REALM}/keys"),
            "code_challenge_methods_supported": ["S256"],
        }))
        .into_response()
    }
}

async fn openid_configuration(State(shared): State<Shared>) -> Response {
    let (base, discovery) = {
        let published = shared.lock();
        (published.base.clone(), published.discovery)
    };
    match discovery {
        Discovery::OpenId => shared.metadata(&format!("{base}{REALM}")),
        Discovery::OtherIssuer => shared.metadata("https://other.example"),
        Discovery::OAuth => unexpected(axum::http::StatusCode::NOT_FOUND),
    }
}

async fn authorization_server(State(shared): State<Shared>) -> Response {
    let base = shared.lock().base.clone();
    shared.metadata(&format!("{base}{REALM}"))
}

async fn published_keys(State(shared): State<Shared>) -> Response {
    let keys = shared.lock().keys.clone();
    axum::Json(json!({ "keys": keys })).into_response()
}

/// The code that a shared secret signs with: HMAC with SHA-256.
pub fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}
