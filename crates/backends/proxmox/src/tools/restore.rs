//! Restoring guests from backups.

use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Effect, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::backup_changes::Found;
use super::backups::kind_of;
use super::deletion::snapshots_lost;
use super::outcome::GuestChange;
use super::placing::{Places, free, with_vmid};
use crate::call::Call;
use crate::client::Proxmox;
use crate::disks::{Disk, disks};
use crate::guest::{Guest, GuestKind};
use crate::ids::{GuestName, NodeName, StorageId, Vmid, Volid};

/// What to restore, and as what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreBackup {
    /// The backup, as `list_backups` shows it.
    backup: Volid,
    /// Number of the restored guest; the lowest free one without.
    vmid: Option<Vmid>,
    /// Replace the guest of that number: its disks and snapshots are lost. It has to be stopped.
    #[serde(default)]
    overwrite: bool,
    /// Name of the restored guest; that of the backup without.
    name: Option<GuestName>,
    /// Storage of its disks; as in the backup without.
    storage: Option<StorageId>,
    /// Node to restore to; without, the overwritten guest's, else one that has the backup's storage.
    node: Option<NodeName>,
    /// Give it new MAC addresses and ids, for a copy beside the original; default true unless it overwrites.
    unique: Option<bool>,
    /// Start it when it is restored.
    #[serde(default)]
    start: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Restore a virtual machine or container from a backup as a new guest, or over an existing one with `overwrite`.
#[tool(
    critical,
    open_world,
    permission = "proxmox:backup:restore",
    title = "Restore a backup",
    timeout = 630,
    untrusted("task.log"),
    effect = effect,
    preview = preview_restore,
    targets = restore_targets,
    read_back = check_restore
)]
pub(crate) async fn restore_backup(
    proxmox: &Proxmox,
    args: RestoreBackup,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let found = proxmox.backup(&args.backup, None).await?;
    let kind = backup_kind(&found)?;
    let (vmid, node, upid) = if args.overwrite {
        let guest = overwritten(proxmox, &args, kind).await?;
        let now = proxmox.current(&guest).await?;
        if now.status.as_deref() == Some("running") {
            let message = format!("{} is running and cannot be overwritten", guest.described());
            return Err(ToolError::new(Code::Conflict, message)
                .reason("guest_running")
                .field("vmid")
                .hint("stop it first with `stop_vm`"));
        }
        let call = restore_call(&args, kind, &guest.node).with("vmid", guest.vmid);
        (guest.vmid, guest.node, proxmox.api.task(&call).await?)
    } else {
        let node = node_for(proxmox, &args, &found).await?;
        let call = restore_call(&args, kind, &node);
        let numbered = |vmid: Vmid| call.clone().with("vmid", vmid);
        let (vmid, upid) = with_vmid(proxmox, args.vmid, "vmid", numbered).await?;
        (vmid, node, upid)
    };
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let mut done = GuestChange::created(proxmox, vmid, kind, "", &node, task).await?;
    done.name = None;
    if done.is_finished() {
        done.name = proxmox.guest(vmid).await?.name;
    }
    Ok(done)
}

/// A new guest takes nothing from anybody.
fn effect(_proxmox: &Proxmox, args: &RestoreBackup) -> Effect {
    if args.overwrite {
        Effect::Critical
    } else {
        Effect::Write
    }
}

/// The call without its VMID.
fn restore_call(args: &RestoreBackup, kind: GuestKind, node: &NodeName) -> Call {
    let unique = args.unique.unwrap_or(!args.overwrite);
    let name = args.name.as_ref();
    let call = match kind {
        GuestKind::Qemu => Call::post("machine_restore", "/nodes/{}/qemu", &[node])
            .with("archive", &args.backup)
            .with_opt("name", name),
        GuestKind::Lxc => Call::post("container_restore", "/nodes/{}/lxc", &[node])
            .with("ostemplate", &args.backup)
            .flag("restore", true)
            .with_opt("hostname", name),
    };
    call.with_opt("storage", args.storage.as_ref())
        .flag_if("unique", unique)
        .flag_if("force", args.overwrite)
        .flag_if("start", args.start)
}

fn backup_kind(found: &Found) -> ToolResult<GuestKind> {
    kind_of(&found.volume).ok_or_else(|| {
        let message = format!(
            "{} does not tell whether it is of a virtual machine or a container",
            found.described()
        );
        ToolError::new(Code::Conflict, message)
            .reason("backup_type_unknown")
            .field("backup")
            .hint("restore it in Proxmox's own interface")
    })
}

/// The guest that is to be overwritten.
async fn overwritten(
    proxmox: &Proxmox,
    args: &RestoreBackup,
    kind: GuestKind,
) -> ToolResult<Guest> {
    let Some(vmid) = args.vmid else {
        return Err(ToolError::invalid(
            "vmid",
            "name the guest that is to be overwritten",
        ));
    };
    let guest = proxmox.guest(vmid).await?;
    if guest.kind != kind {
        let message = format!(
            "the backup is of a {} and cannot replace {}",
            kind.noun(),
            guest.described()
        );
        return Err(ToolError::invalid("vmid", message).reason("wrong_guest_type"));
    }
    Ok(guest)
}

async fn node_for(proxmox: &Proxmox, args: &RestoreBackup, found: &Found) -> ToolResult<NodeName> {
    if let Some(vmid) = args.vmid {
        free(proxmox, vmid, "vmid").await.map_err(|error| {
            error.hint("leave it out to get a free one, or pass `overwrite` to replace that guest")
        })?;
    }
    let places = Places::read(proxmox).await?;
    let wanted: Vec<&StorageId> = std::iter::once(&found.storage)
        .chain(&args.storage)
        .collect();
    // A storage that each node has of its own holds this backup only where it was found.
    let shared = places
        .storages_for("backup")
        .iter()
        .any(|(_, storage, shared)| *storage == found.storage && *shared);
    match (&args.node, shared) {
        (Some(node), _) => Ok(node.clone()),
        (None, true) => places.node(None, &wanted),
        (None, false) => Ok(found.node.clone()),
    }
}

async fn preview_restore(proxmox: &Proxmox, args: &RestoreBackup) -> ToolResult<Preview> {
    let found = proxmox.backup(&args.backup, None).await?;
    let kind = backup_kind(&found)?;
    let mut impact = found.details();
    if !args.overwrite {
        let number = match args.vmid {
            Some(vmid) => format!("with VMID `{vmid}`"),
            None => "with a free VMID".to_owned(),
        };
        return Ok(Preview {
            summary: format!(
                "restore {} as a new {} {number}",
                found.described(),
                kind.noun()
            ),
            changes: Vec::new(),
            impact,
        });
    }
    let guest = overwritten(proxmox, args, kind).await?;
    let now = proxmox.current(&guest).await?;
    if now.status.as_deref() == Some("running") {
        impact.push("the guest is running, which makes this fail".to_owned());
    }
    let config = proxmox.guest_config(&guest).await?;
    let lost = disks(&config);
    impact.extend(
        lost.iter()
            .map(|disk| format!("{} is replaced", Disk::described(disk))),
    );
    impact.push(snapshots_lost(proxmox, &guest).await);
    Ok(Preview {
        summary: format!("replace {} by {}", guest.described(), found.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn restore_targets(proxmox: &Proxmox, args: &RestoreBackup) -> ToolResult<Vec<Target>> {
    if args.overwrite {
        let Some(vmid) = args.vmid else {
            return Err(ToolError::invalid(
                "vmid",
                "name the guest that is to be overwritten",
            ));
        };
        return Ok(vec![proxmox.guest(vmid).await?.target()]);
    }
    let name = args.name.as_ref().map(ToString::to_string);
    Ok(vec![super::containers::new_target(
        args.vmid,
        name,
        None,
        args.node.as_ref(),
    )])
}

fn check_restore(
    _proxmox: &Proxmox,
    args: &RestoreBackup,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let wanted = if args.start { "running" } else { "stopped" };
    ready(Ok(done.unless_status("start", wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(args: Value, kind: GuestKind) -> String {
        let args: RestoreBackup = serde_json::from_value(args).unwrap();
        restore_call(&args, kind, &"pve1".parse().unwrap()).line()
    }

    #[test]
    fn machines_and_containers_are_restored_in_their_own_ways() {
        let machine = "local:backup/vzdump-qemu-100-2026_11_20-02_00_00.vma.zst";
        let container = "pbs:backup/ct/200/2026-11-20T02:00:00Z";

        assert_eq!(
            line(
                json!({ "backup": machine, "storage": "tank" }),
                GuestKind::Qemu
            ),
            format!("POST /nodes/pve1/qemu?archive={machine}&storage=tank&unique=1")
        );
        assert_eq!(
            line(
                json!({ "backup": container, "vmid": 200, "overwrite": true, "start": true }),
                GuestKind::Lxc
            ),
            format!("POST /nodes/pve1/lxc?ostemplate={container}&restore=1&force=1&start=1")
        );
    }
}
