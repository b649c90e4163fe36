//! Carrying out a check.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homelab_backend::Env;
use homelab_core::clock::Clock;
use homelab_core::error::ToolResult;
use homelab_core::inventory::Service;
use homelab_upstream::{
    Client, ClientConfig, Fault, Overflow, Request, Response, TlsConfig, Url, header,
};
use tokio::net::TcpStream;

use super::address::{self, Probe};
use super::report::ServiceHealth;
use crate::Config;

/// Most bytes of a body that are read; a health answer is a few words.
const MAX_BODY: usize = 16 * 1024;
/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Asks services how they are.
pub(crate) struct Checker {
    client: Client,
    /// Clients with a trust of their own, by folded service name.
    by_service: BTreeMap<String, Client>,
    clock: Arc<dyn Clock>,
    limit: Duration,
    warn_days: i64,
    /// How many services are asked at a time.
    pub(crate) concurrency: usize,
}

impl Checker {
    pub(crate) fn new(instance: &str, config: &Config, env: &Env) -> ToolResult<Self> {
        let limit = Duration::from_secs(config.health_timeout_s);
        let client = |tls: &TlsConfig, settings: String| {
            env.client(ClientConfig {
                settings,
                timeout: limit,
                connect_timeout: limit,
                max_body: MAX_BODY,
                // A service that answers only the second time is not well.
                retries: 0,
                redirects: 0,
                tls: tls.clone(),
                ..ClientConfig::new(instance)
            })
        };
        let section = format!("servers.{instance}");
        let by_service = config
            .service_tls
            .iter()
            .map(|(name, tls)| {
                let client = client(tls, format!("{section}.service_tls.{name}"))?;
                Ok((name.to_lowercase(), client))
            })
            .collect::<ToolResult<_>>()?;
        Ok(Self {
            client: client(&config.tls, section)?,
            by_service,
            clock: env.clock.clone(),
            limit,
            warn_days: config.certificate_warning_days,
            concurrency: config.health_concurrency,
        })
    }

    /// Checks a service; `host` is the address of what it runs on. A service that is down is a
    /// result; only a record that does not say what to ask is an error.
    pub(crate) async fn check(
        &self,
        service: &Service,
        host: Option<&str>,
    ) -> ToolResult<ServiceHealth> {
        let probe = address::probe(service, host)?;
        let name = &service.service_name;
        let mut health = ServiceHealth::started(name, probe.shown(), self.clock.now());
        match probe {
            Probe::Http(url) => self.ask(&mut health, url).await,
            Probe::Tcp { host, port } => self.connect(&mut health, &host, port).await,
        }
        Ok(health)
    }

    async fn ask(&self, health: &mut ServiceHealth, url: Url) {
        let client = self
            .by_service
            .get(&health.service.to_lowercase())
            .unwrap_or(&self.client);
        let started = Instant::now();
        let mut here = url;
        for _ in 0..=MAX_REDIRECTS {
            let left = self.limit.saturating_sub(started.elapsed());
            let request = Request::get_url("health_check", here.clone())
                .timeout(left)
                .max_body(MAX_BODY, Overflow::Cut);
            let response = match client.send(request).await {
                Ok(response) => response,
                Err(error) => {
                    let hint = hint(error.fault());
                    return health.failed(error, hint);
                }
            };
            health.latency_ms = Some(millis(started.elapsed()));
            let Some(next) = redirect(&response, &here) else {
                return health.answered(&response, self.warn_days);
            };
            health.status = Some(response.status.as_u16());
            // Only hosts that the inventory names are talked to, whatever a service says.
            if address::host(&next) != address::host(&here) {
                let elsewhere = address::host(&next);
                health.problem = Some(format!("it redirects to another host, `{elsewhere}`"));
                health.hint =
                    Some("set its `health_endpoint` to a page that it answers itself".to_owned());
                return;
            }
            health.redirected_to = Some(address::shown(&next));
            here = next;
        }
        health.problem = Some(format!("it redirects more than {MAX_REDIRECTS} times"));
        health.hint = Some("check the service's `health_endpoint`".to_owned());
    }

    async fn connect(&self, health: &mut ServiceHealth, host: &str, port: u16) {
        let started = Instant::now();
        let connected = tokio::time::timeout(self.limit, open(host, port)).await;
        health.latency_ms = Some(millis(started.elapsed()));
        match connected {
            Ok(Ok(())) => health.healthy = true,
            Ok(Err(error)) => {
                health.problem = Some(match error.kind() {
                    io::ErrorKind::ConnectionRefused => "nothing listens at this port".to_owned(),
                    io::ErrorKind::PermissionDenied => error.to_string(),
                    _ => "no connection could be opened".to_owned(),
                });
                health.hint = Some("check that the service runs and which port it has".to_owned());
            }
            Err(_) => {
                let seconds = self.limit.as_secs();
                health.problem = Some(format!("no connection within {seconds} s"));
                health.hint = Some("check that the host is up, and firewalls".to_owned());
            }
        }
    }
}

async fn open(host: &str, port: u16) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for to in tokio::net::lookup_host((host, port)).await? {
        if address::is_forbidden_ip(to.ip()) {
            last = io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the name leads to a link-local, unspecified or multicast address",
            );
            continue;
        }
        match TcpStream::connect(to).await {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Where an answer sends us, if it does.
fn redirect(response: &Response, from: &Url) -> Option<Url> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers.get(header::LOCATION)?.to_str().ok()?;
    let to = from.join(location).ok()?;
    matches!(to.scheme(), "http" | "https").then_some(to)
}

/// What to do, where the client would speak of settings that health checks do not have.
fn hint(fault: &Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Dns => "check the host name in the service's `url`",
        Fault::Refused => "check that the service runs, and the port in its `url`",
        Fault::NoRoute | Fault::ConnectTimeout(_) | Fault::Connect(_) => {
            "check that the host is up, firewalls, and the address in the service's `url`"
        }
        Fault::NotTls => "the port does not speak TLS: write `http://` in the service's `url`",
        Fault::NotHttp => {
            "check the port in the service's `url`, and whether it must be `https://`"
        }
        Fault::Timeout { .. } => {
            "it is up but slow; `health_timeout_s` in its section says how long checks wait"
        }
        _ => return None,
    })
}

/// Milliseconds to one decimal: a neighbour in the lab answers in fractions.
pub(crate) fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
