//! Health checks.

use futures_util::StreamExt as _;
use futures_util::stream;
use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::inventory::Service;
use homelab_core::page::PageRequest;
use homelab_core::store::ServiceFilter;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Homelab, stored};
use crate::health::ServiceHealth;

/// Services of one call, unless asked otherwise.
const DEFAULT_LIMIT: u32 = 100;

/// Which service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckService {
    /// Service name or id.
    #[schemars(length(min = 1, max = 255))]
    name: String,
}

/// Check whether a service is up right now: GET its health endpoint (or open its TCP port) and report status, latency and TLS certificate expiry.
#[tool(
    read,
    open_world,
    permission = "homelab:service:check",
    title = "Check a service's health",
    timeout = 65,
    untrusted("body", "redirected_to", "problem", "tls.issuer", "tls.subject")
)]
pub(crate) async fn homelab_check_service_health(
    lab: &Homelab,
    args: CheckService,
) -> ToolResult<ServiceHealth> {
    let service = lab.find::<Service>("name", &args.name).await?;
    check(lab, &service).await
}

/// Which services.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckAll {
    /// Only this type, such as `monitoring`, `media`, `dns`.
    #[serde(rename = "type")]
    #[schemars(length(max = 64))]
    kind: Option<String>,
    /// Only those on this device or virtual machine.
    #[schemars(length(max = 255))]
    device: Option<String>,
    /// Leave healthy ones out of `services`.
    #[serde(default)]
    problems_only: bool,
    /// Services to check at most; default 100.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// What all checks found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AllHealth {
    healthy: usize,
    unhealthy: usize,
    /// Services whose record does not say what to ask.
    unchecked: usize,
    /// By name.
    services: Vec<HealthRow>,
    /// Pass this as `cursor` for the rest.
    next_cursor: Option<String>,
}

/// One service in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HealthRow {
    service: String,
    /// Absent if it could not be checked.
    healthy: Option<bool>,
    status: Option<u16>,
    latency_ms: Option<f64>,
    tls_days_left: Option<i64>,
    problem: Option<String>,
    warning: Option<String>,
}

/// Check the health of all services at once and list which are down, failing, or have a TLS certificate that expires soon.
#[tool(
    read,
    open_world,
    permission = "homelab:service:check",
    title = "Check all services",
    timeout = 120,
    untrusted("services.*.problem")
)]
pub(crate) async fn homelab_check_all_services(
    lab: &Homelab,
    args: CheckAll,
    ctx: &CallContext,
) -> ToolResult<AllHealth> {
    let device = match &args.device {
        Some(name) => Some(lab.place("device", name).await?),
        None => None,
    };
    let filter = ServiceFilter {
        device,
        kind: args.kind,
    };
    let limit = args.limit.unwrap_or(DEFAULT_LIMIT);
    let page = PageRequest::from_args(Some(limit), args.cursor.as_deref())?;
    let services = lab.inventory().services(&filter, &page).await;
    let services = services.map_err(stored)?;

    let rows = check_each(lab, services.items, ctx).await;
    let count = |healthy: Option<bool>| rows.iter().filter(|row| row.healthy == healthy).count();
    Ok(AllHealth {
        healthy: count(Some(true)),
        unhealthy: count(Some(false)),
        unchecked: count(None),
        services: rows
            .into_iter()
            .filter(|row| !args.problems_only || row.is_problem())
            .collect(),
        next_cursor: services.next_cursor,
    })
}

/// A few at a time; the rows come in the order of the services.
async fn check_each(lab: &Homelab, services: Vec<Service>, ctx: &CallContext) -> Vec<HealthRow> {
    #[expect(clippy::cast_precision_loss, reason = "at most 200")]
    let total = services.len() as f64;
    let mut done = 0.0;
    let mut rows = Vec::with_capacity(services.len());
    let mut checks = stream::iter(services)
        .map(|service| row(lab, service))
        .buffered(lab.checker.concurrency);
    while let Some(row) = checks.next().await {
        done += 1.0;
        ctx.progress.report(done, Some(total), row.service.clone());
        rows.push(row);
    }
    rows
}

async fn row(lab: &Homelab, service: Service) -> HealthRow {
    let checked = check(lab, &service).await;
    let name = service.service_name;
    match checked {
        Ok(health) => HealthRow {
            service: name,
            healthy: Some(health.healthy),
            status: health.status,
            latency_ms: health.latency_ms,
            tls_days_left: health.tls.map(|certificate| certificate.days_left),
            problem: health.problem,
            warning: health.warning,
        },
        Err(error) => HealthRow {
            service: name,
            healthy: None,
            status: None,
            latency_ms: None,
            tls_days_left: None,
            problem: Some(error.envelope().message.clone()),
            warning: None,
        },
    }
}

impl HealthRow {
    fn is_problem(&self) -> bool {
        self.healthy == Some(false) || self.warning.is_some()
    }
}

async fn check(lab: &Homelab, service: &Service) -> ToolResult<ServiceHealth> {
    let host = lab.host_of(service).await?;
    lab.checker.check(service, host.as_deref()).await
}
