//! Deleting guests.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;

use super::outcome::GuestChange;
use super::power::running_state;
use crate::call::Call;
use crate::client::Proxmox;
use crate::disks::{Disk, disks};
use crate::guest::{Guest, GuestKind, Tail};
use crate::ids::Vmid;
use crate::lenient::plain;

/// Which guest to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteVm {
    /// The guest.
    vmid: Vmid,
    /// Also take it out of backup jobs, replication and high availability.
    #[serde(default)]
    purge: bool,
    /// Also destroy disks of this VMID that its configuration does not name.
    #[serde(default)]
    destroy_unreferenced_disks: bool,
    /// Destroy a container even while it runs. A virtual machine has to be stopped first.
    #[serde(default)]
    force: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Delete a virtual machine or container with its disks and snapshots, for good. Backups stay.
#[tool(
    critical,
    open_world,
    permission = "proxmox:guest:delete",
    title = "Delete a guest",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_vm(
    proxmox: &Proxmox,
    args: DeleteVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let may_run = args.force && guest.kind == GuestKind::Lxc;
    if now.status.as_deref() == Some("running") && !may_run {
        let message = format!("{} is running and cannot be deleted", guest.described());
        return Err(ToolError::new(Code::Conflict, message)
            .reason("guest_running")
            .field("vmid")
            .hint("stop it first with `stop_vm`"));
    }
    let upid = proxmox
        .guest_task(&guest, |guest| delete_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    Ok(GuestChange::done(&guest, None, task))
}

fn delete_call(guest: &Guest, args: &DeleteVm) -> Call {
    guest
        .delete("guest_delete", Tail::Itself)
        .flag_if("purge", args.purge)
        .flag_if(
            "destroy-unreferenced-disks",
            args.destroy_unreferenced_disks,
        )
        .flag_if("force", args.force && guest.kind == GuestKind::Lxc)
}

async fn preview_delete(proxmox: &Proxmox, args: &DeleteVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let config = proxmox.guest_config(&guest).await?;
    let mut impact = running_state(&now);
    impact.extend(
        disks(&config)
            .iter()
            .map(|disk| format!("{} is destroyed", Disk::described(disk))),
    );
    impact.push(snapshots_lost(proxmox, &guest).await);
    if config.get("protection").and_then(plain).as_deref() == Some("1") {
        impact.push("it is protected, which makes this fail".to_owned());
    }
    if guest.row.template {
        impact.push("it is a template: linked clones of it stop working".to_owned());
    }
    if args.purge {
        impact.push("it is taken out of backup jobs, replication and high availability".to_owned());
    }
    impact.push("its backups stay".to_owned());
    Ok(Preview {
        summary: format!("delete {} for good", guest.described()),
        changes: Vec::new(),
        impact,
    })
}

/// How many snapshots go with it; a token may not be allowed to know.
pub(super) async fn snapshots_lost(proxmox: &Proxmox, guest: &Guest) -> String {
    match proxmox.snapshots(guest).await {
        Ok(snapshots) if snapshots.is_empty() => "it has no snapshots".to_owned(),
        Ok(snapshots) => {
            let names: Vec<String> = snapshots
                .iter()
                .take(10)
                .map(|snapshot| format!("`{}`", snapshot.name))
                .collect();
            format!(
                "{} snapshots are lost: {}",
                snapshots.len(),
                names.join(", ")
            )
        }
        Err(_) => "its snapshots, if it has any, are lost".to_owned(),
    }
}

async fn delete_targets(proxmox: &Proxmox, args: &DeleteVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn check_delete(
    proxmox: &Proxmox,
    args: &DeleteVm,
    done: &GuestChange,
) -> ToolResult<Vec<Mismatch>> {
    if !done.is_finished() {
        return Ok(Vec::new());
    }
    proxmox.forget_guests();
    let guests = proxmox.guests().await?;
    let found = guests.iter().find(|guest| guest.vmid == args.vmid);
    Ok(found
        .map(|guest| Mismatch {
            field: "vmid",
            wanted: "no such guest".to_owned(),
            found: guest.described(),
        })
        .into_iter()
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::{container, machine};

    #[test]
    fn parameters_go_into_the_query_and_force_only_to_containers() {
        let args = DeleteVm {
            vmid: Vmid(100),
            purge: true,
            destroy_unreferenced_disks: true,
            force: true,
            wait_s: None,
        };

        assert_eq!(
            delete_call(&machine(), &args).line(),
            "DELETE /nodes/pve1/qemu/100?purge=1&destroy-unreferenced-disks=1"
        );
        assert_eq!(
            delete_call(&container(), &args).line(),
            "DELETE /nodes/pve2/lxc/200?purge=1&destroy-unreferenced-disks=1&force=1"
        );
    }
}
