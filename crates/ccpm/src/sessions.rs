//! Sessions: beginning, ending, and what the next one needs to know.

use std::collections::BTreeMap;

use homelab_core::ccpm::rules::importance_rank;
use homelab_core::ccpm::{
    CcpmCode, CcpmError, CcpmResult, Choice as _, ContextItem, ContextType, Listing, Paging,
    ResumeContext, SessionComplete, SessionFilter, SessionId, SessionMetrics, SessionReport,
    SessionReportCreate, SessionStatus, TaskId, TaskStatus, TriggerType,
};
use homelab_core::clock::Micros;
use homelab_core::page::PageRequest;
use homelab_core::store::{
    Activity, AuditFilter, CcpmRows, Numbered, SessionQuery, TaskQuery, Wanted,
};
use serde_json::Value;

use crate::api::{Call, Done};
use crate::check::{self, cut};
use crate::resolve;
use crate::service::Service;
use crate::work::begin;

/// What its cursors are called.
const LIST: &str = "sessions";

/// Most context items of a session.
pub(crate) const ITEMS: u32 = 500;

/// Open tasks that are shown on resuming.
const TASKS: u32 = 50;

/// Statuses of a task that is not over.
const OPEN: [TaskStatus; 5] = [
    TaskStatus::InProgress,
    TaskStatus::Blocked,
    TaskStatus::InReview,
    TaskStatus::Todo,
    TaskStatus::Backlog,
];

/// The session of a path.
pub(crate) async fn find(rows: &mut dyn CcpmRows, text: &str) -> CcpmResult<SessionReport> {
    let found = match SessionId::parse(text) {
        Some(id) => rows.session(&id).await?,
        None => None,
    };
    found.ok_or_else(|| CcpmError::not_found("session report", &cut(text, 64)))
}

/// The error for a change of a session that has ended.
pub(crate) fn closed(session: &SessionReport) -> CcpmError {
    let status = session.status;
    CcpmError::new(
        CcpmCode::SessionClosed,
        format!("this session has ended: it is `{status}`"),
    )
    .hint("begin a new one")
    .detail("current", status)
}

impl Service {
    /// A session as it stands at a time.
    pub(crate) fn session_as_of(&self, mut session: SessionReport, now: Micros) -> SessionReport {
        let silent = now.earlier(self.settings().abandoned_after);
        if session.status == SessionStatus::Active && session.last_activity_at < silent {
            session.status = SessionStatus::Abandoned;
        }
        session
    }

    async fn session_seen(
        &self,
        rows: &mut dyn CcpmRows,
        session: SessionReport,
        now: Micros,
    ) -> CcpmResult<SessionReport> {
        let mut session = self.session_as_of(session, now);
        session.context_count = Some(rows.context_totals(&session.id).await?.count);
        Ok(session)
    }

    pub(crate) async fn sessions_listed(
        &self,
        call: &Call,
        filter: &SessionFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<SessionReport>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let status = filter.status.map(|one| one.known("status")).transpose()?;
        let now = self.now();
        let mut rows = self.reading().await?;
        let agent = match &filter.agent_id {
            None => None,
            Some(text) => Some(resolve::agent(&mut *rows, &call.actor, text).await?.id),
        };
        let query = SessionQuery {
            agent: agent.as_ref(),
            status,
            since: filter.since,
            abandoned_before: now.earlier(self.settings().abandoned_after),
            after,
            limit: limit + 1,
        };
        let found = rows.sessions(&query).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        let mut page = page.map(|Numbered { value, .. }| value);
        for session in &mut page.data {
            *session = self.session_seen(&mut *rows, session.clone(), now).await?;
        }
        Ok(page)
    }

    pub(crate) async fn session_read(&self, session: &str) -> CcpmResult<SessionReport> {
        let mut rows = self.reading().await?;
        let session = find(&mut *rows, session).await?;
        self.session_seen(&mut *rows, session, self.now()).await
    }

    pub(crate) async fn session_created(
        &self,
        call: &Call,
        new: SessionReportCreate,
    ) -> CcpmResult<Done<SessionReport>> {
        let trigger_type = new
            .trigger_type
            .unwrap_or(TriggerType::Manual)
            .known("trigger_type")?;
        check::optional("agent_tag", new.agent_tag.as_deref(), 32)?;
        check::optional("summary", new.summary.as_deref(), 8_000)?;
        check::metadata(&new.metadata)?;
        let task_ids = check::ids(
            "task_ids",
            new.task_ids.iter().map(TaskId::as_str),
            100,
            TaskId::parse,
        )?;
        let mut work = begin!(self, call, "create_session_report", "", &new);
        let agent = resolve::agent(&mut *work.rows, &call.actor, &new.agent_id).await?;
        resolve::own(&call.actor, &agent.id)?;
        let known = work.rows.task_statuses(&task_ids).await?;
        if let Some(absent) = task_ids.iter().find(|id| !known.contains_key(id)) {
            return Err(CcpmError::not_found("task", absent.as_str()).detail("field", "task_ids"));
        }
        let query = SessionQuery {
            agent: Some(&agent.id),
            limit: 1,
            ..SessionQuery::default()
        };
        let previous = work.rows.sessions(&query).await?.pop();
        let session = SessionReport {
            id: SessionId::new(self.id()),
            agent_id: agent.id,
            agent_tag: new.agent_tag.or(agent.tag),
            status: SessionStatus::Active,
            trigger_type,
            summary: new.summary,
            task_ids,
            previous_report_id: previous.map(|row| row.value.id),
            context_count: None,
            metrics: None,
            next_steps: Vec::new(),
            started_at: work.now,
            last_activity_at: work.now,
            completed_at: None,
            metadata: new.metadata,
        };
        work.save_session(&session).await?;
        work.finish(Done::created(SessionReport {
            context_count: Some(0),
            ..session
        }))
        .await
    }

    pub(crate) async fn session_completed(
        &self,
        call: &Call,
        session: &str,
        with: SessionComplete,
    ) -> CcpmResult<Done<SessionReport>> {
        check::text("summary", &with.summary, 8_000)?;
        check::list("next_steps", &with.next_steps, 50, 1_000)?;
        let status = with
            .status
            .unwrap_or(SessionStatus::Completed)
            .known("status")?;
        if !matches!(status, SessionStatus::Completed | SessionStatus::Failed) {
            return Err(CcpmError::invalid(
                "status",
                "a session ends as `completed` or `failed`",
            ));
        }
        let given = with.metrics.clone().unwrap_or_default();
        check_metrics(&given)?;
        // Asked before the transaction: the audit is another store.
        let calls = self.calls_of(call, session).await?;
        let mut work = begin!(self, call, "complete_session", session, &with);
        let session = find(&mut *work.rows, session).await?;
        resolve::own(&call.actor, &session.agent_id)?;
        let mut session = self.session_as_of(session, work.now);
        if session.status != SessionStatus::Active {
            let is_same = session.status == status
                && session.summary.as_ref() == Some(&with.summary)
                && session.next_steps == with.next_steps
                && is_part(&given, session.metrics.as_ref());
            if is_same {
                let session = self
                    .session_seen(&mut *work.rows, session, work.now)
                    .await?;
                return work.finish(Done::changed(session)).await;
            }
            return Err(closed(&session));
        }
        let activity = work
            .rows
            .activity(&session.agent_id, session.started_at, work.now)
            .await?;
        session.metrics = Some(filled(given, &session, activity, calls, work.now));
        session.status = status;
        session.summary = Some(with.summary);
        session.next_steps = with.next_steps;
        session.last_activity_at = work.now;
        session.completed_at = Some(work.now);
        work.save_session(&session).await?;
        let session = self
            .session_seen(&mut *work.rows, session, work.now)
            .await?;
        work.finish(Done::changed(session)).await
    }

    /// Calls of tools by the caller since the session began, if an audit is at hand.
    async fn calls_of(&self, call: &Call, session: &str) -> CcpmResult<Option<u64>> {
        let Some(audit) = &self.parts.audit else {
            return Ok(None);
        };
        let mut rows = self.reading().await?;
        let session = find(&mut *rows, session).await?;
        drop(rows);
        let filter = AuditFilter {
            user: Some(call.actor.principal.clone()),
            since: Some(session.started_at),
            ..AuditFilter::default()
        };
        let page = audit.show(&filter, &PageRequest::first(1)).await?;
        Ok(Some(page.total))
    }

    pub(crate) async fn session_resumed(
        &self,
        call: &Call,
        agent: &str,
        max_items: u32,
    ) -> CcpmResult<ResumeContext> {
        if !(1..=200).contains(&max_items) {
            return Err(CcpmError::invalid(
                "max_items",
                "`max_items` is a number from 1 to 200",
            ));
        }
        let now = self.now();
        let mut rows = self.reading().await?;
        let agent = resolve::agent(&mut *rows, &call.actor, agent).await?;
        resolve::own(&call.actor, &agent.id)?;
        let query = TaskQuery {
            assignee: Wanted::This(&agent.id),
            statuses: &OPEN,
            limit: TASKS + 1,
            ..TaskQuery::default()
        };
        let mut open_tasks: Vec<_> = rows
            .tasks(&query)
            .await?
            .into_iter()
            .map(|row| row.value)
            .collect();
        let mut resume = ResumeContext {
            truncated: open_tasks.len() > TASKS as usize,
            unread_messages: rows.unread(&agent.id, now).await?,
            agent_id: agent.id,
            ..ResumeContext::default()
        };
        open_tasks.truncate(TASKS as usize);
        self.seen(&mut *rows, &mut open_tasks).await?;
        resume.open_tasks = open_tasks;
        let query = SessionQuery {
            agent: Some(&resume.agent_id),
            limit: 1,
            ..SessionQuery::default()
        };
        let Some(latest) = rows.sessions(&query).await?.pop() else {
            return Ok(resume);
        };
        let latest = self.session_seen(&mut *rows, latest.value, now).await?;
        let items = rows.contexts(&latest.id, None, None, ITEMS).await?;
        drop(rows);
        gather(&mut resume, &latest.next_steps, items, max_items as usize);
        resume.found = true;
        resume.report = Some(latest);
        Ok(resume)
    }
}

/// Sorts what a session kept into what the next one needs.
fn gather(
    resume: &mut ResumeContext,
    told: &[String],
    mut items: Vec<ContextItem>,
    max_items: usize,
) {
    items.sort_by_key(|item| {
        (
            importance_rank(item.importance),
            std::cmp::Reverse(item.seq),
        )
    });
    resume.next_steps = told.to_vec();
    for context_type in [ContextType::NextStep, ContextType::Todo] {
        let of_type = items
            .iter()
            .filter(|item| item.context_type == context_type);
        for step in of_type.map(|item| plain(&item.value)) {
            if !resume.next_steps.contains(&step) {
                resume.next_steps.push(step);
            }
        }
    }
    if items.len() > max_items {
        items.truncate(max_items);
        resume.truncated = true;
    }
    resume.open_blockers = items
        .iter()
        .filter(|item| item.context_type == ContextType::Blocker)
        .cloned()
        .collect();
    let mut context: BTreeMap<String, Vec<ContextItem>> = BTreeMap::new();
    for item in items {
        let group = item.context_type.to_string();
        context.entry(group).or_default().push(item);
    }
    resume.context = context;
}

/// A value as a line of text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn check_metrics(metrics: &SessionMetrics) -> CcpmResult<()> {
    if metrics
        .cost_usd
        .is_some_and(|cost| !cost.is_finite() || cost < 0.0)
    {
        return Err(CcpmError::invalid(
            "metrics.cost_usd",
            "`metrics.cost_usd` is a number from 0",
        ));
    }
    check::metadata(&metrics.more)
}

/// What was given, and beside it what the service knows.
fn filled(
    mut metrics: SessionMetrics,
    session: &SessionReport,
    activity: Activity,
    calls: Option<u64>,
    now: Micros,
) -> SessionMetrics {
    let seconds = (now.0 - session.started_at.0) / 1_000_000;
    let seconds = u64::try_from(seconds).unwrap_or_default();
    metrics.duration_seconds.get_or_insert(seconds);
    metrics
        .tasks_completed
        .get_or_insert(activity.tasks_completed);
    metrics.messages_sent.get_or_insert(activity.messages_sent);
    metrics
        .messages_completed
        .get_or_insert(activity.messages_completed);
    metrics.tool_calls = metrics.tool_calls.or(calls);
    metrics
}

/// Whether everything that is given is what is kept.
fn is_part(given: &SessionMetrics, kept: Option<&SessionMetrics>) -> bool {
    let object = |metrics: &SessionMetrics| match serde_json::to_value(metrics) {
        Ok(Value::Object(members)) => members,
        _ => serde_json::Map::new(),
    };
    let kept = kept.map(object).unwrap_or_default();
    object(given)
        .iter()
        .all(|(name, value)| kept.get(name) == Some(value))
}
