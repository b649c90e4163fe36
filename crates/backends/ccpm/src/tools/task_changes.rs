//! Making, taking and changing tasks.

use homelab_core::call::CallContext;
use homelab_core::ccpm::rules::{Review, allowed};
use homelab_core::ccpm::{
    Choice as _, SprintId, TaskCreate, TaskId, TaskKind, TaskPatch, TaskPriority, TaskStatus,
    TaskStatusUpdate,
};
use homelab_core::clock::Micros;
use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::messages::task_id;
use crate::faults::ok;
use crate::team::{Asked, Team, invalid};
use crate::types::{OneTask, Told, WholeTask};

/// Where a task goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateStatus {
    /// UUID or key of the task.
    #[schemars(length(min = 1, max = 64))]
    id: String,
    /// Where to.
    status: TaskStatus,
    /// Why; needed for `blocked`, `cancelled` and for opening it again.
    #[schemars(length(max = 2000))]
    reason: Option<String>,
    /// Only if it is still of this version.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    expected_version: Option<i64>,
}

/// Move a task to another status; beginning one that is nobody's makes it yours.
#[tool(
    write,
    idempotent,
    permission = "ccpm:task:status",
    title = "Move a task",
    untrusted("task.title", "task.description", "task.acceptance_criteria"),
    targets = target_of_status,
    inverse = undo_status
)]
pub(crate) async fn ccpm_update_task_status(
    team: &Team,
    args: UpdateStatus,
    ctx: &CallContext,
) -> ToolResult<Told<OneTask>> {
    let asked = team.asked(ctx).await?;
    let to = TaskStatusUpdate {
        status: args.status,
        reason: args.reason,
        expected_version: args.expected_version,
    };
    let done = asked
        .service()
        .set_task_status(&asked.call, &args.id, to)
        .await;
    asked
        .tell(done.map(|done| OneTask {
            task: done.value.into(),
        }))
        .await
}

async fn target_of_status(team: &Team, args: &UpdateStatus) -> ToolResult<Vec<Target>> {
    target(team, &args.id).await
}

async fn target(team: &Team, task: &str) -> ToolResult<Vec<Target>> {
    let task = team.task_now(task).await?;
    Ok(vec![Target {
        kind: "task".to_owned(),
        id: task.id.0,
        name: Some(task.key),
        tags: task.labels,
    }])
}

async fn undo_status(team: &Team, args: &UpdateStatus) -> ToolResult<Option<Inverse>> {
    let task = team.task_now(&args.id).await?;
    let back =
        args.status != task.status && allowed(args.status, Review::Optional).contains(&task.status);
    Ok(back.then(|| Inverse {
        tool: "ccpm_update_task_status".to_owned(),
        arguments: json!({
            "id": task.id,
            "status": task.status.as_str(),
            "reason": "undone",
        }),
    }))
}

/// A new task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateTask {
    /// What is to be done.
    #[schemars(length(min = 1, max = 200))]
    title: String,
    /// More about it.
    #[schemars(length(max = 65536))]
    description: Option<String>,
    /// Default `medium`.
    priority: Option<TaskPriority>,
    /// Default `feature`.
    #[serde(rename = "type")]
    kind: Option<TaskKind>,
    /// UUID of its sprint, or `active`.
    #[schemars(length(max = 64))]
    sprint_id: Option<String>,
    /// Name or UUID of who does it, or `me`.
    #[schemars(length(max = 64))]
    assignee: Option<String>,
    /// The task that it is a part of: UUID or key.
    #[schemars(length(max = 64))]
    parent_id: Option<String>,
    /// Tasks that must be done before: UUIDs or keys.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 64)))]
    depends_on: Vec<String>,
    /// Labels.
    #[serde(default)]
    #[schemars(length(max = 20), inner(length(max = 40)))]
    labels: Vec<String>,
    /// What must hold before it is done.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 500)))]
    acceptance_criteria: Vec<String>,
    /// When it has to be done, RFC 3339.
    #[schemars(with = "Option<String>", length(max = 40))]
    due_at: Option<Micros>,
}

/// Make a task: in `todo` if it is in a sprint or has somebody to do it, else in `backlog`.
#[tool(write, permission = "ccpm:task:create", title = "Create a task")]
pub(crate) async fn ccpm_create_task(
    team: &Team,
    args: CreateTask,
    ctx: &CallContext,
) -> ToolResult<Told<OneTask>> {
    let asked = team.asked(ctx).await?;
    let mut depends_on = Vec::new();
    for task in &args.depends_on {
        depends_on.push(task_id(&asked, task).await?);
    }
    let parent_id = match &args.parent_id {
        Some(task) => Some(task_id(&asked, task).await?),
        None => None,
    };
    let new = TaskCreate {
        title: args.title,
        description: args.description,
        priority: args.priority,
        kind: args.kind,
        sprint_id: sprint_id(&asked, args.sprint_id).await?,
        assignee: assignee(&asked, args.assignee)?,
        parent_id,
        depends_on,
        labels: args.labels,
        acceptance_criteria: args.acceptance_criteria,
        due_at: args.due_at,
        metadata: Map::new(),
    };
    let done = asked.service().create_task(&asked.call, new).await;
    asked
        .tell(done.map(|done| OneTask {
            task: done.value.into(),
        }))
        .await
}

/// `me` as the agent's own id, everything else as it is.
fn assignee(asked: &Asked<'_>, name: Option<String>) -> ToolResult<Option<String>> {
    match name {
        Some(name) if name.eq_ignore_ascii_case("me") => {
            Ok(Some(asked.must_be_agent()?.to_owned()))
        }
        name => Ok(name),
    }
}

async fn sprint_id(asked: &Asked<'_>, sprint: Option<String>) -> ToolResult<Option<SprintId>> {
    match sprint.as_deref() {
        None => Ok(None),
        Some("active") => {
            let active = ok(asked.service().active_sprint(&asked.call).await)?;
            let active = active.ok_or_else(|| {
                invalid("sprint_id", "no sprint is active").hint("see `ccpm_list_sprints`")
            });
            Ok(Some(ok(active)?.id))
        }
        Some(id) => Ok(Some(SprintId::new(id))),
    }
}

/// From where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimNext {
    /// Only from this sprint: UUID or `active`; default any.
    #[schemars(length(max = 64))]
    sprint_id: Option<String>,
}

/// A task that is yours now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Claimed {
    /// Absent if there is none to take.
    task: Option<WholeTask>,
}

/// Take the most important task that is ready and nobody's, and begin it; two callers never get the same one.
#[tool(
    write,
    permission = "ccpm:task:status",
    title = "Claim the next task",
    untrusted("task.title", "task.description", "task.acceptance_criteria")
)]
pub(crate) async fn ccpm_claim_next_task(
    team: &Team,
    args: ClaimNext,
    ctx: &CallContext,
) -> ToolResult<Told<Claimed>> {
    let asked = team.asked(ctx).await?;
    asked.must_be_agent()?;
    let done = asked
        .service()
        .claim_next_task(&asked.call, args.sprint_id.as_deref())
        .await;
    asked
        .tell(done.map(|done| Claimed {
            task: done.value.map(WholeTask::from),
        }))
        .await
}

/// What changes; what is left out stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateTask {
    /// UUID or key of the task.
    #[schemars(length(min = 1, max = 64))]
    id: String,
    /// What is to be done.
    #[schemars(length(min = 1, max = 200))]
    title: Option<String>,
    /// More about it.
    #[schemars(length(max = 65536))]
    description: Option<String>,
    /// How important it is.
    priority: Option<TaskPriority>,
    /// What it is.
    #[serde(rename = "type")]
    kind: Option<TaskKind>,
    /// UUID of its sprint, `active`, or `none`.
    #[schemars(length(max = 64))]
    sprint_id: Option<String>,
    /// Name or UUID of who does it, `me`, or `none`.
    #[schemars(length(max = 64))]
    assignee: Option<String>,
    /// Labels, all of them.
    #[schemars(length(max = 20), inner(length(max = 40)))]
    labels: Option<Vec<String>>,
    /// Tasks that must be done before, all of them: UUIDs or keys.
    #[schemars(length(max = 100), inner(length(max = 64)))]
    depends_on: Option<Vec<String>>,
    /// When it has to be done, RFC 3339.
    #[schemars(with = "Option<String>", length(max = 40))]
    due_at: Option<Micros>,
    /// Only if it is still of this version.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    expected_version: Option<i64>,
}

/// Change a task's title, description, priority, type, sprint, assignee, labels, dependencies or due time.
#[tool(
    write,
    idempotent,
    permission = "ccpm:task:update",
    title = "Change a task",
    untrusted("task.title", "task.description", "task.acceptance_criteria"),
    targets = target_of_update,
    inverse = undo_update
)]
pub(crate) async fn ccpm_update_task(
    team: &Team,
    args: UpdateTask,
    ctx: &CallContext,
) -> ToolResult<Told<OneTask>> {
    let asked = team.asked(ctx).await?;
    let depends_on = match &args.depends_on {
        None => None,
        Some(tasks) => {
            let mut ids: Vec<TaskId> = Vec::new();
            for task in tasks {
                ids.push(task_id(&asked, task).await?);
            }
            Some(ids)
        }
    };
    let sprint = match args.sprint_id {
        Some(none) if none == "none" => Some(None),
        sprint => sprint_id(&asked, sprint).await?.map(Some),
    };
    let assignee = match args.assignee {
        Some(none) if none == "none" => Some(None),
        name => assignee(&asked, name)?.map(Some),
    };
    let patch = TaskPatch {
        title: args.title,
        description: args.description,
        priority: args.priority,
        kind: args.kind,
        sprint_id: sprint,
        assignee,
        labels: args.labels,
        depends_on,
        due_at: args.due_at.map(Some),
        metadata: None,
    };
    let done = asked
        .service()
        .update_task(&asked.call, &args.id, patch, args.expected_version)
        .await;
    asked
        .tell(done.map(|done| OneTask {
            task: done.value.into(),
        }))
        .await
}

async fn target_of_update(team: &Team, args: &UpdateTask) -> ToolResult<Vec<Target>> {
    target(team, &args.id).await
}

/// A due time that was not there before cannot be taken away again by this tool.
async fn undo_update(team: &Team, args: &UpdateTask) -> ToolResult<Option<Inverse>> {
    let before = team.task_now(&args.id).await?;
    if args.due_at.is_some() && before.due_at.is_none() {
        return Ok(None);
    }
    let or_none = |id: Option<String>| json!(id.unwrap_or_else(|| "none".to_owned()));
    let earlier: [(&str, bool, Value); 9] = [
        ("title", args.title.is_some(), json!(before.title)),
        (
            "description",
            args.description.is_some(),
            json!(before.description),
        ),
        ("priority", args.priority.is_some(), json!(before.priority)),
        ("type", args.kind.is_some(), json!(before.kind)),
        (
            "sprint_id",
            args.sprint_id.is_some(),
            or_none(before.sprint_id.map(|id| id.0)),
        ),
        (
            "assignee",
            args.assignee.is_some(),
            or_none(before.assignee_id.map(|id| id.0)),
        ),
        ("labels", args.labels.is_some(), json!(before.labels)),
        (
            "depends_on",
            args.depends_on.is_some(),
            json!(before.depends_on),
        ),
        ("due_at", args.due_at.is_some(), json!(before.due_at)),
    ];
    let mut arguments: Map<String, Value> = earlier
        .into_iter()
        .filter(|(_, changes, before)| *changes && !before.is_null())
        .map(|(name, _, before)| (name.to_owned(), before))
        .collect();
    if arguments.is_empty() {
        return Ok(None);
    }
    arguments.insert("id".to_owned(), json!(before.id));
    Ok(Some(Inverse {
        tool: "ccpm_update_task".to_owned(),
        arguments: Value::Object(arguments),
    }))
}
