//! Following a task to its end with progress.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

/// Longest wait between two looks at a running task.
const LONGEST_POLL: Duration = Duration::from_secs(5);
/// Lines at the end of the log that a report holds.
pub const LOG_LINES: u64 = 20;
/// Lines of one request while following a log.
const LOG_PAGE: u64 = 200;
/// Characters kept of a line.
const LINE: usize = 200;

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Still at work.
    Running,
    /// Ended well.
    Ok,
    /// Ended well, with warnings in its log.
    Warnings,
    /// Ended with an error, or its process died.
    Failed,
}

impl TaskState {
    /// What `status` and `exitstatus` mean. Warnings are a success with a note.
    pub fn of(status: Option<&str>, exit_status: Option<&str>) -> Self {
        if status == Some("running") {
            return Self::Running;
        }
        match exit_status {
            Some("OK") => Self::Ok,
            Some(text) if text.starts_with("WARNINGS") => Self::Warnings,
            _ => Self::Failed,
        }
    }
}

/// A line as it is shown: on one line, and not long.
pub fn shown(line: &str) -> String {
    let clean = printable(line).replace('\n', " ");
    match clean.char_indices().nth(LINE) {
        Some((end, _)) => clean.get(..end).unwrap_or_default().to_owned() + "…",
        None => clean,
    }
}

/// Why a task failed: its type, what it is about, its exit status and the end of its log.
pub fn failure(kind: &str, about: Option<&str>, exit: &str, log: &[String]) -> String {
    let about = about.map_or_else(String::new, |about| format!(" of {about}"));
    let mut message = format!("the task `{kind}`{about} failed: {exit}");
    if !log.is_empty() {
        message.push_str("; the end of its log: ");
        message.push_str(&log.join(" | "));
    }
    message
}

/// A failure that nothing more is known of.
pub fn failed(message: String, upid: &impl Display) -> ToolError {
    ToolError::new(Code::UpstreamRejected, message)
        .reason("task_failed")
        .hint(format!(
            "call `get_task_status` with `{upid}` for more of its log"
        ))
}

/// The report of a task.
pub trait Report {
    /// How it stands.
    fn state(&self) -> TaskState;

    /// Takes the last lines of the log of a task that has ended.
    fn ended(&mut self, log: Vec<String>);

    /// Takes what to do about a task that goes on.
    fn goes_on(&mut self, hint: String);
}

/// What the client of a product does to follow a task.
pub trait Tasks: Sync {
    /// A task's id.
    type Upid: Display + Sync;
    /// A task's report.
    type Report: Report + Send;

    /// The type of a task, such as `vzdump`.
    fn kind<'a>(&self, upid: &'a Self::Upid) -> &'a str;

    /// How the task stands now.
    fn look(&self, upid: &Self::Upid) -> impl Future<Output = ToolResult<Self::Report>> + Send;

    /// Lines of its log from `start` on, and how many there are in all.
    fn log(
        &self,
        upid: &Self::Upid,
        start: u64,
        limit: u64,
    ) -> impl Future<Output = ToolResult<(Vec<String>, Option<u64>)>> + Send;

    /// What was known of the things that tasks work on may be otherwise now.
    fn forget(&self) {}
}

/// The last lines of a task's log.
///
/// # Errors
/// Those of reading it.
pub async fn log_tail<T: Tasks>(tasks: &T, upid: &T::Upid, lines: u64) -> ToolResult<Vec<String>> {
    let (mut tail, total) = tasks.log(upid, 0, lines.max(50)).await?;
    if let Some(total) = total.filter(|total| *total > tail.len() as u64) {
        (tail, _) = tasks.log(upid, total.saturating_sub(lines), lines).await?;
    }
    let surplus = tail
        .len()
        .saturating_sub(usize::try_from(lines).unwrap_or(0));
    Ok(tail.split_off(surplus))
}

/// How long and how often a task is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// At most so long.
    pub wait: Duration,
    /// Before the first look; doubled for each, up to 5 s.
    pub poll: Duration,
    /// Kept of the call's time for the answer itself.
    pub reserve: Duration,
    /// What to do where a task that was started cannot be looked at.
    pub lost: &'static str,
}

/// Waits for the task to end, and never longer than the call may take. A task that takes longer is
/// reported as running: it goes on by itself.
///
/// # Errors
/// `timeout` with reason `cancelled` if the caller went away; errors of looking at the task name it,
/// because it goes on.
pub async fn follow<T: Tasks>(
    tasks: &T,
    ctx: &CallContext,
    upid: &T::Upid,
    pace: Pace,
) -> ToolResult<T::Report> {
    let now = Instant::now();
    let mut until = now + pace.wait;
    if let Some(deadline) = ctx.deadline {
        until = until.min(deadline.checked_sub(pace.reserve).unwrap_or(now));
    }
    let mut poll = pace.poll;
    let kind = tasks.kind(upid);
    let mut reporter = Reporter {
        ctx,
        kind,
        seen: 0,
        at: 0.0,
        has_percent: false,
    };
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            tokio::select! {
                () = ctx.cancel.cancelled() => return Err(cancelled(kind, upid)),
                () = tokio::time::sleep(poll.min(left)) => {}
            }
        }
        let report = tasks.look(upid).await;
        let mut report = report.map_err(|error| lost(&error, upid, pace.lost))?;
        if report.state() != TaskState::Running {
            // The log explains; the task has ended without it too.
            report.ended(log_tail(tasks, upid, LOG_LINES).await.unwrap_or_default());
            tasks.forget();
            return Ok(report);
        }
        if Instant::now() >= until {
            let hint = "it goes on by itself: call `get_task_status` with this `upid` and `wait_s` to follow it, or `stop_task` to end it";
            report.goes_on(hint.to_owned());
            tasks.forget();
            return Ok(report);
        }
        reporter.report(tasks, upid).await;
        poll = (poll * 2).min(LONGEST_POLL);
    }
}

/// Progress of one followed task; what it reports only rises.
struct Reporter<'a> {
    ctx: &'a CallContext,
    kind: &'a str,
    /// Lines of the log that were read.
    seen: u64,
    at: f64,
    has_percent: bool,
}

impl Reporter<'_> {
    async fn report<T: Tasks>(&mut self, tasks: &T, upid: &T::Upid) {
        if !self.ctx.progress.is_wanted() {
            return;
        }
        // Progress is a courtesy: a log that cannot be read must not end the wait.
        let lines = tasks.log(upid, self.seen, LOG_PAGE).await;
        let lines = lines.map(|(lines, _)| lines).unwrap_or_default();
        self.seen += lines.len() as u64;
        let percent = lines.iter().rev().find_map(|line| percent_of(line));
        let kind = self.kind;
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

/// The last percentage of a line, such as in `transferred 1 GiB of 4 GiB (25.00%)`.
fn percent_of(line: &str) -> Option<f64> {
    let (before, _) = line.rsplit_once('%')?;
    let digits = |letter: char| letter.is_ascii_digit() || letter == '.';
    let number = before.trim_end().rsplit(|letter| !digits(letter)).next()?;
    let number: f64 = number.parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

fn cancelled(kind: &str, upid: &impl Display) -> ToolError {
    ToolError::new(
        Code::Timeout,
        format!("the call was cancelled while the task `{kind}` was running; the task goes on as `{upid}`"),
    )
    .reason("cancelled")
    .hint("call `get_task_status` with this id to follow it, or `stop_task` to end it")
    .retryable(false)
}

/// Looking at a task failed; the work itself is under way, and only its id finds it again.
fn lost(error: &ToolError, upid: &impl Display, hint: &str) -> ToolError {
    let mut envelope = error.envelope().clone();
    envelope.message = format!(
        "the task `{upid}` was started, but cannot be followed: {}",
        envelope.message
    );
    envelope.hint = Some(hint.to_owned());
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
    #[case(
        "percentage done: 45.50% (1/2 groups, 1/8 snapshots in group #1)",
        Some(45.5)
    )]
    #[case("processed 30% (12345 chunks)", Some(30.0))]
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
    #[case("stopped", Some("unknown"), TaskState::Failed)]
    #[case("stopped", None, TaskState::Failed)]
    fn warnings_are_a_success(
        #[case] status: &str,
        #[case] exit: Option<&str>,
        #[case] state: TaskState,
    ) {
        assert_eq!(TaskState::of(Some(status), exit), state);
    }
}
