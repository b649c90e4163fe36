//! Child processes that end with their guard, and whose output a test can wait for.

mod output;
mod watcher;

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

pub use output::Mark;

use crate::error::Context;
use crate::{Error, Result};
use output::{Output, Stream};

pub(crate) use watcher::{OnDeath, watch_folder};

/// How often a wait for a process's end looks again.
const POLL: Duration = Duration::from_millis(5);

/// Variables a program gets to see; see [`command`].
const KEPT: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "TERM",
    "RUST_BACKTRACE",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HOMELAB_PEERS_DIR",
];

/// A command for a program, with an environment that does not depend on who runs the tests.
///
/// Only variables that programs need to run at all are passed on (`PATH`, `HOME`, `TMPDIR`, …): a tester's own
/// `HOMELAB_…`, `PROXMOX_…` or `DOCKER_HOST` must not reach the program under test. Set with `.env(…)` what the
/// test is about, `HOME` included where the program looks for files there.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes commands for tests"
)]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
    command
}

/// A running program with piped stdin and captured stdout and stderr.
///
/// It leads a process group of its own. When the guard is dropped, the whole group is killed; when the test process
/// itself dies (Ctrl-C, `kill -9`), a watcher process kills it instead. A program that leaves its process group
/// outlives both.
///
/// When the guard is dropped by a panicking test, the end of the program's output is printed with the failure.
#[derive(Debug)]
pub struct Proc {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Arc<Output>,
    ended: Option<ExitStatus>,
}

impl Proc {
    /// Starts the program.
    ///
    /// Replaces whatever the command says about stdin, stdout, stderr and the process group. Stdin stays open until
    /// [`Proc::take_stdin`]'s value is dropped, or the guard.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        Self::spawn_with(command, OnDeath::Kill)
    }

    /// As [`Proc::spawn`], with a choice of how the watcher ends it.
    pub(crate) fn spawn_with(command: &mut Command, on_death: OnDeath) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .context(|| format!("cannot start `{name}`"))?;
        watcher::watch(child.id(), on_death);
        let output = Arc::new(Output::default());
        if let Some(stdout) = child.stdout.take() {
            output.capture(Stream::Stdout, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.capture(Stream::Stderr, stderr);
        }
        let stdin = child.stdin.take();
        Ok(Self {
            name,
            child,
            stdin,
            output,
            ended: None,
        })
    }

    /// The process id, which is also the id of its process group.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The program's stdin, to write to; dropping the value closes it. Nothing when it was taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// What the program has written to stdout so far; bytes that are not UTF-8 are replaced.
    pub fn stdout(&self) -> String {
        self.output.text(Stream::Stdout)
    }

    /// What the program has written to stderr so far; bytes that are not UTF-8 are replaced.
    pub fn stderr(&self) -> String {
        self.output.text(Stream::Stderr)
    }

    /// The present end of the output, for [`Proc::wait_for_line_after`].
    pub fn mark(&self) -> Mark {
        self.output.mark()
    }

    /// Waits for a line with this text in it, on stdout or stderr, and returns the line without its end.
    ///
    /// Looks at everything since the start, so a line that came before the call is found. Fails after `timeout`,
    /// or as soon as the program has closed both streams without such a line; the error shows the output.
    pub fn wait_for_line(&self, text: &str, timeout: Duration) -> Result<String> {
        self.wait_for_line_after(Mark::default(), text, timeout)
    }

    /// As [`Proc::wait_for_line`], looking only at lines that came after the mark: for messages that repeat.
    pub fn wait_for_line_after(&self, mark: Mark, text: &str, timeout: Duration) -> Result<String> {
        self.output
            .wait_for_line(mark, text, timeout)
            .map_err(|why| {
                Error::new(format!(
                    "`{}`: no line with `{text}`: {why}\n{}",
                    self.name,
                    self.output.tail()
                ))
            })
    }

    /// Sends a signal to the program's process group; an error when a wait has seen the program's end.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.ended.is_some() {
            return Err(Error::new(format!(
                "`{}` has ended\n{}",
                self.name,
                self.output.tail()
            )));
        }
        kill_process_group(pid(self.id())?, signal)
            .context(|| format!("cannot send {signal:?} to `{}`", self.name))
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.try_wait()?.is_none())
    }

    /// Waits for the program's end and returns how it ended; stdin is left as it is.
    ///
    /// Children that the program left in its process group are killed then.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                let tail = self.output.tail();
                return Err(Error::new(format!(
                    "`{}` still runs after {timeout:?}\n{tail}",
                    self.name
                )));
            }
            thread::sleep(POLL);
        }
    }

    /// Kills the process group and waits for the program's end. Does nothing when it has ended before.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.ended {
            return Ok(status);
        }
        self.signal(Signal::KILL)?;
        let status = self
            .child
            .wait()
            .context(|| format!("cannot wait for `{}`", self.name))?;
        watcher::forget(self.id());
        self.ended = Some(status);
        Ok(status)
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        // Looks without reaping: as long as the leader is not reaped, nobody else can get the group's id.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if self.ended.is_none()
            && waitid(WaitId::Pid(pid(self.id())?), options)
                .context(|| format!("cannot wait for `{}`", self.name))?
                .is_some()
        {
            self.kill()?;
        }
        Ok(self.ended)
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        if thread::panicking() {
            report(&self.name, &self.output.tail());
        }
        // There is nobody left to tell; the watcher tries once more when this process ends.
        self.kill().map(drop).unwrap_or_default();
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the runner shows it with the failed test"
)]
fn report(name: &str, tail: &str) {
    eprintln!("--- `{name}` wrote:\n{tail}");
}

/// An id as the system calls take it.
pub(crate) fn pid(id: u32) -> Result<Pid> {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| Error::new(format!("not a process id: {id}")))
}
