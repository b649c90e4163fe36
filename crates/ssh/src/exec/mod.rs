//! Commands on a host.

mod command;
mod end;
mod run;

use std::time::Duration;

use homelab_core::error::{Code, ToolError, ToolResult};
use tokio_util::sync::CancellationToken;

use crate::hosts::Host;
use crate::text::plain_text;

/// Bytes of standard output that are kept unless asked otherwise.
pub const STDOUT_CAP: usize = 256 * 1024;
/// Bytes of standard error that are kept unless asked otherwise.
pub const STDERR_CAP: usize = 64 * 1024;
/// Longest time that a command may run.
pub const LONGEST: Duration = Duration::from_mins(10);

/// A command to run.
#[derive(Debug, Clone)]
pub struct Exec {
    /// A line for the login shell there. Parts that come from somewhere else must have gone through
    /// [`quote`](crate::quote).
    pub command: String,
    /// What the command reads; nothing if absent.
    pub stdin: Option<Vec<u8>>,
    /// Directory to run it in; the user's own if absent.
    pub cwd: Option<String>,
    /// How long it may run; at most [`LONGEST`].
    pub timeout: Duration,
    /// Bytes of standard output that are kept.
    pub stdout_cap: usize,
    /// Bytes of standard error that are kept.
    pub stderr_cap: usize,
    /// Run it as root, with `sudo -n sh -c`. Only where the host's settings allow it.
    pub sudo: bool,
}

impl Exec {
    /// The command with 30 s and the usual caps.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            stdin: None,
            cwd: None,
            timeout: Duration::from_secs(30),
            stdout_cap: STDOUT_CAP,
            stderr_cap: STDERR_CAP,
            sudo: false,
        }
    }

    /// The same with another time limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with something to read.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(stdin.into());
        self
    }

    /// The same in another directory.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// The same as root.
    #[must_use]
    pub fn sudo(mut self) -> Self {
        self.sudo = true;
        self
    }

    /// The same with other caps.
    #[must_use]
    pub fn caps(mut self, stdout: usize, stderr: usize) -> Self {
        self.stdout_cap = stdout;
        self.stderr_cap = stderr;
        self
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code. 127: no such command. 126: it cannot be run, or `cwd` is not there.
    Exited(u32),
    /// By a signal, such as `TERM`.
    Signaled(String),
    /// Its time was up, so it was killed.
    TimedOut,
    /// The host closed the channel and did not say how it ended, as simple devices do.
    Unknown,
}

/// What one of a command's streams held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// What was kept: the whole, or head and tail with a line between them that says how much is
    /// missing.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub total: u64,
    /// How much of that was not kept.
    pub dropped: u64,
}

impl Captured {
    /// What was kept as plain text: decoded, without control characters and escape sequences.
    /// Outsiders may have written it.
    pub fn text(&self) -> String {
        plain_text(&self.bytes)
    }
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub ended: Ended,
    /// Its standard output.
    pub stdout: Captured,
    /// Its standard error.
    pub stderr: Captured,
    /// How long it ran.
    pub duration: Duration,
    /// Something that it started goes on: a background process that holds its output, or, after a
    /// time-out, one that could not be killed (it runs as another user, or left the process group).
    pub left_running: bool,
}

impl Output {
    /// Whether it ended by itself with code 0.
    pub fn ok(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    /// Its exit code, where it has one.
    pub fn exit_code(&self) -> Option<u32> {
        match self.ended {
            Ended::Exited(code) => Some(code),
            _ => None,
        }
    }
}

impl Host {
    /// Runs a command. A code other than 0, a signal and a time-out are results, not errors.
    ///
    /// On a time-out, on `cancel`, and when the future is dropped, the command and all of its
    /// process group are killed. A command that may have started is never run again.
    ///
    /// # Errors
    /// What connecting ends with; `invalid_argument` for a command that no shell can take;
    /// `permission_denied` for `sudo` where the settings do not allow it; `timeout` with reason
    /// `cancelled`; `upstream_unreachable` with reason `connection_lost` if the connection ends
    /// while it runs, which is not retryable.
    pub async fn exec(&self, exec: Exec, cancel: &CancellationToken) -> ToolResult<Output> {
        self.check(&exec)?;
        // A task of its own, because somebody has to kill the command when the caller is gone.
        let token = cancel.child_token();
        let guard = token.clone().drop_guard();
        let task = tokio::spawn(run::run(self.link.clone(), exec, token));
        let result = task
            .await
            .map_err(|_| ToolError::internal("the task that ran a command ended early"));
        drop(guard.disarm());
        result?
    }

    fn check(&self, exec: &Exec) -> ToolResult<()> {
        let settings = self.settings();
        if exec.command.trim().is_empty() {
            return Err(ToolError::invalid("command", "the command is empty"));
        }
        if exec.command.contains('\0') {
            return Err(ToolError::invalid("command", "the command has a NUL in it"));
        }
        if let Some(cwd) = &exec.cwd {
            if !cwd.starts_with('/') || cwd.contains('\0') {
                return Err(ToolError::invalid(
                    "cwd",
                    format!("`{}` is not an absolute path", cwd.escape_debug()),
                ));
            }
            if !settings.wrap {
                let text = format!("`{}` runs commands as they are, without `cwd`", self.name());
                return Err(ToolError::invalid("cwd", text)
                    .hint("begin the command with `cd`, or use absolute paths"));
            }
        }
        if exec.sudo && !settings.sudo {
            return Err(ToolError::new(
                Code::PermissionDenied,
                format!(
                    "commands on `{}` may not be run through `sudo`",
                    self.name()
                ),
            )
            .reason("ssh_sudo_not_allowed")
            .hint(format!(
                "the owner allows it with `sudo = true` in `[ssh.hosts.{}]`",
                self.name()
            )));
        }
        Ok(())
    }
}
