//! Snapshots of guests.

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::outcome::{GuestChange, only_qemu};
use super::power::running_state;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail};
use crate::ids::{SnapshotName, Vmid};
use crate::page::{newest_first, page};
use crate::types::Snapshot;
use crate::units::timestamp;

/// Whose snapshots.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSnapshots {
    /// The guest.
    vmid: Vmid,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A snapshot.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SnapshotRow {
    name: String,
    created: Option<String>,
    description: Option<String>,
    /// The snapshot before it.
    parent: Option<String>,
    /// Whether it holds the memory too.
    with_memory: bool,
}

/// List the snapshots of a virtual machine or container, newest first.
#[tool(
    read,
    open_world,
    permission = "proxmox:guest:read",
    title = "List snapshots",
    timeout = 70,
    untrusted("items.*.description")
)]
pub(crate) async fn list_snapshots(
    proxmox: &Proxmox,
    args: ListSnapshots,
) -> ToolResult<Page<SnapshotRow>> {
    let guest = proxmox.guest(args.vmid).await?;
    let snapshots = proxmox.snapshots(&guest).await?;
    let key = |snapshot: &Snapshot| newest_first(snapshot.snaptime, &snapshot.name);
    let page = page(snapshots, args.limit, args.cursor.as_deref(), key)?;
    Ok(page.map(|snapshot| SnapshotRow {
        created: timestamp(snapshot.snaptime),
        name: snapshot.name,
        description: snapshot.description,
        parent: snapshot.parent.filter(|parent| parent != "current"),
        with_memory: snapshot.vmstate,
    }))
}

/// What to take a snapshot of.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSnapshot {
    /// The guest.
    vmid: Vmid,
    /// The snapshot's name: a letter, then letters, digits, `_`, `-`.
    name: SnapshotName,
    /// Why it is taken.
    #[schemars(length(max = 1000))]
    description: Option<String>,
    /// Keep the memory of a running virtual machine too.
    #[serde(default)]
    memory: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Take a snapshot of a virtual machine or container. It lies on the same storage and is no backup.
#[tool(
    write,
    open_world,
    permission = "proxmox:snapshot:create",
    title = "Create a snapshot",
    timeout = 630,
    untrusted("name", "task.log"),
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_snapshot(
    proxmox: &Proxmox,
    args: CreateSnapshot,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    if args.memory {
        only_qemu(&guest, "memory", "its memory cannot be kept")?;
    }
    let upid = proxmox
        .guest_task(&guest, |guest| create_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn create_call(guest: &Guest, args: &CreateSnapshot) -> Call {
    guest
        .post("snapshot_create", Tail::Snapshot)
        .with("snapname", &args.name)
        .with_opt("description", args.description.as_deref())
        .flag_if("vmstate", args.memory && guest.kind == GuestKind::Qemu)
}

async fn create_targets(proxmox: &Proxmox, args: &CreateSnapshot) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn undo_create(proxmox: &Proxmox, args: &CreateSnapshot) -> ToolResult<Option<Inverse>> {
    let guest = proxmox.guest(args.vmid).await?;
    let snapshots = proxmox.snapshots(&guest).await?;
    let exists = snapshots
        .iter()
        .any(|snapshot| snapshot.name == args.name.as_str());
    Ok((!exists).then(|| Inverse {
        tool: "delete_snapshot".to_owned(),
        arguments: json!({ "vmid": args.vmid, "name": args.name }),
    }))
}

async fn check_create(
    proxmox: &Proxmox,
    args: &CreateSnapshot,
    done: &GuestChange,
) -> ToolResult<Vec<Mismatch>> {
    let is_there = presence(proxmox, args.vmid, &args.name, done).await?;
    Ok((is_there == Some(false))
        .then(|| Mismatch {
            field: "name",
            wanted: args.name.to_string(),
            found: "no such snapshot".to_owned(),
        })
        .into_iter()
        .collect())
}

/// Whether the snapshot exists; `None` while the task runs.
async fn presence(
    proxmox: &Proxmox,
    vmid: Vmid,
    name: &SnapshotName,
    done: &GuestChange,
) -> ToolResult<Option<bool>> {
    if !done.is_finished() {
        return Ok(None);
    }
    let guest = proxmox.guest(vmid).await?;
    let snapshots = proxmox.snapshots(&guest).await?;
    Ok(Some(
        snapshots
            .iter()
            .any(|snapshot| snapshot.name == name.as_str()),
    ))
}

/// Where to go back to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackSnapshot {
    /// The guest.
    vmid: Vmid,
    /// The snapshot to go back to.
    name: SnapshotName,
    /// Start the guest afterwards.
    #[serde(default)]
    start: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Put a virtual machine or container back to a snapshot: everything written since then is lost, and it is stopped if it runs.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:snapshot:rollback",
    title = "Roll back to a snapshot",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_rollback,
    targets = rollback_targets
)]
pub(crate) async fn rollback_snapshot(
    proxmox: &Proxmox,
    args: RollbackSnapshot,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let (guest, _) = existing(proxmox, args.vmid, &args.name).await?;
    let upid = proxmox
        .guest_task(&guest, |guest| rollback_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn rollback_call(guest: &Guest, args: &RollbackSnapshot) -> Call {
    let template = match guest.kind {
        GuestKind::Qemu => "/nodes/{}/qemu/{}/snapshot/{}/rollback",
        GuestKind::Lxc => "/nodes/{}/lxc/{}/snapshot/{}/rollback",
    };
    Call::post(
        "snapshot_rollback",
        template,
        &[&guest.node, &guest.vmid, &args.name],
    )
    .flag_if("start", args.start)
}

async fn preview_rollback(proxmox: &Proxmox, args: &RollbackSnapshot) -> ToolResult<Preview> {
    let (guest, snapshots) = existing(proxmox, args.vmid, &args.name).await?;
    let now = proxmox.current(&guest).await?;
    let mut impact = running_state(&now);
    let taken = snapshots
        .iter()
        .find(|snapshot| snapshot.name == args.name.as_str())
        .and_then(|snapshot| snapshot.snaptime);
    impact.push(match timestamp(taken) {
        Some(when) => format!("everything written since {when} is lost"),
        None => "everything written since then is lost".to_owned(),
    });
    let newer: Vec<String> = snapshots
        .iter()
        .filter(|snapshot| snapshot.snaptime > taken)
        .map(|snapshot| format!("`{}`", snapshot.name))
        .collect();
    if !newer.is_empty() {
        impact.push(format!(
            "newer snapshots are {}; on ZFS they have to be deleted first",
            newer.join(", ")
        ));
    }
    Ok(Preview {
        summary: format!(
            "put {} back to the snapshot `{}`",
            guest.described(),
            args.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn rollback_targets(proxmox: &Proxmox, args: &RollbackSnapshot) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

/// Which snapshot to delete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteSnapshot {
    /// The guest.
    vmid: Vmid,
    /// The snapshot.
    name: SnapshotName,
    /// Take it out of the configuration even if its disks cannot be removed.
    #[serde(default)]
    force: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Delete a snapshot of a virtual machine or container. The guest keeps its present state.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:snapshot:delete",
    title = "Delete a snapshot",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_delete,
    targets = delete_targets,
    read_back = check_delete
)]
pub(crate) async fn delete_snapshot(
    proxmox: &Proxmox,
    args: DeleteSnapshot,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let (guest, _) = existing(proxmox, args.vmid, &args.name).await?;
    let upid = proxmox
        .guest_task(&guest, |guest| delete_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn delete_call(guest: &Guest, args: &DeleteSnapshot) -> Call {
    let template = match guest.kind {
        GuestKind::Qemu => "/nodes/{}/qemu/{}/snapshot/{}",
        GuestKind::Lxc => "/nodes/{}/lxc/{}/snapshot/{}",
    };
    Call::delete(
        "snapshot_delete",
        template,
        &[&guest.node, &guest.vmid, &args.name],
    )
    .flag_if("force", args.force)
}

async fn preview_delete(proxmox: &Proxmox, args: &DeleteSnapshot) -> ToolResult<Preview> {
    let (guest, snapshots) = existing(proxmox, args.vmid, &args.name).await?;
    let snapshot = snapshots
        .iter()
        .find(|snapshot| snapshot.name == args.name.as_str());
    let mut impact = vec!["the guest can no longer be put back to it".to_owned()];
    if let Some(when) = snapshot.and_then(|snapshot| timestamp(snapshot.snaptime)) {
        impact.push(format!("it was taken {when}"));
    }
    if snapshot.is_some_and(|snapshot| snapshot.vmstate) {
        impact.push("the memory it holds goes too".to_owned());
    }
    Ok(Preview {
        summary: format!(
            "delete the snapshot `{}` of {}",
            args.name,
            guest.described()
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn delete_targets(proxmox: &Proxmox, args: &DeleteSnapshot) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn check_delete(
    proxmox: &Proxmox,
    args: &DeleteSnapshot,
    done: &GuestChange,
) -> ToolResult<Vec<Mismatch>> {
    let is_there = presence(proxmox, args.vmid, &args.name, done).await?;
    Ok((is_there == Some(true))
        .then(|| Mismatch {
            field: "name",
            wanted: "no such snapshot".to_owned(),
            found: args.name.to_string(),
        })
        .into_iter()
        .collect())
}

/// The guest and its snapshots, if this one is among them.
async fn existing(
    proxmox: &Proxmox,
    vmid: Vmid,
    name: &SnapshotName,
) -> ToolResult<(Guest, Vec<Snapshot>)> {
    let guest = proxmox.guest(vmid).await?;
    let snapshots = proxmox.snapshots(&guest).await?;
    if snapshots
        .iter()
        .any(|snapshot| snapshot.name == name.as_str())
    {
        return Ok((guest, snapshots));
    }
    let names: Vec<String> = snapshots
        .iter()
        .rev()
        .take(5)
        .map(|snapshot| format!("`{}`", snapshot.name))
        .collect();
    let hint = match names.as_slice() {
        [] => "it has no snapshots".to_owned(),
        names => format!("its newest are {}", names.join(", ")),
    };
    let message = format!("no snapshot `{name}` of {}", guest.described());
    Err(ToolError::not_found(message)
        .reason("snapshot_not_found")
        .field("name")
        .hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::{container, machine};

    #[test]
    fn memory_is_asked_for_only_where_there_is_some() {
        let args = CreateSnapshot {
            vmid: Vmid(100),
            name: "before-update".parse().unwrap(),
            description: Some("kernel & libc".into()),
            memory: true,
            wait_s: None,
        };

        assert_eq!(
            create_call(&machine(), &args).line(),
            "POST /nodes/pve1/qemu/100/snapshot?snapname=before-update&description=kernel & libc&vmstate=1"
        );
        assert_eq!(
            create_call(&container(), &args).line(),
            "POST /nodes/pve2/lxc/200/snapshot?snapname=before-update&description=kernel & libc"
        );
    }

    #[test]
    fn rollback_and_delete_name_the_snapshot_in_the_path() {
        let name: SnapshotName = "s1".parse().unwrap();
        let rollback = RollbackSnapshot {
            vmid: Vmid(200),
            name: name.clone(),
            start: true,
            wait_s: None,
        };
        let delete = DeleteSnapshot {
            vmid: Vmid(100),
            name,
            force: false,
            wait_s: None,
        };

        assert_eq!(
            rollback_call(&container(), &rollback).line(),
            "POST /nodes/pve2/lxc/200/snapshot/s1/rollback?start=1"
        );
        assert_eq!(
            delete_call(&machine(), &delete).line(),
            "DELETE /nodes/pve1/qemu/100/snapshot/s1"
        );
    }
}
