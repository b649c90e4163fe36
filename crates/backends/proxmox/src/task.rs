//! Tasks: following one to its end with progress, and reporting how it ended.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::Upid;
use crate::known::known;
use crate::types::{Answer, LogLine, TaskStatus};
use crate::units::timestamp;

/// Longest wait between two looks at a running task.
const LONGEST_POLL: Duration = Duration::from_secs(5);
/// Kept of the call's time for the answer itself.
const RESERVE: Duration = Duration::from_secs(5);
/// Lines at the end of the log that a report holds.
pub(crate) const LOG_LINES: u64 = 20;
/// Lines of one request while following a log.
const LOG_PAGE: u64 = 200;
/// Characters kept of a line.
const LINE: usize = 200;

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TaskState {
    /// Still at work.
    Running,
    /// Ended well.
    Ok,
    /// Ended well, with warnings in its log.
    Warnings,
    /// Ended with an error, or its process died.
    Failed,
}

/// A task and how it ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TaskReport {
    pub(crate) upid: Upid,
    pub(crate) node: String,
    /// Such as `qmstart`, `vzdump`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) state: TaskState,
    /// `OK`, `WARNINGS: n` or an error.
    pub(crate) exit_status: Option<String>,
    pub(crate) started: Option<String>,
    pub(crate) user: String,
    /// The last lines of its log.
    pub(crate) log: Vec<String>,
    /// How to follow it, while it runs.
    pub(crate) hint: Option<String>,
}

impl TaskReport {
    fn new(upid: &Upid, state: TaskState, exit_status: Option<String>) -> Self {
        let parts = upid.parts();
        Self {
            node: parts.node.to_owned(),
            kind: parts.kind.to_owned(),
            started: timestamp(Some(parts.started)),
            user: parts.user.to_owned(),
            upid: upid.clone(),
            state,
            exit_status,
            log: Vec::new(),
            hint: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }

    /// The report, or the error of a task that failed.
    pub(crate) fn succeeded(self) -> ToolResult<Self> {
        if self.state == TaskState::Failed {
            return Err(self.error());
        }
        Ok(self)
    }

    fn error(&self) -> ToolError {
        let exit = self.exit_status.as_deref().unwrap_or("no exit status");
        let about = match self.upid.vmid() {
            Some(vmid) => format!(" of guest `{vmid}`"),
            None => String::new(),
        };
        let mut message = format!("the task `{}`{about} failed: {exit}", self.kind);
        if !self.log.is_empty() {
            message.push_str("; the end of its log: ");
            message.push_str(&self.log.join(" | "));
        }
        let error = match known(exit) {
            Some(known) => known.error(message).retryable(false),
            None => ToolError::new(Code::UpstreamRejected, message)
                .reason("task_failed")
                .hint(format!(
                    "call `get_task_status` with `{}` for more of its log",
                    self.upid
                )),
        };
        error.retryable(false)
    }
}

/// What an exit status means. Warnings are a success with a note.
fn state_of(status: &TaskStatus) -> TaskState {
    if status.status.as_deref() == Some("running") {
        return TaskState::Running;
    }
    match status.exitstatus.as_deref() {
        Some("OK") => TaskState::Ok,
        Some(text) if text.starts_with("WARNINGS") => TaskState::Warnings,
        _ => TaskState::Failed,
    }
}

/// The last percentage of a line, such as in `transferred 1 GiB of 4 GiB (25.00%)`.
fn percent_of(line: &str) -> Option<f64> {
    let (before, _) = line.rsplit_once('%')?;
    let digits = |letter: char| letter.is_ascii_digit() || letter == '.';
    let number = before.trim_end().rsplit(|letter| !digits(letter)).next()?;
    let number: f64 = number.parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

fn shown(line: &str) -> String {
    let clean = printable(line).replace('\n', " ");
    match clean.char_indices().nth(LINE) {
        Some((end, _)) => clean.get(..end).unwrap_or_default().to_owned() + "…",
        None => clean,
    }
}

pub(crate) fn status_call(upid: &Upid) -> Call {
    Call::get(
        "task_status",
        "/nodes/{}/tasks/{}/status",
        &[&upid.node(), upid],
    )
}

pub(crate) fn log_call(upid: &Upid, start: u64, limit: u64) -> Call {
    Call::get("task_log", "/nodes/{}/tasks/{}/log", &[&upid.node(), upid])
        .with("start", start)
        .with("limit", limit)
}

/// Progress of one followed task; what it reports only rises.
struct Reporter<'a> {
    ctx: &'a CallContext,
    /// Lines of the log that were read.
    seen: u64,
    at: f64,
    has_percent: bool,
}

impl Reporter<'_> {
    async fn report(&mut self, proxmox: &Proxmox, upid: &Upid) {
        if !self.ctx.progress.is_wanted() {
            return;
        }
        // Progress is a courtesy: a log that cannot be read must not end the wait.
        let lines = proxmox.log(upid, self.seen, LOG_PAGE).await;
        let lines = lines.map(|(lines, _)| lines).unwrap_or_default();
        self.seen += lines.len() as u64;
        let percent = lines.iter().rev().find_map(|line| percent_of(line));
        let kind = upid.parts().kind;
        let message = match lines.last() {
            Some(line) => format!("{kind}: {line}"),
            None => format!("{kind}: running"),
        };
        match percent.filter(|percent| *percent > self.at) {
            Some(percent) => {
                self.has_percent = true;
                self.at = percent;
            }
            // Something has to rise with each report.
            None => self.at += 0.01,
        }
        let total = self.has_percent.then_some(100.0);
        self.ctx.progress.report(self.at, total, message);
    }
}

impl Proxmox {
    /// Lines of a task's log from `start` on, and how many there are in all.
    pub(crate) async fn log(
        &self,
        upid: &Upid,
        start: u64,
        limit: u64,
    ) -> ToolResult<(Vec<String>, Option<u64>)> {
        let answer: Answer<Option<Vec<LogLine>>> =
            self.api.answer(&log_call(upid, start, limit)).await?;
        let lines = answer.data.unwrap_or_default();
        let lines = lines
            .into_iter()
            .filter(|line| line.n.is_none_or(|number| number > start))
            .map(|line| shown(&line.t.unwrap_or_default()))
            // What an empty log answers instead of nothing.
            .filter(|line| line != "no content")
            .collect();
        Ok((lines, answer.total))
    }

    /// The last lines of a task's log.
    pub(crate) async fn log_tail(&self, upid: &Upid, lines: u64) -> ToolResult<Vec<String>> {
        let (mut first, total) = self.log(upid, 0, lines.max(50)).await?;
        if let Some(total) = total.filter(|total| *total > first.len() as u64) {
            (first, _) = self.log(upid, total.saturating_sub(lines), lines).await?;
        }
        let surplus = first
            .len()
            .saturating_sub(usize::try_from(lines).unwrap_or(0));
        Ok(first.split_off(surplus))
    }

    /// How the task stands now.
    pub(crate) async fn look(&self, upid: &Upid) -> ToolResult<TaskReport> {
        let status: TaskStatus = self.api.data(&status_call(upid)).await?;
        let exit_status = status.exitstatus.as_deref().map(shown);
        Ok(TaskReport::new(upid, state_of(&status), exit_status))
    }

    /// Waits for the task to end, for `wait_s` seconds or as configured, and never longer than the
    /// call may take. A task that takes longer is reported as running: it goes on by itself.
    ///
    /// # Errors
    /// `timeout` with reason `cancelled` if the caller went away; errors of looking at the task name
    /// it, because it goes on.
    pub(crate) async fn follow(
        &self,
        ctx: &CallContext,
        upid: &Upid,
        wait_s: Option<u64>,
    ) -> ToolResult<TaskReport> {
        let wait = Duration::from_secs(wait_s.unwrap_or(self.config.task_wait_s));
        let now = Instant::now();
        let mut until = now + wait;
        if let Some(deadline) = ctx.deadline {
            until = until.min(deadline.checked_sub(RESERVE).unwrap_or(now));
        }
        let mut poll = Duration::from_millis(self.config.task_poll_ms);
        let mut reporter = Reporter {
            ctx,
            seen: 0,
            at: 0.0,
            has_percent: false,
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                tokio::select! {
                    () = ctx.cancel.cancelled() => return Err(cancelled(upid)),
                    () = tokio::time::sleep(poll.min(left)) => {}
                }
            }
            let mut report = self.look(upid).await.map_err(|error| lost(&error, upid))?;
            if !report.is_running() {
                // The log explains; the task has ended without it too.
                report.log = self.log_tail(upid, LOG_LINES).await.unwrap_or_default();
                self.forget_guests();
                return Ok(report);
            }
            if Instant::now() >= until {
                let hint = "it goes on by itself: call `get_task_status` with this `upid` and `wait_s` to follow it, or `stop_task` to end it";
                report.hint = Some(hint.to_owned());
                self.forget_guests();
                return Ok(report);
            }
            reporter.report(self, upid).await;
            poll = (poll * 2).min(LONGEST_POLL);
        }
    }

    /// Follows a task that must succeed; `None` if there is none.
    pub(crate) async fn finish(
        &self,
        ctx: &CallContext,
        upid: Option<Upid>,
        wait_s: Option<u64>,
    ) -> ToolResult<Option<TaskReport>> {
        let Some(upid) = upid else {
            self.forget_guests();
            return Ok(None);
        };
        let report = self.follow(ctx, &upid, wait_s).await?;
        report.succeeded().map(Some)
    }
}

fn cancelled(upid: &Upid) -> ToolError {
    let kind = upid.parts().kind;
    ToolError::new(
        Code::Timeout,
        format!("the call was cancelled while the task `{kind}` was running; the task goes on as `{upid}`"),
    )
    .reason("cancelled")
    .hint("call `get_task_status` with this id to follow it, or `stop_task` to end it")
    .retryable(false)
}

/// Looking at a task failed; the change itself is under way, and only its id finds it again.
fn lost(error: &ToolError, upid: &Upid) -> ToolError {
    let mut envelope = error.envelope().clone();
    envelope.message = format!(
        "the task `{upid}` was started, but cannot be followed: {}",
        envelope.message
    );
    envelope.hint =
        Some("call `get_task_status` with this id before you repeat anything".to_owned());
    envelope.retryable = false;
    envelope.retry_after_s = None;
    envelope.into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("INFO:  45% (3.6 GiB of 8.0 GiB) in 10s, read: 100 MiB/s", Some(45.0))]
    #[case("transferred 1.0 GiB of 4.0 GiB (25.00%)", Some(25.0))]
    #[case("progress 100% (read 8589934592 bytes, duration 20 sec)", Some(100.0))]
    #[case("INFO: starting", None)]
    #[case("% of nothing", None)]
    #[case("1000%", None)]
    fn percentages_are_read_from_lines(#[case] line: &str, #[case] percent: Option<f64>) {
        assert_eq!(percent_of(line), percent);
    }

    #[rstest]
    #[case("running", None, TaskState::Running)]
    #[case("stopped", Some("OK"), TaskState::Ok)]
    #[case("stopped", Some("WARNINGS: 2"), TaskState::Warnings)]
    #[case("stopped", Some("unexpected status"), TaskState::Failed)]
    #[case("stopped", Some("VM 100 already running"), TaskState::Failed)]
    #[case("stopped", None, TaskState::Failed)]
    fn warnings_are_a_success(
        #[case] status: &str,
        #[case] exit: Option<&str>,
        #[case] state: TaskState,
    ) {
        let status = TaskStatus {
            status: Some(status.to_owned()),
            exitstatus: exit.map(str::to_owned),
        };

        assert_eq!(state_of(&status), state);
    }

    #[test]
    fn a_task_is_asked_at_its_own_node() {
        let upid: Upid = "UPID:pve2:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:"
            .parse()
            .unwrap();

        assert_eq!(
            log_call(&upid, 30, 20).line(),
            format!("GET /nodes/pve2/tasks/{upid}/log?start=30&limit=20")
        );
    }
}
