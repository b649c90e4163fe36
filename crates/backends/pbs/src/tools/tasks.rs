//! Tasks: listing, following, ending.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Preview, Target, tool};
use homelab_proxmox_api::task::{LOG_LINES, Tasks as _, log_tail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pbs;
use crate::ids::Datastore;
use crate::page::{newest_first, page};
use crate::task::TaskReport;
use crate::types::TaskRow;
use crate::units::timestamp;
use crate::upid::Upid;

/// Rows that the server is asked for; beyond them a filter helps.
const ASKED: u32 = 500;

/// Which tasks.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListTasks {
    /// Only about this datastore.
    datastore: Option<Datastore>,
    /// Only those that still run.
    running: bool,
    /// Only those that failed.
    errors: bool,
    /// Only of types that contain this, such as `verify`, `prune`, `sync`, `garbage_collection`, `backup`.
    #[serde(rename = "type")]
    #[schemars(length(max = 40), regex(pattern = "^[a-z0-9_-]+$"))]
    kind: Option<String>,
    /// Only those started within the last so many hours.
    #[schemars(range(min = 1, max = 8760))]
    since_hours: Option<u32>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A task in the list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TaskItem {
    pub(crate) upid: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// What it is about, such as a datastore and group.
    pub(crate) about: Option<String>,
    pub(crate) user: String,
    pub(crate) started: Option<String>,
    pub(crate) ended: Option<String>,
    /// `running`, `OK`, `WARNINGS: n` or an error.
    pub(crate) status: String,
    #[serde(skip)]
    start: i64,
}

impl TaskItem {
    pub(crate) fn of(row: TaskRow) -> Self {
        Self {
            upid: row.upid,
            kind: row.worker_type,
            about: row.worker_id.filter(|id| !id.is_empty()),
            user: row.user,
            started: timestamp(Some(row.starttime)),
            ended: timestamp(row.endtime),
            status: row.status.unwrap_or_else(|| "running".to_owned()),
            start: row.starttime,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        let fine = ["running", "OK"].contains(&self.status.as_str());
        !fine && !self.status.starts_with("WARNINGS")
    }
}

/// List tasks of the server, newest first, running ones included.
#[tool(
    read,
    open_world,
    permission = "pbs:task:read",
    title = "List tasks",
    timeout = 90
)]
pub(crate) async fn list_tasks(pbs: &Pbs, args: ListTasks) -> ToolResult<Page<TaskItem>> {
    let rows: Vec<TaskRow> = pbs.api.list(&list_call(&args, pbs.now_s())).await?;
    let rows: Vec<TaskItem> = rows.into_iter().map(TaskItem::of).collect();
    let key = |row: &TaskItem| newest_first(row.start, &row.upid);
    page(rows, args.limit, args.cursor.as_deref(), key)
}

fn list_call(args: &ListTasks, now: i64) -> Call {
    let since = args.since_hours.map(|hours| now - i64::from(hours) * 3600);
    Call::get("tasks", "/nodes/localhost/tasks", &[])
        .with("limit", ASKED)
        .with_opt("store", args.datastore.as_ref().map(Datastore::as_str))
        .flag_if("running", args.running)
        .flag_if("errors", args.errors)
        .with_opt("typefilter", args.kind.as_deref())
        .with_opt("since", since)
}

impl Pbs {
    /// Tasks that failed within so many hours.
    pub(crate) async fn failed_tasks(&self, hours: u32) -> ToolResult<Vec<TaskItem>> {
        let args = ListTasks {
            errors: true,
            since_hours: Some(hours),
            ..ListTasks::default()
        };
        let rows: Vec<TaskRow> = self.api.list(&list_call(&args, self.now_s())).await?;
        let items = rows.into_iter().map(TaskItem::of);
        Ok(items.filter(TaskItem::has_failed).collect())
    }
}

/// Which task.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetTaskStatus {
    /// The task's id, as the call that started it or `list_tasks` gave it.
    upid: Upid,
    /// Seconds to wait for it to end; default 0.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
    /// Lines at the end of its log; default 20.
    #[schemars(range(min = 1, max = 500))]
    log_lines: Option<u64>,
}

/// Get state, exit status and the last log lines of a task, or wait for it to end.
#[tool(
    read,
    open_world,
    permission = "pbs:task:read",
    title = "Get a task's status",
    timeout = 630,
    untrusted("log")
)]
pub(crate) async fn get_task_status(
    pbs: &Pbs,
    args: GetTaskStatus,
    ctx: &CallContext,
) -> ToolResult<TaskReport> {
    let mut report = match args.wait_s.unwrap_or(0) {
        0 => pbs.look(&args.upid).await?,
        wait => pbs.follow(ctx, &args.upid, Some(wait)).await?,
    };
    let lines = args.log_lines.unwrap_or(LOG_LINES);
    report.log = log_tail(pbs, &args.upid, lines).await?;
    Ok(report)
}

/// Which task to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopTask {
    /// The task's id.
    upid: Upid,
}

/// End a running task. What it was doing stays half done: a backup is discarded, a copy continues next time.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "pbs:task:stop",
    title = "Stop a task",
    timeout = 90,
    untrusted("log"),
    preview = preview_stop,
    targets = stop_targets
)]
pub(crate) async fn stop_task(
    pbs: &Pbs,
    args: StopTask,
    ctx: &CallContext,
) -> ToolResult<TaskReport> {
    let report = pbs.look(&args.upid).await?;
    if !report.is_running() {
        let exit = report.exit_status.unwrap_or_default();
        let message = format!("the task has ended already: {exit}");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("task_ended")
            .field("upid"));
    }
    pbs.api.done(&stop_call(&args.upid)).await?;
    pbs.follow(ctx, &args.upid, Some(20)).await
}

fn stop_call(upid: &Upid) -> Call {
    Call::delete("task_stop", "/nodes/localhost/tasks/{}", &[upid])
}

async fn preview_stop(pbs: &Pbs, args: &StopTask) -> ToolResult<Preview> {
    let report = pbs.look(&args.upid).await?;
    let mut impact = vec![format!("it was started by `{}`", report.user)];
    if let Some(when) = &report.started {
        impact.push(format!("it has been running since {when}"));
    }
    if !report.is_running() {
        impact.push("it has ended already, which makes this fail".to_owned());
    }
    impact.push("what it was doing stays half done".to_owned());
    let about = match &report.about {
        Some(about) => format!(" of `{about}`"),
        None => String::new(),
    };
    Ok(Preview {
        summary: format!("stop the task `{}`{about}", report.kind),
        changes: Vec::new(),
        impact,
    })
}

async fn stop_targets(_pbs: &Pbs, args: &StopTask) -> ToolResult<Vec<Target>> {
    let parts = args.upid.parts();
    Ok(vec![Target {
        kind: "task".to_owned(),
        id: args.upid.to_string(),
        name: Some(parts.kind.to_owned()),
        tags: vec![format!("user:{}", parts.user)],
    }])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UPID: &str = "UPID:pbs:0003A5C9:02F3A1B4:00000007:6740A1B2:verify:main:root@pam:";

    #[test]
    fn filters_are_the_servers_own() {
        let args: ListTasks = serde_json::from_value(
            json!({ "datastore": "main", "errors": true, "type": "verify", "since_hours": 24 }),
        )
        .unwrap();

        assert_eq!(
            list_call(&args, 100_000).line(),
            "GET /nodes/localhost/tasks?limit=500&store=main&errors=1&typefilter=verify&since=13600"
        );
        assert_eq!(
            list_call(&ListTasks::default(), 0).line(),
            "GET /nodes/localhost/tasks?limit=500"
        );
    }

    #[test]
    fn rows_without_a_status_run() {
        let item = |status: Option<&str>| {
            TaskItem::of(serde_json::from_value(json!({ "upid": UPID, "status": status })).unwrap())
        };

        assert_eq!(item(None).status, "running");
        assert!(!item(None).has_failed());
        assert!(!item(Some("WARNINGS: 1")).has_failed());
        assert!(item(Some("unknown")).has_failed());
        assert!(item(Some("verification failed")).has_failed());
    }

    #[test]
    fn a_task_is_stopped_at_localhost() {
        assert_eq!(
            stop_call(&UPID.parse().unwrap()).line(),
            format!("DELETE /nodes/localhost/tasks/{UPID}")
        );
    }
}
