//! Protecting and deleting backups.

use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::backups::BackupRow;
use super::placing::Places;
use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::{NodeName, StorageId, Vmid, Volid};
use crate::task::TaskReport;
use crate::types::Volume;
use crate::units::{size, timestamp};

/// A backup, and the node that its storage was asked at.
pub(super) struct Found {
    pub(super) node: NodeName,
    pub(super) storage: StorageId,
    pub(super) volume: Volume,
}

impl Proxmox {
    /// The backup of this id, on whichever node has its storage.
    pub(super) async fn backup(&self, volid: &Volid, node: Option<&NodeName>) -> ToolResult<Found> {
        let storage = volid.storage().to_id();
        let nodes = match node {
            Some(node) => vec![node.clone()],
            None => Places::read(self).await?.nodes_of(&storage),
        };
        let mut failed = None;
        for node in nodes {
            match self.volumes(&node, &storage, Some("backup"), None).await {
                Ok(volumes) => {
                    let mut volumes = volumes.into_iter();
                    if let Some(volume) = volumes.find(|volume| volume.volid == volid.as_str()) {
                        return Ok(Found {
                            node,
                            storage,
                            volume,
                        });
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| {
            ToolError::not_found(format!("no backup `{volid}`"))
                .reason("volume_not_found")
                .field("backup")
                .hint("call `list_backups` to see what there is")
        }))
    }
}

impl Found {
    pub(super) fn described(&self) -> String {
        let about = match self.volume.vmid {
            Some(vmid) => format!(" of guest `{vmid}`"),
            None => String::new(),
        };
        format!("the backup `{}`{about}", self.volume.volid)
    }

    /// Size, age, notes: what would be lost with it.
    pub(super) fn details(&self) -> Vec<String> {
        let volume = &self.volume;
        let mut lines = Vec::new();
        if let Some(when) = timestamp(volume.ctime) {
            lines.push(format!("it was made {when}"));
        }
        if let Some(bytes) = volume.size {
            lines.push(format!("it has {}", size(bytes)));
        }
        if let Some(notes) = &volume.notes {
            lines.push(format!("its notes: {notes}"));
        }
        lines
    }

    /// The backup, and the guest it is of, where that still exists.
    pub(super) async fn targets(&self, proxmox: &Proxmox) -> ToolResult<Vec<Target>> {
        let backup = Target {
            kind: "backup".to_owned(),
            id: self.volume.volid.clone(),
            name: self.volume.notes.clone(),
            tags: vec![
                format!("storage:{}", self.storage),
                format!("node:{}", self.node),
            ],
        };
        let vmid = self.volume.vmid.and_then(Vmid::new);
        let guests = proxmox.guests().await?;
        let guest = guests.iter().find(|guest| Some(guest.vmid) == vmid);
        Ok(std::iter::once(backup)
            .chain(guest.map(crate::guest::Guest::target))
            .collect())
    }
}

const VOLUME: &str = "/nodes/{}/storage/{}/content/{}";

/// Which backup to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteBackup {
    /// The backup, as `list_backups` shows it.
    backup: Volid,
    /// Node, where each has a storage of this name of its own.
    node: Option<NodeName>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A deleted backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DeletedBackup {
    /// As it was.
    deleted: BackupRow,
    task: Option<TaskReport>,
}

/// Delete a backup for good. Protected ones are refused.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:backup:delete",
    title = "Delete a backup",
    timeout = 630,
    untrusted("deleted.notes", "task.log"),
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_backup(
    proxmox: &Proxmox,
    args: DeleteBackup,
    ctx: &CallContext,
) -> ToolResult<DeletedBackup> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    if found.volume.protected {
        let message = format!("{} is protected", found.described());
        return Err(ToolError::new(Code::Conflict, message)
            .reason("protected")
            .field("backup")
            .hint("it was protected on purpose; `protect_backup` can lift that"));
    }
    let upid = proxmox.api.task(&delete_call(&found, &args.backup)).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    Ok(DeletedBackup {
        deleted: BackupRow::of(&found.node, found.volume),
        task,
    })
}

fn delete_call(found: &Found, backup: &Volid) -> Call {
    Call::delete(
        "backup_delete",
        VOLUME,
        &[&found.node, &found.storage, backup],
    )
}

async fn preview_delete(proxmox: &Proxmox, args: &DeleteBackup) -> ToolResult<Preview> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    let mut impact = found.details();
    if found.volume.protected {
        impact.push("it is protected, which makes this fail".to_owned());
    }
    if let Some(vmid) = found.volume.vmid.and_then(Vmid::new) {
        let exists = proxmox
            .guests()
            .await?
            .iter()
            .any(|guest| guest.vmid == vmid);
        if !exists {
            impact.push(format!(
                "the guest `{vmid}` does not exist any more: this may be all that is left of it"
            ));
        }
    }
    Ok(Preview {
        summary: format!("delete {} for good", found.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(proxmox: &Proxmox, args: &DeleteBackup) -> ToolResult<Vec<Target>> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    found.targets(proxmox).await
}

async fn check_delete(
    proxmox: &Proxmox,
    args: &DeleteBackup,
    done: &DeletedBackup,
) -> ToolResult<Vec<Mismatch>> {
    if done.task.as_ref().is_some_and(TaskReport::is_running) {
        return Ok(Vec::new());
    }
    let storage = args.backup.storage().to_id();
    let volumes = proxmox
        .volumes(&done.deleted.node, &storage, Some("backup"), None)
        .await?;
    let is_there = volumes
        .iter()
        .any(|volume| volume.volid == args.backup.as_str());
    Ok(is_there
        .then(|| Mismatch {
            field: "backup",
            wanted: "no such backup".to_owned(),
            found: args.backup.to_string(),
        })
        .into_iter()
        .collect())
}

/// Which backup to protect or annotate.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtectBackup {
    /// The backup, as `list_backups` shows it.
    backup: Volid,
    /// Keep it from being pruned and deleted, or no longer.
    protected: bool,
    /// Node, where each has a storage of this name of its own.
    node: Option<NodeName>,
}

/// A backup after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BackupChanged {
    /// As read afterwards.
    backup: BackupRow,
}

/// Protect a backup from pruning and deletion, or lift its protection.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "proxmox:backup:protect",
    title = "Protect a backup",
    timeout = 90,
    untrusted("backup.notes"),
    effect = effect,
    preview = preview_protect,
    targets = protect_targets,
    inverse = undo_protect,
    read_back = check_protect
)]
pub(crate) async fn protect_backup(
    proxmox: &Proxmox,
    args: ProtectBackup,
) -> ToolResult<BackupChanged> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    if found.volume.protected != args.protected {
        proxmox.api.done(&protect_call(&found, &args)).await?;
    }
    let found = proxmox.backup(&args.backup, Some(&found.node)).await?;
    Ok(BackupChanged {
        backup: BackupRow::of(&found.node, found.volume),
    })
}

/// Protecting takes nothing from anybody.
fn effect(_proxmox: &Proxmox, args: &ProtectBackup) -> Effect {
    if args.protected {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

fn protect_call(found: &Found, args: &ProtectBackup) -> Call {
    Call::put(
        "backup_protect",
        VOLUME,
        &[&found.node, &found.storage, &args.backup],
    )
    .flag("protected", args.protected)
}

async fn preview_protect(proxmox: &Proxmox, args: &ProtectBackup) -> ToolResult<Preview> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    let mut impact = found.details();
    if !args.protected {
        impact.push("it can be pruned and deleted from then on".to_owned());
    }
    let verb = if args.protected {
        "protect"
    } else {
        "lift the protection of"
    };
    Ok(Preview {
        summary: format!("{verb} {}", found.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn protect_targets(proxmox: &Proxmox, args: &ProtectBackup) -> ToolResult<Vec<Target>> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    found.targets(proxmox).await
}

async fn undo_protect(proxmox: &Proxmox, args: &ProtectBackup) -> ToolResult<Option<Inverse>> {
    let found = proxmox.backup(&args.backup, args.node.as_ref()).await?;
    Ok((found.volume.protected != args.protected).then(|| Inverse {
        tool: "protect_backup".to_owned(),
        arguments: json!({ "backup": args.backup, "protected": found.volume.protected, "node": found.node }),
    }))
}

fn check_protect(
    _proxmox: &Proxmox,
    args: &ProtectBackup,
    done: &BackupChanged,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let is = done.backup.protected == Some(true);
    ready(Ok((is != args.protected)
        .then(|| Mismatch {
            field: "protected",
            wanted: args.protected.to_string(),
            found: is.to_string(),
        })
        .into_iter()
        .collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            node: "pve1".parse().unwrap(),
            storage: "pbs".parse().unwrap(),
            volume: serde_json::from_value(
                json!({ "volid": "pbs:backup/vm/100/2026-11-20T02:00:00Z" }),
            )
            .unwrap(),
        }
    }

    #[test]
    fn a_backup_is_one_part_of_the_address() {
        let backup: Volid = found().volume.volid.parse().unwrap();
        let call = delete_call(&found(), &backup);
        let protect = ProtectBackup {
            backup: backup.clone(),
            protected: true,
            node: None,
        };

        assert_eq!(call.path, ["pve1", "pbs", backup.as_str()]);
        assert_eq!(call.template, "/nodes/{}/storage/{}/content/{}");
        assert_eq!(
            protect_call(&found(), &protect).line(),
            format!("PUT /nodes/pve1/storage/pbs/content/{backup}?protected=1")
        );
    }
}
