//! How full datastores are, and when they will be.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Pbs;
use crate::ids::Datastore;
use crate::types::{StoreRow, UsageRow};
use crate::units::{percent, timestamp};

/// Datastores that are asked at a time.
const AT_A_TIME: usize = 4;

/// Which datastores.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetDatastoreUsage {
    /// Only this one; default all.
    datastore: Option<Datastore>,
}

/// A datastore.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct StoreUsage {
    pub(crate) datastore: String,
    pub(crate) comment: Option<String>,
    pub(crate) total_bytes: Option<u64>,
    pub(crate) used_bytes: Option<u64>,
    pub(crate) available_bytes: Option<u64>,
    pub(crate) used_percent: Option<f64>,
    /// Change in the share used over the last days that are known, in percentage points.
    pub(crate) growth_points: Option<f64>,
    /// Days that `growth_points` is about.
    pub(crate) growth_days: Option<u64>,
    /// When it will be full if that goes on; absent if it does not grow, or nobody can tell.
    pub(crate) estimated_full: Option<String>,
    /// `filesystem` or `s3`; older releases do not say.
    pub(crate) backend: Option<String>,
    /// `mounted`, `notmounted` or `nonremovable`; older releases do not say.
    pub(crate) mount_status: Option<String>,
    /// The maintenance mode it is in.
    pub(crate) maintenance: Option<String>,
    /// Why the server cannot read it.
    pub(crate) error: Option<String>,
    /// Groups and backups by type.
    pub(crate) counts: Option<BTreeMap<String, TypeCount>>,
}

/// Backups of one type.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct TypeCount {
    groups: u64,
    snapshots: u64,
}

impl StoreUsage {
    fn of(row: UsageRow, listed: Option<&StoreRow>) -> Self {
        let growth = growth(&row);
        Self {
            datastore: row.store,
            comment: listed
                .and_then(|row| row.comment.clone())
                .filter(|text| !text.is_empty()),
            total_bytes: row.total,
            used_bytes: row.used,
            available_bytes: row.avail,
            used_percent: percent(row.used, row.total),
            growth_points: growth.map(|(points, _)| points),
            growth_days: growth.map(|(_, days)| days),
            estimated_full: timestamp(row.estimated_full_date),
            backend: row.backend_type,
            mount_status: row.mount_status,
            maintenance: listed.and_then(StoreRow::maintenance),
            error: row.error,
            counts: None,
        }
    }
}

/// Percentage points between the first and the last known share, and the days between them.
fn growth(row: &UsageRow) -> Option<(f64, u64)> {
    let known: Vec<(u64, f64)> = row
        .history
        .as_ref()?
        .iter()
        .zip(0_u64..)
        .filter_map(|(share, step)| Some((step, (*share)?)))
        .collect();
    let ((from, first), (to, last)) = (known.first()?, known.last()?);
    let days = (to - from).saturating_mul(row.history_delta?) / 86_400;
    (days > 0).then(|| (((last - first) * 1000.0).round() / 10.0, days))
}

/// Datastores.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Usage {
    datastores: Vec<StoreUsage>,
    problems: Vec<String>,
}

/// Get how full each datastore is, how fast it grows, when it will be full, and how many groups and backups it holds.
#[tool(
    read,
    open_world,
    permission = "pbs:datastore:read",
    title = "Get datastore usage",
    timeout = 120,
    untrusted("datastores.*.comment")
)]
pub(crate) async fn get_datastore_usage(pbs: &Pbs, args: GetDatastoreUsage) -> ToolResult<Usage> {
    let mut stores = pbs.store_usage().await?;
    if let Some(only) = &args.datastore {
        stores.retain(|row| row.datastore == only.as_str());
        if stores.is_empty() {
            return Err(no_store(only));
        }
    }
    let mut problems = Vec::new();
    let counted: Vec<_> = stream::iter(stores)
        .map(|mut store| async move {
            let status = pbs.store_status(&store.datastore).await;
            let problem = match status {
                Ok(status) => {
                    let counts = status.counts.unwrap_or_default().into_iter();
                    let known = counts.filter_map(|(kind, counts)| {
                        let counts = counts?;
                        let (groups, snapshots) = (counts.groups, counts.snapshots);
                        Some((kind, TypeCount { groups, snapshots }))
                    });
                    store.counts = Some(known.collect());
                    None
                }
                Err(error) => {
                    let message = &error.envelope().message;
                    Some(format!("`{}`: {message}", store.datastore))
                }
            };
            (store, problem)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await;
    let mut datastores = Vec::new();
    for (store, problem) in counted {
        datastores.push(store);
        problems.extend(problem);
    }
    Ok(Usage {
        datastores,
        problems,
    })
}

/// The error for a datastore that is not listed.
pub(super) fn no_store(store: &Datastore) -> ToolError {
    ToolError::not_found(format!("no datastore `{store}` that our credentials can read"))
        .reason("datastore_not_found")
        .field("datastore")
        .hint("call `get_datastore_usage` without arguments to see what there is; a token needs `DatastoreAudit` on each")
}

impl Pbs {
    /// How full each datastore is, joined with its comment and maintenance mode.
    pub(crate) async fn store_usage(&self) -> ToolResult<Vec<StoreUsage>> {
        let (usage, listed) = tokio::try_join!(self.usage(), self.stores())?;
        let rows = usage.into_iter().map(|row| {
            let listed = listed.iter().find(|one| one.store == row.store);
            StoreUsage::of(row, listed)
        });
        Ok(rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(more: &serde_json::Value) -> UsageRow {
        let mut row = json!({ "store": "main", "total": 1000, "used": 250 });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn growth_is_told_from_the_history_that_is_known() {
        let known = row(&json!({ "history": [null, 0.2, 0.225, 0.25], "history-delta": 86_400 }));
        let unknown = row(&json!({ "history": [null, null], "history-delta": 86_400 }));

        let usage = StoreUsage::of(known, None);

        assert_eq!(
            (usage.growth_points, usage.growth_days),
            (Some(5.0), Some(2))
        );
        assert_eq!(usage.used_percent, Some(25.0));
        assert_eq!(StoreUsage::of(unknown, None).growth_points, None);
    }

    #[test]
    fn a_store_that_never_fills_has_no_date() {
        let usage = StoreUsage::of(row(&json!({ "estimated-full-date": 0 })), None);

        assert_eq!(usage.estimated_full, None);
    }
}
