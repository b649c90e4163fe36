//! How it is.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::blocking::BlockingState;
use crate::call::Call;
use crate::client::Pihole;
use crate::each::{OnHosts, on_each};
use crate::host::Host;
use crate::times::{rounded, time};
use crate::types::{FtlInfo, VersionInfo};

/// Where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetSummary {
    /// Only this Pi-hole; default all of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// How one Pi-hole is; figures are of the last 24 hours.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct PiholeSummary {
    state: BlockingState,
    queries: u64,
    queries_blocked: u64,
    blocked_percent: f64,
    queries_forwarded: u64,
    /// Answered from memory.
    queries_cached: u64,
    unique_domains: u64,
    clients_active: u64,
    clients_total: u64,
    /// Domains on its lists.
    domains_being_blocked: i64,
    /// When its lists were updated last (RFC 3339).
    gravity_updated_at: Option<String>,
    /// 0 shows everything, 3 nothing about who asked what.
    privacy_level: Option<i64>,
    uptime_s: Option<u64>,
    version: Option<String>,
    /// A newer release of FTL, where there is one.
    update_available: Option<String>,
}

/// Get whether each Pi-hole of the instance blocks, its queries of the last 24 hours, its lists and its version.
#[tool(
    read,
    open_world,
    permission = "pihole:summary:read",
    title = "Get a summary of Pi-hole",
    timeout = 90
)]
pub(crate) async fn get_pihole_summary(
    pihole: &Pihole,
    args: GetSummary,
) -> ToolResult<OnHosts<PiholeSummary>> {
    let hosts = pihole.chosen(args.host.as_deref())?;
    on_each(hosts, summary_of).await
}

async fn summary_of(host: &Host) -> ToolResult<PiholeSummary> {
    let (info_call, version_call) = (
        Call::get("ftl", "/api/info/ftl", &[]),
        Call::get("version", "/api/info/version", &[]),
    );
    let (blocking, summary, info, version) = tokio::join!(
        host.blocking(),
        host.summary(),
        host.json::<FtlInfo>(&info_call),
        host.json::<VersionInfo>(&version_call),
    );
    let (blocking, summary) = (blocking?, summary?);
    // Neither is needed, and the version cannot always be read.
    let ftl = info.unwrap_or_default().ftl;
    let version = version.unwrap_or_default().version.ftl;
    let newer = version
        .remote
        .version
        .filter(|remote| Some(remote) != version.local.version.as_ref());
    Ok(PiholeSummary {
        state: BlockingState::of(host, &blocking),
        queries: summary.queries.total,
        queries_blocked: summary.queries.blocked,
        blocked_percent: rounded(summary.queries.percent_blocked),
        queries_forwarded: summary.queries.forwarded,
        queries_cached: summary.queries.cached,
        unique_domains: summary.queries.unique_domains,
        clients_active: summary.clients.active,
        clients_total: summary.clients.total,
        domains_being_blocked: summary.gravity.domains_being_blocked,
        gravity_updated_at: time(summary.gravity.last_update),
        privacy_level: ftl.privacy_level,
        uptime_s: ftl.uptime.map(|ms| crate::times::whole(ms / 1000.0)),
        update_available: newer.filter(|_| version.local.version.is_some()),
        version: version.local.version,
    })
}
