//! Listeners, and the servers behind this one.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use homelab_core::server::HealthStatus;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Findings;
use crate::config::{Config, refuse_open_listener};
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
