//! What the contract has no path for, made of what has one; and what needs more than one request.

use std::collections::BTreeMap;
use std::time::Duration;

use homelab_ccpm::{Call, Ccpm as _, Done};
use homelab_core::ccpm::{
    AgentId, Board, BoardColumn, CcpmCode, CcpmError, CcpmResult, InboxFilter, Listing, Message,
    MessageCreate, Paging, Recipients, ResumeContext, SessionReport, Sprint, Task, TaskFilter,
    TaskStatus, TaskStatusUpdate,
};
use homelab_upstream::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Api::Messaging;
use crate::client::{Ask, LOOK, Remote};
use crate::wire::{self, CONTEXT, MESSAGE, SESSION, TASK};

/// Tasks that are tried before a claim gives up: others may be faster each time.
const CLAIMS: u32 = 10;
/// Tasks of a board that are counted.
const MOST_ON_BOARD: usize = 2_000;

impl Remote {
    pub(crate) async fn sent(
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

    pub(crate) async fn awaited(
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

    pub(crate) async fn claimed(
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

    pub(crate) async fn arranged(
        &self,
        call: &Call,
        sprint: &str,
        per_column: u32,
    ) -> CcpmResult<Board> {
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
        Ok(side_by_side(shown, tasks, per_column))
    }

    pub(crate) async fn resumed(
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
fn side_by_side(sprint: Option<Sprint>, tasks: Vec<Task>, per_column: u32) -> Board {
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
            agent_id: AgentId::new(agent),
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
        agent_id: AgentId::new(agent),
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
