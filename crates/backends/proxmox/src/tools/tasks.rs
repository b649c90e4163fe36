//! Tasks: listing, following, ending.

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Preview, Target, tool};
use homelab_proxmox_api::task::{LOG_LINES, Tasks as _, log_tail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Proxmox;
use crate::ids::{NodeName, Upid, Vmid};
use crate::page::{newest_first, page};
use crate::task::TaskReport;
use crate::types::TaskRow;
use crate::units::timestamp;

/// Rows that a node is asked for; beyond them a filter helps.
const ASKED: u32 = 500;

/// Which tasks.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListTasks {
    /// Only of this node, further back; without, the newest of all nodes.
    node: Option<NodeName>,
    /// Only those that run, or only those that have ended.
    running: Option<bool>,
    /// Only those that failed.
    errors: bool,
    /// Only about this guest.
    vmid: Option<Vmid>,
    /// Only of this type, such as `vzdump`, `qmstart`, `vzmigrate`.
    #[serde(rename = "type")]
    #[schemars(length(max = 40), regex(pattern = "^[a-z0-9_-]+$"))]
    kind: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A task in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskListRow {
    upid: String,
    node: String,
    #[serde(rename = "type")]
    kind: String,
    /// What it is about, often a VMID.
    id: Option<String>,
    user: String,
    started: Option<String>,
    ended: Option<String>,
    /// `running`, `OK`, `WARNINGS: n` or an error.
    status: String,
    #[serde(skip)]
    order: Option<i64>,
}

impl TaskListRow {
    fn of(row: TaskRow) -> Option<Self> {
        let upid: Upid = row.upid.parse().ok()?;
        let parts = upid.parts();
        Some(Self {
            node: parts.node.to_owned(),
            kind: parts.kind.to_owned(),
            id: Some(parts.id.replace("\\x3a", ":")).filter(|id| !id.is_empty()),
            user: parts.user.to_owned(),
            started: timestamp(Some(parts.started)),
            ended: timestamp(row.endtime),
            status: match row.status {
                Some(status) if status != "RUNNING" => status,
                _ => "running".to_owned(),
            },
            order: Some(parts.started),
            upid: row.upid,
        })
    }

    fn is_running(&self) -> bool {
        self.status == "running"
    }

    fn is_error(&self) -> bool {
        !self.is_running() && self.status != "OK" && !self.status.starts_with("WARNINGS")
    }
}

/// List tasks of the cluster or of one node, newest first, running ones included.
#[tool(
    read,
    open_world,
    permission = "proxmox:task:read",
    title = "List tasks",
    timeout = 70
)]
pub(crate) async fn list_tasks(
    proxmox: &Proxmox,
    args: ListTasks,
) -> ToolResult<Page<TaskListRow>> {
    let rows: Vec<TaskRow> = proxmox.api.list(&list_call(&args)).await?;
    let rows: Vec<TaskListRow> = rows
        .into_iter()
        .filter_map(TaskListRow::of)
        .filter(|row| args.matches(row))
        .collect();
    let key = |row: &TaskListRow| newest_first(row.order, &row.upid);
    page(rows, args.limit, args.cursor.as_deref(), key)
}

fn list_call(args: &ListTasks) -> Call {
    let Some(node) = &args.node else {
        return Call::get("cluster_tasks", "/cluster/tasks", &[]);
    };
    // The default source has no running tasks.
    let source = match args.running {
        Some(true) => "active",
        _ => "all",
    };
    Call::get("node_tasks", "/nodes/{}/tasks", &[node])
        .with("source", source)
        .with("limit", ASKED)
        .flag_if("errors", args.errors)
        .with_opt("vmid", args.vmid)
        .with_opt("typefilter", args.kind.as_deref())
}

impl ListTasks {
    /// The list of all nodes cannot be filtered by Proxmox.
    fn matches(&self, row: &TaskListRow) -> bool {
        let vmid = self
            .vmid
            .is_none_or(|vmid| row.id.as_deref() == Some(vmid.to_string().as_str()));
        let kind = self.kind.as_deref().is_none_or(|kind| row.kind == kind);
        let state = self
            .running
            .is_none_or(|running| row.is_running() == running);
        vmid && kind && state && (!self.errors || row.is_error())
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
    permission = "proxmox:task:read",
    title = "Get a task's status",
    timeout = 630,
    untrusted("log")
)]
pub(crate) async fn get_task_status(
    proxmox: &Proxmox,
    args: GetTaskStatus,
    ctx: &CallContext,
) -> ToolResult<TaskReport> {
    let mut report = match args.wait_s.unwrap_or(0) {
        0 => proxmox.look(&args.upid).await?,
        wait => proxmox.follow(ctx, &args.upid, Some(wait)).await?,
    };
    let lines = args.log_lines.unwrap_or(LOG_LINES);
    report.log = log_tail(proxmox, &args.upid, lines).await?;
    Ok(report)
}

/// Which task to end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopTask {
    /// The task's id.
    upid: Upid,
}

/// End a running task. What it was doing stays half done: a guest may stay locked, a backup is discarded.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "proxmox:task:stop",
    title = "Stop a task",
    timeout = 70,
    untrusted("log"),
    preview = preview_stop,
    targets = stop_targets
)]
pub(crate) async fn stop_task(
    proxmox: &Proxmox,
    args: StopTask,
    ctx: &CallContext,
) -> ToolResult<TaskReport> {
    let report = proxmox.look(&args.upid).await?;
    if !report.is_running() {
        let exit = report.exit_status.unwrap_or_default();
        let message = format!("the task has ended already: {exit}");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("task_ended")
            .field("upid"));
    }
    proxmox.api.done(&stop_call(&args.upid)).await?;
    proxmox.follow(ctx, &args.upid, Some(10)).await
}

pub(super) fn stop_call(upid: &Upid) -> Call {
    Call::delete("task_stop", "/nodes/{}/tasks/{}", &[&upid.node(), upid])
}

async fn preview_stop(proxmox: &Proxmox, args: &StopTask) -> ToolResult<Preview> {
    let parts = args.upid.parts();
    let report = proxmox.look(&args.upid).await?;
    let mut impact = vec![format!("it was started by `{}`", parts.user)];
    if let Some(when) = timestamp(Some(parts.started)) {
        impact.push(format!("it has been running since {when}"));
    }
    if !report.is_running() {
        impact.push("it has ended already, which makes this fail".to_owned());
    }
    impact.push("what it was doing stays half done; a guest may stay locked".to_owned());
    let about = match parts.id {
        "" => String::new(),
        id => format!(" of `{id}`"),
    };
    Ok(Preview {
        summary: format!("stop the task `{}`{about} on `{}`", parts.kind, parts.node),
        changes: Vec::new(),
        impact,
    })
}

async fn stop_targets(proxmox: &Proxmox, args: &StopTask) -> ToolResult<Vec<Target>> {
    let task = Target {
        kind: "task".to_owned(),
        id: args.upid.to_string(),
        name: Some(args.upid.parts().kind.to_owned()),
        tags: vec![format!("node:{}", args.upid.node())],
    };
    // A guest that is being made, or is gone, is no target.
    let guest = match args.upid.vmid() {
        Some(vmid) => proxmox
            .guests()
            .await?
            .iter()
            .find(|guest| guest.vmid == vmid)
            .map(crate::guest::Guest::target),
        None => None,
    };
    Ok(std::iter::once(task).chain(guest).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UPID: &str = "UPID:pve1:0003A5C9:02F3A1B4:6740A1B2:vzdump:100:root@pam:";

    #[test]
    fn a_node_is_asked_with_filters_and_the_cluster_without() {
        let args: ListTasks = serde_json::from_value(
            json!({ "node": "pve1", "errors": true, "vmid": 100, "type": "vzdump" }),
        )
        .unwrap();

        assert_eq!(
            list_call(&args).line(),
            "GET /nodes/pve1/tasks?source=all&limit=500&errors=1&vmid=100&typefilter=vzdump"
        );
        assert_eq!(
            list_call(&ListTasks::default()).line(),
            "GET /cluster/tasks"
        );
    }

    #[test]
    fn rows_without_a_status_run() {
        let row = |status: Option<&str>| {
            TaskListRow::of(
                serde_json::from_value(json!({ "upid": UPID, "status": status })).unwrap(),
            )
            .unwrap()
        };

        assert!(row(None).is_running());
        assert!(!row(Some("OK")).is_error());
        assert!(!row(Some("WARNINGS: 1")).is_error());
        assert!(row(Some("job errors")).is_error());
    }

    #[test]
    fn a_task_is_stopped_at_its_node() {
        assert_eq!(
            stop_call(&UPID.parse().unwrap()).line(),
            format!("DELETE /nodes/pve1/tasks/{UPID}")
        );
    }
}
