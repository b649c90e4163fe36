//! Backups: groups, single backups, and the jobs that look after them.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jobs::JobRow;
use crate::client::Pbs;
use crate::ids::{BackupType, Datastore, Group, Namespace};
use crate::page::{newest_first, page};
use crate::types::{GroupRow, SnapshotRow};
use crate::units::timestamp;
use crate::walk::{Place, Scope};

/// Which backups, and how closely.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListBackups {
    /// Default `groups`.
    view: View,
    /// Only of this datastore.
    datastore: Option<Datastore>,
    /// Only of this namespace, without those below; empty is the root. Default: all namespaces.
    ns: Option<Namespace>,
    /// Only of this group, such as `vm/100`.
    group: Option<Group>,
    /// Only of this type.
    #[serde(rename = "type")]
    kind: Option<BackupType>,
    /// Only such; for `snapshots`.
    only: Option<Only>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// How closely to look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum View {
    /// One row for each machine or host.
    #[default]
    Groups,
    /// One row for each backup, newest first.
    Snapshots,
    /// Scheduled verification, pruning, copying and garbage collection.
    Jobs,
}

/// What to pick of the backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Only {
    /// Never verified.
    Unverified,
    /// Verified and found broken.
    Failed,
    /// Protected from pruning and deletion.
    Protected,
    /// Interrupted, still being made, or without a manifest.
    Unfinished,
}

impl Only {
    fn fits(self, row: &SnapshotRow) -> bool {
        match self {
            Self::Unverified => row.verification.is_none() && row.is_complete(),
            Self::Failed => row.verification_failed(),
            Self::Protected => row.protected,
            Self::Unfinished => !row.is_complete(),
        }
    }
}

/// A group, a backup or a job; what does not belong to the view is absent.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct BackupItem {
    pub(crate) datastore: String,
    pub(crate) ns: Option<String>,
    /// `vm/100`, or `vm/100/2026-11-20T02:00:00Z`: what other tools take.
    pub(crate) backup: Option<String>,
    /// Backups of the group.
    pub(crate) count: Option<u64>,
    /// When the group's newest was made.
    pub(crate) newest: Option<String>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) owner: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) protected: Option<bool>,
    pub(crate) encrypted: Option<bool>,
    /// `ok`, `failed` or `none`.
    pub(crate) verification: Option<String>,
    /// It was interrupted, is still being made, or lost its manifest.
    pub(crate) unfinished: Option<bool>,
    pub(crate) job: Option<JobRow>,
    #[serde(skip)]
    order: String,
}

impl BackupItem {
    fn of_group(place: &Place, row: GroupRow) -> Self {
        let name = row.name();
        Self {
            order: format!("{}\u{1}{name}", place.described()),
            backup: Some(name),
            count: Some(row.backup_count),
            newest: timestamp(Some(row.last_backup)),
            owner: row.owner,
            comment: row.comment.filter(|text| !text.is_empty()),
            ..Self::at(place)
        }
    }

    pub(super) fn of_snapshot(place: &Place, row: SnapshotRow) -> Self {
        let complete = row.is_complete();
        let name = row.name();
        let state = match row.verification {
            Some(found) => found.state,
            None => "none".to_owned(),
        };
        Self {
            order: newest_first(
                row.backup_time,
                &format!("{}\u{1}{name}", place.described()),
            ),
            backup: Some(name),
            size_bytes: row.size,
            owner: row.owner,
            comment: row.comment.filter(|text| !text.is_empty()),
            protected: Some(row.protected),
            encrypted: row.fingerprint.is_some().then_some(true),
            verification: Some(state),
            unfinished: (!complete).then_some(true),
            ..Self::at(place)
        }
    }

    fn of_job(job: JobRow) -> Self {
        Self {
            datastore: job.datastore.clone(),
            ns: job.ns.clone(),
            order: job.order(),
            job: Some(job),
            ..Self::default()
        }
    }

    fn at(place: &Place) -> Self {
        Self {
            datastore: place.store.to_string(),
            ns: place.ns.given().map(str::to_owned),
            ..Self::default()
        }
    }
}

/// Groups, backups or jobs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupList {
    view: View,
    #[serde(flatten)]
    page: Page<BackupItem>,
    /// What could not be read, so that the list may be short.
    problems: Vec<String>,
}

/// List backups of all datastores and namespaces: as `groups` (one row per machine), as `snapshots` (one row per backup, with verification state), or the scheduled `jobs`.
#[tool(
    read,
    open_world,
    permission = "pbs:backup:read",
    title = "List backups",
    timeout = 180,
    untrusted("items.*.comment", "items.*.job.comment")
)]
pub(crate) async fn list_backups(pbs: &Pbs, args: ListBackups) -> ToolResult<BackupList> {
    args.check()?;
    let scope = Scope {
        store: args.datastore.as_ref(),
        ns: args.ns.as_ref(),
        group: args.group.as_ref(),
    };
    let (rows, problems) = match args.view {
        View::Groups => groups(pbs, &args, &scope).await?,
        View::Snapshots => snapshots(pbs, &args, &scope).await?,
        View::Jobs => {
            let (jobs, problems) = Box::pin(pbs.jobs(args.datastore.as_ref())).await?;
            let in_ns = |job: &JobRow| {
                let ns = job.ns.as_deref().unwrap_or_default();
                args.ns.as_ref().is_none_or(|only| only.as_str() == ns)
            };
            let rows = jobs.into_iter().filter(in_ns).map(BackupItem::of_job);
            (rows.collect(), problems)
        }
    };
    let key = |row: &BackupItem| row.order.clone();
    Ok(BackupList {
        view: args.view,
        page: page(rows, args.limit, args.cursor.as_deref(), key)?,
        problems,
    })
}

type Rows = (Vec<BackupItem>, Vec<String>);

async fn groups(pbs: &Pbs, args: &ListBackups, scope: &Scope<'_>) -> ToolResult<Rows> {
    let (found, problems) = pbs.walk_groups(scope).await?.some()?;
    let rows = found
        .into_iter()
        .flat_map(|(place, rows)| rows.into_iter().map(move |row| (place.clone(), row)))
        .filter(|(_, row)| args.wants(&row.backup_type, &row.name()))
        .map(|(place, row)| BackupItem::of_group(&place, row));
    Ok((rows.collect(), problems))
}

async fn snapshots(pbs: &Pbs, args: &ListBackups, scope: &Scope<'_>) -> ToolResult<Rows> {
    let (found, problems) = pbs.walk_snapshots(scope).await?.some()?;
    let rows = found
        .into_iter()
        .flat_map(|(place, rows)| rows.into_iter().map(move |row| (place.clone(), row)))
        .filter(|(_, row)| args.wants(&row.backup_type, &row.group_name()))
        .filter(|(_, row)| args.only.is_none_or(|only| only.fits(row)))
        .map(|(place, row)| BackupItem::of_snapshot(&place, row));
    Ok((rows.collect(), problems))
}

impl ListBackups {
    fn wants(&self, kind: &str, group: &str) -> bool {
        self.kind.is_none_or(|only| only.as_str() == kind)
            && self
                .group
                .as_ref()
                .is_none_or(|only| only.to_string() == group)
    }

    /// A filter that a view does not know would be passed over in silence.
    fn check(&self) -> ToolResult<()> {
        let wrong = |field: &str, views: &str| {
            let message = format!("`{field}` belongs to {views}");
            Err(ToolError::invalid(field, message))
        };
        match self.view {
            View::Groups | View::Jobs if self.only.is_some() => {
                wrong("only", "the view `snapshots`")
            }
            View::Jobs if self.group.is_some() => {
                wrong("group", "the views `groups` and `snapshots`")
            }
            View::Jobs if self.kind.is_some() => {
                wrong("type", "the views `groups` and `snapshots`")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(ns: &str) -> Place {
        Place {
            store: "main".parse().unwrap(),
            ns: ns.parse().unwrap(),
        }
    }

    fn row(more: &serde_json::Value) -> SnapshotRow {
        let mut row = json!({
            "backup-type": "vm", "backup-id": "100", "backup-time": 1_795_140_000, "protected": false,
            "size": 5, "files": [{ "filename": "index.json.blob" }],
        });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn a_backup_bears_the_name_that_other_tools_take() {
        let item = BackupItem::of_snapshot(&place("home"), row(&json!({})));

        assert_eq!(item.backup.as_deref(), Some("vm/100/2026-11-20T02:00:00Z"));
        assert_eq!(item.ns.as_deref(), Some("home"));
        assert_eq!(item.verification.as_deref(), Some("none"));
        assert_eq!(item.unfinished, None);
    }

    #[test]
    fn each_filter_picks_its_own() {
        let verified = row(&json!({ "verification": { "state": "failed", "upid": "x" } }));
        let protected = row(&json!({ "protected": true }));
        let unfinished = row(&json!({ "files": [] }));

        assert!(Only::Failed.fits(&verified) && !Only::Unverified.fits(&verified));
        assert!(Only::Protected.fits(&protected) && Only::Unverified.fits(&protected));
        assert!(Only::Unfinished.fits(&unfinished) && !Only::Unverified.fits(&unfinished));
    }

    #[test]
    fn a_filter_of_another_view_is_refused() {
        let args: ListBackups =
            serde_json::from_value(json!({ "view": "jobs", "group": "vm/100" })).unwrap();

        assert_eq!(
            args.check().unwrap_err().envelope().field.as_deref(),
            Some("group")
        );
    }
}
