//! What can go wrong between us and an engine, said so that people can fix it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_upstream::CertificateProblem;
use rustls::AlertDescription;

use super::endpoint::Endpoint;

/// What went wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// There is no such socket.
    SocketMissing,
    /// The socket may not be used by us.
    SocketDenied,
    /// Nothing listens there.
    Refused,
    /// The host name has no address.
    Dns,
    /// The network has no way there.
    NoRoute,
    /// No connection within this limit.
    ConnectTimeout(Duration),
    /// No connection, for this reason.
    Connect(String),
    /// The certificate is not trusted.
    Certificate(Box<CertificateProblem>),
    /// The port does not speak TLS.
    NotTls,
    /// The TLS handshake failed for another reason than our trust.
    Handshake(String),
    /// SSH did not lead there, or what runs behind it said so.
    Ssh(Box<ToolError>),
    /// What came back is not HTTP.
    NotHttp,
    /// It is no Docker engine that answers.
    NotDocker,
    /// The connection ended before an answer came; what the far end of SSH wrote about it.
    Lost(Option<String>),
    /// No answer within this limit.
    Timeout(Duration),
    /// The answer ended early.
    Cut,
    /// The answer is longer than this.
    TooLarge(usize),
    /// The engine's versions do not meet ours: what it says or speaks.
    Version(String),
    /// The engine refused; its own words, cleaned.
    Status(u16, String),
    /// A transfer failed after it had begun; the engine's own words, cleaned.
    Stream(String),
    /// The body is not what was expected: what and where, without values.
    Unexpected(String),
}

/// Which engine failed, in words.
#[derive(Debug)]
pub(crate) struct Place {
    /// The host's name.
    pub(crate) host: String,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Setting that says so, such as `servers.docker.hosts.nas.url`.
    pub(crate) setting: String,
}

/// A request that failed.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    pub(crate) fault: Fault,
    pub(crate) place: Arc<Place>,
    pub(crate) operation: &'static str,
    /// Repeating it can do no harm.
    pub(crate) idempotent: bool,
}

impl ApiError {
    /// The status, if the engine answered.
    pub(crate) fn status(&self) -> Option<u16> {
        match self.fault {
            Fault::Status(status, _) => Some(status),
            _ => None,
        }
    }

    /// What the engine said, if it did.
    pub(crate) fn said(&self) -> &str {
        match &self.fault {
            Fault::Status(_, text) | Fault::Stream(text) => text,
            _ => "",
        }
    }

    fn describe(&self) -> (Code, Option<&'static str>, String) {
        use Code::{Timeout, UpstreamRejected, UpstreamUnauthorized, UpstreamUnreachable};
        let Place { host, endpoint, .. } = &*self.place;
        let (code, reason, text): (_, Option<&'static str>, String) = match &self.fault {
            Fault::SocketMissing => (
                UpstreamUnreachable,
                Some("socket_missing"),
                format!("there is no socket `{endpoint}` of the Docker host `{host}`"),
            ),
            Fault::SocketDenied => (
                UpstreamUnauthorized,
                Some("socket_denied"),
                format!(
                    "the socket `{endpoint}` of the Docker host `{host}` may not be used by us"
                ),
            ),
            Fault::Refused => (
                UpstreamUnreachable,
                Some("refused"),
                format!("nothing listens at `{endpoint}` of the Docker host `{host}`"),
            ),
            Fault::Dns => (
                UpstreamUnreachable,
                Some("dns"),
                format!("the name in `{endpoint}` of the Docker host `{host}` has no address"),
            ),
            Fault::NoRoute => (
                UpstreamUnreachable,
                Some("no_route"),
                format!("the network has no way to `{endpoint}` of the Docker host `{host}`"),
            ),
            Fault::ConnectTimeout(limit) => (
                UpstreamUnreachable,
                Some("connect_timeout"),
                format!(
                    "no connection to `{endpoint}` of the Docker host `{host}` within {limit:?}"
                ),
            ),
            Fault::Connect(why) => (
                UpstreamUnreachable,
                None,
                format!("no connection to `{endpoint}` of the Docker host `{host}`: {why}"),
            ),
            Fault::Certificate(problem) => (
                UpstreamUnreachable,
                Some(problem.fault.as_str()),
                format!("`{endpoint}` of the Docker host `{host}`: {problem}"),
            ),
            Fault::NotTls => (
                UpstreamUnreachable,
                Some("not_tls"),
                format!("`{endpoint}` of the Docker host `{host}` does not speak TLS"),
            ),
            Fault::Handshake(why) => (
                UpstreamUnreachable,
                Some("tls_handshake"),
                format!(
                    "the TLS handshake with `{endpoint}` of the Docker host `{host}` failed: {why}"
                ),
            ),
            Fault::Lost(said) => (
                UpstreamUnreachable,
                Some("connection_lost"),
                match said {
                    Some(said) => format!("the Docker host `{host}` closed the connection: {said}"),
                    None => {
                        format!("the Docker host `{host}` closed the connection without an answer")
                    }
                },
            ),
            Fault::NotHttp => (
                UpstreamRejected,
                Some("not_http"),
                format!(
                    "what listens at `{endpoint}` of the Docker host `{host}` does not speak HTTP"
                ),
            ),
            Fault::NotDocker => (
                UpstreamRejected,
                Some("unexpected_answer"),
                format!(
                    "what listens at `{endpoint}` of the Docker host `{host}` is no Docker engine"
                ),
            ),
            Fault::Timeout(limit) => (
                Timeout,
                None,
                format!(
                    "the Docker host `{host}` gave no answer to `{}` within {limit:?}",
                    self.operation
                ),
            ),
            Fault::Cut => (
                UpstreamRejected,
                Some("cut"),
                format!(
                    "the answer of the Docker host `{host}` to `{}` ended early",
                    self.operation
                ),
            ),
            Fault::TooLarge(limit) => (
                UpstreamRejected,
                Some("too_large"),
                format!(
                    "the answer of the Docker host `{host}` to `{}` is longer than {limit} bytes",
                    self.operation
                ),
            ),
            Fault::Version(what) => (
                UpstreamRejected,
                Some("api_version_unsupported"),
                format!("the versions of the Docker host `{host}` do not fit: {what}"),
            ),
            Fault::Status(status, said) => (
                of_status(*status),
                None,
                format!("the Docker host `{host}` {}: {said}", verb(*status)),
            ),
            Fault::Stream(said) if is_denied(said) => (
                UpstreamUnauthorized,
                Some("registry_denied"),
                format!("the registry does not let the Docker host `{host}` do that: {said}"),
            ),
            Fault::Stream(said) => (
                UpstreamRejected,
                Some("transfer_failed"),
                format!("the transfer by the Docker host `{host}` failed: {said}"),
            ),
            Fault::Unexpected(what) => (
                UpstreamRejected,
                Some("unexpected_answer"),
                format!(
                    "the answer of the Docker host `{host}` to `{}` cannot be used: {what}",
                    self.operation
                ),
            ),
            // Replaced as a whole by `From`.
            Fault::Ssh(_) => (Code::Internal, None, String::new()),
        };
        (code, reason, text)
    }

    fn hint(&self) -> Option<String> {
        let setting = &self.place.setting;
        Some(match &self.fault {
            Fault::SocketMissing => format!(
                "check that Docker is installed and runs there, and the path in `{setting}`; in a container, \
                 mount the host's socket at that path"
            ),
            Fault::SocketDenied => {
                "add the user that this program runs as to the group that owns the socket \
                 (`docker`; its members are root on the host), and start it anew"
                    .to_owned()
            }
            Fault::Refused if self.place.endpoint.is_tcp() => {
                format!("check that the engine runs and listens there, and the port in `{setting}`")
            }
            Fault::Refused => {
                "the socket is there, the engine is not: start it (`systemctl start docker`)"
                    .to_owned()
            }
            Fault::Dns => format!("check the name in `{setting}`, or use an IP address"),
            Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_) => {
                format!("check that the host is up, firewalls, and the address in `{setting}`")
            }
            Fault::Certificate(problem) => problem.hint(setting.trim_end_matches(".url")),
            Fault::NotTls => format!(
                "set `plain = true` beside `{setting}` if you accept that anybody in between is root there, \
                 or give the port that speaks TLS (2376)"
            ),
            Fault::Handshake(_) => format!(
                "an engine with `--tlsverify` wants a certificate: `client_certificate_file` and `client_key_file` \
                 beside `{setting}`"
            ),
            Fault::NotHttp | Fault::NotDocker => {
                format!("check the address in `{setting}`, and whether it needs TLS")
            }
            Fault::Lost(Some(said)) if said.contains("not found") => {
                "install the Docker command line on that host, or use its `tcp://` port".to_owned()
            }
            Fault::Lost(Some(said)) if said.contains("permission denied") => {
                "add the SSH user to the group `docker` on that host; its members are root there"
                    .to_owned()
            }
            Fault::Lost(_) | Fault::Timeout(_) | Fault::Cut if self.idempotent => {
                "try again; the engine may be restarting or busy".to_owned()
            }
            Fault::Lost(_) | Fault::Timeout(_) | Fault::Cut => {
                "the request may have had its effect: look before repeating it".to_owned()
            }
            Fault::TooLarge(_) => "ask for less".to_owned(),
            Fault::Version(_) => {
                "engines with API 1.40 (Docker 19.03) and newer are supported".to_owned()
            }
            Fault::Status(500.., _) => {
                "see the log of the engine (`journalctl -u docker`)".to_owned()
            }
            Fault::Stream(said) if is_denied(said) => {
                "check the name of the image, and set user and password in \
                 `[servers.docker.registries.\"NAME\"]`"
                    .to_owned()
            }
            Fault::Stream(_) => {
                "check the name and tag, and that the host reaches the registry".to_owned()
            }
            Fault::Unexpected(_) => format!("check that `{setting}` leads to a supported engine"),
            Fault::Status(..) | Fault::Ssh(_) => return None,
        })
    }

    fn is_retryable(&self) -> bool {
        match &self.fault {
            Fault::Refused | Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_) => true,
            Fault::Lost(_) | Fault::Timeout(_) | Fault::Cut | Fault::Status(500.., _) => {
                self.idempotent
            }
            _ => false,
        }
    }
}

impl From<ApiError> for ToolError {
    fn from(error: ApiError) -> Self {
        if let Fault::Ssh(inner) = error.fault {
            return *inner;
        }
        let (code, reason, text) = error.describe();
        let mut tool_error = Self::new(code, text).retryable(error.is_retryable());
        if let Some(reason) = reason {
            tool_error = tool_error.reason(reason);
        }
        if let Some(hint) = error.hint() {
            tool_error = tool_error.hint(hint);
        }
        if let Some(status) = error.status() {
            tool_error = tool_error.upstream_status(status);
        }
        tool_error
    }
}

fn of_status(status: u16) -> Code {
    match status {
        401 => Code::UpstreamUnauthorized,
        404 => Code::NotFound,
        // 403 is how engines refuse to touch what they made themselves, or what is in use.
        403 | 409 => Code::Conflict,
        429 => Code::RateLimited,
        _ => Code::UpstreamRejected,
    }
}

fn verb(status: u16) -> String {
    match status {
        404 => "does not know this (404)".to_owned(),
        403 | 409 => format!("refused, because of how things are ({status})"),
        500.. => format!("failed ({status})"),
        _ => format!("refused ({status})"),
    }
}

/// Registries and engines say this in many words, and the status that came first was 200.
pub(crate) fn is_denied(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    [
        "denied",
        "unauthorized",
        "authentication required",
        "no basic auth",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// What a failed connection was about.
pub(crate) fn connecting(error: &io::Error, endpoint: &Endpoint) -> Fault {
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return handshake(tls);
    }
    let is_socket = matches!(endpoint, Endpoint::Unix(_));
    match error.kind() {
        io::ErrorKind::NotFound if is_socket => Fault::SocketMissing,
        io::ErrorKind::PermissionDenied if is_socket => Fault::SocketDenied,
        io::ErrorKind::ConnectionRefused => Fault::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Fault::NoRoute,
        // A server that wants a certificate may close without a word.
        io::ErrorKind::UnexpectedEof => {
            Fault::Handshake("the engine closed the connection".to_owned())
        }
        kind => Fault::Connect(kind.to_string()),
    }
}

fn handshake(error: &rustls::Error) -> Fault {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => {
            match other.0.downcast_ref::<CertificateProblem>() {
                Some(problem) => Fault::Certificate(Box::new(problem.clone())),
                None => Fault::Handshake("the certificate cannot be checked".to_owned()),
            }
        }
        rustls::Error::InvalidMessage(_) => Fault::NotTls,
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate,
        ) => Fault::Handshake("the engine asks for a certificate that it trusts".to_owned()),
        // Made of words of the protocol only.
        rustls::Error::AlertReceived(alert) => {
            Fault::Handshake(format!("the engine answered `{alert:?}`"))
        }
        _ => Fault::Handshake("the messages do not follow the protocol".to_owned()),
    }
}

/// What a failed exchange was about.
pub(crate) fn exchanging(error: &hyper::Error) -> Fault {
    if error.is_parse() {
        return Fault::NotHttp;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(found) = cause {
        if let Some(io) = found.downcast_ref::<io::Error>()
            && let Some(tls) = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return handshake(tls);
        }
        cause = found.source();
    }
    Fault::Lost(None)
}
