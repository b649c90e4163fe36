//! What can go wrong between us and an engine, said so that people can fix it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::ToolError;
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
        let mut tool_error =
            Self::new(error.code(), error.message()).retryable(error.is_retryable());
        if let Some(reason) = error.reason() {
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
