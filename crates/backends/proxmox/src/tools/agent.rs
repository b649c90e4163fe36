//! Commands in virtual machines, through the guest agent.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::render::printable;
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::outcome::only_qemu;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::{Guest, Tail};
use crate::ids::Vmid;
use crate::types::{ExecStarted, ExecStatus, Version};

/// First major version that takes a command as a list of words.
pub(crate) const COMMANDS_SINCE: u32 = 8;
/// Longest wait between two looks at a running command.
const LONGEST_POLL: Duration = Duration::from_secs(2);
/// Characters of each output that are returned.
const OUTPUT: usize = 32 * 1024;
/// Kept of the call's time for the answer itself.
const RESERVE: Duration = Duration::from_secs(5);

/// What to run where.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecInVm {
    /// The virtual machine.
    vmid: Vmid,
    /// Program and its arguments, each one item; no shell reads them. For a pipe, run `["sh", "-c", "…"]`.
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 8192)))]
    command: Vec<String>,
    /// What the program reads from its standard input.
    #[schemars(length(max = 65536))]
    input: Option<String>,
    /// Seconds to wait for it to end; it runs on afterwards. Default 60.
    #[schemars(range(min = 1, max = 600))]
    wait_s: Option<u64>,
}

/// What the command did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Executed {
    vmid: Vmid,
    /// Its process in the guest.
    pid: u64,
    /// False if it still ran when the wait was over.
    exited: bool,
    exit_code: Option<i64>,
    /// Signal that ended it.
    signal: Option<i64>,
    stdout: String,
    stderr: String,
    /// Whether some of the output is missing.
    truncated: bool,
    note: Option<String>,
}

/// Run a command in a running virtual machine through the QEMU guest agent and return its exit code and output. Not for containers.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:guest:exec",
    title = "Run a command in a virtual machine",
    timeout = 630,
    untrusted("stdout", "stderr"),
    sensitive_args("input"),
    preview = preview_exec,
    targets = exec_targets
)]
pub(crate) async fn exec_in_vm(
    proxmox: &Proxmox,
    args: ExecInVm,
    ctx: &CallContext,
) -> ToolResult<Executed> {
    let guest = proxmox.guest(args.vmid).await?;
    only_qemu(
        &guest,
        "vmid",
        "it has no guest agent; use SSH to it or to its node (`pct exec`)",
    )?;
    let is_old = |version: Version| version.major() < Some(COMMANDS_SINCE);
    // It may have been updated since it was asked.
    if is_old(proxmox.version().await?) && is_old(proxmox.fresh_version().await?) {
        let message = "this version of Proxmox VE takes commands in another form";
        return Err(ToolError::new(Code::UpstreamRejected, message)
            .reason("not_supported")
            .hint("version 8 or newer is needed"));
    }
    let started: ExecStarted = proxmox
        .of_guest(&guest, |guest| exec_call(guest, &args))
        .await
        .map_err(agent_privilege)?;
    let pid = started.pid.ok_or_else(|| {
        ToolError::new(
            Code::UpstreamRejected,
            "the guest agent answered no process id",
        )
        .reason("unexpected_answer")
    })?;
    let (status, cancelled) = wait(proxmox, &guest, pid, &args, ctx).await?;
    if cancelled {
        let message =
            format!("the call was cancelled; the command runs on in the guest as process {pid}");
        return Err(ToolError::new(Code::Timeout, message)
            .reason("cancelled")
            .retryable(false));
    }
    let (stdout, out_cut) = capped(status.out_data.as_deref());
    let (stderr, err_cut) = capped(status.err_data.as_deref());
    Ok(Executed {
        vmid: guest.vmid,
        pid,
        exited: status.exited,
        exit_code: status.exitcode,
        signal: status.signal,
        stdout,
        stderr,
        truncated: status.out_truncated || status.err_truncated || out_cut || err_cut,
        note: (!status.exited)
            .then(|| "it still runs in the guest; its output is lost to us".to_owned()),
    })
}

fn exec_call(guest: &Guest, args: &ExecInVm) -> Call {
    let call = guest.post("agent_exec", Tail::AgentExec);
    args.command
        .iter()
        .fold(call, |call, part| call.with("command", part))
        .with_opt("input-data", args.input.as_deref())
}

/// The privilege has another name in version 9, and roles made before lack it.
fn agent_privilege(error: ToolError) -> ToolError {
    if error.envelope().reason.as_deref() != Some("privilege_missing") {
        return error;
    }
    let hint = error.envelope().hint.clone().unwrap_or_default();
    error.hint(format!(
        "{hint} Running commands needs VM.GuestAgent.Unrestricted since version 9 (VM.Monitor before)"
    ))
}

async fn wait(
    proxmox: &Proxmox,
    guest: &Guest,
    pid: u64,
    args: &ExecInVm,
    ctx: &CallContext,
) -> ToolResult<(ExecStatus, bool)> {
    let limit = Duration::from_secs(args.wait_s.unwrap_or(60));
    let now = Instant::now();
    let mut until = now + limit;
    if let Some(deadline) = ctx.deadline {
        until = until.min(deadline.checked_sub(RESERVE).unwrap_or(now));
    }
    let mut poll = Duration::from_millis(proxmox.config.task_poll_ms.min(200));
    let call = guest
        .get("agent_exec_status", Tail::AgentExecStatus)
        .with("pid", pid);
    loop {
        let status: ExecStatus = proxmox.api.data(&call).await?;
        if status.exited || Instant::now() >= until {
            return Ok((status, false));
        }
        let left = until.saturating_duration_since(Instant::now());
        tokio::select! {
            () = ctx.cancel.cancelled() => return Ok((status, true)),
            () = tokio::time::sleep(poll.min(left)) => {}
        }
        poll = (poll * 2).min(LONGEST_POLL);
    }
}

/// The text as it can be shown, and whether some of it had to go.
fn capped(text: Option<&str>) -> (String, bool) {
    let clean = printable(text.unwrap_or_default());
    match clean.char_indices().nth(OUTPUT) {
        Some((end, _)) => (clean.get(..end).unwrap_or_default().to_owned(), true),
        None => (clean, false),
    }
}

async fn preview_exec(proxmox: &Proxmox, args: &ExecInVm) -> ToolResult<Preview> {
    let guest = proxmox.guest(args.vmid).await?;
    let words: Vec<String> = args
        .command
        .iter()
        .map(|part| format!("`{part}`"))
        .collect();
    let mut impact = vec![format!("program and arguments: {}", words.join(" "))];
    if let Some(input) = &args.input {
        impact.push(format!("it is given {} bytes to read", input.len()));
    }
    impact
        .push("it runs with the rights of the guest agent, which are root's as a rule".to_owned());
    Ok(Preview {
        summary: format!("run a command in {}", guest.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn exec_targets(proxmox: &Proxmox, args: &ExecInVm) -> ToolResult<Vec<Target>> {
    Ok(vec![proxmox.guest(args.vmid).await?.target()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::guests::tests::machine;

    #[test]
    fn each_word_of_a_command_is_a_parameter_of_its_own() {
        let args = ExecInVm {
            vmid: Vmid(100),
            command: vec!["sh".into(), "-c".into(), "echo a; echo b".into()],
            input: Some("x".into()),
            wait_s: None,
        };

        assert_eq!(
            exec_call(&machine(), &args).line(),
            "POST /nodes/pve1/qemu/100/agent/exec?command=sh&command=-c&command=echo a; echo b&input-data=x"
        );
    }

    #[test]
    fn output_is_cut_between_characters() {
        let (text, cut) = capped(Some(&"ü".repeat(OUTPUT + 1)));

        assert!(cut);
        assert_eq!(text.chars().count(), OUTPUT);
        assert_eq!(capped(None), (String::new(), false));
    }
}
