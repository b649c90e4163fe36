//! Protecting backups from pruning and deletion.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::backups::BackupItem;
use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Namespace, Snapshot};
use crate::types::SnapshotRow;
use crate::units::{size, span};
use crate::walk::{Place, nothing_of};

/// Which backup.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtectBackup {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// The backup: `vm/100/2026-11-20T02:00:00Z`.
    backup: Snapshot,
    /// Keep it from being pruned and deleted, or no longer.
    protected: bool,
}

/// A backup after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupChanged {
    /// As read afterwards.
    pub(super) backup: BackupItem,
}

/// Protect a backup from pruning and deletion, or lift its protection.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pbs:backup:protect",
    title = "Protect a backup",
    timeout = 90,
    untrusted("backup.comment"),
    effect = effect,
    preview = preview_protect,
    targets = protect_targets,
    inverse = undo_protect,
    read_back = check_protect
)]
pub(crate) async fn protect_backup(pbs: &Pbs, args: ProtectBackup) -> ToolResult<BackupChanged> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    if found.protected != args.protected {
        pbs.api.done(&protect_call(&args)).await?;
    }
    let found = pbs.one(&place, &args.backup).await?;
    Ok(BackupChanged {
        backup: BackupItem::of_snapshot(&place, found),
    })
}

/// Protecting takes nothing from anybody.
fn effect(_pbs: &Pbs, args: &ProtectBackup) -> Effect {
    if args.protected {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

fn protect_call(args: &ProtectBackup) -> Call {
    Call::put(
        "protect",
        "/admin/datastore/{}/protected",
        &[&args.datastore],
    )
    .ns(&args.place().ns)
    .snapshot(&args.backup)
    .with("protected", args.protected)
    .idempotent()
}

impl ProtectBackup {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }
}

impl Pbs {
    /// The backup of this name.
    pub(super) async fn one(&self, place: &Place, backup: &Snapshot) -> ToolResult<SnapshotRow> {
        let backup = Backup::Snapshot(backup.clone());
        let rows = self.found(&place.store, &place.ns, &backup).await?;
        let mut rows = rows.into_iter();
        rows.next().ok_or_else(|| nothing_of(place, &backup))
    }
}

/// Size, age, notes: what would be lost with it.
pub(super) fn details(row: &SnapshotRow, now: i64) -> Vec<String> {
    let mut lines = vec![format!("it is {} old", span(now - row.backup_time))];
    if let Some(bytes) = row.size {
        lines.push(format!("it has {}", size(bytes)));
    }
    if let Some(comment) = row.comment.as_ref().filter(|text| !text.is_empty()) {
        lines.push(format!("its notes: {comment}"));
    }
    if row.verification_failed() {
        lines.push("its verification failed".to_owned());
    }
    lines
}

async fn preview_protect(pbs: &Pbs, args: &ProtectBackup) -> ToolResult<Preview> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    let mut impact = details(&found, pbs.now_s());
    if !args.protected {
        impact.push("it can be pruned and deleted from then on".to_owned());
    }
    let verb = if args.protected {
        "protect"
    } else {
        "lift the protection of"
    };
    Ok(Preview {
        summary: format!("{verb} `{}` in `{}`", args.backup, place.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn protect_targets(pbs: &Pbs, args: &ProtectBackup) -> ToolResult<Vec<Target>> {
    let place = args.place();
    let found = pbs.one(&place, &args.backup).await?;
    Ok(vec![place.target_of(
        &Backup::Snapshot(args.backup.clone()),
        found.comment,
    )])
}

async fn undo_protect(pbs: &Pbs, args: &ProtectBackup) -> ToolResult<Option<Inverse>> {
    let found = pbs.one(&args.place(), &args.backup).await?;
    Ok((found.protected != args.protected).then(|| Inverse {
        tool: "protect_backup".to_owned(),
        arguments: json!({
            "datastore": args.datastore,
            "ns": args.place().ns,
            "backup": args.backup,
            "protected": found.protected,
        }),
    }))
}

async fn check_protect(
    _pbs: &Pbs,
    args: &ProtectBackup,
    done: &BackupChanged,
) -> ToolResult<Vec<Mismatch>> {
    let is = done.backup.protected.unwrap_or(false);
    let mismatch = (is != args.protected).then(|| Mismatch {
        field: "protected",
        wanted: args.protected.to_string(),
        found: is.to_string(),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backup_is_named_by_its_parts() {
        let args = ProtectBackup {
            datastore: "main".parse().unwrap(),
            ns: Some("home".parse().unwrap()),
            backup: "ct/200/2026-11-20T02:00:00Z".parse().unwrap(),
            protected: false,
        };

        assert_eq!(
            protect_call(&args).line(),
            "PUT /admin/datastore/main/protected?ns=home&backup-type=ct&backup-id=200&backup-time=1795140000&protected=0"
        );
    }
}
