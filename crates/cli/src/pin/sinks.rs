//! The places that a checkpoint can be pinned to.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use homelab_core::audit::Checkpoint;
use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use homelab_upstream::{Client, ClientConfig, Request, Url, header};

use crate::config::sections::Pin;
use crate::exit::Failure;

/// The system's log socket.
const DEV_LOG: &str = "/dev/log";
/// Facility authpriv (10), severity notice (5): `8 * 10 + 5`.
const PRIORITY: u8 = 85;
/// Limit of one request.
const PATIENCE: Duration = Duration::from_secs(10);

/// One place.
pub(super) enum Sink {
    /// Our own log.
    Log,
    /// The system's log socket.
    Syslog,
    /// A file that is appended to.
    File(PathBuf),
    /// A service that is posted to.
    Http(Box<Http>),
}

/// A service that is posted to.
pub(super) struct Http {
    name: &'static str,
    client: Client,
    /// `/` where the address ends with one: the client takes it off.
    path: &'static str,
    query: Vec<(String, Secret)>,
    user: Option<(String, Secret)>,
    token: Option<Secret>,
}

/// The names of the places that are configured.
pub(crate) fn names(config: &Pin) -> Vec<&'static str> {
    [
        ("log", config.log),
        ("syslog", config.syslog),
        ("file", config.file.is_some()),
        ("webhook", config.webhook.is_some()),
        ("ntfy", config.ntfy.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, on)| on.then_some(name))
    .collect()
}

/// The places that are configured.
pub(super) fn configured(config: &Pin, redactor: &Redactor) -> Result<Vec<Sink>> {
    let mut sinks = Vec::new();
    if config.log {
        sinks.push(Sink::Log);
    }
    if config.syslog {
        sinks.push(Sink::Syslog);
    }
    sinks.extend(config.file.clone().map(Sink::File));
    let services = [
        ("webhook", &config.webhook, &config.webhook_token),
        ("ntfy", &config.ntfy, &config.ntfy_token),
    ];
    for (name, url, token) in services {
        if let Some(SecretRef::Plain(url)) = url {
            let http = Http::new(name, url, plain(token.as_ref()), redactor)?;
            sinks.push(Sink::Http(Box::new(http)));
        }
    }
    Ok(sinks)
}

fn plain(secret: Option<&SecretRef>) -> Option<Secret> {
    match secret {
        Some(SecretRef::Plain(secret)) => Some(secret.clone()),
        _ => None,
    }
}

impl Sink {
    /// Its name in settings, metrics and logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Syslog => "syslog",
            Self::File(_) => "file",
            Self::Http(http) => http.name,
        }
    }

    /// Sends it; why it could not be, for people.
    pub(super) async fn send(&self, one: &Checkpoint) -> Result<(), String> {
        let line = one.line();
        match self {
            Self::Log => {
                tracing::info!(target: "homelab_mcp::audit::head", "audit head {line}");
                Ok(())
            }
            Self::Syslog => {
                syslog(Path::new(DEV_LOG), &line).map_err(|error| format!("`{DEV_LOG}`: {error}"))
            }
            Self::File(path) => {
                let at = path.clone();
                // A share may hang for as long as it likes, on a thread that may.
                let written = tokio::task::spawn_blocking(move || append(&at, &line)).await;
                written
                    .unwrap_or_else(|_| Err(io::Error::other("the writer ended")))
                    .map_err(|error| format!("`{}`: {error}", path.display()))
            }
            Self::Http(http) => http.send(one, line).await,
        }
    }
}

/// One message as the system's log takes it (RFC 3164 without time and host, which it adds).
fn syslog(socket: &Path, line: &str) -> io::Result<()> {
    let message = format!(
        "<{PRIORITY}>homelab-mcp[{}]: audit head {line}",
        std::process::id()
    );
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(Duration::from_secs(1)))?;
    sender.send_to(message.as_bytes(), socket).map(drop)
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}

impl Http {
    fn new(
        name: &'static str,
        url: &Secret,
        token: Option<Secret>,
        redactor: &Redactor,
    ) -> Result<Self> {
        let mut url = Url::parse(url.expose().trim())
            .map_err(|_| Failure::usage(format!("`audit.pin.{name}` is not a URL")))?;
        let pairs = url.query_pairs();
        let query = pairs
            .map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned())))
            .collect();
        let user = url.password().map(|password| {
            let password = Secret::new(password);
            (url.username().to_owned(), password)
        });
        url.set_query(None);
        // Both fail only for addresses without a host, which the client refuses.
        let cleared = url.set_username("").is_ok() && url.set_password(None).is_ok();
        if !cleared {
            return Err(Failure::usage(format!("`audit.pin.{name}` names no host")).into());
        }
        let path = if url.path().ends_with('/') && url.path() != "/" {
            "/"
        } else {
            ""
        };
        let mut config = ClientConfig::new(format!("audit-pin-{name}"));
        "audit.pin".clone_into(&mut config.settings);
        config.base_url = Some(url);
        config.timeout = PATIENCE;
        config.max_body = 64 * 1024;
        Ok(Self {
            name,
            client: Client::new(&config, redactor.clone())?,
            path,
            query,
            user,
            token,
        })
    }

    async fn send(&self, one: &Checkpoint, line: String) -> Result<(), String> {
        let mut request = Request::post("pin_audit_head", self.path, &[]);
        for (name, value) in &self.query {
            request = request.secret_query(name, value);
        }
        if let Some((user, password)) = &self.user {
            request = request.basic(user, password);
        }
        if let Some(token) = &self.token {
            request = request.bearer(token);
        }
        // The same head twice is one head: sending it again does no harm.
        request = request.idempotent();
        request = if self.name == "ntfy" {
            let title = format!("homelab-mcp audit head {}", one.number);
            request
                .header(header::HeaderName::from_static("title"), &title)
                .header(header::HeaderName::from_static("priority"), "min")
                .body("text/plain; charset=utf-8", line)
        } else {
            request.json(&serde_json::json!({ "audit_head": one, "line": line }))
        };
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| error.to_string())?;
        answer
            .checked()
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_goes_to_the_system_log_as_one_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let system = UnixDatagram::bind(&path).unwrap();

        syslog(&path, "{}").unwrap();

        let mut message = [0; 100];
        let length = system.recv(&mut message).unwrap();
        let text = std::str::from_utf8(&message[..length]).unwrap();
        assert!(text.starts_with("<85>homelab-mcp["), "{text}");
        assert!(text.ends_with("]: audit head {}"), "{text}");
    }

    #[test]
    fn what_is_secret_in_an_address_is_not_part_of_the_base() {
        let url = Secret::new("https://bob:hunter2@hooks.example/a/?token=abc");

        let http = Http::new("webhook", &url, None, &Redactor::default());

        // Making the client needs a TLS provider, which tests of this binary do not install.
        if let Ok(http) = http {
            assert_eq!(http.path, "/");
            assert_eq!(http.query.len(), 1);
            assert!(http.user.is_some());
        }
    }
}
