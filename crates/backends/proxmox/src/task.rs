//! Tasks: following one to its end with progress, and reporting how it ended.

use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_proxmox_api::task::{self, Pace, Report, TaskState, Tasks, shown};
use schemars::JsonSchema;
use serde::Serialize;

use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::Upid;
use crate::known::known;
use crate::types::{Answer, LogLine, TaskStatus};
use crate::units::timestamp;

/// Kept of the call's time for the answer itself.
const RESERVE: Duration = Duration::from_secs(5);

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
    fn new(upid: &Upid, status: &TaskStatus) -> Self {
        let parts = upid.parts();
        let exit_status = status.exitstatus.as_deref();
        Self {
            node: parts.node.to_owned(),
            kind: parts.kind.to_owned(),
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

    /// The report, or the error of a task that failed.
    pub(crate) fn succeeded(self) -> ToolResult<Self> {
        if self.state == TaskState::Failed {
            return Err(self.error());
        }
        Ok(self)
    }

    fn error(&self) -> ToolError {
        let exit = self.exit_status.as_deref().unwrap_or("no exit status");
        let about = self.upid.vmid().map(|vmid| format!("guest `{vmid}`"));
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

fn status_call(upid: &Upid) -> Call {
    Call::get(
        "task_status",
        "/nodes/{}/tasks/{}/status",
        &[&upid.node(), upid],
    )
}

fn log_call(upid: &Upid, start: u64, limit: u64) -> Call {
    Call::get("task_log", "/nodes/{}/tasks/{}/log", &[&upid.node(), upid])
        .with("start", start)
        .with("limit", limit)
}

impl Tasks for Proxmox {
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
            .filter(|line| line.n.is_none_or(|number| number > start))
            .map(|line| shown(&line.t.unwrap_or_default()))
            // What an empty log answers instead of nothing.
            .filter(|line| line != "no content")
            .collect();
        Ok((lines, answer.total))
    }

    fn forget(&self) {
        self.forget_guests();
    }
}

impl Proxmox {
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
            lost: "call `get_task_status` with this id before you repeat anything",
        };
        task::follow(self, ctx, upid, pace).await
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

#[cfg(test)]
mod tests {
    use super::*;

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
