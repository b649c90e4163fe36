//! The contract's operations as one trait: [`Service`](crate::Service) here, an HTTP client
//! elsewhere.

use std::time::Duration;

use async_trait::async_trait;
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentFilter, AgentId, AgentPatch, Board, CcpmResult, CompletionReport,
    CompletionReportCreate, CompletionReview, ContextFilter, ContextItem, ContextItemCreate,
    InboxFilter, Listing, Message, MessageComplete, MessageCreate, MessageFilter, Paging,
    ResumeContext, SessionComplete, SessionFilter, SessionReport, SessionReportCreate, Sprint,
    SprintCreate, SprintFilter, SprintPatch, Task, TaskCreate, TaskEvent, TaskFilter, TaskPatch,
    TaskStatusUpdate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who asks. The caller knows: a gateway or backend maps its principals to agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The agent that acts; absent for a person or program without one.
    pub agent: Option<AgentId>,
    /// The principal behind it, such as the name of an API key; idempotency keys are its own.
    pub principal: String,
    /// May do everything for every agent.
    pub is_admin: bool,
    /// May send to `@all`.
    pub may_broadcast: bool,
}

/// One request: who asks, and how it may be repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Who asks.
    pub actor: Actor,
    /// A key of 8 to 128 characters for a change that may be sent twice: the second one is answered
    /// with the answer of the first.
    pub idempotency_key: Option<String>,
}

impl Call {
    /// A request without a key.
    pub fn by(actor: Actor) -> Self {
        Self {
            actor,
            idempotency_key: None,
        }
    }

    /// The same with a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done<T> {
    /// What became of it.
    pub value: T,
    /// Whether something new was made (HTTP 201) or not (200).
    pub created: bool,
    /// Whether this is the kept answer of an earlier request with the same key.
    #[serde(skip)]
    pub replayed: bool,
}

impl<T> Done<T> {
    /// Something new was made.
    pub fn created(value: T) -> Self {
        Self {
            value,
            created: true,
            replayed: false,
        }
    }

    /// Something was changed, or was so already.
    pub fn changed(value: T) -> Self {
        Self {
            value,
            created: false,
            replayed: false,
        }
    }
}

/// Whether the service works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok` or `degraded`.
    pub status: String,
    /// Version of the program.
    #[serde(default)]
    pub version: String,
    /// `embedded`.
    #[serde(default)]
    pub mode: String,
}

/// The contract's 33 operations, and some that it does not have a path for.
///
/// Agents are named by id or name in any case, and by `me`; tasks by id or key, sprints also by
/// `active`. Every change is one transaction. Errors are those of the contract.
#[async_trait]
pub trait Ccpm: Send + Sync {
    /// Whether the service works.
    async fn health(&self) -> CcpmResult<Health>;

    /// Agents by name.
    async fn list_agents(
        &self,
        call: &Call,
        filter: &AgentFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Agent>>;
    /// Registers an agent; one of the same name and type is returned as it is.
    async fn register_agent(&self, call: &Call, new: AgentCreate) -> CcpmResult<Done<Agent>>;
    /// One agent with its unread messages counted.
    async fn agent(&self, call: &Call, agent: &str) -> CcpmResult<Agent>;
    /// Changes an agent, if it is still of version `if_match`.
    async fn update_agent(
        &self,
        call: &Call,
        agent: &str,
        patch: AgentPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Agent>>;
    /// Notes that an agent is there.
    async fn heartbeat(&self, call: &Call, agent: &str) -> CcpmResult<Done<Agent>>;
    /// Messages of an agent: most urgent first, then oldest first.
    async fn inbox(
        &self,
        call: &Call,
        agent: &str,
        filter: &InboxFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>>;

    /// Sends to one, several or all; all of them get it, or none.
    async fn send_message(
        &self,
        call: &Call,
        new: MessageCreate,
    ) -> CcpmResult<Done<Listing<Message>>>;
    /// Messages newest first, those of one thread oldest first; only the caller's own unless it is an
    /// administrator.
    async fn list_messages(
        &self,
        call: &Call,
        filter: &MessageFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>>;
    /// One message.
    async fn message(&self, call: &Call, message: &str) -> CcpmResult<Message>;
    /// Marks a message as read.
    async fn mark_read(&self, call: &Call, message: &str) -> CcpmResult<Done<Message>>;
    /// Ends a message; an answer that its sender waits for is sent in the same transaction.
    async fn complete_message(
        &self,
        call: &Call,
        message: &str,
        with: MessageComplete,
    ) -> CcpmResult<Done<Message>>;
    /// Takes a message back that nobody has read. No path of the contract.
    async fn cancel_message(&self, call: &Call, message: &str) -> CcpmResult<Done<Message>>;
    /// The first unread message of an agent: one that is there, or the next one that comes within
    /// `timeout` (at most a minute). No path of the contract.
    async fn wait_for_message(
        &self,
        call: &Call,
        agent: &str,
        timeout: Duration,
    ) -> CcpmResult<Option<Message>>;

    /// Tasks.
    async fn list_tasks(
        &self,
        call: &Call,
        filter: &TaskFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Task>>;
    /// Makes a task.
    async fn create_task(&self, call: &Call, new: TaskCreate) -> CcpmResult<Done<Task>>;
    /// One task.
    async fn task(&self, call: &Call, task: &str) -> CcpmResult<Task>;
    /// Changes a task, if it is still of version `if_match`.
    async fn update_task(
        &self,
        call: &Call,
        task: &str,
        patch: TaskPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Task>>;
    /// Moves a task.
    async fn set_task_status(
        &self,
        call: &Call,
        task: &str,
        to: TaskStatusUpdate,
    ) -> CcpmResult<Done<Task>>;
    /// What happened to a task, oldest first.
    async fn list_task_events(
        &self,
        call: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<TaskEvent>>;
    /// Says something about a task. No path of the contract.
    async fn comment_task(
        &self,
        call: &Call,
        task: &str,
        text: &str,
    ) -> CcpmResult<Done<TaskEvent>>;
    /// Takes the most important task that is `todo`, ready and nobody's, and begins it; nothing if
    /// there is none. Two callers never get the same one. No path of the contract.
    async fn claim_next_task(
        &self,
        call: &Call,
        sprint: Option<&str>,
    ) -> CcpmResult<Done<Option<Task>>>;
    /// Tasks by status: those of a sprint (id, `active`, or `none`), with the first `per_column` of
    /// each. No path of the contract.
    async fn board(&self, call: &Call, sprint: &str, per_column: u32) -> CcpmResult<Board>;
    /// Reports that a task is done, and moves it.
    async fn submit_completion_report(
        &self,
        call: &Call,
        task: &str,
        new: CompletionReportCreate,
    ) -> CcpmResult<Done<CompletionReport>>;
    /// Reports of a task, oldest first.
    async fn list_completion_reports(
        &self,
        call: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<CompletionReport>>;
    /// Accepts or rejects a report, and moves the task.
    async fn review_completion_report(
        &self,
        call: &Call,
        task: &str,
        report: &str,
        review: CompletionReview,
    ) -> CcpmResult<Done<CompletionReport>>;

    /// Sprints, newest first.
    async fn list_sprints(
        &self,
        call: &Call,
        filter: &SprintFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Sprint>>;
    /// Plans a sprint.
    async fn create_sprint(&self, call: &Call, new: SprintCreate) -> CcpmResult<Done<Sprint>>;
    /// The active sprint, if there is one (HTTP: 404 if not).
    async fn active_sprint(&self, call: &Call) -> CcpmResult<Option<Sprint>>;
    /// One sprint.
    async fn sprint(&self, call: &Call, sprint: &str) -> CcpmResult<Sprint>;
    /// Changes, begins or ends a sprint, if it is still of version `if_match`.
    async fn update_sprint(
        &self,
        call: &Call,
        sprint: &str,
        patch: SprintPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Sprint>>;

    /// Sessions, newest first.
    async fn list_session_reports(
        &self,
        call: &Call,
        filter: &SessionFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<SessionReport>>;
    /// Begins a session.
    async fn create_session_report(
        &self,
        call: &Call,
        new: SessionReportCreate,
    ) -> CcpmResult<Done<SessionReport>>;
    /// What an agent needs to go on where it left off, with at most `max_items` (1 to 200) context
    /// items.
    async fn resume_context(
        &self,
        call: &Call,
        agent: &str,
        max_items: u32,
    ) -> CcpmResult<ResumeContext>;
    /// One session.
    async fn session_report(&self, call: &Call, session: &str) -> CcpmResult<SessionReport>;
    /// Context items of a session in the order they were written.
    async fn list_session_contexts(
        &self,
        call: &Call,
        session: &str,
        filter: &ContextFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<ContextItem>>;
    /// Writes a context item, or replaces the one of its type and key.
    async fn log_session_context(
        &self,
        call: &Call,
        session: &str,
        new: ContextItemCreate,
    ) -> CcpmResult<Done<ContextItem>>;
    /// Ends a session.
    async fn complete_session(
        &self,
        call: &Call,
        session: &str,
        with: SessionComplete,
    ) -> CcpmResult<Done<SessionReport>>;
}
