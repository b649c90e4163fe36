//! Everything at a glance.

use homelab_core::error::ToolResult;
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::Serialize;

use super::list::errors;
use crate::client::{Search, Traefik};
use crate::protocol::Protocol;
use crate::types::{Count, Counted};

/// Failing objects that are named.
const NAMED: usize = 20;

/// Objects of one protocol.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Objects {
    routers: Counts,
    services: Counts,
    middlewares: Counts,
}

/// Objects of one sort.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Counts {
    total: u64,
    warnings: u64,
    errors: u64,
}

/// A router that does not work.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Failing {
    /// With its provider.
    router: String,
    protocol: Protocol,
    errors: Vec<String>,
}

/// Traefik at a glance.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TraefikOverview {
    version: String,
    codename: Option<String>,
    /// When it was started, RFC 3339.
    started: Option<String>,
    /// Where configuration comes from.
    providers: Vec<String>,
    http: Objects,
    tcp: Objects,
    udp: Objects,
    /// Certificates, from 3.7 on.
    certificates: Option<Counts>,
    /// Routers that do not work, at most 20.
    failing: Vec<Failing>,
    /// Whether this program can change anything.
    writable: bool,
    /// What its owner should look at.
    findings: Vec<String>,
}

/// Show Traefik at a glance: version, providers, counts, the routers that do not work and why, and what its owner should look at.
#[tool(
    read,
    open_world,
    permission = "traefik:overview:read",
    title = "Show Traefik at a glance",
    timeout = 60
)]
pub(crate) async fn get_traefik_overview(
    traefik: &Traefik,
    _args: NoArgs,
) -> ToolResult<TraefikOverview> {
    let version = traefik.fresh_version().await?;
    let overview = traefik.overview().await?;
    let mut failing = Vec::new();
    let search = Search {
        status: Some("disabled"),
        ..Search::default()
    };
    for protocol in Protocol::ALL {
        for router in traefik.routers(protocol, &search).await? {
            failing.push(Failing {
                router: router.name,
                protocol,
                errors: errors(&router.error),
            });
        }
    }
    failing.truncate(NAMED);
    let mut findings = Vec::new();
    if !traefik.who.signed {
        findings.push(
            "the API answers without a password: whoever reaches it sees every route, and hashes of passwords; guard the router of `api@internal` and leave `api.insecure` off".to_owned(),
        );
    }
    if traefik.config.tls.insecure {
        findings.push("the certificate of the API is not verified (`tls.insecure`)".to_owned());
    }
    if version.numbers().0 == 2 {
        findings
            .push("version 2 gets no more fixes, and rules have another syntax in 3".to_owned());
    }
    Ok(TraefikOverview {
        version: version.number,
        codename: version.codename,
        started: version.start_date,
        providers: overview.providers,
        http: objects(&overview.http),
        tcp: objects(&overview.tcp),
        udp: objects(&overview.udp),
        certificates: overview.certificates.map(counts),
        failing,
        writable: traefik.writable().await.is_ok(),
        findings,
    })
}

fn objects(counted: &Counted) -> Objects {
    Objects {
        routers: counts(counted.routers),
        services: counts(counted.services),
        middlewares: counts(counted.middlewares),
    }
}

fn counts(count: Count) -> Counts {
    Counts {
        total: count.total,
        warnings: count.warnings,
        errors: count.errors,
    }
}
