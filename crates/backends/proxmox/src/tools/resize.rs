//! Growing disks.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Proxmox;
use crate::disks::{Disk, disks};
use crate::guest::{Guest, Tail};
use crate::ids::{DiskKey, Vmid};
use crate::task::TaskReport;

/// What to grow.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResizeDisk {
    /// The guest.
    vmid: Vmid,
    /// The disk, such as `scsi0` or `rootfs`; see `get_vm_status`.
    disk: DiskKey,
    /// GiB to add.
    #[schemars(range(min = 1, max = 65536))]
    add_gib: u32,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A disk after it grew.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Resized {
    vmid: Vmid,
    disk: DiskKey,
    volume: String,
    size_before: Option<String>,
    /// As read afterwards.
    size: Option<String>,
    task: Option<TaskReport>,
}

/// Grow a disk of a virtual machine or container. It cannot be made smaller again; the guest may have to grow its file system itself.
#[tool(
    write,
    open_world,
    permission = "proxmox:guest:config",
    title = "Grow a disk",
    timeout = 630,
    untrusted("task.log"),
    preview = preview_resize,
    targets = resize_targets
)]
pub(crate) async fn resize_disk(
    proxmox: &Proxmox,
    args: ResizeDisk,
    ctx: &CallContext,
) -> ToolResult<Resized> {
    let guest = proxmox.guest(args.vmid).await?;
    let before = disk(proxmox, &guest, &args.disk).await?;
    let upid = proxmox
        .guest_task(&guest, |guest| resize_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    let after = disk(proxmox, &guest, &args.disk).await?;
    Ok(Resized {
        vmid: guest.vmid,
        disk: args.disk,
        volume: before.volume,
        size_before: before.size,
        size: after.size,
        task,
    })
}

fn resize_call(guest: &Guest, args: &ResizeDisk) -> Call {
    guest
        .put("disk_resize", Tail::Resize)
        .with("disk", &args.disk)
        .with("size", format!("+{}G", args.add_gib))
}

async fn disk(proxmox: &Proxmox, guest: &Guest, key: &DiskKey) -> ToolResult<Disk> {
    let all = disks(&proxmox.guest_config(guest).await?);
    if let Some(disk) = all.iter().find(|disk| disk.key == key.as_str()) {
        if disk.key.starts_with("unused") {
            let message = format!("`{key}` is not attached and cannot be grown");
            return Err(ToolError::new(Code::Conflict, message)
                .reason("disk_not_attached")
                .field("disk"));
        }
        return Ok(disk.clone());
    }
    let names: Vec<String> = all.iter().map(|disk| format!("`{}`", disk.key)).collect();
    let message = format!("{} has no disk `{key}`", guest.described());
    Err(ToolError::not_found(message)
        .reason("disk_not_found")
        .field("disk")
        .hint(match names.as_slice() {
            [] => "it has no disks".to_owned(),
            names => format!("its disks are {}", names.join(", ")),
        }))
}

async fn preview_resize(proxmox: &Proxmox, args: &ResizeDisk) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let disk = disk(proxmox, &guest, &args.disk).await?;
    Ok(Preview {
        summary: format!(
            "grow `{}` of {} by {} GiB",
            args.disk,
            guest.described(),
            args.add_gib
        ),
        changes: vec![Change {
            field: "size".to_owned(),
            from: disk.size,
            to: Some(format!("{} GiB more", args.add_gib)),
        }],
        impact: vec!["it cannot be made smaller again".to_owned()],
    })
}

async fn resize_targets(proxmox: &Proxmox, args: &ResizeDisk) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::machine;

    #[test]
    fn a_disk_grows_by_what_is_added() {
        let args = ResizeDisk {
            vmid: Vmid(100),
            disk: "scsi0".parse().unwrap(),
            add_gib: 8,
            wait_s: None,
        };

        assert_eq!(
            resize_call(&machine(), &args).line(),
            "PUT /nodes/pve1/qemu/100/resize?disk=scsi0&size=+8G"
        );
    }
}
