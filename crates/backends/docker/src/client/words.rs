//! An engine's fault in words: code, reason, message and what to do.

use homelab_core::error::Code;

use super::error::{ApiError, Fault, is_denied};

impl ApiError {
    pub(super) fn code(&self) -> Code {
        match &self.fault {
            Fault::SocketMissing
            | Fault::Refused
            | Fault::Dns
            | Fault::NoRoute
            | Fault::ConnectTimeout(_)
            | Fault::Connect(_)
            | Fault::Certificate(_)
            | Fault::NotTls
            | Fault::Handshake(_)
            | Fault::Lost(_) => Code::UpstreamUnreachable,
            Fault::SocketDenied => Code::UpstreamUnauthorized,
            Fault::Stream(said) if is_denied(said) => Code::UpstreamUnauthorized,
            Fault::Timeout(_) => Code::Timeout,
            Fault::Status(status, _) => of_status(*status),
            Fault::NotHttp
            | Fault::NotDocker
            | Fault::Cut
            | Fault::TooLarge(_)
            | Fault::Version(_)
            | Fault::Stream(_)
            | Fault::Unexpected(_) => Code::UpstreamRejected,
            // Replaced as a whole where the error is handed on.
            Fault::Ssh(_) => Code::Internal,
        }
    }

    /// Sub-code, documented on the code's page.
    pub(super) fn reason(&self) -> Option<&'static str> {
        Some(match &self.fault {
            Fault::SocketMissing => "socket_missing",
            Fault::SocketDenied => "socket_denied",
            Fault::Refused => "refused",
            Fault::Dns => "dns",
            Fault::NoRoute => "no_route",
            Fault::ConnectTimeout(_) => "connect_timeout",
            Fault::Certificate(problem) => problem.fault.as_str(),
            Fault::NotTls => "not_tls",
            Fault::Handshake(_) => "tls_handshake",
            Fault::Lost(_) => "connection_lost",
            Fault::NotHttp => "not_http",
            Fault::NotDocker | Fault::Unexpected(_) => "unexpected_answer",
            Fault::Cut => "cut",
            Fault::TooLarge(_) => "too_large",
            Fault::Version(_) => "api_version_unsupported",
            Fault::Stream(said) if is_denied(said) => "registry_denied",
            Fault::Stream(_) => "transfer_failed",
            Fault::Connect(_) | Fault::Timeout(_) | Fault::Status(..) | Fault::Ssh(_) => {
                return None;
            }
        })
    }

    pub(super) fn message(&self) -> String {
        let host = format!("the Docker host `{}`", self.place.host);
        let place = format!("`{}` of {host}", self.place.endpoint);
        let operation = self.operation;
        match &self.fault {
            Fault::SocketMissing => format!("there is no socket {place}"),
            Fault::SocketDenied => format!("the socket {place} may not be used by us"),
            Fault::Refused => format!("nothing listens at {place}"),
            Fault::Dns => format!("the name in {place} has no address"),
            Fault::NoRoute => format!("the network has no way to {place}"),
            Fault::ConnectTimeout(limit) => format!("no connection to {place} within {limit:?}"),
            Fault::Connect(why) => format!("no connection to {place}: {why}"),
            Fault::Certificate(problem) => format!("{place}: {problem}"),
            Fault::NotTls => format!("{place} does not speak TLS"),
            Fault::Handshake(why) => format!("the TLS handshake with {place} failed: {why}"),
            Fault::Lost(None) => format!("{host} closed the connection without an answer"),
            Fault::Lost(Some(said)) => format!("{host} closed the connection: {said}"),
            Fault::NotHttp => format!("what listens at {place} does not speak HTTP"),
            Fault::NotDocker => format!("what listens at {place} is no Docker engine"),
            Fault::Timeout(limit) => {
                format!("{host} gave no answer to `{operation}` within {limit:?}")
            }
            Fault::Cut => format!("the answer of {host} to `{operation}` ended early"),
            Fault::TooLarge(limit) => {
                format!("the answer of {host} to `{operation}` is longer than {limit} bytes")
            }
            Fault::Version(what) => format!("the versions of {host} do not fit: {what}"),
            Fault::Status(status, said) => format!("{host} {}: {said}", verb(*status)),
            Fault::Stream(said) if is_denied(said) => {
                format!("the registry does not let {host} do that: {said}")
            }
            Fault::Stream(said) => format!("the transfer by {host} failed: {said}"),
            Fault::Unexpected(what) => {
                format!("the answer of {host} to `{operation}` cannot be used: {what}")
            }
            Fault::Ssh(error) => error.envelope().message.clone(),
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
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
