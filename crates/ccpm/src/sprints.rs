//! Sprints.

use homelab_core::ccpm::{
    CcpmCode, CcpmError, CcpmResult, Choice as _, Day, Listing, Paging, Sprint, SprintCreate,
    SprintFilter, SprintId, SprintPatch, SprintStatus, Task, TaskEventKind, TaskStatus,
};
use homelab_core::store::{CcpmRows, Numbered, TaskQuery, Wanted};

use crate::api::{Call, Done};
use crate::check;
use crate::resolve;
use crate::service::Service;
use crate::work::{Work, begin};

/// What its cursors are called.
const LIST: &str = "sprints";

/// Statuses of a task that is not over.
const UNFINISHED: [TaskStatus; 5] = [
    TaskStatus::Backlog,
    TaskStatus::Todo,
    TaskStatus::InProgress,
    TaskStatus::Blocked,
    TaskStatus::InReview,
];

fn check_days(starts_on: Option<Day>, ends_on: Option<Day>) -> CcpmResult<()> {
    if let (Some(first), Some(last)) = (starts_on, ends_on)
        && last < first
    {
        return Err(CcpmError::invalid(
            "ends_on",
            format!("a sprint that starts on `{first}` cannot end on `{last}`"),
        ));
    }
    Ok(())
}

/// Where a sprint can go.
const fn ways(from: SprintStatus) -> &'static [SprintStatus] {
    match from {
        SprintStatus::Planned => &[SprintStatus::Active, SprintStatus::Cancelled],
        SprintStatus::Active => &[SprintStatus::Completed, SprintStatus::Cancelled],
        _ => &[],
    }
}

impl Service {
    /// A sprint with its tasks counted.
    pub(crate) async fn sprint_seen(
        &self,
        rows: &mut dyn CcpmRows,
        mut sprint: Sprint,
    ) -> CcpmResult<Sprint> {
        let counts = rows.task_counts(Wanted::This(&sprint.id)).await?;
        let count = |status| counts.get(&status).copied().unwrap_or_default();
        let done = count(TaskStatus::Done);
        let all = counts.values().sum::<u64>() - count(TaskStatus::Cancelled);
        sprint.progress_percent = Some(percent(done, all));
        sprint.task_counts = counts
            .into_iter()
            .map(|(status, count)| (status.to_string(), count))
            .collect();
        Ok(sprint)
    }

    pub(crate) async fn sprints_listed(
        &self,
        filter: &SprintFilter,
        page: &Paging,
    ) -> CcpmResult<Listing<Sprint>> {
        let limit = page.rows()?;
        let after = page.after::<1>(LIST)?.map(|[number]| number);
        let status = filter.status.map(|one| one.known("status")).transpose()?;
        let mut rows = self.reading().await?;
        let found = rows.sprints(status, after, limit + 1).await?;
        let page = Listing::from_rows(found, limit, LIST, |row| [row.number]);
        let mut page = page.map(|Numbered { value, .. }| value);
        for sprint in &mut page.data {
            *sprint = self.sprint_seen(&mut *rows, sprint.clone()).await?;
        }
        Ok(page)
    }

    pub(crate) async fn sprint_created(
        &self,
        call: &Call,
        new: SprintCreate,
    ) -> CcpmResult<Done<Sprint>> {
        check::text("name", &new.name, 120)?;
        check::optional("goal", new.goal.as_deref(), 2_000)?;
        check_days(new.starts_on, new.ends_on)?;
        let mut work = begin!(self, call, "create_sprint", "", &new);
        let mut sprint = Sprint {
            id: SprintId::new(self.id()),
            name: new.name,
            goal: new.goal,
            status: SprintStatus::Planned,
            starts_on: new.starts_on,
            ends_on: new.ends_on,
            task_counts: std::collections::BTreeMap::new(),
            progress_percent: None,
            started_at: None,
            completed_at: None,
            created_at: work.now,
            version: 0,
        };
        work.save_sprint(&mut sprint).await?;
        let sprint = self.sprint_seen(&mut *work.rows, sprint).await?;
        work.finish(Done::created(sprint)).await
    }

    pub(crate) async fn sprint_active(&self) -> CcpmResult<Option<Sprint>> {
        let mut rows = self.reading().await?;
        match rows.active_sprint().await? {
            None => Ok(None),
            Some(sprint) => self.sprint_seen(&mut *rows, sprint).await.map(Some),
        }
    }

    pub(crate) async fn sprint_read(&self, sprint: &str) -> CcpmResult<Sprint> {
        let mut rows = self.reading().await?;
        let sprint = resolve::sprint(&mut *rows, sprint).await?;
        self.sprint_seen(&mut *rows, sprint).await
    }

    pub(crate) async fn sprint_updated(
        &self,
        call: &Call,
        sprint: &str,
        patch: SprintPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Sprint>> {
        if let Some(name) = &patch.name {
            check::text("name", name, 120)?;
        }
        check::optional("goal", patch.goal.as_deref(), 2_000)?;
        let status = patch.status.map(|one| one.known("status")).transpose()?;
        let mut work = begin!(self, call, "update_sprint", sprint, &(&patch, if_match));
        let before = resolve::sprint(&mut *work.rows, sprint).await?;
        check::version(before.version, &[if_match, patch.expected_version])?;
        let mut after = before.clone();
        after.name = patch.name.unwrap_or(after.name);
        after.goal = patch.goal.or(after.goal);
        after.starts_on = patch.starts_on.or(after.starts_on);
        after.ends_on = patch.ends_on.or(after.ends_on);
        check_days(after.starts_on, after.ends_on)?;
        let to = status.unwrap_or(before.status);
        let is_over = matches!(to, SprintStatus::Completed | SprintStatus::Cancelled);
        let ends = is_over && to != before.status;
        if patch.unfinished_to.as_ref().is_some_and(Option::is_some) && !is_over {
            return Err(CcpmError::invalid(
                "unfinished_to",
                "unfinished tasks move when a sprint ends",
            )
            .hint("set `status` to `completed` too"));
        }
        if to != before.status {
            work.begin_or_end(&mut after, to).await?;
        }
        if after != before {
            work.save_sprint(&mut after).await?;
        }
        if ends {
            let target = match patch.unfinished_to.flatten() {
                None => None,
                Some(id) => Some(work.open_sprint("unfinished_to", &id).await?),
            };
            work.move_unfinished(&after.id, target.as_ref()).await?;
        }
        let sprint = self.sprint_seen(&mut *work.rows, after).await?;
        work.finish(Done::changed(sprint)).await
    }
}

impl Work<'_> {
    async fn begin_or_end(&mut self, sprint: &mut Sprint, to: SprintStatus) -> CcpmResult<()> {
        let from = sprint.status;
        if !ways(from).contains(&to) {
            return Err(CcpmError::new(
                CcpmCode::IllegalTransition,
                format!("a sprint cannot go from `{from}` to `{to}`"),
            )
            .detail("current", from)
            .detail("allowed", ways(from)));
        }
        if to == SprintStatus::Active {
            if let Some(other) = self.rows.active_sprint().await? {
                let name = &other.name;
                return Err(CcpmError::new(
                    CcpmCode::Conflict,
                    format!("another sprint is active: `{name}`"),
                )
                .hint("complete or cancel it first")
                .detail("active", &other.id));
            }
            sprint.started_at = Some(self.now);
        } else {
            sprint.completed_at = Some(self.now);
        }
        sprint.status = to;
        Ok(())
    }

    /// Takes what is not over out of a sprint: into another one, or into the backlog, where what
    /// nobody has begun is no longer to be done.
    async fn move_unfinished(
        &mut self,
        sprint: &SprintId,
        to: Option<&SprintId>,
    ) -> CcpmResult<()> {
        let query = TaskQuery {
            sprint: Wanted::This(sprint),
            statuses: &UNFINISHED,
            limit: 200,
            ..TaskQuery::default()
        };
        loop {
            // Those that were moved are no longer found.
            let found = self.rows.tasks(&query).await?;
            if found.is_empty() {
                return Ok(());
            }
            for row in found {
                self.take_out(row.value, to).await?;
            }
        }
    }

    async fn take_out(&mut self, mut task: Task, to: Option<&SprintId>) -> CcpmResult<()> {
        task.sprint_id = to.cloned();
        let field = Some("sprint_id".to_owned());
        self.note(&task, TaskEventKind::Edited, [None, field], None)
            .await?;
        if to.is_none() && task.status == TaskStatus::Todo {
            return self
                .move_task(&mut task, TaskStatus::Backlog, Some("its sprint ended"))
                .await;
        }
        self.save_task(&mut task).await
    }
}

/// How much is done, in percent with one decimal; of nothing, nothing is.
fn percent(done: u64, all: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    let tenths = done.saturating_mul(1_000) / all;
    f64::from(u32::try_from(tenths).unwrap_or(1_000)) / 10.0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::percent;

    #[rstest]
    #[case(0, 0, 0.0)]
    #[case(0, 4, 0.0)]
    #[case(1, 3, 33.3)]
    #[case(4, 4, 100.0)]
    fn progress_is_told_in_percent(#[case] done: u64, #[case] all: u64, #[case] expected: f64) {
        assert!((percent(done, all) - expected).abs() < 1e-9);
    }
}
