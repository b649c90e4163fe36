//! Certificates: which hosts have one, whence, and for how long.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use homelab_backend::page::page;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::acme;
use crate::client::{Search, Traefik};
use crate::files;
use crate::handshake::{Handshakes, no_address};
use crate::protocol::Protocol;
use crate::rule;
use crate::types::{Certificate, EntryPoint, Router};
use crate::x509::{CertificateRow, Source, days_left};

/// Handshakes at a time.
const AT_A_TIME: usize = 8;
/// Expiring certificates that are named.
const NAMED: usize = 50;

/// Which hosts, and how to look.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetCertificateStatus {
    /// Only this host.
    #[schemars(length(min = 1, max = 253))]
    domain: Option<String>,
    /// Days that a certificate must have left; fewer are a finding.
    #[schemars(range(min = 0, max = 366))]
    expiring_within_days: u32,
    /// Also make a TLS handshake for each host, as clients do; by default only where Traefik
    /// itself does not tell.
    check_handshake: Option<bool>,
    /// Most hosts; default 25.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

impl Default for GetCertificateStatus {
    fn default() -> Self {
        Self {
            domain: None,
            expiring_within_days: 30,
            check_handshake: None,
            limit: None,
            cursor: None,
        }
    }
}

/// A host that is served with TLS.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct HostRow {
    host: String,
    /// Routers that name it.
    routers: Vec<String>,
    /// The certificate resolver of its routers.
    cert_resolver: Option<String>,
    /// The certificate that Traefik has for it, the one that lasts longest.
    certificate: Option<CertificateRow>,
    /// The certificate that a handshake showed.
    served: Option<CertificateRow>,
    /// Whether there is one for this host that is still valid.
    covered: bool,
    /// What is wrong.
    findings: Vec<String>,
}

/// The state of certificates.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CertificateStatus {
    /// One page of the hosts, by name.
    hosts: Vec<HostRow>,
    /// How many hosts there are.
    total: u64,
    /// Pass this as `cursor` for the next page; absent on the last.
    next_cursor: Option<String>,
    /// Where was looked.
    sources: Vec<Source>,
    /// Certificates that expire soon or have expired, whichever host they are for; at most 50.
    expiring: Vec<CertificateRow>,
    /// What could not be looked at.
    notes: Vec<String>,
}

/// Check TLS certificates for each host of Traefik's routers: whether one covers it, who issued it, days left. Reads Traefik's API and `acme.json`, and with `check_handshake` what clients really get.
#[tool(
    read,
    open_world,
    permission = "traefik:certificate:read",
    title = "Check certificates",
    timeout = 150
)]
pub(crate) async fn get_certificate_status(
    traefik: &Traefik,
    args: GetCertificateStatus,
) -> ToolResult<CertificateStatus> {
    let (known, mut sources, mut notes) = known(traefik).await?;
    let mut hosts = hosts(traefik).await?;
    if let Some(domain) = &args.domain {
        let domain = domain.to_ascii_lowercase();
        hosts.retain(|host, _| *host == domain);
        if hosts.is_empty() {
            let message = format!("no router with TLS names the host `{domain}`");
            return Err(ToolError::not_found(message)
                .reason("host_not_found")
                .field("domain")
                .hint("call it without `domain`; `list_routers` shows rules, and whether they have TLS"));
        }
    }
    let rows: Vec<HostRow> = hosts
        .iter()
        .map(|(host, of)| row(host, of, &known))
        .collect();
    let Page {
        items,
        total,
        next_cursor,
    } = page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.host.clone()
    })?;
    let shake = args.check_handshake.unwrap_or(sources.is_empty());
    let mut items = items;
    if shake && !items.is_empty() {
        sources.push(Source::Handshake);
        items = shaken(traefik, items, &hosts).await?;
    }
    let knows = !sources.is_empty();
    for item in &mut items {
        item.judge(args.expiring_within_days, knows);
    }
    if !knows {
        notes.push("nothing was looked at".to_owned());
    }
    let mut expiring: Vec<CertificateRow> = known
        .into_iter()
        .chain(items.iter().filter_map(|item| item.served.clone()))
        .filter(|one| one.days_left < i64::from(args.expiring_within_days) && !one.is_default())
        .collect();
    expiring.sort_by(|one, other| {
        (one.not_after, &one.fingerprint_sha256).cmp(&(other.not_after, &other.fingerprint_sha256))
    });
    expiring.dedup_by(|one, other| one.fingerprint_sha256 == other.fingerprint_sha256);
    expiring.truncate(NAMED);
    Ok(CertificateStatus {
        hosts: items,
        total,
        next_cursor,
        sources,
        expiring,
        notes,
    })
}

/// The certificates that Traefik says it has, where that was read, and what could not be.
async fn known(traefik: &Traefik) -> ToolResult<(Vec<CertificateRow>, Vec<Source>, Vec<String>)> {
    let (mut found, mut sources, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    match traefik.certificates().await? {
        Some(rows) => {
            let now = traefik.now();
            sources.push(Source::Api);
            found.extend(rows.into_iter().filter_map(|one| of_api(one, now)));
        }
        None => {
            notes
                .push("this version's API does not list certificates; 3.7 and newer do".to_owned());
        }
    }
    match files::acme(&traefik.config, &traefik.env).await {
        Ok(Some(content)) => {
            sources.push(Source::AcmeFile);
            found.extend(acme::read(&content, traefik.now())?);
        }
        Ok(None) => {}
        // The other sources still tell.
        Err(error) => notes.push(error.envelope().message.clone()),
    }
    Ok((found, sources, notes))
}

fn of_api(one: Certificate, now: homelab_core::clock::Micros) -> Option<CertificateRow> {
    let not_after = homelab_core::clock::Micros::from_rfc3339(&one.not_after)?;
    let mut names = one.sans;
    if !one.common_name.is_empty() && !names.contains(&one.common_name) {
        names.insert(0, one.common_name);
    }
    Some(CertificateRow {
        source: Source::Api,
        resolver: None,
        names,
        issuer: one.issuer_cn.or(one.issuer_org),
        not_after,
        days_left: days_left(not_after, now),
        fingerprint_sha256: one.cert_fingerprint,
    })
}

/// What routers say about a host.
#[derive(Default)]
struct Of {
    routers: Vec<String>,
    cert_resolver: Option<String>,
    port: Option<u16>,
}

/// The hosts of all routers that end TLS.
async fn hosts(traefik: &Traefik) -> ToolResult<BTreeMap<String, Of>> {
    let entry_points = traefik.entry_points().await?;
    let mut hosts: BTreeMap<String, Of> = BTreeMap::new();
    for protocol in [Protocol::Http, Protocol::Tcp] {
        for router in traefik.routers(protocol, &Search::default()).await? {
            let Some(tls) = router.tls.as_ref().filter(|tls| !tls.passthrough) else {
                continue;
            };
            let port = port_of(&router, &entry_points);
            for host in rule::hosts(&router.rule) {
                let of = hosts.entry(host).or_default();
                of.routers.push(router.name.clone());
                of.port = of.port.or(port);
                if of.cert_resolver.is_none() {
                    of.cert_resolver.clone_from(&tls.cert_resolver);
                }
            }
        }
    }
    Ok(hosts)
}

/// The port of the first entry point that a router is on.
fn port_of(router: &Router, entry_points: &[EntryPoint]) -> Option<u16> {
    let names = if router.using.is_empty() {
        &router.entry_points
    } else {
        &router.using
    };
    names.iter().find_map(|name| {
        let found = entry_points.iter().find(|one| one.name == *name);
        found.and_then(EntryPoint::port)
    })
}

fn row(host: &str, of: &Of, known: &[CertificateRow]) -> HostRow {
    let best = known
        .iter()
        .filter(|one| one.covers(host))
        .max_by_key(|one| one.not_after);
    HostRow {
        host: host.to_owned(),
        routers: of.routers.clone(),
        cert_resolver: of.cert_resolver.clone(),
        certificate: best.cloned(),
        served: None,
        covered: false,
        findings: Vec::new(),
    }
}

/// The rows with what handshakes show.
async fn shaken(
    traefik: &Traefik,
    rows: Vec<HostRow>,
    hosts: &BTreeMap<String, Of>,
) -> ToolResult<Vec<HostRow>> {
    let handshakes = Handshakes::new(&traefik.who.instance)?;
    let set = traefik.config.tls_target()?;
    let base = traefik.config.base_url()?;
    let own = base.host_str().map(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        (bare.to_owned(), None)
    });
    let Some((address, port)) = set.or(own) else {
        return Err(no_address());
    };
    let now = traefik.now();
    let rows = stream::iter(rows)
        .map(|mut row| {
            let (handshakes, address) = (handshakes.clone(), address.clone());
            let port = port.or_else(|| hosts.get(&row.host).and_then(|of| of.port));
            async move {
                match handshakes
                    .with(&address, port.unwrap_or(443), &row.host, now)
                    .await
                {
                    Ok(found) => row.served = Some(found),
                    Err(message) => row.findings.push(message),
                }
                row
            }
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    Ok(rows)
}

impl HostRow {
    /// What is wrong with what was found.
    fn judge(&mut self, days: u32, knows: bool) {
        if let Some(served) = &self.served {
            if served.is_default() {
                self.findings.push(
                    "clients get Traefik's self-made default certificate: there is none for this host".to_owned(),
                );
            } else if !served.covers(&self.host) {
                self.findings.push(format!(
                    "clients get a certificate for other names: {}",
                    served.names.join(", ")
                ));
            }
        }
        let seen = self.served.as_ref().or(self.certificate.as_ref());
        match seen {
            None if knows && self.findings.is_empty() => {
                self.findings.push(match &self.cert_resolver {
                    Some(resolver) => format!(
                        "no certificate covers it: has the resolver `{resolver}` obtained one? Traefik's log says why not"
                    ),
                    None => "no certificate covers it, and its router names no certificate resolver: clients get the default one".to_owned(),
                });
            }
            Some(seen) if seen.days_left < 0 => {
                self.findings.push(format!(
                    "the certificate expired {} days ago",
                    -seen.days_left
                ));
            }
            Some(seen) if seen.days_left < i64::from(days) => {
                self.findings.push(format!(
                    "the certificate expires in {} days",
                    seen.days_left
                ));
            }
            _ => {}
        }
        self.covered = seen.is_some_and(|seen| {
            seen.covers(&self.host) && seen.days_left >= 0 && !seen.is_default()
        });
    }
}
