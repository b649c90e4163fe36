//! Running a command of the caller's on one host.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Effect, Preview, Target, tool};
use homelab_ssh::{Ended, Exec, Host, Output, STDERR_CAP};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::targets;
use crate::client::{Whisper, line};

/// Seconds a command may run unless asked otherwise.
const SECONDS: u64 = 30;
/// Bytes of output in an answer unless asked otherwise: every one of them costs the reader.
const OUTPUT: usize = 16 * 1024;

/// What to run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SshCommand {
    /// Command line for the shell of the host.
    #[schemars(length(min = 1, max = 8192))]
    command: String,
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Seconds it may run; then it is killed.
    #[schemars(range(min = 1, max = 600))]
    #[serde(default = "seconds")]
    timeout_seconds: u64,
    /// Directory to run it in, as an absolute path.
    #[schemars(length(min = 1, max = 4096))]
    cwd: Option<String>,
    /// What it reads from standard input.
    #[schemars(length(max = 1_048_576))]
    stdin: Option<String>,
    /// Run it as root through `sudo -n`, where the host's settings allow that.
    #[serde(default)]
    sudo: bool,
    /// Bytes of output to return; of longer output its beginning and end.
    #[schemars(range(min = 256, max = 262_144))]
    #[serde(default = "output")]
    max_output_bytes: usize,
}

pub(super) const fn seconds() -> u64 {
    SECONDS
}

const fn output() -> usize {
    OUTPUT
}

/// How a command ended, and what it wrote.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct CommandResult {
    /// Where it ran.
    pub(super) host: String,
    /// Whether it ended by itself with exit code 0.
    pub(super) ok: bool,
    /// Its exit code; 127: there is no such command.
    pub(super) exit_code: Option<u32>,
    /// The signal that ended it.
    pub(super) signal: Option<String>,
    /// Its time was up, so it was killed.
    pub(super) timed_out: bool,
    /// Something that it started goes on there.
    pub(super) left_running: bool,
    /// Standard output.
    pub(super) stdout: String,
    /// Standard error.
    pub(super) stderr: String,
    /// How much is missing in the middle, where something is.
    pub(super) dropped: Option<Dropped>,
    /// How long it ran.
    pub(super) duration_ms: u64,
}

/// Bytes of output that are not in the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Dropped {
    /// Of standard output.
    stdout_bytes: u64,
    /// Of standard error.
    stderr_bytes: u64,
}

impl CommandResult {
    pub(super) fn new(host: &Host, output: &Output) -> Self {
        let dropped = Dropped {
            stdout_bytes: output.stdout.dropped,
            stderr_bytes: output.stderr.dropped,
        };
        let nothing = dropped.stdout_bytes == 0 && dropped.stderr_bytes == 0;
        Self {
            host: host.name().to_owned(),
            ok: output.ok(),
            exit_code: output.exit_code(),
            signal: match &output.ended {
                Ended::Signaled(signal) => Some(signal.clone()),
                _ => None,
            },
            timed_out: output.ended == Ended::TimedOut,
            left_running: output.left_running,
            stdout: output.stdout.text(),
            stderr: output.stderr.text(),
            dropped: (!nothing).then_some(dropped),
            duration_ms: u64::try_from(output.duration.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Run a shell command on a remote host over SSH. Commands that only look, such as `df -h` or `systemctl status NAME`, run at once; all others count as destructive.
#[tool(
    destructive,
    open_world,
    permission = "whisper:command:run",
    title = "Run a command over SSH",
    timeout = 660,
    untrusted("stdout", "stderr"),
    sensitive_args("stdin"),
    effect = command_effect,
    preview = preview_command,
    targets = command_targets
)]
pub(crate) async fn whisper_ssh_command(
    whisper: &Whisper,
    args: SshCommand,
    ctx: &CallContext,
) -> ToolResult<CommandResult> {
    let host = whisper.host(args.host.as_deref())?;
    let exec = Exec {
        command: as_sent(whisper, &args.command),
        stdin: args.stdin.map(String::into_bytes),
        cwd: args.cwd,
        timeout: Duration::from_secs(args.timeout_seconds),
        stdout_cap: args.max_output_bytes,
        stderr_cap: args.max_output_bytes.min(STDERR_CAP),
        sudo: args.sudo,
    };
    let output = host.exec(exec, &ctx.cancel).await?;
    Ok(CommandResult::new(&host, &output))
}

/// The words that were judged, where the command only looks; else the command as it is.
pub(super) fn as_sent(whisper: &Whisper, command: &str) -> String {
    match whisper.inspection(command) {
        Some(words) => line(&words),
        None => command.to_owned(),
    }
}

/// Root, another directory or something to read can make another thing of the same words.
fn command_effect(whisper: &Whisper, args: &SshCommand) -> Effect {
    let plain = args.stdin.is_none() && args.cwd.is_none() && !args.sudo;
    effect(whisper, &args.command, plain)
}

pub(super) fn effect(whisper: &Whisper, command: &str, plain: bool) -> Effect {
    if plain && whisper.inspection(command).is_some() {
        Effect::Read
    } else {
        Effect::Destructive
    }
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn preview_command(whisper: &Whisper, args: &SshCommand) -> ToolResult<Preview> {
    let host = whisper.host(args.host.as_deref())?;
    let mut impact = impact(whisper, &args.command, args.sudo);
    let cwd = args.cwd.as_ref();
    impact.extend(cwd.map(|cwd| format!("in the directory `{cwd}`")));
    if let Some(stdin) = &args.stdin {
        impact.push(format!("with {} bytes of standard input", stdin.len()));
    }
    Ok(Preview {
        summary: format!(
            "run `{}` on `{}` ({})",
            args.command,
            host.name(),
            host.destination()
        ),
        changes: Vec::new(),
        impact,
    })
}

pub(super) fn impact(whisper: &Whisper, command: &str, sudo: bool) -> Vec<String> {
    let mut impact = Vec::new();
    if whisper.inspection(command).is_none() {
        impact.push("what a free command changes cannot be foreseen or undone".to_owned());
    }
    if sudo {
        impact.push("as root, through sudo".to_owned());
    }
    impact
}

#[expect(
    clippy::unused_async,
    reason = "a hook is awaited, whether it waits or not"
)]
async fn command_targets(whisper: &Whisper, args: &SshCommand) -> ToolResult<Vec<Target>> {
    Ok(vec![targets::host(&whisper.host(args.host.as_deref())?)])
}
