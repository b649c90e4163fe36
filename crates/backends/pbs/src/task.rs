//! Tasks: following one to its end with progress, and reporting how it ended.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_proxmox_api::task::{self, Pace, Report, TaskState, Tasks, shown};
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::Call;
use crate::client::Pbs;
use crate::known::known;
use crate::types::{Answer, LogLine, TaskStatus};
use crate::units::timestamp;
use crate::upid::Upid;

/// Kept of the call's time for the answer itself.
const RESERVE: Duration = Duration::from_secs(10);

/// A task and how it ended.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TaskReport {
    pub(crate) upid: Upid,
    /// Such as `verify`, `garbage_collection`, `sync`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What it is about, such as a datastore and group.
    pub(crate) about: Option<String>,
    pub(crate) state: TaskState,
    /// `OK`, `WARNINGS: n`, `unknown` or an error.
    pub(crate) exit_status: Option<String>,
    pub(crate) started: Option<String>,
    pub(crate) user: String,
    /// The last lines of its log.
    pub(crate) log: Vec<String>,
    /// How to follow it, while it runs.
    pub(crate) hint: Option<String>,
}

impl TaskReport {
    fn new(upid: &Upid, status: &TaskStatus) -> Self {
        let parts = upid.parts();
        let exit_status = status.exitstatus.as_deref();
        Self {
            kind: parts.kind.to_owned(),
            about: status.id.as_deref().map(shown).filter(|id| !id.is_empty()),
            started: timestamp(Some(parts.started)),
            user: parts.user.to_owned(),
            upid: upid.clone(),
            state: TaskState::of(status.status.as_deref(), exit_status),
            exit_status: exit_status.map(shown),
            log: Vec::new(),
            hint: None,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == TaskState::Running
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state == TaskState::Failed
    }

    /// The report, or the error of a task that failed.
    pub(crate) fn succeeded(self) -> ToolResult<Self> {
        if self.has_failed() {
            return Err(self.error());
        }
        Ok(self)
    }

    pub(crate) fn error(&self) -> ToolError {
        let exit = match self.exit_status.as_deref() {
            None => "no exit status",
            Some("unknown") => "its process ended without telling how",
            Some(exit) => exit,
        };
        let about = self.about.as_ref().map(|about| format!("`{about}`"));
        let message = task::failure(&self.kind, about.as_deref(), exit, &self.log);
        let error = match known(exit) {
            Some(known) => known.error(message),
            None => task::failed(message, &self.upid),
        };
        error.retryable(false)
    }
}

impl Report for TaskReport {
    fn state(&self) -> TaskState {
        self.state
    }

    fn ended(&mut self, log: Vec<String>) {
        self.log = log;
    }

    fn goes_on(&mut self, hint: String) {
        self.hint = Some(hint);
    }
}

/// The node is `localhost` whatever the task's id says.
fn status_call(upid: &Upid) -> Call {
    Call::get("task_status", "/nodes/localhost/tasks/{}/status", &[upid])
}

fn log_call(upid: &Upid, start: u64, limit: u64) -> Call {
    Call::get("task_log", "/nodes/localhost/tasks/{}/log", &[upid])
        .with("start", start)
        .with("limit", limit)
}

impl Tasks for Pbs {
    type Upid = Upid;
    type Report = TaskReport;

    fn kind<'a>(&self, upid: &'a Upid) -> &'a str {
        upid.parts().kind
    }

    async fn look(&self, upid: &Upid) -> ToolResult<TaskReport> {
        let status: TaskStatus = self.api.data(&status_call(upid)).await?;
        Ok(TaskReport::new(upid, &status))
    }

    async fn log(
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
            .map(|line| shown(&line.t.unwrap_or_default()))
            .collect();
        Ok((lines, answer.total))
    }
}

impl Pbs {
    /// Waits for the task to end, for `wait_s` seconds or as configured ([`task::follow`]).
    pub(crate) async fn follow(
        &self,
        ctx: &CallContext,
        upid: &Upid,
        wait_s: Option<u64>,
    ) -> ToolResult<TaskReport> {
        let pace = Pace {
            wait: Duration::from_secs(wait_s.unwrap_or(self.config.task_wait_s)),
            poll: Duration::from_millis(self.config.task_poll_ms),
            reserve: RESERVE,
            lost: "call `get_task_status` with this id; do not repeat the call",
        };
        task::follow(self, ctx, upid, pace).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_asked_at_localhost_whatever_its_id_says() {
        let upid: Upid = "UPID:pbs:0003A5C9:02F3A1B4:00000007:6740A1B2:verify:main:root@pam:"
            .parse()
            .unwrap();

        assert_eq!(
            log_call(&upid, 30, 20).line(),
            format!("GET /nodes/localhost/tasks/{upid}/log?start=30&limit=20")
        );
        assert_eq!(
            status_call(&upid).line(),
            format!("GET /nodes/localhost/tasks/{upid}/status")
        );
    }
}
