//! [`Ccpm`] for [`Service`]: one line for each operation.

use std::time::Duration;

use async_trait::async_trait;
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentFilter, AgentPatch, Board, CcpmResult, CompletionReport,
    CompletionReportCreate, CompletionReview, ContextFilter, ContextItem, ContextItemCreate,
    InboxFilter, Listing, Message, MessageComplete, MessageCreate, MessageFilter, Paging,
    ResumeContext, SessionComplete, SessionFilter, SessionReport, SessionReportCreate, Sprint,
    SprintCreate, SprintFilter, SprintPatch, Task, TaskCreate, TaskEvent, TaskFilter, TaskPatch,
    TaskStatusUpdate,
};

use crate::api::{Call, Ccpm, Done, Health};
use crate::service::Service;

/// Writes down what callers are not told.
fn logged<T>(result: CcpmResult<T>) -> CcpmResult<T> {
    if let Err(error) = &result
        && let Some(cause) = error.cause()
    {
        tracing::error!(code = %error.code(), cause, "an operation of ccpm failed");
    }
    result
}

#[async_trait]
impl Ccpm for Service {
    async fn health(&self) -> CcpmResult<Health> {
        let works = logged(self.reading().await).is_ok();
        Ok(Health {
            status: if works { "ok" } else { "degraded" }.to_owned(),
            version: self.parts.version.clone(),
            mode: "embedded".to_owned(),
        })
    }

    async fn list_agents(
        &self,
        _: &Call,
        filter: &AgentFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Agent>> {
        logged(self.agents_listed(filter, page).await)
    }

    async fn register_agent(&self, call: &Call, new: AgentCreate) -> CcpmResult<Done<Agent>> {
        logged(self.agent_registered(call, new).await)
    }

    async fn agent(&self, call: &Call, agent: &str) -> CcpmResult<Agent> {
        logged(self.agent_read(call, agent).await)
    }

    async fn update_agent(
        &self,
        call: &Call,
        agent: &str,
        patch: AgentPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Agent>> {
        logged(self.agent_updated(call, agent, patch, if_match).await)
    }

    async fn heartbeat(&self, call: &Call, agent: &str) -> CcpmResult<Done<Agent>> {
        logged(self.agent_seen(call, agent).await)
    }

    async fn inbox(
        &self,
        call: &Call,
        agent: &str,
        filter: &InboxFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        logged(self.inbox_read(call, agent, filter, page).await)
    }

    async fn send_message(
        &self,
        call: &Call,
        new: MessageCreate,
    ) -> CcpmResult<Done<Listing<Message>>> {
        logged(self.message_sent(call, new).await)
    }

    async fn list_messages(
        &self,
        call: &Call,
        filter: &MessageFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        logged(self.messages_listed(call, filter, page).await)
    }

    async fn message(&self, call: &Call, message: &str) -> CcpmResult<Message> {
        logged(self.message_read(call, message).await)
    }

    async fn mark_read(&self, call: &Call, message: &str) -> CcpmResult<Done<Message>> {
        logged(self.message_marked(call, message).await)
    }

    async fn complete_message(
        &self,
        call: &Call,
        message: &str,
        with: MessageComplete,
    ) -> CcpmResult<Done<Message>> {
        logged(self.message_completed(call, message, with).await)
    }

    async fn cancel_message(&self, call: &Call, message: &str) -> CcpmResult<Done<Message>> {
        logged(self.message_cancelled(call, message).await)
    }

    async fn wait_for_message(
        &self,
        call: &Call,
        agent: &str,
        timeout: Duration,
    ) -> CcpmResult<Option<Message>> {
        logged(self.message_awaited(call, agent, timeout).await)
    }

    async fn list_tasks(
        &self,
        call: &Call,
        filter: &TaskFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Task>> {
        logged(self.tasks_listed(call, filter, page).await)
    }

    async fn create_task(&self, call: &Call, new: TaskCreate) -> CcpmResult<Done<Task>> {
        logged(self.task_created(call, new).await)
    }

    async fn task(&self, _: &Call, task: &str) -> CcpmResult<Task> {
        logged(self.task_read(task).await)
    }

    async fn update_task(
        &self,
        call: &Call,
        task: &str,
        patch: TaskPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Task>> {
        logged(self.task_updated(call, task, patch, if_match).await)
    }

    async fn set_task_status(
        &self,
        call: &Call,
        task: &str,
        to: TaskStatusUpdate,
    ) -> CcpmResult<Done<Task>> {
        logged(self.task_moved(call, task, to).await)
    }

    async fn list_task_events(
        &self,
        _: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<TaskEvent>> {
        logged(self.events_listed(task, page).await)
    }

    async fn comment_task(
        &self,
        call: &Call,
        task: &str,
        text: &str,
    ) -> CcpmResult<Done<TaskEvent>> {
        logged(self.task_commented(call, task, text).await)
    }

    async fn claim_next_task(
        &self,
        call: &Call,
        sprint: Option<&str>,
    ) -> CcpmResult<Done<Option<Task>>> {
        logged(self.task_claimed(call, sprint).await)
    }

    async fn board(&self, _: &Call, sprint: &str, per_column: u32) -> CcpmResult<Board> {
        logged(self.board_shown(sprint, per_column).await)
    }

    async fn submit_completion_report(
        &self,
        call: &Call,
        task: &str,
        new: CompletionReportCreate,
    ) -> CcpmResult<Done<CompletionReport>> {
        logged(self.report_submitted(call, task, new).await)
    }

    async fn list_completion_reports(
        &self,
        _: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<CompletionReport>> {
        logged(self.reports_listed(task, page).await)
    }

    async fn review_completion_report(
        &self,
        call: &Call,
        task: &str,
        report: &str,
        review: CompletionReview,
    ) -> CcpmResult<Done<CompletionReport>> {
        logged(self.report_reviewed(call, task, report, review).await)
    }

    async fn list_sprints(
        &self,
        _: &Call,
        filter: &SprintFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Sprint>> {
        logged(self.sprints_listed(filter, page).await)
    }

    async fn create_sprint(&self, call: &Call, new: SprintCreate) -> CcpmResult<Done<Sprint>> {
        logged(self.sprint_created(call, new).await)
    }

    async fn active_sprint(&self, _: &Call) -> CcpmResult<Option<Sprint>> {
        logged(self.sprint_active().await)
    }

    async fn sprint(&self, _: &Call, sprint: &str) -> CcpmResult<Sprint> {
        logged(self.sprint_read(sprint).await)
    }

    async fn update_sprint(
        &self,
        call: &Call,
        sprint: &str,
        patch: SprintPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Sprint>> {
        logged(self.sprint_updated(call, sprint, patch, if_match).await)
    }

    async fn list_session_reports(
        &self,
        call: &Call,
        filter: &SessionFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<SessionReport>> {
        logged(self.sessions_listed(call, filter, page).await)
    }

    async fn create_session_report(
        &self,
        call: &Call,
        new: SessionReportCreate,
    ) -> CcpmResult<Done<SessionReport>> {
        logged(self.session_created(call, new).await)
    }

    async fn resume_context(
        &self,
        call: &Call,
        agent: &str,
        max_items: u32,
    ) -> CcpmResult<ResumeContext> {
        logged(self.session_resumed(call, agent, max_items).await)
    }

    async fn session_report(&self, _: &Call, session: &str) -> CcpmResult<SessionReport> {
        logged(self.session_read(session).await)
    }

    async fn list_session_contexts(
        &self,
        _: &Call,
        session: &str,
        filter: &ContextFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<ContextItem>> {
        logged(self.contexts_listed(session, filter, page).await)
    }

    async fn log_session_context(
        &self,
        call: &Call,
        session: &str,
        new: ContextItemCreate,
    ) -> CcpmResult<Done<ContextItem>> {
        logged(self.context_logged(call, session, new).await)
    }

    async fn complete_session(
        &self,
        call: &Call,
        session: &str,
        with: SessionComplete,
    ) -> CcpmResult<Done<SessionReport>> {
        logged(self.session_completed(call, session, with).await)
    }
}
