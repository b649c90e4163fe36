//! The contract's operations at another service, one method for each path.

use std::time::Duration;

use async_trait::async_trait;
use homelab_ccpm::{Call, Ccpm, Done, Health};
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentFilter, AgentPatch, Board, CcpmCode, CcpmError, CcpmResult,
    CompletionReport, CompletionReportCreate, CompletionReview, ContextFilter, ContextItem,
    ContextItemCreate, InboxFilter, Listing, Message, MessageComplete, MessageCreate,
    MessageFilter, Paging, ResumeContext, SessionComplete, SessionFilter, SessionReport,
    SessionReportCreate, Sprint, SprintCreate, SprintFilter, SprintPatch, Task, TaskCreate,
    TaskEvent, TaskFilter, TaskPatch, TaskStatusUpdate,
};
use homelab_upstream::Method;
use serde_json::Value;

use crate::client::Api::{Messaging, Tasks};
use crate::client::{Ask, Remote};
use crate::faults::not_offered;
use crate::wire::{AGENT, CONTEXT, EVENT, MESSAGE, REPORT, SESSION, SPRINT, TASK};

#[async_trait]
impl Ccpm for Remote {
    async fn health(&self) -> CcpmResult<Health> {
        let call = Call::default();
        let ask = Ask::get(Tasks, "health", "/health").shared();
        let body = self.ask(&call, ask).await?.body;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        Ok(Health {
            status: match text("status") {
                "ok" | "healthy" | "up" | "" => "ok".to_owned(),
                other => other.to_owned(),
            },
            version: text("version").to_owned(),
            mode: "remote".to_owned(),
        })
    }

    async fn list_agents(
        &self,
        call: &Call,
        filter: &AgentFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Agent>> {
        let ask = Ask::get(Messaging, "list_agents", "/agents")
            .query(filter)
            .query(page)
            .shared();
        match self.ask(call, ask).await {
            Ok(answer) => answer.list(&AGENT),
            // Who knows somebody can still name them while the service is away.
            Err(error) if error.status() >= 500 && page.cursor.is_none() => {
                let Ok(kept) = self.directory.agents(self).await else {
                    return Err(error);
                };
                let fits = |agent: &&Agent| {
                    filter.status.is_none_or(|status| agent.status == status)
                        && filter.kind.is_none_or(|kind| agent.kind == kind)
                };
                let rows = usize::try_from(page.rows()?).unwrap_or(usize::MAX);
                Ok(Listing::whole(
                    kept.iter().filter(fits).take(rows).cloned().collect(),
                ))
            }
            Err(error) => Err(error),
        }
    }

    async fn register_agent(&self, call: &Call, new: AgentCreate) -> CcpmResult<Done<Agent>> {
        let ask = Ask::new(Messaging, "register_agent", Method::POST, "/agents")
            .body(&new)?
            .shared();
        let done = self.ask(call, ask).await?.done_one(&AGENT);
        self.directory.outdate();
        done
    }

    async fn agent(&self, call: &Call, agent: &str) -> CcpmResult<Agent> {
        let id = self.agent_id(call, agent).await?;
        let ask = Ask::get(Messaging, "get_agent", "/agents/{}")
            .at(id)
            .shared();
        self.ask(call, ask).await?.one(&AGENT)
    }

    async fn update_agent(
        &self,
        call: &Call,
        agent: &str,
        patch: AgentPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Agent>> {
        let id = self.agent_id(call, agent).await?;
        let ask = Ask::new(Messaging, "update_agent", Method::PATCH, "/agents/{}").at(id);
        let answer = self.ask(call, ask.body(&patch)?.if_match(if_match)).await?;
        self.directory.outdate();
        answer.done_one(&AGENT)
    }

    async fn heartbeat(&self, call: &Call, agent: &str) -> CcpmResult<Done<Agent>> {
        let id = self.agent_id(call, agent).await?;
        let ask = Ask::new(Messaging, "heartbeat", Method::POST, "/agents/{}/heartbeat").at(id);
        self.ask(call, ask).await?.done_one(&AGENT)
    }

    async fn inbox(
        &self,
        call: &Call,
        agent: &str,
        filter: &InboxFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        let id = self.agent_id(call, agent).await?;
        let ask = Ask::get(Messaging, "inbox", "/agents/{}/inbox").at(id);
        let ask = ask.query(filter).query(page);
        self.ask(call, ask).await?.list(&MESSAGE)
    }

    async fn send_message(
        &self,
        call: &Call,
        new: MessageCreate,
    ) -> CcpmResult<Done<Listing<Message>>> {
        self.sent(call, new).await
    }

    async fn list_messages(
        &self,
        call: &Call,
        filter: &MessageFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Message>> {
        let ask = Ask::get(Messaging, "list_messages", "/messages")
            .query(filter)
            .query(page);
        self.ask(call, ask).await?.list(&MESSAGE)
    }

    async fn message(&self, call: &Call, message: &str) -> CcpmResult<Message> {
        let ask = Ask::get(Messaging, "get_message", "/messages/{}").at(message);
        self.ask(call, ask).await?.one(&MESSAGE)
    }

    async fn mark_read(&self, call: &Call, message: &str) -> CcpmResult<Done<Message>> {
        let ask = Ask::new(Messaging, "mark_read", Method::POST, "/messages/{}/read").at(message);
        self.ask(call, ask).await?.done_one(&MESSAGE)
    }

    async fn complete_message(
        &self,
        call: &Call,
        message: &str,
        with: MessageComplete,
    ) -> CcpmResult<Done<Message>> {
        let path = "/messages/{}/complete";
        let ask = Ask::new(Messaging, "complete_message", Method::POST, path).at(message);
        self.ask(call, ask.body(&with)?).await?.done_one(&MESSAGE)
    }

    async fn cancel_message(&self, _call: &Call, _message: &str) -> CcpmResult<Done<Message>> {
        Err(not_offered("take a message back"))
    }

    async fn wait_for_message(
        &self,
        call: &Call,
        agent: &str,
        timeout: Duration,
    ) -> CcpmResult<Option<Message>> {
        self.awaited(call, agent, timeout).await
    }

    async fn list_tasks(
        &self,
        call: &Call,
        filter: &TaskFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Task>> {
        let mut filter = filter.clone();
        if let Some(name) = filter.assignee.take() {
            filter.assignee = Some(match name.as_str() {
                "none" => name,
                name => self.agent_id(call, name).await?,
            });
        }
        let ask = Ask::get(Tasks, "list_tasks", "/tasks")
            .query(&filter)
            .query(page)
            .shared();
        self.ask(call, ask).await?.list(&TASK)
    }

    async fn create_task(&self, call: &Call, mut new: TaskCreate) -> CcpmResult<Done<Task>> {
        if let Some(name) = new.assignee.take() {
            new.assignee = Some(self.agent_id(call, &name).await?);
        }
        let ask = Ask::new(Tasks, "create_task", Method::POST, "/tasks").body(&new)?;
        self.ask(call, ask).await?.done_one(&TASK)
    }

    async fn task(&self, call: &Call, task: &str) -> CcpmResult<Task> {
        let ask = Ask::get(Tasks, "get_task", "/tasks/{}").at(task).shared();
        self.ask(call, ask).await?.one(&TASK)
    }

    async fn update_task(
        &self,
        call: &Call,
        task: &str,
        mut patch: TaskPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Task>> {
        if let Some(Some(name)) = &patch.assignee {
            patch.assignee = Some(Some(self.agent_id(call, name).await?));
        }
        let ask = Ask::new(Tasks, "update_task", Method::PATCH, "/tasks/{}").at(task);
        let ask = ask.body(&patch)?.if_match(if_match);
        self.ask(call, ask).await?.done_one(&TASK)
    }

    async fn set_task_status(
        &self,
        call: &Call,
        task: &str,
        to: TaskStatusUpdate,
    ) -> CcpmResult<Done<Task>> {
        let ask = Ask::new(Tasks, "set_task_status", Method::PUT, "/tasks/{}/status").at(task);
        self.ask(call, ask.body(&to)?).await?.done_one(&TASK)
    }

    async fn list_task_events(
        &self,
        call: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<TaskEvent>> {
        let ask = Ask::get(Tasks, "list_task_events", "/tasks/{}/events").at(task);
        self.ask(call, ask.query(page).shared()).await?.list(&EVENT)
    }

    async fn comment_task(
        &self,
        _call: &Call,
        _task: &str,
        _text: &str,
    ) -> CcpmResult<Done<TaskEvent>> {
        Err(not_offered("comment on a task"))
    }

    async fn claim_next_task(
        &self,
        call: &Call,
        sprint: Option<&str>,
    ) -> CcpmResult<Done<Option<Task>>> {
        self.claimed(call, sprint).await
    }

    async fn board(&self, call: &Call, sprint: &str, per_column: u32) -> CcpmResult<Board> {
        self.arranged(call, sprint, per_column).await
    }

    async fn submit_completion_report(
        &self,
        call: &Call,
        task: &str,
        mut new: CompletionReportCreate,
    ) -> CcpmResult<Done<CompletionReport>> {
        if let Some(name) = new.submitted_by.take() {
            new.submitted_by = Some(self.agent_id(call, &name).await?);
        }
        let path = "/tasks/{}/completion-report";
        let ask = Ask::new(Tasks, "submit_completion_report", Method::POST, path).at(task);
        self.ask(call, ask.body(&new)?).await?.done_one(&REPORT)
    }

    async fn list_completion_reports(
        &self,
        call: &Call,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<CompletionReport>> {
        let path = "/tasks/{}/completion-report";
        let ask = Ask::get(Tasks, "list_completion_reports", path).at(task);
        self.ask(call, ask.query(page).shared())
            .await?
            .list(&REPORT)
    }

    async fn review_completion_report(
        &self,
        call: &Call,
        task: &str,
        report: &str,
        review: CompletionReview,
    ) -> CcpmResult<Done<CompletionReport>> {
        let path = "/tasks/{}/completion-report/{}/review";
        let ask = Ask::new(Tasks, "review_completion_report", Method::POST, path);
        let ask = ask.at(task).at(report).body(&review)?;
        self.ask(call, ask).await?.done_one(&REPORT)
    }

    async fn list_sprints(
        &self,
        call: &Call,
        filter: &SprintFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Sprint>> {
        let ask = Ask::get(Tasks, "list_sprints", "/sprints")
            .query(filter)
            .query(page)
            .shared();
        self.ask(call, ask).await?.list(&SPRINT)
    }

    async fn create_sprint(&self, call: &Call, new: SprintCreate) -> CcpmResult<Done<Sprint>> {
        let ask = Ask::new(Tasks, "create_sprint", Method::POST, "/sprints").body(&new)?;
        self.ask(call, ask).await?.done_one(&SPRINT)
    }

    async fn active_sprint(&self, call: &Call) -> CcpmResult<Option<Sprint>> {
        let ask = Ask::get(Tasks, "active_sprint", "/sprints/active").shared();
        match self.ask(call, ask).await {
            Ok(answer) if answer.body.is_null() => Ok(None),
            Ok(answer) => answer.one(&SPRINT).map(Some),
            Err(error) if error.status() == 404 => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn sprint(&self, call: &Call, sprint: &str) -> CcpmResult<Sprint> {
        let ask = Ask::get(Tasks, "get_sprint", "/sprints/{}")
            .at(sprint)
            .shared();
        self.ask(call, ask).await?.one(&SPRINT)
    }

    async fn update_sprint(
        &self,
        call: &Call,
        sprint: &str,
        patch: SprintPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Sprint>> {
        let id = match sprint {
            "active" => match self.active_sprint(call).await? {
                Some(active) => active.id.0,
                None => return Err(CcpmError::new(CcpmCode::NotFound, "no sprint is active")),
            },
            id => id.to_owned(),
        };
        let ask = Ask::new(Tasks, "update_sprint", Method::PATCH, "/sprints/{}").at(id);
        let ask = ask.body(&patch)?.if_match(if_match);
        self.ask(call, ask).await?.done_one(&SPRINT)
    }

    async fn list_session_reports(
        &self,
        call: &Call,
        filter: &SessionFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<SessionReport>> {
        let mut filter = filter.clone();
        if let Some(name) = filter.agent_id.take() {
            filter.agent_id = Some(self.agent_id(call, &name).await?);
        }
        let ask = Ask::get(Messaging, "list_session_reports", "/session-reports");
        self.ask(call, ask.query(&filter).query(page))
            .await?
            .list(&SESSION)
    }

    async fn create_session_report(
        &self,
        call: &Call,
        mut new: SessionReportCreate,
    ) -> CcpmResult<Done<SessionReport>> {
        new.agent_id = self.agent_id(call, &new.agent_id).await?;
        let path = "/session-reports";
        let ask = Ask::new(Messaging, "create_session_report", Method::POST, path);
        self.ask(call, ask.body(&new)?).await?.done_one(&SESSION)
    }

    async fn resume_context(
        &self,
        call: &Call,
        agent: &str,
        max_items: u32,
    ) -> CcpmResult<ResumeContext> {
        self.resumed(call, agent, max_items).await
    }

    async fn session_report(&self, call: &Call, session: &str) -> CcpmResult<SessionReport> {
        let ask = Ask::get(Messaging, "get_session_report", "/session-reports/{}").at(session);
        self.ask(call, ask).await?.one(&SESSION)
    }

    async fn list_session_contexts(
        &self,
        call: &Call,
        session: &str,
        filter: &ContextFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<ContextItem>> {
        let path = "/session-reports/{}/contexts";
        let ask = Ask::get(Messaging, "list_session_contexts", path).at(session);
        self.ask(call, ask.query(filter).query(page))
            .await?
            .list(&CONTEXT)
    }

    async fn log_session_context(
        &self,
        call: &Call,
        session: &str,
        new: ContextItemCreate,
    ) -> CcpmResult<Done<ContextItem>> {
        let path = "/session-reports/{}/contexts";
        let ask = Ask::new(Messaging, "log_session_context", Method::POST, path).at(session);
        self.ask(call, ask.body(&new)?).await?.done_one(&CONTEXT)
    }

    async fn complete_session(
        &self,
        call: &Call,
        session: &str,
        with: SessionComplete,
    ) -> CcpmResult<Done<SessionReport>> {
        let path = "/session-reports/{}/complete";
        let ask = Ask::new(Messaging, "complete_session", Method::POST, path).at(session);
        self.ask(call, ask.body(&with)?).await?.done_one(&SESSION)
    }
}
