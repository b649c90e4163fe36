//! The contract's operations at another service, one method for each path. What has no path there
//! is made of what has one.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use homelab_ccpm::{Call, Ccpm, Done, Health};
use homelab_core::ccpm::{
    Agent, AgentCreate, AgentFilter, AgentPatch, Board, BoardColumn, CcpmCode, CcpmError,
    CcpmResult, CompletionReport, CompletionReportCreate, CompletionReview, ContextFilter,
    ContextItem, ContextItemCreate, InboxFilter, Listing, Message, MessageComplete, MessageCreate,
    MessageFilter, Paging, Recipients, ResumeContext, SessionComplete, SessionFilter,
    SessionReport, SessionReportCreate, Sprint, SprintCreate, SprintFilter, SprintPatch, Task,
    TaskCreate, TaskEvent, TaskFilter, TaskPatch, TaskStatus, TaskStatusUpdate,
};
use homelab_upstream::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Api::{Messaging, Tasks};
use crate::client::{Ask, LOOK, Remote};
use crate::faults::not_offered;
use crate::wire::{self, AGENT, CONTEXT, EVENT, MESSAGE, REPORT, SESSION, SPRINT, TASK};

/// Tasks that are tried before a claim gives up: others may be faster each time.
const CLAIMS: u32 = 10;
/// Tasks of a board that are counted.
const MOST_ON_BOARD: usize = 2_000;

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
        mut new: MessageCreate,
    ) -> CcpmResult<Done<Listing<Message>>> {
        new.to = match new.to {
            Recipients::One(all) if all == Recipients::ALL => {
                // The token's right to write to everybody is not the caller's.
                if !call.actor.may_broadcast {
                    return Err(CcpmError::new(
                        CcpmCode::Forbidden,
                        "you may not write to everybody",
                    )
                    .hint("name the recipients"));
                }
                Recipients::One(all)
            }
            Recipients::One(name) => Recipients::One(self.agent_id(call, &name).await?),
            Recipients::Many(names) => Recipients::Many(self.all_of(call, names).await?),
        };
        let ask = Ask::new(Messaging, "send_message", Method::POST, "/messages").body(&new)?;
        self.ask(call, ask)
            .await?
            .done(|body| wire::list(body, &MESSAGE))
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
        let until = Instant::now() + timeout;
        loop {
            let filter = InboxFilter::default();
            let inbox = self.inbox(call, agent, &filter, &Paging::first(1)).await?;
            let left = until.saturating_duration_since(Instant::now());
            if let Some(message) = inbox.data.into_iter().next() {
                return Ok(Some(message));
            }
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
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
        let filter = TaskFilter {
            sprint_id: sprint.map(str::to_owned),
            status: vec![TaskStatus::Todo],
            assignee: Some("none".to_owned()),
            ready: Some(true),
            ..TaskFilter::default()
        };
        let ready = self
            .list_tasks(call, &filter, &Paging::first(CLAIMS))
            .await?;
        for task in ready.data {
            // A service that does not know the filter answers with more.
            if task.status != TaskStatus::Todo || task.assignee_id.is_some() {
                continue;
            }
            let begin = TaskStatusUpdate {
                status: TaskStatus::InProgress,
                reason: None,
                expected_version: Some(task.version).filter(|version| *version > 0),
            };
            match self.set_task_status(call, task.id.as_str(), begin).await {
                Ok(done) => return Ok(Done::changed(Some(done.value))),
                // Somebody was faster.
                Err(error) if error.status() == 409 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Done::changed(None))
    }

    async fn board(&self, call: &Call, sprint: &str, per_column: u32) -> CcpmResult<Board> {
        let shown = match sprint {
            "none" => None,
            "active" => Some(self.active_sprint(call).await?.ok_or_else(|| {
                CcpmError::new(CcpmCode::NotFound, "no sprint is active")
                    .hint("see `ccpm_list_sprints`, or ask for `none`")
            })?),
            id => Some(self.sprint(call, id).await?),
        };
        let filter = TaskFilter {
            sprint_id: Some(match &shown {
                Some(sprint) => sprint.id.0.clone(),
                None => "none".to_owned(),
            }),
            ..TaskFilter::default()
        };
        let mut tasks: Vec<Task> = Vec::new();
        let mut page = Paging::first(200);
        loop {
            let next = self.list_tasks(call, &filter, &page).await?;
            let is_empty = next.data.is_empty();
            tasks.extend(next.data);
            match next.page.next_cursor {
                Some(cursor) if !is_empty && tasks.len() < MOST_ON_BOARD => {
                    page.cursor = Some(cursor);
                }
                _ => break,
            }
        }
        Ok(arranged(shown, tasks, per_column))
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
        let id = self.agent_id(call, agent).await?;
        let query = json!({ "agent_id": id, "max_items": max_items });
        let ask = Ask::get(Messaging, "resume_context", "/session-reports/resume").query(&query);
        let answer = match self.ask(call, ask).await {
            Ok(answer) => answer.body,
            // An older service knows no first start.
            Err(error) if error.code() == CcpmCode::NotFound => Value::Null,
            Err(error) => return Err(error),
        };
        resume(answer, &id)
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

impl Remote {
    /// The ids of all of them; what is unknown is told at once, before anything is sent.
    async fn all_of(&self, call: &Call, names: Vec<String>) -> CcpmResult<Vec<String>> {
        let (mut ids, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match self.agent_id(call, &name).await {
                Ok(id) => ids.push(id),
                Err(error) if error.code() == CcpmCode::AgentNotFound => unknown.push(name),
                Err(error) => return Err(error),
            }
        }
        if unknown.is_empty() {
            return Ok(ids);
        }
        let names = unknown.join("`, `");
        Err(CcpmError::new(
            CcpmCode::AgentNotFound,
            format!("there is no agent `{names}`, so nothing was sent"),
        )
        .hint("call `ccpm_list_agents` to see who is there")
        .detail("unknown", unknown))
    }
}

/// Tasks side by side by their status.
fn arranged(sprint: Option<Sprint>, tasks: Vec<Task>, per_column: u32) -> Board {
    let mut open_by_assignee: BTreeMap<String, u64> = BTreeMap::new();
    let mut columns: Vec<BoardColumn> = TaskStatus::ALL
        .iter()
        .map(|status| BoardColumn {
            status: *status,
            count: 0,
            tasks: Vec::new(),
        })
        .collect();
    for task in tasks {
        let is_open = !matches!(task.status, TaskStatus::Done | TaskStatus::Cancelled);
        if is_open {
            let who = task.assignee_name.clone();
            let who = who.or_else(|| task.assignee_id.as_ref().map(|id| id.0.clone()));
            *open_by_assignee
                .entry(who.unwrap_or_else(|| "none".to_owned()))
                .or_default() += 1;
        }
        let at = columns
            .iter()
            .position(|column| column.status == task.status);
        let at = at.unwrap_or_else(|| {
            columns.push(BoardColumn {
                status: task.status,
                count: 0,
                tasks: Vec::new(),
            });
            columns.len() - 1
        });
        columns[at].count += 1;
        if columns[at].tasks.len() < per_column as usize {
            columns[at].tasks.push(task);
        }
    }
    Board {
        sprint,
        columns,
        open_by_assignee,
    }
}

/// What an agent needs to go on, each of its records read as tolerantly as when it comes alone.
fn resume(body: Value, agent: &str) -> CcpmResult<ResumeContext> {
    let Value::Object(mut members) = body else {
        return Ok(ResumeContext {
            agent_id: homelab_core::ccpm::AgentId::new(agent),
            ..ResumeContext::default()
        });
    };
    let mut rows = |name: &str| match members.remove(name) {
        Some(Value::Array(rows)) => rows,
        _ => Vec::new(),
    };
    let open_blockers = wire::list(Value::Array(rows("open_blockers")), &CONTEXT)?.data;
    let open_tasks = wire::list(Value::Array(rows("open_tasks")), &TASK)?.data;
    let next_steps = rows("next_steps")
        .into_iter()
        .filter_map(|step| step.as_str().map(str::to_owned))
        .collect();
    let mut context = BTreeMap::new();
    if let Some(Value::Object(by_type)) = members.remove("context") {
        for (kind, items) in by_type {
            context.insert(kind, wire::list(items, &CONTEXT)?.data);
        }
    }
    let report: Option<SessionReport> = match members.remove("report") {
        Some(report @ Value::Object(_)) => Some(wire::read(report, &SESSION)?),
        _ => None,
    };
    let flag = |name: &str| members.get(name).and_then(Value::as_bool);
    Ok(ResumeContext {
        agent_id: homelab_core::ccpm::AgentId::new(agent),
        found: flag("found").unwrap_or(report.is_some()),
        report,
        next_steps,
        open_blockers,
        context,
        open_tasks,
        unread_messages: members
            .get("unread_messages")
            .and_then(Value::as_u64)
            .unwrap_or_default(),
        truncated: flag("truncated").unwrap_or_default(),
    })
}
