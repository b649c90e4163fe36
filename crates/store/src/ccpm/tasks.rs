//! Tasks, what they depend on, and what happened to them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use homelab_core::ccpm::rules::task_rank;
use homelab_core::ccpm::{AgentId, Choice, SprintId, Task, TaskEvent, TaskId, TaskStatus};
use homelab_core::clock::Micros;
use homelab_core::store::{Activity, Numbered, StoreResult, TaskQuery, TaskRows, Wanted};
use serde::Serialize;

use super::{Rows, body, choice, ids, numbered, task_list};
use crate::db::{Arg, Batch};
use crate::table::{Table, table};
use crate::text::{flat, tags_folded};

pub(crate) const TABLE: &Table = &table!(
    "ccpm_tasks", order "number",
    text "id", int "number", text "key", text "status", int "rank", text "sprint_id",
    text "assignee_id", int "due_at", int "created_at", int "updated_at", int "completed_at",
    text "labels", text "search_text", text "body",
);

pub(crate) const DEPENDENCIES: &Table = &table!(
    "ccpm_dependencies", order "task_id, depends_on",
    text "task_id", text "depends_on",
);

pub(crate) const EVENTS: &Table = &table!(
    "ccpm_task_events", order "task_id, number",
    text "id", text "task_id", int "number", text "body",
);

const ENTITY: &str = "ccpm_tasks";

const BY_ID: &str = "SELECT number, body FROM ccpm_tasks WHERE id = $1";

const BY_KEY: &str = "SELECT number, body FROM ccpm_tasks WHERE key = $1";

const NEXT: &str = "SELECT COALESCE(MAX(number), 0) + 1 AS next FROM ccpm_tasks";

const SAVE: &str = "INSERT INTO ccpm_tasks \
     (id, number, key, status, rank, sprint_id, assignee_id, due_at, created_at, updated_at, \
     completed_at, labels, search_text, body) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_tasks), \
     $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN $10 < 0 THEN NULL ELSE $10 END, $11, $12, $13) \
     ON CONFLICT (id) DO UPDATE SET status = excluded.status, rank = excluded.rank, \
     sprint_id = excluded.sprint_id, assignee_id = excluded.assignee_id, \
     due_at = excluded.due_at, updated_at = excluded.updated_at, \
     completed_at = excluded.completed_at, labels = excluded.labels, \
     search_text = excluded.search_text, body = excluded.body";

const FREE: &str = "DELETE FROM ccpm_dependencies WHERE task_id = $1";

const STATUSES: &str = "SELECT id, status FROM ccpm_tasks \
     WHERE id IN (SELECT value->>'id' FROM jsonb_each($1))";

const DEPEND_ON: &str = "SELECT task_id, depends_on FROM ccpm_dependencies \
     WHERE task_id IN (SELECT value->>'id' FROM jsonb_each($1)) ORDER BY task_id, depends_on";

const COUNTS: &str = "SELECT status, COUNT(*) AS tasks FROM ccpm_tasks GROUP BY status";

const COUNTS_OF_SPRINT: &str =
    "SELECT status, COUNT(*) AS tasks FROM ccpm_tasks WHERE sprint_id = $1 GROUP BY status";

const OPEN: &str = "SELECT assignee_id, COUNT(*) AS tasks FROM ccpm_tasks \
     WHERE status NOT IN ('done', 'cancelled') GROUP BY assignee_id ORDER BY assignee_id";

const OPEN_OF_SPRINT: &str = "SELECT assignee_id, COUNT(*) AS tasks FROM ccpm_tasks \
     WHERE sprint_id = $1 AND status NOT IN ('done', 'cancelled') \
     GROUP BY assignee_id ORDER BY assignee_id";

const ADD_EVENT: &str = "INSERT INTO ccpm_task_events (id, task_id, number, body) \
     VALUES ($1, $2, \
     (SELECT COALESCE(MAX(number), 0) + 1 FROM ccpm_task_events WHERE task_id = $2), $3)";

const EVENTS_OF_TASK: &str = "SELECT number, body FROM ccpm_task_events \
     WHERE task_id = $1 AND number > $2 ORDER BY number LIMIT $3";

const ACTIVITY: &str = "SELECT \
     (SELECT COUNT(*) FROM ccpm_tasks WHERE assignee_id = $1 AND status = 'done' \
     AND completed_at >= $2 AND completed_at <= $3) AS done, \
     (SELECT COUNT(*) FROM ccpm_messages WHERE from_id = $1 \
     AND created_at >= $2 AND created_at <= $3) AS sent, \
     (SELECT COUNT(*) FROM ccpm_messages WHERE to_id = $1 AND status = 'completed' \
     AND until >= $2 AND until <= $3) AS completed";

/// The column of something that may be nothing.
pub(super) fn or_none(id: Option<&str>) -> &str {
    id.unwrap_or_default()
}

#[async_trait]
impl TaskRows for Rows {
    async fn task(&mut self, id: &TaskId) -> StoreResult<Option<Numbered<Task>>> {
        let args = [id.as_str().into()];
        self.conn().one(ENTITY, BY_ID, &args, numbered).await
    }

    async fn task_keyed(&mut self, key: &str) -> StoreResult<Option<Numbered<Task>>> {
        if key.contains('\0') {
            return Ok(None);
        }
        self.conn()
            .one(ENTITY, BY_KEY, &[key.into()], numbered)
            .await
    }

    async fn tasks(&mut self, query: &TaskQuery<'_>) -> StoreResult<Vec<Numbered<Task>>> {
        task_list::list(&mut self.conn(), query).await
    }

    async fn next_task_number(&mut self) -> StoreResult<i64> {
        let next = self
            .conn()
            .one(ENTITY, NEXT, &[], |row| row.int("next"))
            .await?;
        Ok(next.unwrap_or(1))
    }

    async fn save_task(&mut self, task: &Task) -> StoreResult<()> {
        #[derive(Serialize)]
        struct Dependency<'a> {
            task_id: &'a TaskId,
            depends_on: &'a TaskId,
        }
        let body = body(task)?;
        let labels = tags_folded(&task.labels).unwrap_or_default();
        let search = flat(&format!("{} {} {}", task.key, task.title, task.description));
        let args: [Arg<'_>; 13] = [
            task.id.as_str().into(),
            (&task.key).into(),
            task.status.as_str().into(),
            task_rank(task.priority).into(),
            or_none(task.sprint_id.as_ref().map(SprintId::as_str)).into(),
            or_none(task.assignee_id.as_ref().map(AgentId::as_str)).into(),
            task.due_at.map_or(i64::MAX, |due| due.0).into(),
            task.created_at.0.into(),
            task.updated_at.0.into(),
            task.completed_at.map_or(-1, |time| time.0).into(),
            (&labels).into(),
            (&search).into(),
            (&body).into(),
        ];
        let mut conn = self.conn();
        conn.run(SAVE, &args).await?;
        conn.run(FREE, &[task.id.as_str().into()]).await?;
        if task.depends_on.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = task
            .depends_on
            .iter()
            .map(|depends_on| Dependency {
                task_id: &task.id,
                depends_on,
            })
            .collect();
        let rows = Batch::of(&rows)?;
        conn.run(DEPENDENCIES.insert, &[Arg::Rows(&rows)])
            .await
            .map(drop)
    }

    async fn task_statuses(
        &mut self,
        tasks: &[TaskId],
    ) -> StoreResult<BTreeMap<TaskId, TaskStatus>> {
        let rows = ids(tasks.iter().map(TaskId::as_str))?;
        let found = self
            .conn()
            .all(ENTITY, STATUSES, &[Arg::Rows(&rows)], |row| {
                let status = choice(&row.text("status")?, TaskStatus::Foreign);
                Ok((TaskId::new(row.text("id")?), status))
            })
            .await?;
        Ok(found.into_iter().collect())
    }

    async fn dependencies(&mut self, tasks: &[TaskId]) -> StoreResult<Vec<(TaskId, TaskId)>> {
        let rows = ids(tasks.iter().map(TaskId::as_str))?;
        self.conn()
            .all(ENTITY, DEPEND_ON, &[Arg::Rows(&rows)], |row| {
                let task = TaskId::new(row.text("task_id")?);
                Ok((task, TaskId::new(row.text("depends_on")?)))
            })
            .await
    }

    async fn task_counts(
        &mut self,
        sprint: Wanted<'_, SprintId>,
    ) -> StoreResult<BTreeMap<TaskStatus, u64>> {
        let (sql, args) = match &sprint {
            Wanted::Any => (COUNTS, vec![]),
            Wanted::Nothing => (COUNTS_OF_SPRINT, vec![Arg::from("")]),
            Wanted::This(id) => (COUNTS_OF_SPRINT, vec![id.as_str().into()]),
        };
        let found = self
            .conn()
            .all(ENTITY, sql, &args, |row| {
                let status = choice(&row.text("status")?, TaskStatus::Foreign);
                Ok((status, row.count("tasks")?))
            })
            .await?;
        Ok(found.into_iter().collect())
    }

    async fn open_by_assignee(
        &mut self,
        sprint: Wanted<'_, SprintId>,
    ) -> StoreResult<Vec<(Option<AgentId>, u64)>> {
        let (sql, args) = match &sprint {
            Wanted::Any => (OPEN, vec![]),
            Wanted::Nothing => (OPEN_OF_SPRINT, vec![Arg::from("")]),
            Wanted::This(id) => (OPEN_OF_SPRINT, vec![id.as_str().into()]),
        };
        self.conn()
            .all(ENTITY, sql, &args, |row| {
                let id = row.text("assignee_id")?;
                let agent = (!id.is_empty()).then(|| AgentId::new(id));
                Ok((agent, row.count("tasks")?))
            })
            .await
    }

    async fn add_event(&mut self, event: &TaskEvent) -> StoreResult<()> {
        let body = body(event)?;
        let args = [
            event.id.as_str().into(),
            event.task_id.as_str().into(),
            (&body).into(),
        ];
        self.conn().run(ADD_EVENT, &args).await.map(drop)
    }

    async fn events(
        &mut self,
        task: &TaskId,
        after: Option<i64>,
        limit: u32,
    ) -> StoreResult<Vec<Numbered<TaskEvent>>> {
        let args = [
            task.as_str().into(),
            after.unwrap_or_default().into(),
            i64::from(limit).into(),
        ];
        self.conn()
            .all(ENTITY, EVENTS_OF_TASK, &args, numbered)
            .await
    }

    async fn activity(
        &mut self,
        agent: &AgentId,
        since: Micros,
        until: Micros,
    ) -> StoreResult<Activity> {
        let args = [agent.as_str().into(), since.0.into(), until.0.into()];
        let found = self
            .conn()
            .one(ENTITY, ACTIVITY, &args, |row| {
                Ok(Activity {
                    tasks_completed: row.count("done")?,
                    messages_sent: row.count("sent")?,
                    messages_completed: row.count("completed")?,
                })
            })
            .await?;
        Ok(found.unwrap_or_default())
    }
}
