//! Asks an issuer for its keys.
//!
//! Source: OpenID Connect Discovery 1.0 §4, RFC 8414 §3, RFC 7517 §5.

use homelab_upstream::{Client, Request, UpstreamError};
use serde_json::Value;
use thiserror::Error;
use url::Url;

use super::keys::KeySet;

/// Why an issuer's keys could not be read.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    /// It did not answer, or not with what was asked for.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Its document is about somebody else (a mix-up: RFC 8414 §3.3).
    #[error("the issuer's metadata names another issuer")]
    OtherIssuer,
    /// Its document does not say where the keys are, or at a place that is not safe.
    #[error("the issuer's metadata has no usable `jwks_uri`")]
    NoKeyAddress,
    /// The keys are none.
    #[error("the issuer publishes no key that can be used")]
    NoKeys,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The issuer, exactly as its tokens name it.
    pub(super) issuer: String,
    /// The same, as an address.
    pub(super) url: Url,
    /// Where the keys are, if it need not be asked.
    pub(super) keys: Option<Url>,
}

/// The keys as they are now. No redirects are followed: each address is the issuer's own word.
pub(super) async fn fetch(client: &Client, place: &Place) -> Result<KeySet, FetchError> {
    let address = match &place.keys {
        Some(address) => address.clone(),
        None => key_address(client, place).await?,
    };
    let request = Request::get_url("keys", address).redirects(0);
    let document: Value = client.send(request).await?.checked()?.json()?;
    KeySet::read(&document)
        .filter(|keys| !keys.is_empty())
        .ok_or(FetchError::NoKeys)
}

async fn key_address(client: &Client, place: &Place) -> Result<Url, FetchError> {
    let request = Request::get_url("openid_configuration", openid_address(&place.url));
    let answer = client.send(request.redirects(0)).await?;
    let document: Value = if answer.status.is_client_error() {
        let request = Request::get_url("authorization_server", oauth_address(&place.url));
        client.send(request.redirects(0)).await?.checked()?.json()?
    } else {
        answer.checked()?.json()?
    };
    if document.get("issuer").and_then(Value::as_str) != Some(place.issuer.as_str()) {
        return Err(FetchError::OtherIssuer);
    }
    document
        .get("jwks_uri")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok())
        .filter(is_safe)
        .ok_or(FetchError::NoKeyAddress)
}

/// Whether nobody in between can put keys of his own in: `https`, or this machine itself.
pub(super) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => url.host().is_some_and(|host| match host {
            url::Host::Ipv4(address) => address.is_loopback(),
            url::Host::Ipv6(address) => address.is_loopback(),
            url::Host::Domain(name) => name == "localhost",
        }),
        _ => false,
    }
}

/// Behind the issuer's path.
fn openid_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    url.set_path(&format!("{path}/.well-known/openid-configuration"));
    url
}

/// Before the issuer's path.
fn oauth_address(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    url
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn both_documents_are_where_their_standards_say() {
        let issuer: Url = "https://idp.example/realms/lab".parse().unwrap();

        assert_eq!(
            openid_address(&issuer).as_str(),
            "https://idp.example/realms/lab/.well-known/openid-configuration"
        );
        assert_eq!(
            oauth_address(&issuer).as_str(),
            "https://idp.example/.well-known/oauth-authorization-server/realms/lab"
        );
    }

    #[rstest]
    #[case("https://idp.example/keys", true)]
    #[case("http://127.0.0.1:9091/keys", true)]
    #[case("http://[::1]/keys", true)]
    #[case("http://localhost/keys", true)]
    #[case("http://idp.example/keys", false)]
    #[case("http://localhost.evil.example/keys", false)]
    #[case("file:///etc/passwd", false)]
    fn keys_come_over_https_or_from_this_machine(#[case] url: &str, #[case] safe: bool) {
        assert_eq!(is_safe(&url.parse().unwrap()), safe);
    }
}
