//! Where a service's health is asked: worked out from its record, without any I/O.

use std::net::IpAddr;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::inventory::Service;
use homelab_upstream::Url;

/// What is to be done to see whether a service is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `GET` this address.
    Http(Url),
    /// Open a TCP connection.
    Tcp {
        /// Name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Probe {
    /// As it is shown: without user, password, query and fragment, which may hold secrets.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Http(url) => shown(url),
            Self::Tcp { host, port } => crate::scpi::visa::authority(host, *port),
        }
    }
}

/// An address without its user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for addresses that can have neither.
    if url.set_username("").is_ok() && url.set_password(None).is_ok() {
        url.into()
    } else {
        url.scheme().to_owned()
    }
}

/// A stored address as a list shows it: imported ones may hold a user and password, which are not
/// for everybody who may read the list.
pub(crate) fn without_login(text: String) -> String {
    match Url::parse(&text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => shown(&url),
        _ => text,
    }
}

/// How the health of a service is asked. `host` is the address of what it runs on; it is needed
/// only where the record has no URL.
///
/// # Errors
/// `not_configured` with reason `nothing_to_check` if the record does not say where, or names a
/// protocol that has no answer to wait for.
pub(crate) fn probe(service: &Service, host: Option<&str>) -> ToolResult<Probe> {
    let name = &service.service_name;
    let unusable = |problem: String| {
        ToolError::new(
            Code::NotConfigured,
            format!("the service `{name}` cannot be checked: {problem}"),
        )
        .reason("nothing_to_check")
        .hint("set its `url`, `health_endpoint` or `protocol` with `homelab_upsert_service`")
    };
    if let Some(endpoint) = service.health_endpoint.as_deref()
        && endpoint.contains("://")
    {
        let url = parse(endpoint).map_err(unusable)?;
        return of_url(&url).map_err(unusable);
    }
    let base = match service.url.as_deref().map(|url| with_scheme(url, service)) {
        Some(url) => parse(&url).map_err(unusable)?,
        None => of_host(service, host).map_err(unusable)?,
    };
    if base.scheme() == "tcp" {
        return of_url(&base).map_err(unusable);
    }
    let url = match service.health_endpoint.as_deref() {
        None => base,
        Some(endpoint) => below(&base, endpoint).map_err(unusable)?,
    };
    of_url(&url).map_err(unusable)
}

/// Reads an address that can be checked.
///
/// # Errors
/// What is wrong with it, to go behind a colon.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text.trim()).map_err(|error| format!("the address is not valid ({error})"))?;
    if !matches!(url.scheme(), "http" | "https" | "tcp") {
        return Err(format!(
            "`{}` is not `http`, `https` or `tcp`",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the address names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password; store it as a credential".to_owned());
    }
    if url.scheme() == "tcp" && url.port().is_none() {
        return Err("the address names no port".to_owned());
    }
    if is_forbidden(&url) {
        return Err("the address is link-local, unspecified or multicast".to_owned());
    }
    Ok(url)
}

/// Addresses that are no service of a lab: cloud metadata, all interfaces, groups.
pub(crate) fn is_forbidden_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()
        }
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast(),
    }
}

fn is_forbidden(url: &Url) -> bool {
    host(url).parse().is_ok_and(is_forbidden_ip)
}

/// Host of an address, without the brackets of IPv6.
pub(crate) fn host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn of_url(url: &Url) -> Result<Probe, String> {
    match (url.scheme(), url.port()) {
        ("tcp", Some(port)) => Ok(Probe::Tcp {
            host: host(url).to_owned(),
            port,
        }),
        ("tcp", None) => Err("the address names no port".to_owned()),
        _ => Ok(Probe::Http(url.clone())),
    }
}

/// `grafana.example:3000` is meant as a host and port; as a URL it would be a scheme and a path.
fn with_scheme(url: &str, service: &Service) -> String {
    if url.contains("://") {
        url.to_owned()
    } else {
        format!("{}://{url}", scheme(service).unwrap_or("http"))
    }
}

fn of_host(service: &Service, host: Option<&str>) -> Result<Url, String> {
    let scheme = scheme(service)?;
    let host = host.ok_or("it has no URL, and nothing is known of where it runs")?;
    let host = match host.parse() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => host.to_owned(),
    };
    let port = match service.port {
        Some(port) => format!(":{port}"),
        None if scheme == "tcp" => return Err("it has neither URL nor port".to_owned()),
        None => String::new(),
    };
    parse(&format!("{scheme}://{host}{port}"))
}

/// How the service is spoken to. Protocols over TCP that are not HTTP are well when they accept a
/// connection.
fn scheme(service: &Service) -> Result<&'static str, String> {
    let protocol = service.protocol.as_deref().map(str::to_ascii_lowercase);
    Ok(match (protocol.as_deref(), service.port) {
        (Some("https"), _) | (None, Some(443 | 8443)) => "https",
        (Some("http") | None, _) => "http",
        (Some("udp"), _) => return Err("UDP has no answer to wait for".to_owned()),
        (Some(_), _) => "tcp",
    })
}

/// An absolute path replaces the base's, a relative one goes below it.
fn below(base: &Url, endpoint: &str) -> Result<Url, String> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let url = base
        .join(endpoint.trim())
        .map_err(|error| format!("the health endpoint is not valid ({error})"))?;
    // `//other.example/` and the like lead elsewhere.
    if url.origin() != base.origin() {
        return Err("the health endpoint is neither a path nor a whole address".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn service(mut fields: Value) -> Service {
        fields["service_name"] = "s".into();
        serde_json::from_value(fields).expect("a service")
    }

    #[rstest]
    #[case(json!({ "url": "https://g.example", "health_endpoint": "/api/health" }), "https://g.example/api/health")]
    #[case(json!({ "url": "https://g.example/app", "health_endpoint": "health" }), "https://g.example/app/health")]
    #[case(json!({ "url": "https://g.example/app", "health_endpoint": "/health?full=1" }), "https://g.example/health")]
    #[case(json!({ "url": "https://g.example/app" }), "https://g.example/app")]
    #[case(json!({ "url": "http://g.example", "health_endpoint": "http://h.example:81/x" }), "http://h.example:81/x")]
    #[case(json!({ "url": "g.example:3000" }), "http://g.example:3000/")]
    #[case(json!({ "url": "g.example", "protocol": "https" }), "https://g.example/")]
    #[case(json!({ "port": 8443 }), "https://192.0.2.7:8443/")]
    #[case(json!({ "port": 8123, "protocol": "HTTP", "health_endpoint": "/up" }), "http://192.0.2.7:8123/up")]
    #[case(json!({ "port": 5432, "protocol": "postgresql" }), "192.0.2.7:5432")]
    #[case(json!({ "url": "tcp://[2001:db8::1]:22" }), "[2001:db8::1]:22")]
    fn what_is_asked_follows_from_the_record(#[case] fields: Value, #[case] asked: &str) {
        let probe = probe(&service(fields), Some("192.0.2.7")).unwrap();

        assert_eq!(probe.shown(), asked);
    }

    #[rstest]
    #[case(json!({ "port": 123, "protocol": "udp" }), "UDP has no answer to wait for")]
    #[case(json!({ "protocol": "tcp" }), "it has neither URL nor port")]
    #[case(json!({ "url": "ftp://g.example" }), "`ftp` is not `http`, `https` or `tcp`")]
    #[case(json!({ "url": "http://user:pw@g.example" }), "the address holds a user or password; store it as a credential")]
    #[case(json!({ "url": "http://169.254.169.254/latest" }), "the address is link-local, unspecified or multicast")]
    #[case(json!({ "url": "http://[::ffff:169.254.169.254]/" }), "the address is link-local, unspecified or multicast")]
    #[case(json!({ "url": "http://g.example", "health_endpoint": "//h.example/" }), "the health endpoint is neither a path nor a whole address")]
    fn a_record_that_cannot_be_checked_says_why(#[case] fields: Value, #[case] problem: &str) {
        let error = probe(&service(fields), Some("192.0.2.7")).unwrap_err();

        let message = format!("the service `s` cannot be checked: {problem}");
        assert_eq!(error.envelope().message, message);
        assert_eq!(error.envelope().reason.as_deref(), Some("nothing_to_check"));
    }

    #[test]
    fn without_url_and_host_there_is_nothing_to_check() {
        let error = probe(&service(json!({ "port": 80 })), None).unwrap_err();

        assert_eq!(error.code(), Code::NotConfigured);
    }
}
