//! The copy of a guest that a test makes: cut off from everything, looked at, removed.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_proxmox_api::task::Tasks as _;
use tokio::time::Instant;

use super::config::change_call;
use crate::client::Proxmox;
use crate::guest::{Guest, Tail};
use crate::ids::Upid;
use crate::lenient::plain;
use crate::task::TaskReport;
use crate::types::{AgentInterfaces, GuestConfig};

/// Longest wait for one task of removing it.
const REMOVAL_S: u64 = 120;

/// Waits for a task that must succeed within the time of the test.
pub(super) async fn finished(
    proxmox: &Proxmox,
    ctx: &CallContext,
    upid: Option<Upid>,
    what: &str,
) -> ToolResult<()> {
    let within = ctx.deadline.map_or(Duration::from_hours(1), |at| {
        at.saturating_duration_since(Instant::now())
    });
    let task = proxmox.finish(ctx, upid, Some(within.as_secs())).await?;
    if task.as_ref().is_some_and(TaskReport::is_running) {
        return Err(failed(format!(
            "{what} the copy took longer than the call may"
        )));
    }
    Ok(())
}

/// What ends a test: said in its result, never answered as an error.
pub(super) fn failed(message: String) -> ToolError {
    ToolError::new(Code::UpstreamRejected, message)
}

/// Takes everything from the copy by which it could reach others or take their devices, and makes sure
/// that it is gone.
pub(super) async fn isolate(
    proxmox: &Proxmox,
    ctx: &CallContext,
    guest: &Guest,
) -> ToolResult<Vec<String>> {
    let config = proxmox.guest_config(guest).await?;
    let ties = ties(&config);
    if ties.is_empty() {
        return Ok(ties);
    }
    let call = change_call(guest).with("delete", ties.join(","));
    let upid = proxmox.api.task(&call).await?;
    finished(proxmox, ctx, upid, "changing").await?;
    let left = self::ties(&proxmox.guest_config(guest).await?);
    if left.is_empty() {
        return Ok(ties);
    }
    Err(failed(format!(
        "the copy was not started, because it could not be cut off from {}",
        left.join(", ")
    )))
}

/// Properties that tie a guest to a network, to devices or folders of the host, or run something there.
fn ties(config: &GuestConfig) -> Vec<String> {
    const NUMBERED: [&str; 6] = ["net", "hostpci", "usb", "parallel", "dev", "virtiofs"];
    let text = |key: &str| config.get(key).and_then(plain).unwrap_or_default();
    let is_tie = |key: &str| {
        let name = key.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let is_numbered = name.len() < key.len();
        match name {
            "hookscript" | "args" | "lxc" => true,
            "serial" => is_numbered && text(key).starts_with("/dev/"),
            // A folder or device of the host; a volume of a storage has no slash at its start.
            "mp" => is_numbered && text(key).starts_with('/'),
            _ => is_numbered && NUMBERED.contains(&name),
        }
    };
    let mut ties: Vec<String> = config.keys().filter(|key| is_tie(key)).cloned().collect();
    ties.sort();
    ties
}

/// Whether the guest is set to have an agent: `1`, `enabled=1`, `1,fstrim_cloned_disks=1`.
pub(super) fn agent_is_on(config: &GuestConfig) -> bool {
    let text = config.get("agent").and_then(plain).unwrap_or_default();
    let first = text.split(',').next().unwrap_or_default();
    matches!(
        first.trim_start_matches("enabled="),
        "1" | "yes" | "on" | "true"
    )
}

pub(super) async fn agent_answers(proxmox: &Proxmox, guest: &Guest) -> bool {
    let call = guest.get("guest_interfaces", Tail::Interfaces);
    proxmox.api.data::<AgentInterfaces>(&call).await.is_ok()
}

/// Stops and destroys it; ends its restoring first, if that still runs.
pub(super) async fn remove(
    proxmox: &Proxmox,
    ctx: &CallContext,
    guest: &Guest,
    restoring: Option<&Upid>,
) -> ToolResult<()> {
    if let Some(upid) = restoring
        && proxmox.look(upid).await?.is_running()
    {
        proxmox.api.done(&super::tasks::stop_call(upid)).await?;
        proxmox.follow(ctx, upid, Some(REMOVAL_S)).await?;
    }
    let now = proxmox.current(guest).await?;
    if now.status.as_deref() == Some("running") {
        let stop = guest.post("guest_stop", Tail::Stop);
        let upid = proxmox.api.task(&stop).await?;
        proxmox.finish(ctx, upid, Some(REMOVAL_S)).await?;
    }
    let delete = guest.delete("guest_delete", Tail::Itself);
    let upid = proxmox.api.task(&delete).await?;
    let task = proxmox.finish(ctx, upid, Some(REMOVAL_S)).await?;
    match task.filter(TaskReport::is_running) {
        Some(task) => Err(failed(format!("its removal still runs as `{}`", task.upid))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn config(value: serde_json::Value) -> GuestConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_ties_a_copy_to_others_is_found_and_its_own_disks_are_not() {
        let machine = config(json!({
            "net0": "virtio=00:00:5E:00:53:01,bridge=vmbr0", "net11": "e1000,bridge=vmbr1",
            "hostpci0": "0000:01:00.0", "usb1": "host=1234:5678", "serial0": "socket",
            "serial1": "/dev/ttyS0", "hookscript": "local:snippets/x.pl", "virtiofs0": "share",
            "scsi0": "local-lvm:vm-900-disk-0,size=8G", "memory": 2048, "name": "netbox", "net": "x",
        }));
        let container = config(json!({
            "mp0": "/mnt/photos,mp=/photos", "mp1": "local-lvm:vm-900-disk-1,mp=/data",
            "dev0": "/dev/dri/renderD128", "net0": "name=eth0,bridge=vmbr0", "rootfs": "local-lvm:x",
            "lxc": [["lxc.mount.entry", "/dev/net none"]],
        }));

        assert_eq!(
            ties(&machine),
            [
                "hookscript",
                "hostpci0",
                "net0",
                "net11",
                "serial1",
                "usb1",
                "virtiofs0"
            ]
        );
        assert_eq!(ties(&container), ["dev0", "lxc", "mp0", "net0"]);
    }

    #[rstest]
    #[case(json!("1"), true)]
    #[case(json!(1), true)]
    #[case(json!("enabled=1,type=virtio"), true)]
    #[case(json!("1,fstrim_cloned_disks=1"), true)]
    #[case(json!("enabled=0"), false)]
    #[case(json!("0"), false)]
    fn an_agent_is_waited_for_only_where_there_is_one(
        #[case] agent: serde_json::Value,
        #[case] on: bool,
    ) {
        assert_eq!(agent_is_on(&config(json!({ "agent": agent }))), on);
        assert!(!agent_is_on(&config(json!({}))));
    }
}
