//! Starting, stopping and rebooting guests.

use std::future::{Ready, ready};

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::outcome::{GuestChange, no_template, only_qemu};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, Tail};
use crate::ids::Vmid;
use crate::types::Current;
use crate::units::size;

/// Which guest to start.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartVm {
    /// The guest.
    vmid: Vmid,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Start a virtual machine or container and wait until its start task has ended. The node is found from the VMID.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "proxmox:guest:power",
    title = "Start a guest",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_start,
    targets = start_targets,
    inverse = undo_start,
    read_back = check_start
)]
pub(crate) async fn start_vm(
    proxmox: &Proxmox,
    args: StartVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    no_template(&guest, "started")?;
    let now = proxmox.current(&guest).await?;
    if is_running(&now) {
        return Ok(GuestChange::unchanged(
            &guest,
            now.status,
            "it was running already",
        ));
    }
    let upid = proxmox.guest_task(&guest, start_call).await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn start_call(guest: &Guest) -> Call {
    guest.post("guest_start", Tail::Start)
}

async fn preview_start(proxmox: &Proxmox, args: &StartVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    Ok(Preview {
        summary: format!("start {}", guest.described()),
        changes: status_change(&now, "running"),
        impact: Vec::new(),
    })
}

async fn start_targets(proxmox: &Proxmox, args: &StartVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn undo_start(proxmox: &Proxmox, args: &StartVm) -> ToolResult<Option<Inverse>> {
    let guest = proxmox.guest(args.vmid).await?;
    let was_running = is_running(&proxmox.current(&guest).await?);
    Ok((!was_running).then(|| Inverse {
        tool: "stop_vm".to_owned(),
        arguments: json!({ "vmid": args.vmid }),
    }))
}

fn check_start(
    _proxmox: &Proxmox,
    _args: &StartVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    ready(Ok(done.unless_status("vmid", "running")))
}

/// Which guest to stop, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopVm {
    /// The guest.
    vmid: Vmid,
    /// Cut the power at once instead of asking the guest to shut down; unsaved data is lost.
    #[serde(default)]
    force: bool,
    /// Seconds that the guest gets to shut down.
    #[schemars(range(min = 1, max = 3600))]
    timeout_s: Option<u64>,
    /// Cut the power if it has not shut down in that time.
    #[serde(default)]
    force_after_timeout: bool,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Shut a virtual machine or container down cleanly, or cut its power with `force`.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "proxmox:guest:power",
    title = "Stop a guest",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_stop,
    targets = stop_targets,
    inverse = undo_stop,
    read_back = check_stop
)]
pub(crate) async fn stop_vm(
    proxmox: &Proxmox,
    args: StopVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    if !is_running(&now) {
        return Ok(GuestChange::unchanged(
            &guest,
            now.status,
            "it was stopped already",
        ));
    }
    // Ends a shutdown that hangs; version 7 does not know it.
    let overrule = args.force && proxmox.version().await?.major() >= Some(8);
    let upid = proxmox
        .guest_task(&guest, |guest| stop_call(guest, &args, overrule))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn stop_call(guest: &Guest, args: &StopVm, overrule: bool) -> Call {
    if args.force {
        return guest
            .post("guest_stop", Tail::Stop)
            .flag_if("overrule-shutdown", overrule);
    }
    guest
        .post("guest_shutdown", Tail::Shutdown)
        .with_opt("timeout", args.timeout_s)
        .flag_if("forceStop", args.force_after_timeout)
}

async fn preview_stop(proxmox: &Proxmox, args: &StopVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let how = if args.force {
        "cut the power of"
    } else {
        "shut down"
    };
    let mut impact = running_state(&now);
    if args.force {
        impact.push("what the guest has not written to disk is lost".to_owned());
    }
    Ok(Preview {
        summary: format!("{how} {}", guest.described()),
        changes: status_change(&now, "stopped"),
        impact,
    })
}

async fn stop_targets(proxmox: &Proxmox, args: &StopVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

async fn undo_stop(proxmox: &Proxmox, args: &StopVm) -> ToolResult<Option<Inverse>> {
    let guest = proxmox.guest(args.vmid).await?;
    let was_running = is_running(&proxmox.current(&guest).await?);
    Ok(was_running.then(|| Inverse {
        tool: "start_vm".to_owned(),
        arguments: json!({ "vmid": args.vmid }),
    }))
}

fn check_stop(
    _proxmox: &Proxmox,
    _args: &StopVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    ready(Ok(done.unless_status("vmid", "stopped")))
}

/// Which guest to reboot, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebootVm {
    /// The guest.
    vmid: Vmid,
    /// Reset it like the button on a computer (virtual machines only); unsaved data is lost.
    #[serde(default)]
    force: bool,
    /// Seconds that the guest gets to shut down.
    #[schemars(range(min = 1, max = 3600))]
    timeout_s: Option<u64>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Reboot a virtual machine or container cleanly, applying pending changes, or reset a virtual machine with `force`.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:guest:power",
    title = "Reboot a guest",
    timeout = 630,
    untrusted("name", "task.log"),
    preview = preview_reboot,
    targets = reboot_targets,
    read_back = check_reboot
)]
pub(crate) async fn reboot_vm(
    proxmox: &Proxmox,
    args: RebootVm,
    ctx: &CallContext,
) -> ToolResult<GuestChange> {
    let guest = proxmox.guest(args.vmid).await?;
    if args.force {
        only_qemu(
            &guest,
            "force",
            "it cannot be reset; stop and start it instead",
        )?;
    }
    let now = proxmox.current(&guest).await?;
    if !is_running(&now) {
        let message = format!("{} is not running", guest.described());
        return Err(ToolError::new(Code::Conflict, message)
            .reason("guest_not_running")
            .field("vmid")
            .hint("start it with `start_vm`"));
    }
    let upid = proxmox
        .guest_task(&guest, |guest| reboot_call(guest, &args))
        .await?;
    let task = proxmox.finish(ctx, upid, args.wait_s).await?;
    GuestChange::after(proxmox, &guest, task).await
}

fn reboot_call(guest: &Guest, args: &RebootVm) -> Call {
    if args.force {
        return guest.post("guest_reset", Tail::Reset);
    }
    guest
        .post("guest_reboot", Tail::Reboot)
        .with_opt("timeout", args.timeout_s)
}

async fn preview_reboot(proxmox: &Proxmox, args: &RebootVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let now = proxmox.current(&guest).await?;
    let how = if args.force { "reset" } else { "reboot" };
    let mut impact = running_state(&now);
    impact.push("its services are away until it is up again".to_owned());
    if args.force {
        impact.push("what the guest has not written to disk is lost".to_owned());
    }
    Ok(Preview {
        summary: format!("{how} {}", guest.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn reboot_targets(proxmox: &Proxmox, args: &RebootVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

fn check_reboot(
    _proxmox: &Proxmox,
    _args: &RebootVm,
    done: &GuestChange,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    ready(Ok(done.unless_status("vmid", "running")))
}

fn is_running(now: &Current) -> bool {
    now.status.as_deref() == Some("running")
}

fn status_change(now: &Current, to: &str) -> Vec<Change> {
    let from = now.status.clone();
    if from.as_deref() == Some(to) {
        return Vec::new();
    }
    vec![Change {
        field: "status".to_owned(),
        from,
        to: Some(to.to_owned()),
    }]
}

/// What a running guest would lose.
pub(super) fn running_state(now: &Current) -> Vec<String> {
    let mut lines = Vec::new();
    if is_running(now) {
        let minutes = now.uptime.unwrap_or(0) / 60;
        lines.push(match now.mem {
            Some(bytes) => format!(
                "it has been running for {minutes} minutes and uses {} of memory",
                size(bytes)
            ),
            None => format!("it has been running for {minutes} minutes"),
        });
    }
    if let Some(lock) = &now.lock {
        lines.push(format!("it is locked by `{lock}`, which makes this fail"));
    }
    if let Some(ha) = now.ha.as_ref().filter(|ha| ha.managed) {
        let state = ha.state.as_deref().unwrap_or("managed");
        lines.push(format!(
            "high availability manages it (`{state}`) and may act on its own"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::{container, machine};

    fn stop(force: bool, timeout_s: Option<u64>, force_after_timeout: bool) -> StopVm {
        StopVm {
            vmid: Vmid(100),
            force,
            timeout_s,
            force_after_timeout,
            wait_s: None,
        }
    }

    #[test]
    fn a_guest_is_asked_to_shut_down_unless_forced() {
        assert_eq!(
            stop_call(&machine(), &stop(false, Some(90), true), false).line(),
            "POST /nodes/pve1/qemu/100/status/shutdown?timeout=90&forceStop=1"
        );
        assert_eq!(
            stop_call(&container(), &stop(false, None, false), false).line(),
            "POST /nodes/pve2/lxc/200/status/shutdown"
        );
        assert_eq!(
            stop_call(&machine(), &stop(true, Some(90), true), true).line(),
            "POST /nodes/pve1/qemu/100/status/stop?overrule-shutdown=1"
        );
        assert_eq!(
            stop_call(&machine(), &stop(true, None, false), false).line(),
            "POST /nodes/pve1/qemu/100/status/stop"
        );
    }

    #[test]
    fn start_and_reboot_go_to_the_guest() {
        let reboot = |force, timeout_s| RebootVm {
            vmid: Vmid(100),
            force,
            timeout_s,
            wait_s: None,
        };

        assert_eq!(
            start_call(&container()).line(),
            "POST /nodes/pve2/lxc/200/status/start"
        );
        assert_eq!(
            reboot_call(&machine(), &reboot(false, Some(30))).line(),
            "POST /nodes/pve1/qemu/100/status/reboot?timeout=30"
        );
        assert_eq!(
            reboot_call(&machine(), &reboot(true, Some(30))).line(),
            "POST /nodes/pve1/qemu/100/status/reset"
        );
    }
}
