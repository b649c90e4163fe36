//! Sessions: what an agent did, kept for the session after.

use homelab_core::call::CallContext;
use homelab_core::ccpm::{
    ContextItemCreate, ContextType, Importance, Metadata, SessionComplete, SessionMetrics,
    SessionReportCreate, SessionStatus, TriggerType,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::messages::task_id;
use crate::team::Team;
use crate::types::{ContextRow, Resume, SessionRow, Told};

/// A new session.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateSession {
    /// Whose it is; default yours, others are for administrators.
    #[schemars(length(max = 64))]
    agent_id: Option<String>,
    /// A short mark of its own.
    #[schemars(length(max = 32))]
    agent_tag: Option<String>,
    /// What made it begin; default `manual`.
    trigger_type: Option<TriggerType>,
    /// What it is about.
    #[schemars(length(max = 8000))]
    summary: Option<String>,
    /// Tasks that it is about: UUIDs or keys.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 64)))]
    task_ids: Vec<String>,
}

/// A session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneSession {
    session: SessionRow,
}

/// Begin a session: log what matters with `ccpm_log_session_context`, end it with `ccpm_complete_session`.
#[tool(write, permission = "ccpm:session:write", title = "Begin a session")]
pub(crate) async fn ccpm_create_session(
    team: &Team,
    args: CreateSession,
    ctx: &CallContext,
) -> ToolResult<Told<OneSession>> {
    let asked = team.asked(ctx).await?;
    let agent_id = asked.whose(args.agent_id.as_deref()).await?;
    let mut task_ids = Vec::new();
    for task in &args.task_ids {
        task_ids.push(task_id(&asked, task).await?);
    }
    let new = SessionReportCreate {
        agent_id,
        agent_tag: args.agent_tag,
        trigger_type: args.trigger_type,
        summary: args.summary,
        task_ids,
        metadata: Metadata::new(),
    };
    let done = asked
        .service()
        .create_session_report(&asked.call, new)
        .await;
    asked
        .tell(done.map(|done| OneSession {
            session: done.value.into(),
        }))
        .await
}

/// What to keep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogContext {
    /// Id of the session.
    #[schemars(length(min = 1, max = 64))]
    report_id: String,
    /// What it tells.
    context_type: ContextType,
    /// Its name; the same type and name again replaces it.
    #[schemars(length(min = 1, max = 200))]
    context_key: String,
    /// Any JSON, at most 64 KiB.
    value: Value,
    /// How much it matters; default `normal`.
    importance: Option<Importance>,
}

/// A context item.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Logged {
    context: ContextRow,
    /// Whether it is new; false if it replaced one.
    created: bool,
}

/// Keep something about a session for the next one: a decision, a finding, a blocker, the next step.
#[tool(
    write,
    idempotent,
    permission = "ccpm:session:write",
    title = "Log session context"
)]
pub(crate) async fn ccpm_log_session_context(
    team: &Team,
    args: LogContext,
    ctx: &CallContext,
) -> ToolResult<Told<Logged>> {
    let asked = team.asked(ctx).await?;
    let new = ContextItemCreate {
        context_type: args.context_type,
        context_key: args.context_key,
        value: args.value,
        importance: args.importance,
    };
    let done = asked
        .service()
        .log_session_context(&asked.call, &args.report_id, new)
        .await;
    asked
        .tell(done.map(|done| Logged {
            context: done.value.into(),
            created: done.created,
        }))
        .await
}

/// How a session ended.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// Well.
    Completed,
    /// Not.
    Failed,
}

/// Which session, and what came of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteSession {
    /// Id of the session.
    #[schemars(length(min = 1, max = 64))]
    report_id: String,
    /// What came of it.
    #[schemars(length(min = 1, max = 8000))]
    summary: String,
    /// Default `completed`.
    status: Option<Ending>,
    /// How long it took; reckoned if left out.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    duration_seconds: Option<u64>,
    /// Counted if left out.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    tasks_completed: Option<u64>,
    /// Counted if left out.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    messages_sent: Option<u64>,
    /// Tokens that the model read.
    #[schemars(range(min = 0, max = 1_000_000_000_000u64))]
    tokens_input: Option<u64>,
    /// Tokens that it wrote.
    #[schemars(range(min = 0, max = 1_000_000_000_000u64))]
    tokens_output: Option<u64>,
    /// Files that changed.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    files_changed: Option<u64>,
    /// Counted if left out.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    tool_calls: Option<u64>,
    /// What it cost.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    cost_usd: Option<f64>,
    /// What comes next, for the session after.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 1000)))]
    next_steps: Vec<String>,
}

/// End a session with what came of it and the next steps; the next session finds them in its resume context.
#[tool(
    write,
    idempotent,
    permission = "ccpm:session:write",
    title = "End a session"
)]
pub(crate) async fn ccpm_complete_session(
    team: &Team,
    args: CompleteSession,
    ctx: &CallContext,
) -> ToolResult<Told<OneSession>> {
    let asked = team.asked(ctx).await?;
    let metrics = SessionMetrics {
        duration_seconds: args.duration_seconds,
        tasks_completed: args.tasks_completed,
        messages_sent: args.messages_sent,
        tool_calls: args.tool_calls,
        tokens_input: args.tokens_input,
        tokens_output: args.tokens_output,
        cost_usd: args.cost_usd,
        files_changed: args.files_changed,
        ..SessionMetrics::default()
    };
    let with = SessionComplete {
        summary: args.summary,
        status: args.status.map(|ending| match ending {
            Ending::Completed => SessionStatus::Completed,
            Ending::Failed => SessionStatus::Failed,
        }),
        metrics: (metrics != SessionMetrics::default()).then_some(metrics),
        next_steps: args.next_steps,
    };
    let done = asked
        .service()
        .complete_session(&asked.call, &args.report_id, with)
        .await;
    asked
        .tell(done.map(|done| OneSession {
            session: done.value.into(),
        }))
        .await
}

/// Whose, and how much.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetResume {
    /// Whose; default yours, others are for administrators.
    #[schemars(length(max = 64))]
    agent_id: Option<String>,
    /// Context items at most; default 50.
    #[schemars(range(min = 1, max = 200))]
    max_items: Option<u32>,
}

/// What you need to go on where you left off: the last session, next steps, blockers, open tasks.
#[tool(
    read,
    permission = "ccpm:session:read",
    title = "Resume where I left off",
    untrusted("open_tasks.title")
)]
pub(crate) async fn ccpm_get_resume_context(
    team: &Team,
    args: GetResume,
    ctx: &CallContext,
) -> ToolResult<Told<Resume>> {
    let asked = team.asked(ctx).await?;
    let agent = asked.whose(args.agent_id.as_deref()).await?;
    let resume = asked
        .service()
        .resume_context(&asked.call, &agent, args.max_items.unwrap_or(50))
        .await;
    asked.tell(resume.map(Resume::from)).await
}
