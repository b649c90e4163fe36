//! Reading tasks.

use std::collections::BTreeMap;

use homelab_core::ccpm::rules::{allowed, synonym, task_rank};
use homelab_core::ccpm::{
    Board, BoardColumn, CcpmResult, Choice as _, Listing, Paging, Task, TaskEvent, TaskFilter,
    TaskId, TaskSort, TaskStatus,
};
use homelab_core::store::{CcpmRows, Numbered, TaskQuery, Wanted, sort_key};

use crate::api::Call;
use crate::service::Service;
use crate::{check, resolve};

impl Service {
    /// Tasks with what is told when they are read.
    pub(crate) async fn seen(&self, rows: &mut dyn CcpmRows, tasks: &mut [Task]) -> CcpmResult<()> {
        let mut needed: Vec<TaskId> = Vec::new();
        for task in tasks.iter() {
            needed.extend(task.depends_on.iter().cloned());
        }
        needed.sort();
        needed.dedup();
        let statuses = if needed.is_empty() {
            BTreeMap::new()
        } else {
            rows.task_statuses(&needed).await?
        };
        for task in tasks {
            task.allowed_transitions = allowed(task.status, self.review()).to_vec();
            task.blocked_by_open = task
                .depends_on
                .iter()
                .filter(|id| {
                    statuses
                        .get(*id)
                        .is_some_and(|status| *status != TaskStatus::Done)
                })
                .cloned()
                .collect();
        }
        Ok(())
    }

    /// One task with what is told when it is read.
    pub(crate) async fn seen_one(
        &self,
        rows: &mut dyn CcpmRows,
        mut task: Task,
    ) -> CcpmResult<Task> {
        self.seen(rows, std::slice::from_mut(&mut task)).await?;
        Ok(task)
    }

    pub(crate) async fn task_read(&self, task: &str) -> CcpmResult<Task> {
        let mut rows = self.reading().await?;
        let task = resolve::task(&mut *rows, task).await?.value;
        self.seen_one(&mut *rows, task).await
    }

    pub(crate) async fn tasks_listed(
        &self,
        call: &Call,
        filter: &TaskFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Task>> {
        let limit = page.rows()?;
        let sort = filter.sort.unwrap_or(TaskSort::Priority).known("sort")?;
        // A cursor of another order would lead anywhere.
        let list = format!("tasks-{sort}");
        let after = page.after(&list)?;
        let mut statuses = Vec::new();
        for status in &filter.status {
            let status = synonym(*status)?;
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        let priority = filter
            .priority
            .map(|one| one.known("priority"))
            .transpose()?;
        check::optional("label", filter.label.as_deref(), 40)?;
        check::optional("q", filter.q.as_deref(), 200)?;
        let mut rows = self.reading().await?;
        let sprint = match filter.sprint_id.as_deref() {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("none") => Some(None),
            Some(text) => Some(Some(resolve::sprint(&mut *rows, text).await?.id)),
        };
        let assignee = match filter.assignee.as_deref() {
            None => None,
            Some(text) if text.eq_ignore_ascii_case("none") => Some(None),
            Some(text) => {
                let agent = resolve::agent(&mut *rows, &call.actor, text).await?;
                Some(Some(agent.id))
            }
        };
        let query = TaskQuery {
            sprint: wanted(sprint.as_ref()),
            assignee: wanted(assignee.as_ref()),
            statuses: &statuses,
            rank: priority.map(task_rank),
            label: filter.label.as_deref(),
            text: filter.q.as_deref().filter(|text| !text.trim().is_empty()),
            ready: filter.ready,
            sort,
            after,
            limit: limit + 1,
        };
        let found = rows.tasks(&query).await?;
        let page = Listing::from_rows(found, limit, &list, |row| {
            [sort_key(&row.value, sort), row.number]
        });
        let mut page = page.map(|Numbered { value, .. }| value);
        self.seen(&mut *rows, &mut page.data).await?;
        Ok(page)
    }

    pub(crate) async fn events_listed(
        &self,
        task: &str,
        page: &Paging,
    ) -> CcpmResult<Listing<TaskEvent>> {
        const LIST: &str = "events";
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let mut rows = self.reading().await?;
        let task = resolve::task(&mut *rows, task).await?.value;
        let found = rows.events(&task.id, after, limit + 1).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        Ok(page.map(|Numbered { value, .. }| value))
    }

    pub(crate) async fn board_shown(&self, sprint: &str, per_column: u32) -> CcpmResult<Board> {
        let limit = Paging::first(per_column).rows()?;
        let mut rows = self.reading().await?;
        let shown = if sprint.eq_ignore_ascii_case("none") {
            None
        } else {
            let sprint = resolve::sprint(&mut *rows, sprint).await?;
            Some(self.sprint_seen(&mut *rows, sprint).await?)
        };
        let of = shown
            .as_ref()
            .map_or(Wanted::Nothing, |sprint| Wanted::This(&sprint.id));
        let counts = rows.task_counts(of).await?;
        let mut columns = Vec::new();
        for status in TaskStatus::ALL {
            let query = TaskQuery {
                sprint: of,
                statuses: std::slice::from_ref(status),
                limit,
                ..TaskQuery::default()
            };
            let found = rows.tasks(&query).await?;
            let mut tasks: Vec<Task> = found.into_iter().map(|row| row.value).collect();
            self.seen(&mut *rows, &mut tasks).await?;
            columns.push(BoardColumn {
                status: *status,
                count: counts.get(status).copied().unwrap_or_default(),
                tasks,
            });
        }
        let mut open_by_assignee = BTreeMap::new();
        for (agent, count) in rows.open_by_assignee(of).await? {
            let name = match agent {
                None => "none".to_owned(),
                Some(id) => rows
                    .agent(&id)
                    .await?
                    .map_or_else(|| id.to_string(), |agent| agent.name),
            };
            open_by_assignee.insert(name, count);
        }
        Ok(Board {
            sprint: shown,
            columns,
            open_by_assignee,
        })
    }
}

/// What a filter asks for: anything, nothing, or this one.
fn wanted<T>(filter: Option<&Option<T>>) -> Wanted<'_, T> {
    match filter {
        None => Wanted::Any,
        Some(None) => Wanted::Nothing,
        Some(Some(one)) => Wanted::This(one),
    }
}
