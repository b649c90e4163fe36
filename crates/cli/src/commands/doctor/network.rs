//! Listeners, and the servers behind this one.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use homelab_core::redact::Redactor;
use homelab_core::server::HealthStatus;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Findings;
use crate::config::{Config, refuse_open_listener};
use crate::serve::auth::methods;
use crate::services::Services;

/// How long a server may take to say how it is.
const HEALTH: Duration = Duration::from_secs(5);
/// How long a local connection may take.
const CONNECT: Duration = Duration::from_secs(1);

/// Each address: free, or in use already; safe to listen on.
pub(super) async fn listeners(config: &Config, findings: &mut Findings) {
    let check = "listener";
    if let Err(problem) = refuse_open_listener(config) {
        findings.broken(check, problem.message, problem.hint.unwrap_or_default());
    }
    let plain = config.server.tls.cert_file.is_none();
    for address in &config.server.listen {
        let on_network = !address.ip().to_canonical().is_loopback();
        match state(*address).await {
            Ok(found) if on_network && plain => findings.warning(
                check,
                format!("{address}: {found}; keys travel in the clear"),
                "set `server.tls`, or put a proxy with TLS in front of a loopback address",
            ),
            Ok(found) => findings.ok(check, format!("{address}: {found}")),
            Err(error) => findings.broken(
                check,
                format!("{address} cannot be listened on: {error}"),
                "choose another address in `server.listen`",
            ),
        }
    }
}

/// The issuers of tokens, and who is let off the rule about text by outsiders.
pub(super) async fn sign_in(config: &Config, redactor: &Redactor, findings: &mut Findings) {
    for name in &config.auth.taint_off {
        findings.ok(
            "taint",
            format!(
                "off for `{name}`: its changes need no approval after it read text by outsiders"
            ),
        );
    }
    let Ok(methods) = methods(config, redactor) else {
        // The configuration's own check has said so.
        return;
    };
    let Some(issuers) = &methods.issuers else {
        return;
    };
    for (name, looked) in issuers.check().await {
        match looked {
            Ok(()) => findings.ok("issuer", format!("`{name}`: its keys can be read")),
            Err(error) => findings.broken(
                "issuer",
                format!("`{name}`: its keys cannot be read: {error}"),
                "correct `url` in `[[auth.issuers]]`: it is where its `/.well-known/` documents are",
            ),
        }
    }
}

async fn state(address: SocketAddr) -> std::io::Result<&'static str> {
    match TcpListener::bind(address).await {
        Ok(_) => Ok("free"),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(_)) => Ok("in use, by a running server or another program"),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Each server, all at once.
pub(super) async fn servers(services: &Services, findings: &mut Findings) {
    let registry = services.registry.load_full();
    let asked = registry.servers().map(|server| async move {
        let health = timeout(HEALTH, server.health()).await;
        (server.instance().to_owned(), health)
    });
    for (name, health) in join_all(asked).await {
        let check = format!("server {name}");
        let Ok(health) = health else {
            let fix = format!("check that what `[servers.{name}]` names is up and reachable");
            findings.broken(
                &check,
                format!("no answer within {} s", HEALTH.as_secs()),
                fix,
            );
            continue;
        };
        let fix = health.hint.unwrap_or_default();
        match health.status {
            HealthStatus::Ok => findings.ok(&check, health.message),
            HealthStatus::Degraded => findings.warning(&check, health.message, fix),
            HealthStatus::Down => findings.broken(&check, health.message, fix),
        }
    }
}
