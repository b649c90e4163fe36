//! Sprints.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{Day, SprintCreate, SprintFilter, SprintId, SprintPatch, SprintStatus};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{NoArgs, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page;
use crate::team::Team;
use crate::types::{Rows, SprintRow, Told};

/// The sprint that is active.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActiveSprint {
    /// Absent if none is active.
    active: Option<SprintRow>,
    /// Whether one is.
    is_active: bool,
}

/// Show the active sprint with its progress; none is no error.
#[tool(
    read,
    permission = "ccpm:sprint:read",
    title = "Show the active sprint",
    untrusted("active.name", "active.goal")
)]
pub(crate) async fn ccpm_get_active_sprint(
    team: &Team,
    _args: NoArgs,
    ctx: &CallContext,
) -> ToolResult<Told<ActiveSprint>> {
    let asked = team.asked(ctx).await?;
    let active = asked.service().active_sprint(&asked.call).await;
    asked
        .tell(active.map(|active| ActiveSprint {
            is_active: active.is_some(),
            active: active.map(SprintRow::from),
        }))
        .await
}

/// Which sprints.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSprints {
    /// Only those that stand like this.
    status: Option<SprintStatus>,
    /// Rows at most; default 20.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 512))]
    cursor: Option<String>,
}

/// List sprints, newest first, with tasks by status.
#[tool(
    read,
    permission = "ccpm:sprint:read",
    title = "List sprints",
    untrusted("items.name", "items.goal")
)]
pub(crate) async fn ccpm_list_sprints(
    team: &Team,
    args: ListSprints,
    ctx: &CallContext,
) -> ToolResult<Told<Rows<SprintRow>>> {
    let asked = team.asked(ctx).await?;
    let filter = SprintFilter {
        status: args.status,
    };
    let page = page(args.limit, args.cursor);
    let sprints = asked
        .service()
        .list_sprints(&asked.call, &filter, &page)
        .await;
    asked
        .tell(sprints.map(|sprints| Rows::of(sprints, SprintRow::from)))
        .await
}

/// A new sprint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSprint {
    /// Its name.
    #[schemars(length(min = 1, max = 120))]
    name: String,
    /// What it is for.
    #[schemars(length(max = 2000))]
    goal: Option<String>,
    /// Its first day, such as `2026-01-31`.
    #[schemars(length(max = 10))]
    starts_on: Option<String>,
    /// Its last day.
    #[schemars(length(max = 10))]
    ends_on: Option<String>,
}

/// A sprint.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneSprint {
    sprint: SprintRow,
}

fn day(field: &str, text: Option<String>) -> ToolResult<Option<Day>> {
    text.map(|text| {
        Day::parse(&text).ok_or_else(|| {
            ToolError::invalid(field, format!("`{text}` is no day"))
                .hint("write it like `2026-01-31`")
        })
    })
    .transpose()
}

/// Plan a sprint; begin it with `ccpm_start_sprint`.
#[tool(write, permission = "ccpm:sprint:write", title = "Plan a sprint")]
pub(crate) async fn ccpm_create_sprint(
    team: &Team,
    args: CreateSprint,
    ctx: &CallContext,
) -> ToolResult<Told<OneSprint>> {
    let asked = team.asked(ctx).await?;
    let new = SprintCreate {
        name: args.name,
        goal: args.goal,
        starts_on: day("starts_on", args.starts_on)?,
        ends_on: day("ends_on", args.ends_on)?,
    };
    let done = asked.service().create_sprint(&asked.call, new).await;
    asked
        .tell(done.map(|done| OneSprint {
            sprint: done.value.into(),
        }))
        .await
}

/// Which sprint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartSprint {
    /// UUID of the sprint.
    #[schemars(length(min = 1, max = 64))]
    sprint_id: String,
}

/// Begin a planned sprint; only one can be active.
#[tool(
    write,
    idempotent,
    permission = "ccpm:sprint:write",
    title = "Begin a sprint"
)]
pub(crate) async fn ccpm_start_sprint(
    team: &Team,
    args: StartSprint,
    ctx: &CallContext,
) -> ToolResult<Told<OneSprint>> {
    let patch = SprintPatch {
        status: Some(SprintStatus::Active),
        ..SprintPatch::default()
    };
    change(team, &args.sprint_id, patch, ctx).await
}

/// Which sprint, and where what is left goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteSprint {
    /// UUID of the sprint, or `active`.
    #[schemars(length(min = 1, max = 64))]
    sprint_id: String,
    /// UUID of the sprint that takes its unfinished tasks; default the backlog.
    #[schemars(length(max = 64))]
    unfinished_to: Option<String>,
}

/// End the active sprint; what is not done moves to another sprint or to the backlog.
#[tool(write, permission = "ccpm:sprint:write", title = "Complete a sprint")]
pub(crate) async fn ccpm_complete_sprint(
    team: &Team,
    args: CompleteSprint,
    ctx: &CallContext,
) -> ToolResult<Told<OneSprint>> {
    let patch = SprintPatch {
        status: Some(SprintStatus::Completed),
        unfinished_to: args.unfinished_to.map(|id| Some(SprintId::new(id))),
        ..SprintPatch::default()
    };
    change(team, &args.sprint_id, patch, ctx).await
}

async fn change(
    team: &Team,
    sprint: &str,
    patch: SprintPatch,
    ctx: &CallContext,
) -> ToolResult<Told<OneSprint>> {
    let asked = team.asked(ctx).await?;
    let done = asked
        .service()
        .update_sprint(&asked.call, sprint, patch, None)
        .await;
    asked
        .tell(done.map(|done| OneSprint {
            sprint: done.value.into(),
        }))
        .await
}
