//! This server as an OAuth 2.1 protected resource: what it says about itself, and its challenges.
//!
//! Source: RFC 9728 (metadata), RFC 6750 §3 (challenges), MCP 2025-11-25 and later,
//! "Authorization".

use homelab_core::policy::Scope;
use http::HeaderValue;
use serde_json::{Value, json};
use url::Url;

/// Where the metadata is, before the resource's own path.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The names that issuers know our scopes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeNames {
    /// Reads.
    pub read: String,
    /// Reads and changes.
    pub write: String,
    /// Secrets too.
    pub admin: String,
}

impl Default for ScopeNames {
    fn default() -> Self {
        Self {
            read: "homelab:read".to_owned(),
            write: "homelab:write".to_owned(),
            admin: "homelab:admin".to_owned(),
        }
    }
}

impl ScopeNames {
    /// The name of a scope.
    pub(crate) fn name(&self, scope: Scope) -> &str {
        match scope {
            Scope::Read => &self.read,
            Scope::Write => &self.write,
            Scope::Admin => &self.admin,
        }
    }

    /// The highest of our scopes among these.
    pub(super) fn highest<'a>(&self, granted: impl IntoIterator<Item = &'a str>) -> Option<Scope> {
        granted
            .into_iter()
            .filter_map(|name| {
                [Scope::Admin, Scope::Write, Scope::Read]
                    .into_iter()
                    .find(|scope| self.name(*scope) == name)
            })
            .max()
    }
}

/// What clients are told about signing in.
#[derive(Debug, Clone)]
pub struct ResourceOptions {
    /// URL under which clients reach this server, its base path included.
    pub base: Url,
    /// The issuers whose tokens are accepted.
    pub authorization_servers: Vec<String>,
    /// Names of the scopes.
    pub scopes: ScopeNames,
    /// Scopes that a client is to ask for at first.
    pub first: Vec<String>,
    /// All scopes that it may ask for.
    pub supported: Vec<String>,
}

/// The protected resource of each endpoint.
#[derive(Debug)]
pub(crate) struct ProtectedResource {
    options: ResourceOptions,
    /// Without a slash at its end.
    base: String,
    origin: String,
    base_path: String,
}

impl ProtectedResource {
    pub(super) fn new(options: ResourceOptions) -> Self {
        let base_path = options.base.path().trim_end_matches('/').to_owned();
        let origin = options.base.origin().ascii_serialization();
        Self {
            base: format!("{origin}{base_path}"),
            origin,
            base_path,
            options,
        }
    }

    /// The path of the base URL, no slash at its end.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The URLs that stand for the endpoint at this path below the base: its own, and that of the
    /// whole server.
    pub(super) fn audiences(&self, path: &str) -> Vec<String> {
        let mut accepted = vec![self.base.clone(), format!("{}/", self.base)];
        accepted.extend(endpoint_of(path).map(|endpoint| format!("{}{endpoint}", self.base)));
        accepted
    }

    /// The document for a resource path below the base; none for a path that is no endpoint.
    pub(crate) fn metadata(&self, path: &str) -> Option<Value> {
        let path = path.trim_end_matches('/');
        let is_endpoint = path.is_empty() || endpoint_of(path).as_deref() == Some(path);
        is_endpoint.then(|| {
            json!({
                "resource": format!("{}{path}", self.base),
                "authorization_servers": self.options.authorization_servers,
                "scopes_supported": self.options.supported,
                "bearer_methods_supported": ["header"],
                "resource_name": "homelab-mcp",
            })
        })
    }

    /// The parameters of a `Bearer` challenge for the endpoint at this path.
    pub(crate) fn challenge(&self, path: &str, challenge: &Challenge<'_>) -> Option<HeaderValue> {
        let endpoint = endpoint_of(path).unwrap_or_default();
        let metadata = format!("{}{WELL_KNOWN}{}{endpoint}", self.origin, self.base_path);
        let (error, scope) = match challenge {
            Challenge::Missing => (String::new(), self.options.first.join(" ")),
            Challenge::Invalid(why) => (
                format!(r#"error="invalid_token", error_description="{why}", "#),
                self.options.first.join(" "),
            ),
            Challenge::Scope(needed) => (
                r#"error="insufficient_scope", "#.to_owned(),
                self.options.scopes.name(*needed).to_owned(),
            ),
        };
        let scope = if scope.is_empty() {
            scope
        } else {
            format!(r#", scope="{scope}""#)
        };
        let text =
            format!(r#"Bearer realm="homelab-mcp", {error}resource_metadata="{metadata}"{scope}"#);
        HeaderValue::from_str(&text).ok()
    }
}

/// What a challenge is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Challenge<'a> {
    /// Nothing was sent.
    Missing,
    /// What was sent is of no use, for this reason.
    Invalid(&'a str),
    /// A token with this scope is needed.
    Scope(Scope),
}

/// The path of the endpoint that a request's path belongs to; its messages belong to a stream.
fn endpoint_of(path: &str) -> Option<String> {
    let pair = |path: &str| match path {
        "/mcp" => Some("/mcp"),
        "/sse" | "/messages" => Some("/sse"),
        _ => None,
    };
    if let Some(endpoint) = pair(path) {
        return Some(endpoint.to_owned());
    }
    if path == "/api/v1" || path.starts_with("/api/v1/") {
        return Some("/api/v1".to_owned());
    }
    let rest = path.strip_prefix("/servers/")?;
    let (name, door) = rest.split_once('/')?;
    let door = pair(&format!("/{door}"))?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_name.then(|| format!("/servers/{name}{door}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn resource(base: &str) -> ProtectedResource {
        ProtectedResource::new(ResourceOptions {
            base: base.parse().unwrap(),
            authorization_servers: vec!["https://idp.example".to_owned()],
            scopes: ScopeNames::default(),
            first: vec!["homelab:read".to_owned()],
            supported: vec!["homelab:read".to_owned(), "homelab:write".to_owned()],
        })
    }

    #[rstest]
    #[case("", Some("https://lab.example/x"))]
    #[case("/mcp", Some("https://lab.example/x/mcp"))]
    #[case("/sse", Some("https://lab.example/x/sse"))]
    #[case("/servers/pve/mcp", Some("https://lab.example/x/servers/pve/mcp"))]
    #[case("/servers/pve/sse", Some("https://lab.example/x/servers/pve/sse"))]
    #[case("/api/v1", Some("https://lab.example/x/api/v1"))]
    #[case("/messages", None)]
    #[case("/servers/pve", None)]
    #[case("/servers//mcp", None)]
    #[case("/servers/a\"b/mcp", None)]
    #[case("/ui", None)]
    fn every_endpoint_has_a_document_and_nothing_else_has(
        #[case] path: &str,
        #[case] expected: Option<&str>,
    ) {
        let document = resource("https://lab.example/x/").metadata(path);

        let found = document.as_ref().and_then(|json| json["resource"].as_str());
        assert_eq!(found, expected);
    }

    #[test]
    fn a_challenge_leads_to_the_document_of_its_endpoint() {
        let resource = resource("https://lab.example/x");
        let text = |challenge: &Challenge<'_>| {
            let value = resource.challenge("/servers/pve/messages", challenge);
            value.unwrap().to_str().unwrap().to_owned()
        };

        assert_eq!(
            text(&Challenge::Missing),
            r#"Bearer realm="homelab-mcp", resource_metadata="https://lab.example/.well-known/oauth-protected-resource/x/servers/pve/sse", scope="homelab:read""#
        );
        assert!(text(&Challenge::Scope(Scope::Write)).contains(
            r#"error="insufficient_scope", resource_metadata="https://lab.example/.well-known/"#
        ));
        assert!(text(&Challenge::Scope(Scope::Write)).ends_with(r#"scope="homelab:write""#));
    }

    #[test]
    fn a_token_for_one_endpoint_is_not_one_for_another() {
        let resource = resource("https://lab.example");

        let accepted = resource.audiences("/servers/pve/mcp");

        assert_eq!(
            accepted,
            [
                "https://lab.example",
                "https://lab.example/",
                "https://lab.example/servers/pve/mcp"
            ]
        );
    }
}
