//! Reading tasks.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{TaskFilter, TaskStatus};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use super::page;
use crate::team::Team;
use crate::types::{OneTask, Rows, TaskRow, Told};

/// Which task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetTask {
    /// UUID or key, such as `TASK-12`.
    #[schemars(length(min = 1, max = 64))]
    task_id: String,
}

/// Show a task with its description, what it depends on, and where it can go from here.
#[tool(
    read,
    permission = "ccpm:task:read",
    title = "Show a task",
    untrusted(
        "task.title",
        "task.description",
        "task.acceptance_criteria",
        "task.status_reason"
    )
)]
pub(crate) async fn ccpm_get_task(
    team: &Team,
    args: GetTask,
    ctx: &CallContext,
) -> ToolResult<Told<OneTask>> {
    let asked = team.asked(ctx).await?;
    let task = asked.service().task(&asked.call, &args.task_id).await;
    asked
        .tell(task.map(|task| OneTask { task: task.into() }))
        .await
}

/// One status, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(crate) enum Statuses {
    /// This one.
    One(TaskStatus),
    /// Any of these.
    Several(#[schemars(length(max = 7))] Vec<TaskStatus>),
}

/// Which tasks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTasks {
    /// UUID of a sprint, `active`, or `none`.
    #[schemars(length(max = 64))]
    sprint_id: Option<String>,
    /// One status or several.
    status: Option<Statuses>,
    /// Name or UUID of who does them, `me`, or `none`.
    #[schemars(length(max = 64))]
    assignee: Option<String>,
    /// Only those whose dependencies are done (or, with false, are not).
    ready: Option<bool>,
    /// Text in key, title or description.
    #[schemars(length(max = 200))]
    q: Option<String>,
    /// Rows at most; default 20.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 512))]
    cursor: Option<String>,
}

/// List tasks, most important first: by sprint, status, who does them, or text.
#[tool(
    read,
    permission = "ccpm:task:read",
    title = "List tasks",
    untrusted("items.title", "items.labels")
)]
pub(crate) async fn ccpm_list_tasks(
    team: &Team,
    args: ListTasks,
    ctx: &CallContext,
) -> ToolResult<Told<Rows<TaskRow>>> {
    let asked = team.asked(ctx).await?;
    let filter = TaskFilter {
        sprint_id: args.sprint_id,
        status: match args.status {
            None => Vec::new(),
            Some(Statuses::One(status)) => vec![status],
            Some(Statuses::Several(statuses)) => statuses,
        },
        assignee: args.assignee,
        ready: args.ready,
        q: args.q,
        ..TaskFilter::default()
    };
    if filter.assignee.as_deref() == Some("me") {
        asked.must_be_agent()?;
    }
    let page = page(args.limit, args.cursor);
    let tasks = asked
        .service()
        .list_tasks(&asked.call, &filter, &page)
        .await;
    asked
        .tell(tasks.map(|tasks| Rows::of(tasks, TaskRow::from)))
        .await
}
