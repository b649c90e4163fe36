//! Who asks most, and what is asked most.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pihole;
use crate::times::{percent, span};
use crate::types::{TopClients, TopDomains};

/// Rows unless said otherwise.
const USUAL: u32 = 10;

/// What to count, and when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetTop {
    /// Count blocked queries instead of answered ones; default false.
    #[serde(default)]
    blocked: bool,
    /// Rows; default 10.
    #[schemars(range(min = 1, max = 100))]
    count: Option<u32>,
    /// Begin (RFC 3339); default the last 24 hours.
    #[schemars(length(max = 40))]
    from: Option<String>,
    /// End (RFC 3339); default now.
    #[schemars(length(max = 40))]
    until: Option<String>,
    /// The Pi-hole to ask; default the first of the instance.
    #[schemars(length(max = 40))]
    host: Option<String>,
}

/// The domains that are asked for most.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TopDomainList {
    domains: Vec<TopDomain>,
    /// All queries of the time.
    total_queries: u64,
    blocked_queries: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TopDomain {
    domain: String,
    count: u64,
    /// Of all queries of its kind, in per cent.
    percent: Option<f64>,
}

/// The clients that ask most.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TopClientList {
    clients: Vec<TopClient>,
    /// All queries of the time.
    total_queries: u64,
    blocked_queries: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TopClient {
    ip: String,
    name: Option<String>,
    count: u64,
    /// Of all queries of its kind, in per cent.
    percent: Option<f64>,
}

/// Get the domains that are asked for most, or blocked most.
#[tool(
    read,
    open_world,
    permission = "pihole:stats:read",
    title = "Get the top domains",
    timeout = 90,
    untrusted("domains.domain")
)]
pub(crate) async fn get_top_domains(pihole: &Pihole, args: GetTop) -> ToolResult<TopDomainList> {
    let call = args.call(
        pihole,
        "/api/stats/top_domains",
        "/api/stats/database/top_domains",
    )?;
    let found: TopDomains = pihole.host(args.host.as_deref())?.json(&call).await?;
    let of = args.whole(found.total_queries, found.blocked_queries);
    let domains = found.domains.into_iter().map(|row| TopDomain {
        percent: percent(row.count, of),
        domain: row.domain,
        count: row.count,
    });
    Ok(TopDomainList {
        domains: domains.collect(),
        total_queries: found.total_queries,
        blocked_queries: found.blocked_queries,
    })
}

/// Get the clients that ask most, or are blocked most.
#[tool(
    read,
    open_world,
    permission = "pihole:stats:read",
    title = "Get the top clients",
    timeout = 90,
    untrusted("clients.name")
)]
pub(crate) async fn get_top_clients(pihole: &Pihole, args: GetTop) -> ToolResult<TopClientList> {
    let call = args.call(
        pihole,
        "/api/stats/top_clients",
        "/api/stats/database/top_clients",
    )?;
    let found: TopClients = pihole.host(args.host.as_deref())?.json(&call).await?;
    let of = args.whole(found.total_queries, found.blocked_queries);
    let clients = found.clients.into_iter().map(|row| TopClient {
        percent: percent(row.count, of),
        ip: row.ip,
        name: row.name.filter(|name| !name.is_empty()),
        count: row.count,
    });
    Ok(TopClientList {
        clients: clients.collect(),
        total_queries: found.total_queries,
        blocked_queries: found.blocked_queries,
    })
}

impl GetTop {
    fn call(
        &self,
        pihole: &Pihole,
        recent: &'static str,
        stored: &'static str,
    ) -> ToolResult<Call> {
        let span = span(self.from.as_deref(), self.until.as_deref(), pihole.now_s())?;
        let call = match span {
            None => Call::get("top", recent, &[]),
            Some((from, until)) => Call::get("top", stored, &[])
                .query("from", from)
                .query("until", until),
        };
        Ok(call
            .query("blocked", self.blocked)
            .query("count", self.count.unwrap_or(USUAL)))
    }

    fn whole(&self, total: u64, blocked: u64) -> u64 {
        if self.blocked { blocked } else { total }
    }
}
