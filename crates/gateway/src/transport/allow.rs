//! Which `Host` and `Origin` headers are let in.
//!
//! A page in somebody's browser can make that browser send requests to the home lab: to a name of
//! its own that it lets point at a private address (DNS rebinding), or across origins. Both show in
//! these headers, which a page cannot forge.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

/// A name under which clients may reach this server: `lab.example.org`, the same with a port, a
/// whole domain `*.example.org`, or `*` for any name at all.
///
/// Addresses and `localhost` need no entry: rebinding needs a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    name: NamePattern,
    port: Option<u16>,
}

/// An origin whose pages may call this server: `https://ui.example.org`, the same with a port or
/// `:*` for any port, or `*` for any page at all. Without a port, that of the scheme.
///
/// Pages served from this server itself need no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin(OriginPattern);

#[derive(Debug, Clone, PartialEq, Eq)]
enum NamePattern {
    Any,
    /// Below this domain; starts with a dot.
    Below(String),
    Exactly(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OriginPattern {
    Any,
    Origin {
        scheme: String,
        name: NamePattern,
        port: PortPattern,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PortPattern {
    Any,
    Exactly(u16),
}

impl NamePattern {
    fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Some(Self::Any);
        }
        let (wild, name) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text.as_str()),
        };
        let authority: Authority = name.parse().ok()?;
        if authority.as_str() != authority.host() || name.contains('*') {
            return None;
        }
        Some(if wild {
            Self::Below(format!(".{name}"))
        } else {
            Self::Exactly(name.to_owned())
        })
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Below(domain) => name.ends_with(domain.as_str()) && name.len() > domain.len(),
            Self::Exactly(exact) => name == exact,
        }
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is not a host name: write `lab.example.org`, `lab.example.org:8080`, \
                 `*.example.org` or `*`"
            )
        };
        let trimmed = text.trim();
        let (name, port) = split_port(trimmed);
        let port = port.map(str::parse).transpose().map_err(|_| refused())?;
        let name = NamePattern::read(name).ok_or_else(refused)?;
        Ok(Self { name, port })
    }
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is not an origin: write `https://ui.example.org`, \
                 `http://ui.example.org:3000`, `http://ui.example.org:*` or `*`"
            )
        };
        let trimmed = text.trim();
        if trimmed == "*" {
            return Ok(Self(OriginPattern::Any));
        }
        let (scheme, rest) = trimmed.split_once("://").ok_or_else(refused)?;
        let scheme = scheme.to_ascii_lowercase();
        let (name, port) = split_port(rest.trim_end_matches('/'));
        let port = match port {
            Some("*") => PortPattern::Any,
            Some(port) => PortPattern::Exactly(port.parse().map_err(|_| refused())?),
            None => PortPattern::Exactly(default_port(&scheme).ok_or_else(refused)?),
        };
        let name = NamePattern::read(name).ok_or_else(refused)?;
        Ok(Self(OriginPattern::Origin { scheme, name, port }))
    }
}

/// `name:port` in two; the colons of a bracketed address are not a port's.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No readable `Host`.
    NoHost,
    /// This one.
    Host(String),
    /// This one.
    Origin(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => formatter.write_str("the request has no readable `Host` header"),
            Self::Host(host) => write!(formatter, "the host `{host}` is not allowed here"),
            Self::Origin(origin) => write!(formatter, "the origin `{origin}` is not allowed here"),
        }
    }
}

/// What is let in.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowList {
    pub(crate) hosts: Vec<AllowedHost>,
    pub(crate) origins: Vec<AllowedOrigin>,
}

impl AllowList {
    /// Checks `Host`.
    pub(crate) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<Authority, Refused> {
        let authority = match headers.get(header::HOST) {
            Some(host) => host.to_str().ok().and_then(|host| host.parse().ok()),
            None => uri.authority().cloned(),
        };
        let authority: Authority = authority.ok_or(Refused::NoHost)?;
        let name = authority.host().to_ascii_lowercase();
        let allowed = is_address(&name)
            || is_localhost(&name)
            || self.hosts.iter().any(|host| {
                host.name.matches(&name)
                    && host
                        .port
                        .is_none_or(|port| authority.port_u16() == Some(port))
            });
        if allowed {
            Ok(authority)
        } else {
            Err(Refused::Host(authority.to_string()))
        }
    }

    /// Checks `Origin`, if there is one: listed, of this server's own host, or of a page that the
    /// user's own machine serves.
    pub(crate) fn check_origin(
        &self,
        host: &Authority,
        headers: &HeaderMap,
    ) -> Result<Option<http::HeaderValue>, Refused> {
        let Some(value) = headers.get(header::ORIGIN) else {
            return Ok(None);
        };
        let refused = || Refused::Origin(String::from_utf8_lossy(value.as_bytes()).into_owned());
        let text = value.to_str().map_err(|_| refused())?;
        if self.origin_allowed(host, text) {
            Ok(Some(value.clone()))
        } else {
            Err(refused())
        }
    }

    fn origin_allowed(&self, host: &Authority, origin: &str) -> bool {
        if self
            .origins
            .iter()
            .any(|origin| origin.0 == OriginPattern::Any)
        {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        let scheme = scheme.to_ascii_lowercase();
        let name = authority.host().to_ascii_lowercase();
        let port = authority.port_u16().or_else(|| default_port(&scheme));
        is_loopback(&name)
            || is_own(host, &scheme, &name, port)
            || self.origins.iter().any(|allowed| match &allowed.0 {
                OriginPattern::Any => true,
                OriginPattern::Origin {
                    scheme: allowed_scheme,
                    name: allowed_name,
                    port: allowed_port,
                } => {
                    *allowed_scheme == scheme
                        && allowed_name.matches(&name)
                        && match allowed_port {
                            PortPattern::Any => true,
                            PortPattern::Exactly(exact) => port == Some(*exact),
                        }
                }
            })
    }
}

/// The page came from the host that the request goes to, which was checked before.
fn is_own(host: &Authority, scheme: &str, name: &str, port: Option<u16>) -> bool {
    let own_port = host.port_u16().or_else(|| default_port(scheme));
    host.host().eq_ignore_ascii_case(name) && own_port == port
}

fn is_address(name: &str) -> bool {
    address(name).is_some()
}

fn address(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Browsers resolve these names to the machine itself, whatever DNS says (RFC 6761 §6.3).
fn is_localhost(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

fn is_loopback(name: &str) -> bool {
    is_localhost(name) || address(name).is_some_and(|address| address.is_loopback())
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string" })
            }
        }
    )* };
}

as_text!(AllowedHost, AllowedOrigin);

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn list() -> AllowList {
        AllowList {
            hosts: vec![
                "lab.example.org".parse().unwrap(),
                "*.lan.example".parse().unwrap(),
                "with-port.example:8443".parse().unwrap(),
            ],
            origins: vec![
                "https://ui.example.org".parse().unwrap(),
                "http://any.example:*".parse().unwrap(),
            ],
        }
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[rstest]
    #[case("localhost:8080", true)]
    #[case("app.localhost", true)]
    #[case("127.0.0.1:8080", true)]
    #[case("192.0.2.7", true)]
    #[case("[2001:db8::1]:8080", true)]
    #[case("LAB.example.org:1234", true)]
    #[case("nas.lan.example", true)]
    #[case("lan.example", false)]
    #[case("evil-lan.example", false)]
    #[case("with-port.example:8443", true)]
    #[case("with-port.example:80", false)]
    #[case("evil.example", false)]
    #[case("localhost.evil.example", false)]
    #[case("127.0.0.1.evil.example", false)]
    #[case("user@evil.example", false)]
    fn a_host_is_an_address_local_or_listed(#[case] host: &str, #[case] allowed: bool) {
        let headers = headers(&[(header::HOST, host)]);

        let result = list().check_host(&Uri::from_static("/mcp"), &headers);

        assert_eq!(result.is_ok(), allowed, "{result:?}");
    }

    #[test]
    fn a_request_without_a_host_is_refused() {
        let result = list().check_host(&Uri::from_static("/mcp"), &HeaderMap::new());

        assert_eq!(result, Err(Refused::NoHost));
    }

    #[rstest]
    #[case("http://localhost:3000", true)]
    #[case("http://[::1]:3000", true)]
    #[case("https://ui.example.org", true)]
    #[case("https://ui.example.org:443", true)]
    #[case("https://ui.example.org:8443", false)]
    #[case("http://ui.example.org", false)]
    #[case("http://any.example:9999", true)]
    #[case("http://lab.example.org:8080", true)]
    #[case("http://lab.example.org", false)]
    #[case("http://192.0.2.7", false)]
    #[case("null", false)]
    #[case("", false)]
    #[case("https://evil.example", false)]
    fn an_origin_is_listed_local_or_our_own(#[case] origin: &str, #[case] allowed: bool) {
        let host: Authority = "lab.example.org:8080".parse().unwrap();
        let headers = headers(&[(header::ORIGIN, origin)]);

        let result = list().check_origin(&host, &headers);

        assert_eq!(result.is_ok(), allowed, "{result:?}");
    }

    #[rstest]
    #[case("")]
    #[case("http://lab.example.org")]
    #[case("lab.example.org:port")]
    #[case("a.*.example")]
    #[case("user@lab.example.org")]
    fn what_is_no_host_is_refused_by_its_text(#[case] text: &str) {
        assert!(text.parse::<AllowedHost>().unwrap_err().contains(text));
    }

    #[rstest]
    #[case("ui.example.org")]
    #[case("ftp://ui.example.org")]
    #[case("https://ui.example.org/path")]
    fn what_is_no_origin_is_refused_by_its_text(#[case] text: &str) {
        assert!(text.parse::<AllowedOrigin>().unwrap_err().contains(text));
    }

    #[test]
    fn a_star_lets_everything_in() {
        let list = AllowList {
            hosts: vec!["*".parse().unwrap()],
            origins: vec!["*".parse().unwrap()],
        };
        let headers = headers(&[(header::HOST, "evil.example"), (header::ORIGIN, "null")]);

        let host = list.check_host(&Uri::from_static("/"), &headers).unwrap();

        assert!(list.check_origin(&host, &headers).is_ok());
    }

    proptest! {
        #[test]
        fn any_header_is_judged_without_panic(host in "[\\x20-\\x7e]{0,40}", origin in "[\\x20-\\x7e]{0,40}") {
            let headers = headers(&[(header::HOST, host.as_str()), (header::ORIGIN, origin.as_str())]);
            if let Ok(host) = list().check_host(&Uri::from_static("/"), &headers) {
                list().check_origin(&host, &headers).ok();
            }
        }
    }
}
