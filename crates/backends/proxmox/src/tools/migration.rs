//! Moving guests to another node.

use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::outcome::GuestChange;
use super::power::running_state;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail};
use crate::ids::{NodeName, StorageId, Vmid};
use crate::types::MigrateCheck;
use crate::units::size;

/// What to move where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MigrateVm {
    /// The guest.
    vmid: Vmid,
    /// The node to move it to.
    target: NodeName,
    /// Move a running virtual machine without stopping it, or stop, move and start a running container; default true.
    online: Option<bool>,
    /// Move disks that only its node has, too (virtual machines).
    #[serde(default)]
    with_local_disks: bool,
    /// Storage on the target for its disks, where it differs.
    target_storage: Option<StorageId>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Move a virtual machine or container to another node of the cluster; a running virtual machine moves live, a running container is restarted.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:guest:migrate",
    title = "Migrate a guest",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_migrate,
    targets = migrate_targets,
    inverse = undo_migrate,
    read_back = check_migrate
)]
pub(crate) async fn migrate_vm(
    proxmox: &Proxmox,
    args: MigrateVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    if guest.node == args.target {
        let status = guest.row.status.clone();
        return Ok(GuestChange::unchanged(
            &guest,
            status,
            "it is on that node already",
        ));
    }
    let is_running = is_running(proxmox, &guest).await?;
    if let Some(check) = precheck(proxmox, &guest, &args.target).await? {
        refuse(&guest, &args, &check, is_running)?;
    }
    let upid = proxmox
        .guest_task(&guest, |guest| migrate_call(guest, &args, is_running))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let finished = task.as_ref().is_none_or(|task| !task.is_running());
    if !finished {
        return Ok(GuestChange::done(&guest, None, task));
    }
    // Its node is another one now.
    proxmox.forget_guests();
    let guest = proxmox.guest(args.vmid).await?;
    GuestChange::after(proxmox, &guest, task).await
}

async fn is_running(proxmox: &Proxmox, guest: &Guest) -> ToolResult<bool> {
    let now = proxmox.current(guest).await?;
    Ok(now.status.as_deref() == Some("running"))
}

fn migrate_call(guest: &Guest, args: &MigrateVm, is_running: bool) -> Call {
    let call = guest
        .post("guest_migrate", Tail::Migrate)
        .with("target", &args.target);
    let online = is_running && args.online.unwrap_or(true);
    match guest.kind {
        GuestKind::Qemu => call
            .flag_if("online", online)
            .flag_if("with-local-disks", args.with_local_disks)
            .with_opt("targetstorage", args.target_storage.as_ref()),
        GuestKind::Lxc => call
            .flag_if("restart", online)
            .with_opt("target-storage", args.target_storage.as_ref()),
    }
}

/// What Proxmox says stands in the way; `None` where it cannot say, as for containers before
/// version 9.
async fn precheck(
    proxmox: &Proxmox,
    guest: &Guest,
    target: &NodeName,
) -> ToolResult<Option<MigrateCheck>> {
    if guest.kind == GuestKind::Lxc && proxmox.version().await?.major() < Some(9) {
        return Ok(None);
    }
    let check = proxmox
        .of_guest(guest, |guest| {
            guest
                .get("migrate_check", Tail::Migrate)
                .with("target", target)
        })
        .await?;
    Ok(check)
}

fn refuse(
    guest: &Guest,
    args: &MigrateVm,
    check: &MigrateCheck,
    is_running: bool,
) -> ToolResult<()> {
    let conflict = |what: String, hint: &str| {
        let message = format!(
            "{} cannot be moved to `{}`: {what}",
            guest.described(),
            args.target
        );
        Err(ToolError::new(Code::Conflict, message)
            .reason("migration_blocked")
            .field("target")
            .hint(hint))
    };
    let resources = check.local_resources.as_deref().unwrap_or_default();
    if !resources.is_empty() {
        let names: Vec<String> = resources.iter().map(ToString::to_string).collect();
        return conflict(
            format!("it uses devices of its node: {}", names.join(", ")),
            "take the devices out of its configuration first",
        );
    }
    // Only a stopped machine's storages are checked by Proxmox before it starts.
    let blocked = check
        .not_allowed_nodes
        .as_ref()
        .is_some_and(|nodes| nodes.contains_key(args.target.as_str()));
    if blocked && !is_running && args.target_storage.is_none() {
        return conflict(
            "that node lacks storages it uses, or rules of high availability forbid it".to_owned(),
            "choose another node, or a `target_storage`",
        );
    }
    let local = local_disks(check);
    if !local.is_empty() && is_running && !args.with_local_disks && guest.kind == GuestKind::Qemu {
        return conflict(
            format!("its disks lie on its node alone: {}", local.join(", ")),
            "pass `with_local_disks` to copy them too, which takes as long as copying takes",
        );
    }
    Ok(())
}

fn local_disks(check: &MigrateCheck) -> Vec<String> {
    let disks = check.local_disks.as_deref().unwrap_or_default();
    disks
        .iter()
        .filter(|disk| !disk.cdrom)
        .map(|disk| match disk.size {
            Some(bytes) => format!("`{}` ({})", disk.volid, size(bytes)),
            None => format!("`{}`", disk.volid),
        })
        .collect()
}

async fn preview_migrate(proxmox: &Proxmox, args: &MigrateVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let runs = now.status.as_deref() == Some("running");
    let mut impact = running_state(&now);
    if runs && guest.kind == GuestKind::Lxc {
        impact.push("it is stopped and started again: its services are away meanwhile".to_owned());
    }
    if let Some(check) = precheck(proxmox, &guest, &args.target).await? {
        for disk in local_disks(&check) {
            impact.push(format!("the disk {disk} is copied"));
        }
        if let Err(error) = refuse(&guest, args, &check, runs) {
            impact.push(error.envelope().message.clone());
        }
    }
    Ok(Preview {
        summary: format!("move {} to `{}`", guest.described(), args.target),
        changes: vec![Change {
            field: "node".to_owned(),
            from: Some(guest.node.to_string()),
            to: Some(args.target.to_string()),
        }],
        impact,
    })
}

async fn migrate_targets(proxmox: &Proxmox, args: &MigrateVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn undo_migrate(proxmox: &Proxmox, args: &MigrateVm) -> ToolResult<Option<Inverse>> {
    let guest = proxmox.guest(args.vmid).await?;
    // With another storage, moving back would not put the disks back where they were.
    if guest.node == args.target || args.target_storage.is_some() {
        return Ok(None);
    }
    Ok(Some(Inverse {
        tool: "migrate_vm".to_owned(),
        arguments: json!({
            "vmid": args.vmid,
            "target": guest.node,
            "with_local_disks": args.with_local_disks,
        }),
    }))
}

fn check_migrate(
    _proxmox: &Proxmox,
    args: &MigrateVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let is_there = !done.is_finished() || done.node == args.target.as_str();
    ready(Ok((!is_there)
        .then(|| Mismatch {
            field: "target",
            wanted: args.target.to_string(),
            found: done.node.clone(),
        })
        .into_iter()
        .collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::{container, machine};

    #[test]
    fn running_machines_move_live_and_running_containers_restart() {
        let args = MigrateVm {
            vmid: Vmid(100),
            target: "pve2".parse().unwrap(),
            online: None,
            with_local_disks: true,
            target_storage: Some("fast".parse().unwrap()),
            wait_s: None,
        };

        assert_eq!(
            migrate_call(&machine(), &args, true).line(),
            "POST /nodes/pve1/qemu/100/migrate?target=pve2&online=1&with-local-disks=1&targetstorage=fast"
        );
        assert_eq!(
            migrate_call(&container(), &args, true).line(),
            "POST /nodes/pve2/lxc/200/migrate?target=pve2&restart=1&target-storage=fast"
        );
        assert_eq!(
            migrate_call(&container(), &args, false).line(),
            "POST /nodes/pve2/lxc/200/migrate?target=pve2&target-storage=fast"
        );
    }
}
