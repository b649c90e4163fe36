//! Copying guests and making guests of templates.

use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Mismatch, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::config::change_call;
use super::containers::new_target;
use super::outcome::{GuestChange, only_qemu};
use super::placing::with_vmid;
use super::provision::CloudInit;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, GuestKind, Tail};
use crate::ids::{GuestName, NodeName, PoolId, SnapshotName, StorageId, Vmid};

/// What to copy, and as what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloneVm {
    /// The guest or template to copy.
    vmid: Vmid,
    /// The copy's name.
    name: GuestName,
    /// The copy's number; the lowest free one without.
    new_vmid: Option<Vmid>,
    /// Copy all disks, instead of linking to the template's; templates are linked and guests copied without.
    full: Option<bool>,
    /// Copy this snapshot instead of the present state.
    snapshot: Option<SnapshotName>,
    /// Storage of the copy's disks (full copies).
    storage: Option<StorageId>,
    /// Node of the copy; needs shared storage.
    target: Option<NodeName>,
    /// Pool to put it in.
    pool: Option<PoolId>,
    /// Notes.
    #[schemars(length(max = 8000))]
    description: Option<String>,
    /// Set up the copy by cloud-init (virtual machines).
    cloud_init: Option<CloudInit>,
    /// Processor cores of the copy.
    #[schemars(range(min = 1, max = 8192))]
    cores: Option<u32>,
    /// Memory of the copy in MiB.
    #[schemars(range(min = 16, max = 4_194_304))]
    memory_mib: Option<u32>,
    /// Start the copy.
    #[serde(default)]
    start: bool,
    /// Seconds to wait for each task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Copy a virtual machine or container, or make one of a template, with other resources and cloud-init settings if wanted.
#[tool(
    write,
    open_world,
    permission = "proxmox:guest:create",
    title = "Clone a guest",
    timeout = 630,
    untrusted("task.log"),
    sensitive_args("cloud_init.password"),
    targets = clone_targets,
    inverse = undo_clone,
    read_back = check_clone
)]
pub(crate) async fn clone_vm(
    proxmox: &Proxmox,
    args: CloneVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    if args.cloud_init.is_some() {
        only_qemu(&guest, "cloud_init", "it has no cloud-init")?;
    }
    let node = args.target.clone().unwrap_or_else(|| guest.node.clone());
    let copy = |vmid| Guest::at(vmid, guest.kind, &node, args.name.as_str());
    // Refused here, before anything is copied.
    let changes = |vmid| adjust_call(&copy(vmid), &args);
    let adjusts = changes(args.vmid)?.is_some();

    let numbered = |vmid: Vmid| clone_call(&guest, &args, vmid);
    let (vmid, upid) = with_vmid(proxmox, args.new_vmid, "new_vmid", numbered).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let name = args.name.as_str();
    let mut done = GuestChange::created(proxmox, vmid, guest.kind, name, &node, task).await?;
    if !done.is_finished() {
        if adjusts || args.start {
            done.note = Some(
                "resources, cloud-init and start are not done yet: once the task has ended, use `update_vm_config` and `start_vm`".to_owned(),
            );
        }
        return Ok(done);
    }
    let copy = copy(vmid);
    if let Some(call) = changes(vmid)? {
        let upid = proxmox.api.task(&call).await?;
        proxmox.finish(ctx, upid, args.wait_s).await?;
    }
    if args.start {
        let upid = proxmox
            .api
            .task(&copy.post("guest_start", Tail::Start))
            .await?;
        done.task = proxmox.finish(ctx, upid, args.wait_s).await?;
        if done.is_finished() {
            done.status = proxmox.current(&copy).await?.status;
        }
    }
    Ok(done)
}

fn clone_call(guest: &Guest, args: &CloneVm, vmid: Vmid) -> Call {
    let name = match guest.kind {
        GuestKind::Qemu => "name",
        GuestKind::Lxc => "hostname",
    };
    guest
        .post("guest_clone", Tail::Clone)
        .with("newid", vmid)
        .with(name, &args.name)
        .flag_opt("full", args.full)
        .with_opt("snapname", args.snapshot.as_ref())
        .with_opt("storage", args.storage.as_ref())
        .with_opt("target", args.target.as_ref())
        .with_opt("pool", args.pool.as_ref())
        .with_opt("description", args.description.as_deref())
}

/// What is changed on the copy, if anything.
fn adjust_call(copy: &Guest, args: &CloneVm) -> ToolResult<Option<Call>> {
    if args.cores.is_none() && args.memory_mib.is_none() && args.cloud_init.is_none() {
        return Ok(None);
    }
    let call = change_call(copy)
        .with_opt("cores", args.cores)
        .with_opt("memory", args.memory_mib);
    Ok(Some(match &args.cloud_init {
        Some(cloud_init) => cloud_init.add(call)?,
        None => call,
    }))
}

async fn clone_targets(proxmox: &Proxmox, args: &CloneVm) -> ToolResult<Vec<Target>> {
    let source = proxmox.guest(args.vmid).await?;
    let node = args.target.as_ref().unwrap_or(&source.node);
    let copy = new_target(args.new_vmid, Some(args.name.to_string()), None, Some(node));
    Ok(vec![source.target(), copy])
}

fn undo_clone(_proxmox: &Proxmox, args: &CloneVm) -> Ready<ToolResult<Option<Inverse>>> {
    let vmid = args.new_vmid.filter(|_| !args.start);
    ready(Ok(vmid.map(|vmid| Inverse {
        tool: "delete_vm".to_owned(),
        arguments: json!({ "vmid": vmid }),
    })))
}

fn check_clone(
    _proxmox: &Proxmox,
    args: &CloneVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    let wanted = if args.start { "running" } else { "stopped" };
    ready(Ok(done.unless_status("start", wanted)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::tools::guests::tests::{container, machine};

    fn args(value: Value) -> CloneVm {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn machines_have_names_and_containers_host_names() {
        let args = args(json!({
            "vmid": 100, "name": "web2", "full": true, "snapshot": "s1", "storage": "tank",
            "target": "pve2", "pool": "apps"
        }));

        assert_eq!(
            clone_call(&machine(), &args, Vmid(101)).line(),
            "POST /nodes/pve1/qemu/100/clone?newid=101&name=web2&full=1&snapname=s1&storage=tank&target=pve2&pool=apps"
        );
        assert!(
            clone_call(&container(), &args, Vmid(101))
                .line()
                .starts_with("POST /nodes/pve2/lxc/200/clone?newid=101&hostname=web2")
        );
    }

    #[test]
    fn resources_and_cloud_init_are_set_on_the_copy() {
        let plain = args(json!({ "vmid": 100, "name": "web2" }));
        let changed = args(json!({
            "vmid": 100, "name": "web2", "cores": 4, "memory_mib": 4096, "cloud_init": { "user": "ops" }
        }));

        assert!(adjust_call(&machine(), &plain).unwrap().is_none());
        assert_eq!(
            adjust_call(&machine(), &changed).unwrap().unwrap().line(),
            "POST /nodes/pve1/qemu/100/config?cores=4&memory=4096&ipconfig0=ip=dhcp&ciuser=ops"
        );
    }
}
