//! Garbage collection: freeing the space of what was removed.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pbs;
use crate::ids::{Datastore, Namespace};
use crate::task::TaskReport;
use crate::types::Gc;
use crate::units::{factor, size, timestamp};
use crate::walk::Place;

/// Which datastores.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetGcStatus {
    /// Only this one; default all.
    datastore: Option<Datastore>,
}

/// The garbage of a datastore.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct GcRow {
    pub(crate) datastore: String,
    pub(crate) schedule: Option<String>,
    pub(crate) next_run: Option<String>,
    /// Absent if it never ran.
    pub(crate) last_run: Option<String>,
    /// `OK`, `WARNINGS: n` or an error.
    pub(crate) last_state: Option<String>,
    pub(crate) last_upid: Option<String>,
    pub(crate) duration_s: Option<i64>,
    /// How often the data would fit into what it takes on disk.
    pub(crate) dedup_factor: Option<f64>,
    pub(crate) disk_bytes: Option<u64>,
    pub(crate) index_files: Option<u64>,
    /// Garbage that was too young to be removed.
    pub(crate) pending_bytes: Option<u64>,
    /// Garbage that the last run removed.
    pub(crate) removed_bytes: Option<u64>,
    /// Broken chunks that the last run removed.
    pub(crate) removed_bad: Option<u64>,
    /// Broken chunks that backups still refer to.
    pub(crate) still_bad: Option<u64>,
    #[serde(skip)]
    pub(crate) ended: Option<i64>,
}

impl GcRow {
    pub(crate) fn of(gc: Gc) -> Self {
        Self {
            datastore: gc.store,
            schedule: gc.schedule,
            next_run: timestamp(gc.next_run),
            last_run: timestamp(gc.last_run_endtime),
            last_state: gc.last_run_state,
            last_upid: gc.upid,
            duration_s: gc.duration,
            dedup_factor: factor(gc.index_data_bytes, gc.disk_bytes),
            disk_bytes: gc.disk_bytes,
            index_files: gc.index_file_count,
            pending_bytes: gc.pending_bytes,
            removed_bytes: gc.removed_bytes,
            removed_bad: gc.removed_bad,
            still_bad: gc.still_bad,
            ended: gc.last_run_endtime,
        }
    }
}

/// The garbage of datastores.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GcStatus {
    datastores: Vec<GcRow>,
}

/// Get the state of garbage collection: last and next run, deduplication factor, what waits to be freed, and broken chunks.
#[tool(
    read,
    open_world,
    permission = "pbs:gc:read",
    title = "Get garbage collection status",
    timeout = 90
)]
pub(crate) async fn get_gc_status(pbs: &Pbs, args: GetGcStatus) -> ToolResult<GcStatus> {
    let rows = match &args.datastore {
        Some(store) => vec![pbs.gc(store).await?],
        None => pbs.gc_all().await?,
    };
    Ok(GcStatus {
        datastores: rows.into_iter().map(GcRow::of).collect(),
    })
}

/// Which datastore.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunGc {
    /// The datastore.
    datastore: Datastore,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A garbage collection.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Collected {
    /// As read afterwards; absent while it runs.
    status: Option<GcRow>,
    task: TaskReport,
}

/// Collect garbage in a datastore: free the space of removed backups for good. May run for hours; chunks that were used within the last day stay.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pbs:gc:run",
    title = "Collect garbage",
    timeout = 630,
    untrusted("task.log"),
    preview = preview_gc,
    targets = gc_targets
)]
pub(crate) async fn run_gc(pbs: &Pbs, args: RunGc, ctx: &CallContext) -> ToolResult<Collected> {
    let upid = pbs.api.task(&gc_call(&args.datastore)).await?;
    let task = pbs.follow(ctx, &upid, args.wait_s).await?.succeeded()?;
    let status = if task.is_running() {
        None
    } else {
        Some(GcRow::of(pbs.gc(&args.datastore).await?))
    };
    Ok(Collected { status, task })
}

fn gc_call(store: &Datastore) -> Call {
    Call::post("gc_start", "/admin/datastore/{}/gc", &[store])
}

async fn preview_gc(pbs: &Pbs, args: &RunGc) -> ToolResult<Preview> {
    let gc = GcRow::of(pbs.gc(&args.datastore).await?);
    let mut impact = vec![
        "chunks that no backup refers to are removed for good; until then a specialist could bring a pruned backup back".to_owned(),
        "it reads every index, which slows other work down".to_owned(),
    ];
    if let Some(pending) = gc.pending_bytes.filter(|bytes| *bytes > 0) {
        impact.push(format!(
            "{} were too young to be removed last time",
            size(pending)
        ));
    }
    impact.push(match &gc.last_run {
        Some(when) => format!("it ran last on {when}"),
        None => "it has not run yet".to_owned(),
    });
    Ok(Preview {
        summary: format!("collect garbage in `{}`", args.datastore),
        changes: Vec::new(),
        impact,
    })
}

async fn gc_targets(_pbs: &Pbs, args: &RunGc) -> ToolResult<Vec<Target>> {
    let place = Place {
        store: args.datastore.clone(),
        ns: Namespace::root(),
    };
    Ok(vec![place.target()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_deduplication_factor_is_reckoned() {
        let gc: Gc = serde_json::from_value(
            json!({ "store": "main", "disk-bytes": 100, "index-data-bytes": 1250, "last-run-endtime": 1_795_140_000 }),
        )
        .unwrap();

        let row = GcRow::of(gc);

        assert_eq!(row.dedup_factor, Some(12.5));
        assert_eq!(row.last_run.as_deref(), Some("2026-11-20T02:00:00Z"));
    }

    #[test]
    fn an_empty_store_has_no_factor() {
        let gc: Gc = serde_json::from_value(
            json!({ "store": "main", "disk-bytes": 0, "index-data-bytes": 0 }),
        )
        .unwrap();

        assert_eq!(GcRow::of(gc).dedup_factor, None);
    }
}
