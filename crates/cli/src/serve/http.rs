//! The HTTP door: listeners, TLS, authentication, routes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::rest::{CcpmDoor, MetricsAccess};
use homelab_gateway::transport::AllowedHost;
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use homelab_gateway::transport::listen::{self, Limits, TlsFiles};
use tokio::net::{TcpListener, TcpSocket};

use super::demo::Demo;
use super::ready::Ready;
use super::{Running, systemd, welcome};
use crate::commands::keys::make_first;
use crate::config::sections::{ClientCertificate, Metrics};
use crate::config::{Config, ConfigError, refuse_open_listener};
use crate::exit::{Exit, Failure};

/// Connections that may wait to be accepted, as far as the system allows (`net.core.somaxconn`).
const QUEUE: u32 = 4096;

impl Running<'_> {
    /// Serves clients on all listeners.
    pub(super) async fn over_http(mut self, demo: Option<&Demo>) -> Result<Exit> {
        refuse_open_listener(&self.loaded.config).map_err(ConfigError::from)?;
        let tls = tls(&self.loaded.config)?;
        let listeners = bind(&self.loaded.config.server.listen)?;
        // Port 0 has become a number.
        self.loaded.config.server.listen = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<Result<_, _>>()?;
        let config = &self.loaded.config;

        let first = if config.auth.enabled {
            make_first(&self.services).await?
        } else {
            None
        };
        let authenticator = self.authenticator()?;
        let router = router(HttpParts {
            handler: self.parts(),
            authenticator: authenticator.clone(),
            registry: self.services.registry.clone(),
            approvals: Some(self.services.approvals.clone()),
            ccpm: self.ccpm_door(),
            ready: Arc::new(Ready(self.services.database.clone())),
            options: options(config),
        });
        welcome::show(&self, first.as_ref(), demo)?;
        let servers = self.services.registry.load().servers().count();
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            listen = ?config.server.listen,
            database = self.services.database.engine(),
            auth = config.auth.enabled,
            servers,
            "serving HTTP"
        );
        systemd::tell(&self.session.environment, "READY=1");
        let serving = listen::serve(
            listeners,
            router,
            tls,
            limits(config),
            self.shutdown.clone(),
        );
        let served = self.beside(serving).await;
        systemd::tell(&self.session.environment, "STOPPING=1");
        authenticator.flush().await;
        let closed = self.services.close().await;
        served.context("serving HTTP")?;
        closed?;
        tracing::info!("stopped");
        Ok(Exit::Ok)
    }

    /// The contract's routes, where our own database is used.
    fn ccpm_door(&self) -> Option<CcpmDoor> {
        let teamwork = &self.services.teamwork;
        Some(CcpmDoor {
            instance: teamwork.instance.clone()?,
            service: teamwork.service.clone(),
            identities: teamwork.identities.clone(),
            gate: self.services.dispatcher.gate(),
        })
    }

    fn authenticator(&self) -> Result<Arc<Authenticator>> {
        let config = &self.loaded.config;
        let methods =
            super::auth::methods(config, &self.session.redactor).map_err(ConfigError::from)?;
        let parts = AuthParts {
            keys: self.services.stores.keys.clone(),
            audit: self.services.audit.clone(),
            clock: self.session.clock.clone(),
            entropy: self.session.entropy.clone(),
            metrics: self.services.metrics.clone(),
            without_key: if config.auth.enabled {
                WithoutKey::Refused
            } else {
                WithoutKey::Is(config.local.http_role)
            },
        };
        Ok(Authenticator::with(parts, methods))
    }
}

fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for &address in addresses {
        let listener = listener(address).map_err(|error| {
            Failure::new(format!("cannot listen on {address}: {error}")).hint(
                "stop what uses the address, or choose another with `--listen` or `server.listen`",
            )
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// As `TcpListener::bind`, with a longer queue: a burst above its 128 costs every further client a
/// second, until its system tries again (measured: 5,000 connections took 30 s, and 1 s with this).
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Otherwise a restart waits for the system to forget the old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

fn tls(config: &Config) -> Result<Option<Arc<rustls::ServerConfig>>> {
    let tls = &config.server.tls;
    let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) else {
        return Ok(None);
    };
    let files = TlsFiles {
        cert: cert.clone(),
        key: key.clone(),
        client_ca: tls.client_ca_file.clone(),
        client_optional: tls.client_certificate == ClientCertificate::Optional,
    };
    Ok(Some(files.load().context("setting up TLS (`server.tls`)")?))
}

fn options(config: &Config) -> HttpOptions {
    let server = &config.server;
    let mut allowed_hosts = server.allowed_hosts.clone();
    allowed_hosts.extend(public_host(config));
    HttpOptions {
        base_path: server.base_path.clone(),
        allowed_hosts,
        allowed_origins: server.allowed_origins.clone(),
        sse: server.sse,
        max_body: config.limits.max_body_bytes,
        max_sessions: config.limits.max_sessions,
        metrics: match server.metrics {
            Metrics::Key => MetricsAccess::Key,
            Metrics::Local => MetricsAccess::KeyOrLocal,
            Metrics::Open => MetricsAccess::Open,
        },
        ..HttpOptions::default()
    }
}

/// The name in the public URL is one that clients use.
fn public_host(config: &Config) -> Option<AllowedHost> {
    let url = config.server.public_url.as_deref()?;
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    host.parse().ok()
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        max_connections: limits.max_connections,
        head: Duration::from_secs(limits.header_timeout_s),
        idle: Duration::from_secs(limits.idle_timeout_s),
        drain: Duration::from_secs(limits.shutdown_grace_s),
        ..Limits::default()
    }
}
