//! What can go wrong on the way to an upstream and back, said so that people can fix it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_core::redact::{MARK, Redactor};
use homelab_core::render::printable;
use homelab_core::secret::Secret;

use crate::tls::CertificateProblem;

/// Characters kept of a text that an upstream wrote.
const LONGEST_TEXT: usize = 300;
/// Shorter secrets are not searched for: they would blot out ordinary words.
const SHORTEST_SECRET: usize = 4;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The host name has no address.
    Dns,
    /// Nothing listens at the address and port.
    Refused,
    /// The network has no way to the address.
    NoRoute,
    /// No connection, TLS included, within this limit.
    ConnectTimeout(Duration),
    /// No connection, for this reason.
    Connect(String),
    /// The certificate is not trusted.
    Certificate(Box<CertificateProblem>),
    /// `https`, but the port does not speak TLS.
    NotTls,
    /// The TLS handshake failed for a reason other than our trust.
    Handshake(String),
    /// What came back is not HTTP.
    NotHttp,
    /// The connection ended before an answer came.
    Lost,
    /// The request took longer than `limit`; `received` is set if the answer had begun.
    Timeout {
        /// The limit.
        limit: Duration,
        /// Bytes of the body that had arrived.
        received: Option<usize>,
    },
    /// The body ended early.
    Cut {
        /// Bytes that arrived.
        received: usize,
    },
    /// The body is longer than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// More redirects than allowed.
    RedirectLoop {
        /// How many are allowed.
        limit: u32,
    },
    /// A status that is no success.
    Status(StatusFault),
    /// A body that is not what the caller reads; the text says what and where, without values.
    Unexpected(String),
    /// The request cannot be made from what the caller gave.
    Invalid(String),
    /// The request cannot be made from what is configured.
    NotConfigured(String),
}

/// A status that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFault {
    /// The status.
    pub status: u16,
    /// What the upstream says about it, cleaned and cut.
    pub detail: Option<String>,
    /// Seconds that the upstream asks to wait.
    pub retry_after_s: Option<u64>,
    /// Origin that the request was redirected to, or should have been.
    pub redirect: Option<String>,
}

/// What the errors of one client have in common.
pub(crate) struct Context {
    pub(crate) service: String,
    pub(crate) settings: String,
    pub(crate) redactor: Redactor,
}

/// What the errors of one request have in common.
pub(crate) struct Asked {
    pub(crate) context: Arc<Context>,
    pub(crate) operation: &'static str,
    /// Scheme, host and port of the address that was asked last.
    pub(crate) origin: String,
    /// Whether a redirect led there from another origin, so that credentials stayed behind.
    pub(crate) redirected: bool,
    pub(crate) idempotent: bool,
    pub(crate) secrets: Vec<Secret>,
}

impl Asked {
    /// A foreign text as it may be shown: one line, without secrets, not long.
    pub(crate) fn clean(&self, text: &str) -> String {
        let line = printable(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let mut line = self.context.redactor.text(&line).into_owned();
        for secret in &self.secrets {
            if secret.expose().len() >= SHORTEST_SECRET {
                line = line.replace(secret.expose(), MARK);
            }
        }
        match line.char_indices().nth(LONGEST_TEXT) {
            Some((end, _)) => {
                line.truncate(end);
                line + "…"
            }
            None => line,
        }
    }
}

/// A request that failed: the [`Fault`] and where it happened.
pub struct UpstreamError(Box<Inner>);

struct Inner {
    fault: Fault,
    asked: Arc<Asked>,
}

impl UpstreamError {
    pub(crate) fn new(fault: Fault, asked: Arc<Asked>) -> Self {
        Self(Box::new(Inner { fault, asked }))
    }

    /// What went wrong.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The status, if an answer came at all.
    pub fn status(&self) -> Option<u16> {
        match &self.0.fault {
            Fault::Status(fault) => Some(fault.status),
            _ => None,
        }
    }

    /// The problem with the certificate, if that was it.
    pub fn certificate(&self) -> Option<&CertificateProblem> {
        match &self.0.fault {
            Fault::Certificate(problem) => Some(problem),
            _ => None,
        }
    }

    fn code(&self) -> Code {
        match &self.0.fault {
            Fault::Dns
            | Fault::Refused
            | Fault::NoRoute
            | Fault::ConnectTimeout(_)
            | Fault::Connect(_)
            | Fault::Certificate(_)
            | Fault::NotTls
            | Fault::Handshake(_)
            | Fault::Lost => Code::UpstreamUnreachable,
            Fault::Timeout { .. } => Code::Timeout,
            Fault::Status(fault) => match fault.status {
                401 | 403 => Code::UpstreamUnauthorized,
                429 => Code::RateLimited,
                _ => Code::UpstreamRejected,
            },
            Fault::NotHttp
            | Fault::Cut { .. }
            | Fault::TooLarge { .. }
            | Fault::RedirectLoop { .. }
            | Fault::Unexpected(_) => Code::UpstreamRejected,
            Fault::Invalid(_) => Code::InvalidArgument,
            Fault::NotConfigured(_) => Code::NotConfigured,
        }
    }

    /// Sub-code, documented on the code's page.
    fn reason(&self) -> Option<&'static str> {
        Some(match &self.0.fault {
            Fault::Dns => "dns",
            Fault::Refused => "refused",
            Fault::NoRoute => "no_route",
            Fault::ConnectTimeout(_) => "connect_timeout",
            Fault::Certificate(problem) => problem.fault.as_str(),
            Fault::NotTls => "not_tls",
            Fault::Handshake(_) => "tls_handshake",
            Fault::NotHttp => "not_http",
            Fault::Lost => "connection_lost",
            Fault::Cut { .. } => "cut",
            Fault::TooLarge { .. } => "too_large",
            Fault::RedirectLoop { .. } => "redirect_loop",
            Fault::Unexpected(_) => "unexpected_answer",
            Fault::Status(StatusFault {
                status: 300..=399, ..
            }) => "redirect",
            Fault::Connect(_)
            | Fault::Timeout { .. }
            | Fault::Status(_)
            | Fault::Invalid(_)
            | Fault::NotConfigured(_) => return None,
        })
    }

    /// Whether the same call may succeed later. A request that is not idempotent may have had its
    /// effect, unless it never reached the upstream.
    fn is_retryable(&self) -> bool {
        let idempotent = self.0.asked.idempotent;
        match &self.0.fault {
            Fault::Refused | Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_) => true,
            Fault::Lost | Fault::Timeout { .. } | Fault::Cut { .. } => idempotent,
            Fault::Status(fault) => match fault.status {
                429 => true,
                500.. => idempotent,
                _ => false,
            },
            _ => false,
        }
    }

    fn hint(&self) -> Option<String> {
        let settings = &self.0.asked.context.settings;
        Some(match &self.0.fault {
            Fault::Dns => format!("check the host name in `{settings}.url`, or use an IP address"),
            Fault::Refused => {
                format!("check that the service runs, and the port in `{settings}.url`")
            }
            Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_) => {
                format!("check that the host is up, firewalls, and the address in `{settings}.url`")
            }
            Fault::Certificate(problem) => problem.hint(settings),
            Fault::NotTls => {
                format!("write `http://` in `{settings}.url`, or give the port that speaks TLS")
            }
            Fault::Handshake(_) => {
                "check which TLS versions and client certificates the service asks for".to_owned()
            }
            Fault::NotHttp => {
                format!("check the port in `{settings}.url`, and whether it must be `https://`")
            }
            Fault::Lost if self.0.asked.idempotent => {
                "check the log of the service; it may be restarting".to_owned()
            }
            Fault::Timeout { .. } if self.0.asked.idempotent => {
                format!("try again, or raise the time limit of `{settings}`")
            }
            Fault::Lost | Fault::Timeout { .. } => {
                "the request may have had its effect: look before repeating it".to_owned()
            }
            Fault::Cut { .. } => "try again; a proxy in between may cut answers".to_owned(),
            Fault::TooLarge { .. } => "ask for less: a filter or a smaller page".to_owned(),
            Fault::RedirectLoop { .. } => {
                format!("open the address of `{settings}.url` in a browser to see where it leads")
            }
            Fault::Status(fault) => return status_hint(fault, settings),
            Fault::Unexpected(_) => format!(
                "check that `{settings}.url` is the API of a supported version, not a login page or proxy"
            ),
            Fault::NotConfigured(_) => format!("correct it in section `[{settings}]`"),
            Fault::Invalid(_) => return None,
        })
    }
}

fn status_hint(fault: &StatusFault, settings: &str) -> Option<String> {
    Some(match (fault.status, &fault.redirect) {
        (401 | 403, Some(origin)) => format!(
            "credentials do not follow a redirect: set `{settings}.url` to an address at `{origin}`"
        ),
        (300..=399, Some(origin)) => {
            format!("set `{settings}.url` to the address it leads to, at `{origin}`")
        }
        (401, None) => format!("check the user, password or token in `{settings}`"),
        (403, None) => {
            format!("give the account or token in `{settings}` the right that is missing")
        }
        (404 | 405, _) => format!("check the path in `{settings}.url` and the service's version"),
        (429, _) => "wait before the next call".to_owned(),
        (500.., _) => "check the log of the service".to_owned(),
        _ => return None,
    })
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = &self.0.asked.context.service;
        let origin = &self.0.asked.origin;
        match &self.0.fault {
            Fault::Dns => write!(formatter, "the host name of `{origin}` has no address"),
            Fault::Refused => write!(formatter, "nothing listens at `{origin}`"),
            Fault::NoRoute => write!(formatter, "the network has no way to `{origin}`"),
            Fault::ConnectTimeout(limit) => {
                write!(formatter, "no connection to `{origin}` within {limit:?}")
            }
            Fault::Connect(why) => write!(formatter, "no connection to `{origin}`: {why}"),
            Fault::Certificate(problem) => write!(formatter, "`{origin}`: {problem}"),
            Fault::NotTls => write!(formatter, "`{origin}` does not speak TLS"),
            Fault::Handshake(why) => {
                write!(formatter, "the TLS handshake with `{origin}` failed: {why}")
            }
            Fault::NotHttp => write!(formatter, "what listens at `{origin}` does not speak HTTP"),
            Fault::Lost => write!(
                formatter,
                "`{origin}` closed the connection without an answer"
            ),
            Fault::Timeout {
                limit,
                received: None,
            } => write!(formatter, "`{service}` gave no answer within {limit:?}"),
            Fault::Timeout {
                limit,
                received: Some(received),
            } => write!(
                formatter,
                "`{service}` did not finish its answer within {limit:?}, after {received} bytes"
            ),
            Fault::Cut { received } => write!(
                formatter,
                "the answer of `{service}` ended early, after {received} bytes"
            ),
            Fault::TooLarge { limit } => {
                write!(
                    formatter,
                    "the answer of `{service}` is longer than {limit} bytes"
                )
            }
            Fault::RedirectLoop { limit } => {
                write!(formatter, "`{service}` redirects more than {limit} times")
            }
            Fault::Status(fault) => status_message(formatter, service, fault),
            Fault::Unexpected(what) => {
                let operation = self.0.asked.operation;
                write!(
                    formatter,
                    "the answer of `{service}` to `{operation}` cannot be used: {what}"
                )
            }
            Fault::Invalid(what) | Fault::NotConfigured(what) => {
                write!(formatter, "cannot ask `{service}`: {what}")
            }
        }
    }
}

fn status_message(
    formatter: &mut fmt::Formatter<'_>,
    service: &str,
    fault: &StatusFault,
) -> fmt::Result {
    let status = fault.status;
    match status {
        401 => write!(
            formatter,
            "`{service}` does not accept our credentials (401)"
        )?,
        403 => write!(
            formatter,
            "`{service}` does not allow this to our credentials (403)"
        )?,
        404 => write!(formatter, "`{service}` does not know this address (404)")?,
        429 => write!(formatter, "`{service}` asks for fewer requests (429)")?,
        300..=399 => write!(
            formatter,
            "`{service}` redirects instead of answering ({status})"
        )?,
        500.. => write!(formatter, "`{service}` failed ({status})")?,
        _ => write!(formatter, "`{service}` refused the request ({status})")?,
    }
    match &fault.detail {
        Some(detail) => write!(formatter, ": {detail}"),
        None => Ok(()),
    }
}

impl fmt::Debug for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UpstreamError")
            .field("service", &self.0.asked.context.service)
            .field("operation", &self.0.asked.operation)
            .field("fault", &self.0.fault)
            .finish()
    }
}

impl std::error::Error for UpstreamError {}

impl From<UpstreamError> for ToolError {
    fn from(error: UpstreamError) -> Self {
        let mut tool_error = Self::new(error.code(), error.to_string())
            .retryable(error.is_retryable())
            .instance(error.0.asked.context.service.clone());
        if let Some(reason) = error.reason() {
            tool_error = tool_error.reason(reason);
        }
        if let Some(hint) = error.hint() {
            tool_error = tool_error.hint(hint);
        }
        if let Fault::Status(fault) = &error.0.fault {
            tool_error = tool_error.upstream_status(fault.status);
            if let Some(seconds) = fault.retry_after_s.filter(|_| error.is_retryable()) {
                tool_error = tool_error.retry_after_s(seconds);
            }
        }
        tool_error
    }
}
