//! Session reports: what an agent did, kept for the session after.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::choice::choice;
use super::{AgentId, ContextId, Metadata, SessionId, Task, TaskId};
use crate::clock::Micros;

choice! {
    /// How a session stands.
    SessionStatus {
        /// It goes on.
        Active = "active",
        /// It ended well.
        Completed = "completed",
        /// It did not.
        Failed = "failed",
        /// Nothing was heard of it for a day.
        Abandoned = "abandoned",
    }
}

choice! {
    /// What made a session begin.
    TriggerType {
        /// Somebody.
        Manual = "manual",
        /// The time.
        Scheduled = "scheduled",
        /// A message.
        Message = "message",
        /// A task.
        Task = "task",
        /// A call from outside.
        Webhook = "webhook",
        /// An earlier session.
        Resume = "resume",
        /// An alert.
        Alert = "alert",
        /// Anything else.
        Other = "other",
    }
}

choice! {
    /// What a context item tells.
    ContextType {
        /// What it is for.
        Goal = "goal",
        /// What was decided.
        Decision = "decision",
        /// What was found out.
        Finding = "finding",
        /// A file that matters.
        File = "file",
        /// A command that was run.
        Command = "command",
        /// What went wrong.
        Error = "error",
        /// What is in the way.
        Blocker = "blocker",
        /// What is left to do.
        Todo = "todo",
        /// What comes next.
        NextStep = "next_step",
        /// What goes over to somebody.
        Handoff = "handoff",
        /// Where to read more.
        Reference = "reference",
        /// How things stand.
        State = "state",
        /// Anything else.
        Note = "note",
    }
}

choice! {
    /// How much a context item matters.
    Importance {
        /// Little.
        Low = "low",
        /// As any.
        Normal = "normal",
        /// Much.
        High = "high",
    }
}

/// What a session cost and did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionMetrics {
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// Tasks that were done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_completed: Option<u64>,
    /// Tasks that could not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_failed: Option<u64>,
    /// Messages that were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_sent: Option<u64>,
    /// Messages that were dealt with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_completed: Option<u64>,
    /// Calls of tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
    /// Those of them that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_errors: Option<u64>,
    /// Tokens that the model read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_input: Option<u64>,
    /// Tokens that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_output: Option<u64>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Files that changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_changed: Option<u64>,
    /// Lines that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<u64>,
    /// Lines that went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_removed: Option<u64>,
    /// Anything else that was measured.
    #[serde(flatten)]
    pub more: Metadata,
}

/// A session of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionReport {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// A short mark of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_tag: Option<String>,
    /// How it stands.
    pub status: SessionStatus,
    /// What made it begin.
    pub trigger_type: TriggerType,
    /// What it is about, and afterwards what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Tasks that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub task_ids: Vec<TaskId>,
    /// The session before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_report_id: Option<SessionId>,
    /// Context items; counted when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_count: Option<u64>,
    /// What it cost and did; there when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SessionMetrics>,
    /// What comes next, as it was told at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_steps: Vec<String>,
    /// When it began.
    #[serde(default)]
    pub started_at: Micros,
    /// When it was heard of last.
    #[serde(default)]
    pub last_activity_at: Micros,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Micros>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Begins a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionReportCreate {
    /// Whose it is: id or name.
    #[schemars(length(min = 1, max = 64))]
    pub agent_id: String,
    /// A short mark of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub agent_tag: Option<String>,
    /// What made it begin; `manual` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_type: Option<TriggerType>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8000))]
    pub summary: Option<String>,
    /// Tasks that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub task_ids: Vec<TaskId>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Something worth keeping about a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContextItem {
    /// Its id.
    pub id: ContextId,
    /// The session.
    pub report_id: SessionId,
    /// What it tells.
    pub context_type: ContextType,
    /// Its name, unique in the session among those of its type.
    pub context_key: String,
    /// Any JSON, at most 64 KiB.
    pub value: Value,
    /// How much it matters.
    #[serde(default = "normal")]
    pub importance: Importance,
    /// Grows with each item that is written in the session.
    #[serde(default)]
    pub seq: i64,
    /// When it was first written.
    #[serde(default)]
    pub created_at: Micros,
    /// When it was last written.
    #[serde(default)]
    pub updated_at: Micros,
}

fn normal() -> Importance {
    Importance::Normal
}

/// Writes a context item, or replaces the one of its type and key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContextItemCreate {
    /// What it tells.
    pub context_type: ContextType,
    /// Its name.
    #[schemars(length(min = 1, max = 200))]
    pub context_key: String,
    /// Any JSON, at most 64 KiB.
    pub value: Value,
    /// How much it matters; `normal` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
}

/// Ends a session.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionComplete {
    /// What came of it.
    #[schemars(length(min = 1, max = 8000))]
    pub summary: String,
    /// `completed` (if absent) or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    /// What it cost and did; what is not given is filled in from what the service knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SessionMetrics>,
    /// What comes next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub next_steps: Vec<String>,
}

/// What an agent needs to go on where it left off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResumeContext {
    /// Whose it is.
    pub agent_id: AgentId,
    /// Whether there is an earlier session.
    pub found: bool,
    /// That session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<SessionReport>,
    /// What comes next.
    #[serde(default)]
    pub next_steps: Vec<String>,
    /// What is in the way.
    #[serde(default)]
    pub open_blockers: Vec<ContextItem>,
    /// Context items by type: those that matter most first, then newest first.
    #[serde(default)]
    pub context: BTreeMap<String, Vec<ContextItem>>,
    /// Its open tasks.
    #[serde(default)]
    pub open_tasks: Vec<Task>,
    /// Its unread messages.
    #[serde(default)]
    pub unread_messages: u64,
    /// Whether there is more than is shown.
    #[serde(default)]
    pub truncated: bool,
}

/// Which sessions to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionFilter {
    /// Of this agent: id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Stands so now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    /// Begun at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Micros>,
}

/// Which context items to list, in the order they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextFilter {
    /// Of this type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_type: Option<ContextType>,
}
