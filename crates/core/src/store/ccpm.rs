//! Agents, messages, tasks, sprints and sessions as they are kept.
//!
//! One step of CCPM touches several kinds of rows (a task that is blocked makes an event and a
//! message), so here a transaction is a value: [`Ccpm::write`] begins one that no other one writes
//! beside, its rows are read and saved, and [`CcpmRows::commit`] keeps everything or, if it is
//! dropped instead, nothing. The rules are the service's.
//!
//! Rows are kept as they are given: what is counted or reckoned when something is read (unread
//! messages, open dependencies) is the service's to fill in. Lists are ordered by numbers and read
//! from behind the last row of the page before.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::StoreResult;
use crate::ccpm::{
    Agent, AgentId, AgentKind, AgentStatus, CompletionReport, ContextItem, ContextType, Message,
    MessageId, MessageStatus, ReportId, SessionId, SessionReport, SessionStatus, Sprint, SprintId,
    SprintStatus, Task, TaskEvent, TaskId, TaskSort, TaskStatus,
};
use crate::clock::Micros;

/// A row with its number, which rises with each row that is added to its table (for events, reports
/// and context items: of its task or session).
#[derive(Debug, Clone, PartialEq)]
pub struct Numbered<T> {
    /// The number.
    pub number: i64,
    /// The row.
    pub value: T,
}

/// Which agents to list, in the order they were registered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentQuery {
    /// Stands so, where an active one that was not seen since `offline_before` is offline.
    pub status: Option<AgentStatus>,
    /// Is this.
    pub kind: Option<AgentKind>,
    /// See `status`.
    pub offline_before: Micros,
    /// Number of the last one of the page before.
    pub after: Option<i64>,
    /// Most rows.
    pub limit: u32,
}

/// Which messages of an inbox to list: by rank, then by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxQuery<'a> {
    /// Whose inbox.
    pub to: &'a AgentId,
    /// Stand in one of these ways; what has expired by `now` is left out.
    pub statuses: &'a [MessageStatus],
    /// Of this rank alone.
    pub rank: Option<i64>,
    /// Sent at or after this time.
    pub since: Option<Micros>,
    /// The time.
    pub now: Micros,
    /// Rank and number of the last one of the page before.
    pub after: Option<[i64; 2]>,
    /// Most rows.
    pub limit: u32,
}

/// Which messages to list, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageQuery<'a> {
    /// Of this thread, oldest first; without it the list is newest first.
    pub thread: Option<&'a MessageId>,
    /// Sent by.
    pub from: Option<&'a AgentId>,
    /// Received by.
    pub to: Option<&'a AgentId>,
    /// Sent or received by.
    pub with: Option<&'a AgentId>,
    /// About this task.
    pub task: Option<&'a TaskId>,
    /// Stands so at `now`.
    pub status: Option<MessageStatus>,
    /// The time.
    pub now: Micros,
    /// Number of the last one of the page before.
    pub after: Option<i64>,
    /// Most rows.
    pub limit: u32,
}

/// Something or nothing, where "anything" is also a choice.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Wanted<'a, T> {
    /// Does not matter.
    #[default]
    Any,
    /// There must be none.
    Nothing,
    /// This one.
    This(&'a T),
}

impl<T> Clone for Wanted<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Wanted<'_, T> {}

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery<'a> {
    /// In this sprint.
    pub sprint: Wanted<'a, SprintId>,
    /// Done by.
    pub assignee: Wanted<'a, AgentId>,
    /// Stand in one of these ways; empty for any.
    pub statuses: &'a [TaskStatus],
    /// Of this rank.
    pub rank: Option<i64>,
    /// Has this label, without case.
    pub label: Option<&'a str>,
    /// Holds this text in key, title or description, without case.
    pub text: Option<&'a str>,
    /// Whether everything that it depends on is done.
    pub ready: Option<bool>,
    /// Ordered by.
    pub sort: TaskSort,
    /// Sort key and number of the last one of the page before; see [`sort_key`].
    pub after: Option<[i64; 2]>,
    /// Most rows.
    pub limit: u32,
}

impl Default for TaskQuery<'_> {
    fn default() -> Self {
        Self {
            sprint: Wanted::Any,
            assignee: Wanted::Any,
            statuses: &[],
            rank: None,
            label: None,
            text: None,
            ready: None,
            sort: TaskSort::Priority,
            after: None,
            limit: 50,
        }
    }
}

/// What a task is ordered by, before its number.
pub fn sort_key(task: &Task, sort: TaskSort) -> i64 {
    match sort {
        TaskSort::UpdatedAt => task.updated_at.0,
        TaskSort::CreatedAt => task.created_at.0,
        TaskSort::DueAt => task.due_at.map_or(i64::MAX, |due| due.0),
        TaskSort::Priority | TaskSort::Foreign(_) => crate::ccpm::rules::task_rank(task.priority),
    }
}

/// Which sessions to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionQuery<'a> {
    /// Of this agent.
    pub agent: Option<&'a AgentId>,
    /// Stands so, where an active one that was not heard of since `abandoned_before` is abandoned.
    pub status: Option<SessionStatus>,
    /// Begun at or after this time.
    pub since: Option<Micros>,
    /// See `status`.
    pub abandoned_before: Micros,
    /// Number of the last one of the page before.
    pub after: Option<i64>,
    /// Most rows.
    pub limit: u32,
}

/// The kept answer to a change with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Whose key, and for which operation on what.
    pub scope: String,
    /// The key.
    pub key: String,
    /// Digest of the request.
    pub digest: String,
    /// The answer as JSON.
    pub answer: String,
    /// When it was given.
    pub at: Micros,
}

/// What one agent did in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Tasks of its own that were done.
    pub tasks_completed: u64,
    /// Messages that it sent.
    pub messages_sent: u64,
    /// Messages that it dealt with.
    pub messages_completed: u64,
}

/// Begins transactions.
#[async_trait]
pub trait Ccpm: Send + Sync {
    /// One that reads, all of it as of one moment.
    async fn read(&self) -> StoreResult<Box<dyn CcpmRows>>;
    /// One that writes; no other one does until it ends.
    async fn write(&self) -> StoreResult<Box<dyn CcpmRows>>;
}

/// An open transaction.
#[async_trait]
pub trait CcpmRows:
    AgentRows + MessageRows + TaskRows + ReportRows + SprintRows + SessionRows + AnswerRows + Send
{
    /// Keeps everything that was saved, and tells other processes.
    async fn commit(self: Box<Self>) -> StoreResult<()>;
}

/// Agents.
#[async_trait]
pub trait AgentRows {
    /// By id.
    async fn agent(&mut self, id: &AgentId) -> StoreResult<Option<Agent>>;
    /// By name as it is compared ([`fold_name`](crate::ccpm::rules::fold_name)).
    async fn agent_named(&mut self, folded: &str) -> StoreResult<Option<Agent>>;
    /// The first two of this tag, without case.
    async fn agents_tagged(&mut self, tag: &str) -> StoreResult<Vec<Agent>>;
    /// In the order they were registered.
    async fn agents(&mut self, query: &AgentQuery) -> StoreResult<Vec<Numbered<Agent>>>;
    /// Names of the first thousand.
    async fn agent_names(&mut self) -> StoreResult<Vec<String>>;
    /// Adds or replaces one.
    async fn save_agent(&mut self, agent: &Agent) -> StoreResult<()>;
}

/// Messages.
#[async_trait]
pub trait MessageRows {
    /// By id.
    async fn message(&mut self, id: &MessageId) -> StoreResult<Option<Message>>;
    /// Those of an inbox.
    async fn inbox(&mut self, query: &InboxQuery<'_>) -> StoreResult<Vec<Numbered<Message>>>;
    /// Any.
    async fn messages(&mut self, query: &MessageQuery<'_>) -> StoreResult<Vec<Numbered<Message>>>;
    /// How many an agent has not read.
    async fn unread(&mut self, to: &AgentId, now: Micros) -> StoreResult<u64>;
    /// Those whose time has run out but that are not stored as expired; at most `limit`.
    async fn lapsed_messages(&mut self, now: Micros, limit: u32) -> StoreResult<Vec<Message>>;
    /// Adds or replaces one.
    async fn save_message(&mut self, message: &Message) -> StoreResult<()>;
    /// Removes what was dealt with, taken back or expired before a time; how many.
    async fn purge_messages(&mut self, before: Micros) -> StoreResult<u64>;
}

/// Tasks and what happened to them.
#[async_trait]
pub trait TaskRows {
    /// By id.
    async fn task(&mut self, id: &TaskId) -> StoreResult<Option<Numbered<Task>>>;
    /// By key, in its own case.
    async fn task_keyed(&mut self, key: &str) -> StoreResult<Option<Numbered<Task>>>;
    /// Any.
    async fn tasks(&mut self, query: &TaskQuery<'_>) -> StoreResult<Vec<Numbered<Task>>>;
    /// The number that the next new task will have.
    async fn next_task_number(&mut self) -> StoreResult<i64>;
    /// Adds or replaces one, with its dependencies.
    async fn save_task(&mut self, task: &Task) -> StoreResult<()>;
    /// How these tasks stand; those that are not there are left out.
    async fn task_statuses(&mut self, ids: &[TaskId]) -> StoreResult<BTreeMap<TaskId, TaskStatus>>;
    /// What these tasks depend on: task and dependency.
    async fn dependencies(&mut self, ids: &[TaskId]) -> StoreResult<Vec<(TaskId, TaskId)>>;
    /// Tasks by status: of a sprint, of none, or all.
    async fn task_counts(
        &mut self,
        sprint: Wanted<'_, SprintId>,
    ) -> StoreResult<BTreeMap<TaskStatus, u64>>;
    /// Open tasks by who does them (`None` for nobody): of a sprint, of none, or all.
    async fn open_by_assignee(
        &mut self,
        sprint: Wanted<'_, SprintId>,
    ) -> StoreResult<Vec<(Option<AgentId>, u64)>>;
    /// Adds what happened.
    async fn add_event(&mut self, event: &TaskEvent) -> StoreResult<()>;
    /// What happened to a task, oldest first.
    async fn events(
        &mut self,
        task: &TaskId,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<TaskEvent>>>;
    /// What an agent did from one time to another.
    async fn activity(
        &mut self,
        agent: &AgentId,
        since: Micros,
        until: Micros,
    ) -> StoreResult<Activity>;
}

/// Completion reports.
#[async_trait]
pub trait ReportRows {
    /// By id.
    async fn report(&mut self, id: &ReportId) -> StoreResult<Option<CompletionReport>>;
    /// Those of a task, oldest first.
    async fn reports(
        &mut self,
        task: &TaskId,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<CompletionReport>>>;
    /// Adds or replaces one.
    async fn save_report(&mut self, report: &CompletionReport) -> StoreResult<()>;
}

/// Sprints.
#[async_trait]
pub trait SprintRows {
    /// By id.
    async fn sprint(&mut self, id: &SprintId) -> StoreResult<Option<Sprint>>;
    /// The active one.
    async fn active_sprint(&mut self) -> StoreResult<Option<Sprint>>;
    /// Newest first.
    async fn sprints(
        &mut self,
        status: Option<SprintStatus>,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<Sprint>>>;
    /// Adds or replaces one; the table refuses a second active one.
    async fn save_sprint(&mut self, sprint: &Sprint) -> StoreResult<()>;
}

/// Sessions and their context items.
#[async_trait]
pub trait SessionRows {
    /// By id.
    async fn session(&mut self, id: &SessionId) -> StoreResult<Option<SessionReport>>;
    /// Newest first.
    async fn sessions(
        &mut self,
        query: &SessionQuery<'_>,
    ) -> StoreResult<Vec<Numbered<SessionReport>>>;
    /// Active ones that were last heard of before a time; at most `limit`.
    async fn stale_sessions(
        &mut self,
        before: Micros,
        limit: u32,
    ) -> StoreResult<Vec<SessionReport>>;
    /// Adds or replaces one.
    async fn save_session(&mut self, session: &SessionReport) -> StoreResult<()>;
    /// A context item by type and key.
    async fn context(
        &mut self,
        session: &SessionId,
        context_type: ContextType,
        key: &str,
    ) -> StoreResult<Option<ContextItem>>;
    /// Context items in the order they were written.
    async fn contexts(
        &mut self,
        session: &SessionId,
        context_type: Option<ContextType>,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<ContextItem>>;
    /// Number and size of the session's context items, and the highest `seq`.
    async fn context_totals(&mut self, session: &SessionId) -> StoreResult<ContextTotals>;
    /// Adds or replaces one; `bytes` is the size that counts.
    async fn save_context(&mut self, item: &ContextItem, bytes: u64) -> StoreResult<()>;
    /// Removes context items that were last written before a time; how many.
    async fn purge_contexts(&mut self, before: Micros) -> StoreResult<u64>;
}

/// What a session keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContextTotals {
    /// Items.
    pub count: u64,
    /// Their size.
    pub bytes: u64,
    /// The highest `seq`; 0 if there are none.
    pub last: i64,
}

/// Kept answers.
#[async_trait]
pub trait AnswerRows {
    /// The one to this key.
    async fn answer(&mut self, scope: &str, key: &str) -> StoreResult<Option<KeptAnswer>>;
    /// Keeps one, in place of an older one to the same key.
    async fn keep_answer(&mut self, answer: &KeptAnswer) -> StoreResult<()>;
    /// Forgets those that were given before a time; how many.
    async fn forget_answers(&mut self, before: Micros) -> StoreResult<u64>;
}
