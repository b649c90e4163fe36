//! Moving tasks, and taking the next one.

use homelab_core::ccpm::rules::{check_transition, synonym};
use homelab_core::ccpm::{
    AgentId, AgentStatus, CcpmCode, CcpmError, CcpmResult, MessagePriority, Task, TaskEventKind,
    TaskId, TaskStatus, TaskStatusUpdate,
};
use homelab_core::store::{TaskQuery, Wanted};

use crate::api::{Actor, Call, Done};
use crate::messages::Letter;
use crate::service::Service;
use crate::work::{Work, begin};
use crate::{check, resolve};

/// Whether somebody may move a task: who does it, who asked for it, and administrators.
pub(crate) fn may_move(actor: &Actor, task: &Task) -> bool {
    let is = |id: &Option<AgentId>| id.is_some() && *id == actor.agent;
    actor.is_admin || is(&task.assignee_id) || is(&task.reporter_id)
}

pub(crate) fn not_yours(task: &Task) -> CcpmError {
    let key = &task.key;
    CcpmError::new(
        CcpmCode::Forbidden,
        format!("`{key}` is moved by who does it or asked for it"),
    )
    .hint("ask them, or leave a comment")
}

fn taken(task: &Task) -> CcpmError {
    let (key, name) = (
        &task.key,
        task.assignee_name.as_deref().unwrap_or("somebody"),
    );
    CcpmError::new(CcpmCode::Conflict, format!("`{key}` is done by `{name}`"))
        .hint("take another task")
        .detail("assignee", name)
}

impl Work<'_> {
    /// Moves a task where the rules let it go, and tells who asked for it.
    pub(crate) async fn move_task(
        &mut self,
        task: &mut Task,
        to: TaskStatus,
        reason: Option<&str>,
    ) -> CcpmResult<()> {
        let from = task.status;
        if from == to {
            return Ok(());
        }
        check_transition(from, to, reason, self.service.review())?;
        if to == TaskStatus::InProgress {
            self.refuse_blocked(task).await?;
            if task.assignee_id.is_none() {
                let me = self.me().await?;
                self.assign(task, Some(&me)).await?;
            }
            task.started_at.get_or_insert(self.now);
        }
        task.completed_at = (to == TaskStatus::Done).then_some(self.now);
        task.status = to;
        task.status_reason = reason.map(str::to_owned);
        self.save_task(task).await?;
        let change = [Some(from.to_string()), Some(to.to_string())];
        self.note(
            task,
            TaskEventKind::Status,
            change,
            reason.map(str::to_owned),
        )
        .await?;
        self.tell_reporter(task).await
    }

    /// Work begins when everything that it needs is done.
    async fn refuse_blocked(&mut self, task: &Task) -> CcpmResult<()> {
        let statuses = self.rows.task_statuses(&task.depends_on).await?;
        let open: Vec<&TaskId> = task
            .depends_on
            .iter()
            .filter(|id| {
                statuses
                    .get(*id)
                    .is_some_and(|status| *status != TaskStatus::Done)
            })
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let key = &task.key;
        Err(CcpmError::new(
            CcpmCode::Conflict,
            format!("`{key}` depends on tasks that are not done"),
        )
        .hint("do those first; `blocked_by` lists them")
        .detail("blocked_by", open))
    }

    /// Whoever asked for a task learns that it is blocked or done.
    async fn tell_reporter(&mut self, task: &Task) -> CcpmResult<()> {
        let priority = match task.status {
            TaskStatus::Blocked => MessagePriority::High,
            TaskStatus::Done => MessagePriority::Normal,
            _ => return Ok(()),
        };
        let Some(reporter) = &task.reporter_id else {
            return Ok(());
        };
        if self.actor.agent.as_ref() == Some(reporter) {
            return Ok(());
        }
        let Some(reporter) = self.rows.agent(reporter).await? else {
            return Ok(());
        };
        if reporter.status == AgentStatus::Disabled {
            return Ok(());
        }
        let from = match self.actor.agent {
            Some(_) => Some(self.me().await?),
            None => None,
        };
        let (key, title, status) = (&task.key, &task.title, task.status);
        let body = match &task.status_reason {
            Some(reason) => format!("{title}\n\n{reason}"),
            None => title.clone(),
        };
        let letter = Letter {
            task: Some(task.id.clone()),
            ..Letter::notice(&format!("{key} is {status}"), body, priority)
        };
        self.post(from.as_ref(), &reporter, &letter).await.map(drop)
    }
}

impl Service {
    pub(crate) async fn task_moved(
        &self,
        call: &Call,
        task: &str,
        update: TaskStatusUpdate,
    ) -> CcpmResult<Done<Task>> {
        let to = synonym(update.status)?;
        check::optional("reason", update.reason.as_deref(), 2_000)?;
        let mut work = begin!(self, call, "set_task_status", task, &update);
        let mut task = resolve::task(&mut *work.rows, task).await?.value;
        check::version(task.version, &[update.expected_version])?;
        if !may_move(&call.actor, &task) {
            let is_claim = to == TaskStatus::InProgress;
            match &task.assignee_id {
                Some(_) if is_claim => return Err(taken(&task)),
                None if is_claim && call.actor.agent.is_some() => {}
                _ => return Err(not_yours(&task)),
            }
        }
        work.move_task(&mut task, to, update.reason.as_deref())
            .await?;
        let task = self.seen_one(&mut *work.rows, task).await?;
        work.finish(Done::changed(task)).await
    }

    pub(crate) async fn task_claimed(
        &self,
        call: &Call,
        sprint: Option<&str>,
    ) -> CcpmResult<Done<Option<Task>>> {
        let mut work = begin!(self, call, "claim_next_task", "", &sprint);
        work.me().await?;
        let sprint = match sprint {
            None => None,
            Some(text) => Some(resolve::sprint(&mut *work.rows, text).await?.id),
        };
        let query = TaskQuery {
            sprint: sprint.as_ref().map_or(Wanted::Any, Wanted::This),
            assignee: Wanted::Nothing,
            statuses: &[TaskStatus::Todo],
            ready: Some(true),
            limit: 1,
            ..TaskQuery::default()
        };
        let Some(found) = work.rows.tasks(&query).await?.pop() else {
            return work.finish(Done::changed(None)).await;
        };
        let mut task = found.value;
        work.move_task(&mut task, TaskStatus::InProgress, None)
            .await?;
        let task = self.seen_one(&mut *work.rows, task).await?;
        work.finish(Done::changed(Some(task))).await
    }
}
