//! Deleting one backup.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backups::BackupItem;
use super::protection::details;
use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Namespace, Snapshot};
use crate::units::count;
use crate::walk::Place;

/// Which backup to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteBackup {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// The backup: `vm/100/2026-11-20T02:00:00Z`.
    backup: Snapshot,
}

/// A deleted backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeletedBackup {
    /// As it was.
    deleted: BackupItem,
    /// Backups of its group that are left.
    left: usize,
    #[serde(skip)]
    still_there: bool,
}

/// Delete one backup for good. Protected ones are refused.
#[tool(
    destructive,
    open_world,
    permission = "pbs:backup:delete",
    title = "Delete a backup",
    timeout = 120,
    untrusted("deleted.comment"),
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_backup(pbs: &Pbs, args: DeleteBackup) -> ToolResult<DeletedBackup> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    if found.protected {
        let message = format!("`{}` in `{}` is protected", args.backup, place.described());
        return Err(ToolError::new(Code::Conflict, message)
            .reason("protected")
            .field("backup")
            .hint("it was protected on purpose; `protect_backup` can lift that"));
    }
    pbs.api.done(&delete_call(&args)).await?;
    let group = Backup::Group(args.backup.group.clone());
    let left = pbs.found(&place.store, &place.ns, &group).await?;
    Ok(DeletedBackup {
        still_there: left.iter().any(|row| row.backup_time == args.backup.time),
        left: left.len(),
        deleted: BackupItem::of_snapshot(&place, found),
    })
}

fn delete_call(args: &DeleteBackup) -> Call {
    Call::delete(
        "backup_delete",
        "/admin/datastore/{}/snapshots",
        &[&args.datastore],
    )
    .ns(&args.place().ns)
    .snapshot(&args.backup)
}

impl DeleteBackup {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }
}

async fn preview_delete(pbs: &Pbs, args: &DeleteBackup) -> ToolResult<Preview> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    let group = Backup::Group(args.backup.group.clone());
    let all = pbs.found(&place.store, &place.ns, &group).await?;
    let mut impact = details(&found, pbs.now_s());
    if found.protected {
        impact.push("it is protected, which makes this fail".to_owned());
    }
    let others: Vec<_> = all
        .iter()
        .filter(|row| row.backup_time != args.backup.time)
        .collect();
    let usable = others
        .iter()
        .filter(|row| row.is_complete() && !row.verification_failed())
        .count();
    impact.push(match (others.len(), usable) {
        (0, _) => format!("it is the only backup of `{}` there", args.backup.group),
        (_, 0) => "none of the others can be used".to_owned(),
        (_, usable) => format!(
            "{} of its group that can be used stay",
            count(usable, "backup")
        ),
    });
    Ok(Preview {
        summary: format!(
            "delete `{}` in `{}` for good",
            args.backup,
            place.described()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(pbs: &Pbs, args: &DeleteBackup) -> ToolResult<Vec<Target>> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    Ok(vec![place.target_of(
        &Backup::Snapshot(args.backup.clone()),
        found.comment,
    )])
}

async fn check_delete(
    _pbs: &Pbs,
    args: &DeleteBackup,
    done: &DeletedBackup,
) -> ToolResult<Vec<Mismatch>> {
    let mismatch = done.still_there.then(|| Mismatch {
        field: "backup",
        wanted: "no such backup".to_owned(),
        found: args.backup.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backup_is_named_by_its_parts() {
        let args = DeleteBackup {
            datastore: "main".parse().unwrap(),
            ns: Some(Namespace::root()),
            backup: "vm/100/1795140000".parse().unwrap(),
        };

        assert_eq!(
            delete_call(&args).line(),
            "DELETE /admin/datastore/main/snapshots?backup-type=vm&backup-id=100&backup-time=1795140000"
        );
    }
}
