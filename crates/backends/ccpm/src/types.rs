//! What the tools answer: the contract's records, cut down to what a model needs. Choices are plain
//! texts here, because another service may have values of its own.

use std::collections::BTreeMap;

use homelab_core::ccpm::{
    AcceptanceCriterion, Agent, Board, Choice as _, CompletionReport, CompletionReportBody,
    ContextItem, Listing, Message, ResumeContext, SessionMetrics, SessionReport, Sprint, Task,
};
use homelab_core::clock::Micros;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Any result, with what every caller should know besides.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Told<T> {
    #[serde(flatten)]
    pub(crate) value: T,
    /// Messages that you have not read; absent if you are no agent.
    pub(crate) unread_messages: Option<u64>,
    /// What to bear in mind about this answer.
    pub(crate) warnings: Option<Vec<String>>,
}

/// A page of rows.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Rows<T> {
    pub(crate) items: Vec<T>,
    /// How many there are in all, where that is known.
    pub(crate) total: Option<u64>,
    /// Pass this as `cursor` for the next page; absent on the last.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Rows<T> {
    pub(crate) fn of<U>(page: Listing<U>, row: impl FnMut(U) -> T) -> Self {
        let page = page.map(row);
        Self {
            items: page.data,
            total: page.page.total,
            next_cursor: page.page.next_cursor,
        }
    }
}

/// An agent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AgentRow {
    id: String,
    name: String,
    tag: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    status: String,
    description: Option<String>,
    capabilities: Option<Vec<String>>,
    last_seen_at: Option<Micros>,
}

impl From<Agent> for AgentRow {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.0,
            name: agent.name,
            tag: agent.tag,
            kind: agent.kind.as_str().to_owned(),
            status: agent.status.as_str().to_owned(),
            description: agent.description,
            capabilities: some(agent.capabilities),
            last_seen_at: agent.last_seen_at,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MessageRow {
    pub(crate) id: String,
    pub(crate) thread_id: String,
    pub(crate) reply_to_id: Option<String>,
    /// Name of the sender.
    pub(crate) from: String,
    /// Name of the recipient.
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// Whether `body` is only its beginning.
    pub(crate) body_is_cut: Option<bool>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) priority: String,
    pub(crate) status: String,
    /// Whether the sender waits for an answer.
    pub(crate) requires_response: bool,
    pub(crate) task_id: Option<String>,
    pub(crate) response: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) created_at: Micros,
    pub(crate) expires_at: Option<Micros>,
}

impl MessageRow {
    /// The message with at most so many letters of its body.
    pub(crate) fn of(message: Message, most: Option<usize>) -> Self {
        let cut = most.and_then(|most| Some((message.body.char_indices().nth(most)?.0, most)));
        let mut body = message.body;
        if let Some((end, _)) = cut {
            body.truncate(end);
            body.push('…');
        }
        let named = |name: String, id: &str| if name.is_empty() { id.to_owned() } else { name };
        Self {
            id: message.id.0,
            thread_id: message.thread_id.0,
            reply_to_id: message.reply_to_id.map(|id| id.0),
            from: named(message.from_agent_name, message.from_agent_id.as_str()),
            to: named(message.to_agent_name, message.to_agent_id.as_str()),
            subject: message.subject,
            body,
            body_is_cut: cut.map(|_| true),
            kind: message.kind.as_str().to_owned(),
            priority: message.priority.as_str().to_owned(),
            status: message.status.as_str().to_owned(),
            requires_response: message.requires_response,
            task_id: message.task_id.map(|id| id.0),
            response: message.response,
            outcome: message.outcome.map(|outcome| outcome.as_str().to_owned()),
            created_at: message.created_at,
            expires_at: message.expires_at,
        }
    }
}

/// A task in a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskRow {
    id: String,
    /// Its short name.
    key: String,
    title: String,
    status: String,
    priority: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Name of who does it.
    assignee: Option<String>,
    sprint_id: Option<String>,
    labels: Option<Vec<String>>,
    /// Tasks that must be done before and are not.
    blocked_by_open: Option<Vec<String>>,
    due_at: Option<Micros>,
    updated_at: Micros,
    version: i64,
}

impl From<Task> for TaskRow {
    fn from(task: Task) -> Self {
        Self {
            id: task.id.0,
            key: task.key,
            title: task.title,
            status: task.status.as_str().to_owned(),
            priority: task.priority.as_str().to_owned(),
            kind: task.kind.map(|kind| kind.as_str().to_owned()),
            assignee: task.assignee_name.or(task.assignee_id.map(|id| id.0)),
            sprint_id: task.sprint_id.map(|id| id.0),
            labels: some(task.labels),
            blocked_by_open: some(task.blocked_by_open.into_iter().map(|id| id.0).collect()),
            due_at: task.due_at,
            updated_at: task.updated_at,
            version: task.version,
        }
    }
}

/// A whole task.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WholeTask {
    #[serde(flatten)]
    row: TaskRow,
    description: Option<String>,
    acceptance_criteria: Option<Vec<AcceptanceCriterion>>,
    reporter_id: Option<String>,
    parent_id: Option<String>,
    depends_on: Option<Vec<String>>,
    /// Why it stands so.
    status_reason: Option<String>,
    /// Where it can go from here.
    allowed_transitions: Option<Vec<String>>,
    estimate_hours: Option<f64>,
    started_at: Option<Micros>,
    completed_at: Option<Micros>,
    created_at: Micros,
}

impl From<Task> for WholeTask {
    fn from(mut task: Task) -> Self {
        let texts = |list: &[homelab_core::ccpm::TaskStatus]| {
            list.iter().map(|one| one.as_str().to_owned()).collect()
        };
        Self {
            description: Some(std::mem::take(&mut task.description))
                .filter(|text| !text.is_empty()),
            acceptance_criteria: some(std::mem::take(&mut task.acceptance_criteria)),
            reporter_id: task.reporter_id.take().map(|id| id.0),
            parent_id: task.parent_id.take().map(|id| id.0),
            depends_on: some(task.depends_on.iter().map(|id| id.0.clone()).collect()),
            status_reason: task.status_reason.take(),
            allowed_transitions: some(texts(&task.allowed_transitions)),
            estimate_hours: task.estimate_hours,
            started_at: task.started_at,
            completed_at: task.completed_at,
            created_at: task.created_at,
            row: task.into(),
        }
    }
}

/// One task under its name.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneTask {
    pub(crate) task: WholeTask,
}

/// A completion report.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReportRow {
    id: String,
    task_id: String,
    submitted_by_id: String,
    created_at: Micros,
    report: CompletionReportBody,
    review_status: String,
    review_note: Option<String>,
}

impl From<CompletionReport> for ReportRow {
    fn from(report: CompletionReport) -> Self {
        Self {
            id: report.id.0,
            task_id: report.task_id.0,
            submitted_by_id: report.submitted_by_id.0,
            created_at: report.created_at,
            report: report.report,
            review_status: report.review_status.as_str().to_owned(),
            review_note: report.review_note,
        }
    }
}

/// A sprint.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SprintRow {
    id: String,
    name: String,
    goal: Option<String>,
    status: String,
    starts_on: Option<String>,
    ends_on: Option<String>,
    /// Tasks by status.
    task_counts: Option<BTreeMap<String, u64>>,
    progress_percent: Option<f64>,
    started_at: Option<Micros>,
    completed_at: Option<Micros>,
    version: i64,
}

impl From<Sprint> for SprintRow {
    fn from(sprint: Sprint) -> Self {
        Self {
            id: sprint.id.0,
            name: sprint.name,
            goal: sprint.goal,
            status: sprint.status.as_str().to_owned(),
            starts_on: sprint.starts_on.map(|day| day.to_string()),
            ends_on: sprint.ends_on.map(|day| day.to_string()),
            task_counts: Some(sprint.task_counts).filter(|counts| !counts.is_empty()),
            progress_percent: sprint.progress_percent,
            started_at: sprint.started_at,
            completed_at: sprint.completed_at,
            version: sprint.version,
        }
    }
}

/// A session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionRow {
    /// Pass this as `report_id`.
    id: String,
    agent_id: String,
    agent_tag: Option<String>,
    status: String,
    trigger_type: String,
    summary: Option<String>,
    task_ids: Option<Vec<String>>,
    previous_report_id: Option<String>,
    context_count: Option<u64>,
    metrics: Option<SessionMetrics>,
    next_steps: Option<Vec<String>>,
    started_at: Micros,
    completed_at: Option<Micros>,
}

impl From<SessionReport> for SessionRow {
    fn from(session: SessionReport) -> Self {
        Self {
            id: session.id.0,
            agent_id: session.agent_id.0,
            agent_tag: session.agent_tag,
            status: session.status.as_str().to_owned(),
            trigger_type: session.trigger_type.as_str().to_owned(),
            summary: session.summary,
            task_ids: some(session.task_ids.into_iter().map(|id| id.0).collect()),
            previous_report_id: session.previous_report_id.map(|id| id.0),
            context_count: session.context_count,
            metrics: session.metrics,
            next_steps: some(session.next_steps),
            started_at: session.started_at,
            completed_at: session.completed_at,
        }
    }
}

/// A context item.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ContextRow {
    context_type: String,
    context_key: String,
    value: Value,
    importance: String,
    updated_at: Micros,
}

impl From<ContextItem> for ContextRow {
    fn from(item: ContextItem) -> Self {
        Self {
            context_type: item.context_type.as_str().to_owned(),
            context_key: item.context_key,
            value: item.value,
            importance: item.importance.as_str().to_owned(),
            updated_at: item.updated_at,
        }
    }
}

/// What an agent needs to go on.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Resume {
    agent_id: String,
    /// Whether there is an earlier session; a first start is no error.
    found: bool,
    report: Option<SessionRow>,
    next_steps: Vec<String>,
    open_blockers: Vec<ContextRow>,
    /// Context items by type: those that matter most first.
    context: BTreeMap<String, Vec<ContextRow>>,
    open_tasks: Vec<TaskRow>,
    /// Whether there is more than is shown.
    truncated: bool,
}

impl From<ResumeContext> for Resume {
    fn from(resume: ResumeContext) -> Self {
        let rows = |items: Vec<ContextItem>| items.into_iter().map(ContextRow::from).collect();
        Self {
            agent_id: resume.agent_id.0,
            found: resume.found,
            report: resume.report.map(SessionRow::from),
            next_steps: resume.next_steps,
            open_blockers: rows(resume.open_blockers),
            context: resume
                .context
                .into_iter()
                .map(|(kind, items)| (kind, rows(items)))
                .collect(),
            open_tasks: resume.open_tasks.into_iter().map(TaskRow::from).collect(),
            truncated: resume.truncated,
        }
    }
}

/// The tasks of one status.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Column {
    pub(crate) status: String,
    pub(crate) count: u64,
    pub(crate) tasks: Vec<TaskRow>,
}

/// Tasks side by side by their status.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BoardView {
    pub(crate) sprint: Option<SprintRow>,
    pub(crate) columns: Option<Vec<Column>>,
    /// Open tasks by the name of who does them.
    pub(crate) open_by_assignee: Option<BTreeMap<String, u64>>,
    /// The board as a Markdown table, if asked for.
    pub(crate) markdown: Option<String>,
}

impl BoardView {
    pub(crate) fn columns(board: Board) -> Self {
        let columns = board.columns.into_iter().map(|column| Column {
            status: column.status.as_str().to_owned(),
            count: column.count,
            tasks: column.tasks.into_iter().map(TaskRow::from).collect(),
        });
        Self {
            sprint: board.sprint.map(SprintRow::from),
            columns: Some(columns.collect()),
            open_by_assignee: Some(board.open_by_assignee),
            markdown: None,
        }
    }
}

/// The list, unless there is nothing in it.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
