//! Runs one command from its channel's opening to its end.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::error::{Code, ToolError, ToolResult};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::command::{PidLine, line};
use super::{Captured, Ended, Exec, LONGEST, Output, end};
use crate::connection::Link;
use crate::cut::HeadTail;

/// How long the output of a command that has ended may still come: a process that it left in the
/// background would hold the channel open for as long as it lives.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// A command on its way.
pub(super) struct Running {
    read: ChannelReadHalf,
    pub(super) write: Arc<ChannelWriteHalf<Msg>>,
    stdout: HeadTail,
    stderr: HeadTail,
    pub(super) pid_line: PidLine,
    ended: Option<Ended>,
    /// The host has said whether it starts the command.
    accepted: Option<bool>,
}

/// Why watching stopped.
enum Stop {
    /// The channel was closed.
    Closed,
    /// The connection is gone.
    Lost,
    /// It has ended, but something it started holds the channel.
    Held,
    TimedOut,
    Cancelled,
}

pub(super) async fn run(
    link: Arc<Link>,
    exec: Exec,
    cancel: CancellationToken,
) -> ToolResult<Output> {
    let session = tokio::select! {
        session = link.session("a command") => session?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    let started = Instant::now();
    let deadline = started + exec.timeout.min(LONGEST);
    let mark = format!("pid-{}:", link.parts.random());
    let line = line(&exec, &mark, link.config.wrap);
    let (read, write) = session.channel.split();
    let mut running = Running {
        read,
        write: Arc::new(write),
        stdout: HeadTail::new(exec.stdout_cap),
        stderr: HeadTail::new(exec.stderr_cap),
        pid_line: PidLine::new(&mark, link.config.wrap),
        ended: None,
        accepted: None,
    };
    let lost = || link.about().lost("a command ran").retryable(false);
    running.write.exec(true, line).await.map_err(|_| lost())?;
    let feeding = tokio::spawn(feed(running.write.clone(), exec.stdin.clone()));
    let stop = running.watch(deadline, &cancel).await;
    feeding.abort();
    let left_running = match stop {
        Stop::Lost => return Err(lost()),
        Stop::Closed => false,
        Stop::Held => {
            end::close(&running.write).await;
            true
        }
        Stop::TimedOut | Stop::Cancelled => {
            !end::kill(&link, &session.connection, &mut running, exec.sudo).await
        }
    };
    if running.accepted == Some(false) {
        end::close(&running.write).await;
        return Err(refused(&link));
    }
    match stop {
        Stop::Cancelled => Err(cancelled()),
        Stop::TimedOut => Ok(running.output(Some(Ended::TimedOut), started, left_running)),
        _ => Ok(running.output(None, started, left_running)),
    }
}

/// Writes what the command reads, then says that there is no more. A command that reads nothing may
/// be gone before: that is no error.
async fn feed(write: Arc<ChannelWriteHalf<Msg>>, stdin: Option<Vec<u8>>) {
    if let Some(stdin) = stdin {
        drop(write.data_bytes(stdin).await);
    }
    drop(write.eof().await);
}

impl Running {
    async fn watch(&mut self, deadline: Instant, cancel: &CancellationToken) -> Stop {
        // Until the command has ended; from then on, for its last output.
        let mut until = deadline;
        loop {
            let message = tokio::select! {
                // In this order: output without end must not keep a command from being stopped.
                biased;
                () = cancel.cancelled(), if self.ended.is_none() => return Stop::Cancelled,
                () = sleep_until(until) => {
                    return if self.ended.is_some() { Stop::Held } else { Stop::TimedOut };
                }
                message = self.read.wait() => message,
            };
            let Some(message) = message else {
                // The end was told, the channel's end was not: the connection broke in between.
                return if self.ended.is_some() {
                    Stop::Closed
                } else {
                    Stop::Lost
                };
            };
            let had_ended = self.ended.is_some();
            if self.take(message) {
                return Stop::Closed;
            }
            if !had_ended && self.ended.is_some() {
                until = Instant::now() + LAST_OUTPUT;
            }
        }
    }

    /// Takes a message in; `true` when the channel is closed.
    fn take(&mut self, message: ChannelMsg) -> bool {
        match message {
            ChannelMsg::Data { data } => self.stdout.push(&data),
            ChannelMsg::ExtendedData { data, ext: 1 } => {
                let data = self.pid_line.push(&data);
                self.stderr.push(&data);
            }
            ChannelMsg::ExitStatus { exit_status } => self.ended = Some(Ended::Exited(exit_status)),
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.ended = Some(Ended::Signaled(name(&signal_name)));
            }
            ChannelMsg::Success => self.accepted = Some(true),
            ChannelMsg::Failure => {
                self.accepted = Some(false);
                return true;
            }
            ChannelMsg::Close => return true,
            _ => {}
        }
        false
    }

    /// Waits for the channel's end after the command was told to go; whether it came.
    pub(super) async fn gone(&mut self, within: Duration) -> bool {
        let closed = async {
            while let Some(message) = self.read.wait().await {
                if self.take(message) {
                    return;
                }
            }
        };
        timeout(within, closed).await.is_ok()
    }

    fn output(mut self, ended: Option<Ended>, started: Instant, left_running: bool) -> Output {
        let held_back = self.pid_line.rest();
        self.stderr.push(&held_back);
        Output {
            ended: ended.or(self.ended).unwrap_or(Ended::Unknown),
            stdout: captured(self.stdout),
            stderr: captured(self.stderr),
            duration: started.elapsed(),
            left_running,
        }
    }
}

fn captured(kept: HeadTail) -> Captured {
    Captured {
        total: kept.total(),
        dropped: kept.dropped(),
        bytes: kept.into_bytes(),
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

fn cancelled() -> ToolError {
    ToolError::new(
        Code::Timeout,
        "the command was cancelled, and killed if it ran",
    )
    .reason("cancelled")
    .retryable(false)
}

fn refused(link: &Link) -> ToolError {
    let name = &link.name;
    ToolError::new(
        Code::UpstreamRejected,
        format!(
            "the SSH host `{name}` runs no commands for `{}`",
            link.config.user
        ),
    )
    .reason("ssh_exec_refused")
    .hint("the account is for file transfer only, or has a forced command that refused")
}
