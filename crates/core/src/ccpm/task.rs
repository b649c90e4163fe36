//! Tasks, and what happened to them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;
use super::optional::{clearable, commas};
use super::{AgentId, EventId, Metadata, Sprint, SprintId, TaskId};
use crate::clock::Micros;

choice! {
    /// How a task stands.
    TaskStatus {
        /// Not yet to be done.
        Backlog = "backlog",
        /// To be done.
        Todo = "todo",
        /// Somebody is at it.
        InProgress = "in_progress",
        /// Something is in its way.
        Blocked = "blocked",
        /// Done, to be looked at.
        InReview = "in_review",
        /// Done.
        Done = "done",
        /// Not to be done.
        Cancelled = "cancelled",
    }
}

choice! {
    /// How important a task is.
    TaskPriority {
        /// Last.
        Low = "low",
        /// As it comes.
        Medium = "medium",
        /// Before the others.
        High = "high",
        /// First of all.
        Critical = "critical",
    }
}

choice! {
    /// What a task is.
    TaskKind {
        /// Something new.
        Feature = "feature",
        /// Something wrong.
        Bug = "bug",
        /// Something that has to be done now and then.
        Chore = "chore",
        /// Something to find out.
        Research = "research",
        /// Something that happened.
        Incident = "incident",
        /// Something to look after.
        Maintenance = "maintenance",
    }
}

choice! {
    /// What tasks are ordered by.
    TaskSort {
        /// Most important first, then oldest first.
        Priority = "priority",
        /// Changed last first.
        UpdatedAt = "updated_at",
        /// Newest first.
        CreatedAt = "created_at",
        /// Due first; those without a time last.
        DueAt = "due_at",
    }
}

choice! {
    /// What happened to a task.
    TaskEventKind {
        /// It was made.
        Created = "created",
        /// It stands differently.
        Status = "status",
        /// It went to somebody.
        Assigned = "assigned",
        /// It was changed.
        Edited = "edited",
        /// A completion report came in or was reviewed.
        Report = "report",
        /// Somebody said something.
        Comment = "comment",
    }
}

/// Something that must hold before a task is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptanceCriterion {
    /// What.
    pub text: String,
    /// Whether it holds.
    #[serde(default)]
    pub met: bool,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its short name, such as `TASK-12`.
    #[serde(default)]
    pub key: String,
    /// What is to be done.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How it stands.
    pub status: TaskStatus,
    /// How important it is.
    pub priority: TaskPriority,
    /// What it is.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// The sprint that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sprint_id: Option<SprintId>,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_id: Option<AgentId>,
    /// Name of who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee_name: Option<String>,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporter_id: Option<AgentId>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TaskId>,
    /// Tasks that must be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// Those of them that are not done; looked up when it is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by_open: Vec<TaskId>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What must hold before it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<AcceptanceCriterion>,
    /// Why it stands so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Where it can go from here; told when it is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_transitions: Vec<TaskStatus>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_hours: Option<f64>,
    /// When it has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Micros>,
    /// When work on it began first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Micros>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Micros>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Micros,
    /// When it was last changed.
    #[serde(default)]
    pub updated_at: Micros,
    /// Grows by one with each change.
    #[serde(default)]
    pub version: i64,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Makes a task, in `todo` if it is in a sprint or has somebody to do it, else in `backlog`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskCreate {
    /// What is to be done.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub description: Option<String>,
    /// How important it is; `medium` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<TaskPriority>,
    /// What it is; `feature` if absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// The sprint that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sprint_id: Option<SprintId>,
    /// Who does it: name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub assignee: Option<String>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<TaskId>,
    /// Tasks that must be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub depends_on: Vec<TaskId>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub labels: Vec<String>,
    /// What must hold before it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub acceptance_criteria: Vec<String>,
    /// When it has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Micros>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Changes a task; absent fields stay, null clears.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskPatch {
    /// What is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub title: Option<String>,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub description: Option<String>,
    /// How important it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<TaskPriority>,
    /// What it is.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// The sprint that it is in.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<SprintId>")]
    pub sprint_id: Option<Option<SprintId>>,
    /// Who does it: name or id.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub assignee: Option<Option<String>>,
    /// Labels, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub labels: Option<Vec<String>>,
    /// Tasks that must be done before, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub depends_on: Option<Vec<TaskId>>,
    /// When it has to be done.
    #[serde(default, with = "clearable", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Micros>")]
    pub due_at: Option<Option<Micros>>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Moves a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskStatusUpdate {
    /// Where to; other services' words such as `started` are understood.
    pub status: TaskStatus,
    /// Why; needed for `blocked`, `cancelled` and for opening it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub reason: Option<String>,
    /// Only if it is still of this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
}

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskEvent {
    /// Its id.
    pub id: EventId,
    /// The task.
    pub task_id: TaskId,
    /// When.
    pub at: Micros,
    /// Who did it; absent for the service itself and for people without an agent.
    #[serde(default)]
    pub actor_id: Option<AgentId>,
    /// What.
    pub kind: TaskEventKind,
    /// What it was before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why, or what was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which tasks to list; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskFilter {
    /// In this sprint: id, `active` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sprint_id: Option<String>,
    /// Stands in one of these ways.
    #[serde(default, with = "commas", skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<TaskStatus>,
    /// Done by: id, name, `me` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// So important.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<TaskPriority>,
    /// Has this label, without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Has this text in key, title or description, without case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Whether everything that it depends on is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Ordered by; `priority` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<TaskSort>,
}

/// Tasks by status, for a page that shows them side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Board {
    /// The sprint that is shown; absent for all tasks without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sprint: Option<Sprint>,
    /// One for each status, in the contract's order.
    pub columns: Vec<BoardColumn>,
    /// Open tasks by the name of who does them.
    pub open_by_assignee: BTreeMap<String, u64>,
}

/// The tasks of one status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoardColumn {
    /// The status.
    pub status: TaskStatus,
    /// How many there are.
    pub count: u64,
    /// The first of them by priority.
    pub tasks: Vec<Task>,
}
