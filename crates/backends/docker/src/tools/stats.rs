//! What containers use.

use std::time::Duration;

use futures_util::StreamExt as _;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Docker, Engine};
use crate::resolve;
use crate::stats::Usage;
use crate::types::Summary;

/// Containers that are measured at a time; each takes the engine a second.
const AT_A_TIME: usize = 8;
/// Most containers of one call.
const MOST: usize = 100;
/// Between two samples of our own, where the engine compares nothing.
const BETWEEN: Duration = Duration::from_millis(500);

/// Which containers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetStats {
    /// Name, id, or the beginning of an id; all running ones if left out.
    #[schemars(length(min = 1, max = 128))]
    container: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// What containers use now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatsList {
    /// One row each, the busiest first.
    items: Vec<StatsRow>,
    /// Processor time of all together in percent; 100 is one core.
    cpu_percent: f64,
    /// Memory of all together in bytes.
    memory_bytes: u64,
    /// Running containers that were left out, beyond 100.
    left_out: Option<usize>,
}

/// What one container uses.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatsRow {
    /// Name.
    name: String,
    /// Beginning of the id.
    id: String,
    /// State; only running containers use anything.
    state: String,
    /// What it uses; absent where it does not run.
    usage: Option<Usage>,
    /// Why it could not be measured.
    error: Option<String>,
}

/// Measure processor, memory, network, disk and processes of one or all running containers, as `docker stats` shows them.
#[tool(
    read,
    open_world,
    permission = "docker:container:read",
    title = "Get container stats",
    timeout = 90,
    untrusted("items.name", "items.error")
)]
pub(crate) async fn get_container_stats(docker: &Docker, args: GetStats) -> ToolResult<StatsList> {
    let engine = docker.engine(args.host.as_deref())?;
    let mut wanted = match &args.container {
        Some(container) => vec![resolve::container(engine, container).await?],
        None => engine
            .containers(false)
            .await?
            .into_iter()
            .filter(Summary::is_running)
            .collect(),
    };
    let left_out = wanted.len().checked_sub(MOST).filter(|more| *more > 0);
    wanted.truncate(MOST);
    let one = args.container.is_some();
    let measured = futures_util::stream::iter(wanted).map(|container| measure(engine, container));
    let mut items = Vec::new();
    let mut measured = measured.buffer_unordered(AT_A_TIME);
    while let Some((row, failure)) = measured.next().await {
        match failure {
            // Of one container, the failure is the answer.
            Some(failure) if one => return Err(failure),
            _ => items.push(row),
        }
    }
    let cpu = |row: &StatsRow| row.usage.as_ref().map_or(0.0, |usage| usage.cpu_percent);
    items.sort_by(|one, other| {
        cpu(other)
            .total_cmp(&cpu(one))
            .then_with(|| one.name.cmp(&other.name))
    });
    Ok(StatsList {
        cpu_percent: (items.iter().map(cpu).sum::<f64>() * 100.0).round() / 100.0,
        memory_bytes: items
            .iter()
            .filter_map(|row| row.usage.as_ref())
            .map(|usage| usage.memory_bytes)
            .sum(),
        items,
        left_out,
    })
}

async fn measure(engine: &Engine, container: Summary) -> (StatsRow, Option<ToolError>) {
    let (usage, failure) = if container.is_running() {
        match sample(engine, &container.id).await {
            Ok(usage) => (Some(usage), None),
            Err(error) => (None, Some(error)),
        }
    } else {
        (None, None)
    };
    let row = StatsRow {
        name: container.name().to_owned(),
        id: resolve::short(&container.id),
        state: container.state,
        usage,
        error: failure
            .as_ref()
            .map(|failure| failure.envelope().message.clone()),
    };
    (row, failure)
}

async fn sample(engine: &Engine, id: &str) -> ToolResult<Usage> {
    let first = engine.stats(id).await?;
    if first.is_comparable() {
        return Ok(first.usage());
    }
    // Podman compares with nothing in its first answer.
    tokio::time::sleep(BETWEEN).await;
    let second = engine.stats(id).await?;
    Ok(second.after(&first).usage())
}
