//! Making and changing tasks.

use std::collections::BTreeMap;

use homelab_core::ccpm::rules::cycle;
use homelab_core::ccpm::{
    AcceptanceCriterion, Agent, CcpmCode, CcpmError, CcpmResult, Choice as _, EventId, SprintId,
    SprintStatus, Task, TaskCreate, TaskEvent, TaskEventKind, TaskId, TaskKind, TaskPatch,
    TaskPriority, TaskStatus,
};

use crate::api::{Call, Done};
use crate::service::Service;
use crate::work::{Work, begin};
use crate::{check, resolve};

/// Longest description.
const LONGEST: usize = 65_536;
/// Most dependencies of one task.
const DEPENDENCIES: usize = 100;
/// Most tasks that one depends on by others, which are looked at for a way back.
const REACHABLE: usize = 10_000;

impl Work<'_> {
    /// Notes what happened to a task.
    pub(crate) async fn note(
        &mut self,
        task: &Task,
        kind: TaskEventKind,
        change: [Option<String>; 2],
        reason: Option<String>,
    ) -> CcpmResult<TaskEvent> {
        let [from, to] = change;
        let event = TaskEvent {
            id: EventId::new(self.service.id()),
            task_id: task.id.clone(),
            at: self.now,
            actor_id: self.actor.agent.clone(),
            kind,
            from,
            to,
            reason,
        };
        self.rows.add_event(&event).await?;
        Ok(event)
    }

    /// Gives a task to somebody or nobody.
    pub(crate) async fn assign(&mut self, task: &mut Task, to: Option<&Agent>) -> CcpmResult<()> {
        let from = task.assignee_name.take();
        task.assignee_id = to.map(|agent| agent.id.clone());
        task.assignee_name = to.map(|agent| agent.name.clone());
        let change = [from, task.assignee_name.clone()];
        self.note(task, TaskEventKind::Assigned, change, None)
            .await
            .map(drop)
    }

    /// Somebody who can be given work.
    async fn worker(&mut self, name: &str) -> CcpmResult<Agent> {
        let agent = resolve::agent(&mut *self.rows, self.actor, name).await?;
        resolve::receiving(agent)
    }

    /// A sprint that takes tasks.
    pub(crate) async fn open_sprint(&mut self, field: &str, id: &SprintId) -> CcpmResult<SprintId> {
        let id = check::id(field, id.as_str(), SprintId::parse)?;
        let sprint = resolve::sprint(&mut *self.rows, id.as_str()).await?;
        if matches!(sprint.status, SprintStatus::Planned | SprintStatus::Active) {
            return Ok(sprint.id);
        }
        let (name, status) = (&sprint.name, sprint.status);
        Err(CcpmError::new(
            CcpmCode::Conflict,
            format!("the sprint `{name}` takes no tasks: it is `{status}`"),
        )
        .detail("field", field)
        .detail("current", status))
    }

    /// Dependencies that exist, each once, without a way back to the task.
    async fn depended_on(&mut self, task: &TaskId, wanted: &[TaskId]) -> CcpmResult<Vec<TaskId>> {
        let ids = check::ids(
            "depends_on",
            wanted.iter().map(TaskId::as_str),
            DEPENDENCIES,
            TaskId::parse,
        )?;
        if ids.is_empty() {
            return Ok(ids);
        }
        let known = self.rows.task_statuses(&ids).await?;
        if let Some(absent) = ids.iter().find(|id| !known.contains_key(id)) {
            return Err(CcpmError::not_found("task", absent.as_str()).detail("field", "depends_on"));
        }
        let mut graph: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        graph.insert(task.clone(), ids.clone());
        let mut next = ids.clone();
        while !next.is_empty() && graph.len() < REACHABLE {
            next.retain(|id| !graph.contains_key(id));
            for id in &next {
                graph.entry(id.clone()).or_default();
            }
            let found = self.rows.dependencies(&next).await?;
            next.clear();
            for (from, to) in found {
                next.push(to.clone());
                graph.entry(from).or_default().push(to);
            }
            next.sort();
            next.dedup();
        }
        if let Some(way) = cycle(task, &graph) {
            return Err(CcpmError::invalid(
                "depends_on",
                "a task cannot depend on itself, not even by way of others",
            )
            .with_status(422)
            .detail("cycle", way));
        }
        Ok(ids)
    }
}

fn check_labels(labels: &[String]) -> CcpmResult<Vec<String>> {
    check::list("labels", labels, 20, 40)?;
    let mut kept: Vec<String> = Vec::new();
    for label in labels {
        let label = label.trim();
        if !kept.iter().any(|other| other == label) {
            kept.push(label.to_owned());
        }
    }
    Ok(kept)
}

impl Service {
    pub(crate) async fn task_created(
        &self,
        call: &Call,
        new: TaskCreate,
    ) -> CcpmResult<Done<Task>> {
        check::text("title", &new.title, 200)?;
        check::optional("description", new.description.as_deref(), LONGEST)?;
        check::list("acceptance_criteria", &new.acceptance_criteria, 50, 1_000)?;
        check::metadata(&new.metadata)?;
        let labels = check_labels(&new.labels)?;
        let priority = new
            .priority
            .unwrap_or(TaskPriority::Medium)
            .known("priority")?;
        let kind = new.kind.unwrap_or(TaskKind::Feature).known("type")?;
        let mut work = begin!(self, call, "create_task", "", &new);
        let reporter = match call.actor.agent {
            Some(_) => Some(work.me().await?.id),
            None => None,
        };
        let id = TaskId::new(self.id());
        let depends_on = work.depended_on(&id, &new.depends_on).await?;
        let parent_id = match &new.parent_id {
            None => None,
            Some(parent) => {
                let parent = check::id("parent_id", parent.as_str(), TaskId::parse)?;
                Some(
                    resolve::task(&mut *work.rows, parent.as_str())
                        .await?
                        .value
                        .id,
                )
            }
        };
        let sprint_id = match &new.sprint_id {
            None => None,
            Some(sprint) => Some(work.open_sprint("sprint_id", sprint).await?),
        };
        let assignee = match &new.assignee {
            None => None,
            Some(name) => Some(work.worker(name).await?),
        };
        let is_planned = sprint_id.is_some() || assignee.is_some();
        let number = work.rows.next_task_number().await?;
        let mut task = Task {
            id,
            key: format!("{}-{number}", self.settings().key_prefix),
            title: new.title,
            description: new.description.unwrap_or_default(),
            status: if is_planned {
                TaskStatus::Todo
            } else {
                TaskStatus::Backlog
            },
            priority,
            kind: Some(kind),
            sprint_id,
            assignee_id: None,
            assignee_name: None,
            reporter_id: reporter,
            parent_id,
            depends_on,
            blocked_by_open: Vec::new(),
            labels,
            acceptance_criteria: new
                .acceptance_criteria
                .into_iter()
                .map(|text| AcceptanceCriterion { text, met: false })
                .collect(),
            status_reason: None,
            allowed_transitions: Vec::new(),
            estimate_hours: None,
            due_at: new.due_at,
            started_at: None,
            completed_at: None,
            created_at: work.now,
            updated_at: work.now,
            version: 0,
            metadata: new.metadata,
        };
        let status = Some(task.status.to_string());
        work.note(&task, TaskEventKind::Created, [None, status], None)
            .await?;
        if let Some(agent) = &assignee {
            work.assign(&mut task, Some(agent)).await?;
        }
        work.save_task(&mut task).await?;
        let task = self.seen_one(&mut *work.rows, task).await?;
        work.finish(Done::created(task)).await
    }

    pub(crate) async fn task_updated(
        &self,
        call: &Call,
        task: &str,
        patch: TaskPatch,
        if_match: Option<i64>,
    ) -> CcpmResult<Done<Task>> {
        if let Some(title) = &patch.title {
            check::text("title", title, 200)?;
        }
        check::optional("description", patch.description.as_deref(), LONGEST)?;
        if let Some(metadata) = &patch.metadata {
            check::metadata(metadata)?;
        }
        let labels = patch.labels.as_deref().map(check_labels).transpose()?;
        let priority = patch
            .priority
            .map(|one| one.known("priority"))
            .transpose()?;
        let kind = patch.kind.map(|one| one.known("type")).transpose()?;
        let mut work = begin!(self, call, "update_task", task, &(&patch, if_match));
        let before = resolve::task(&mut *work.rows, task).await?.value;
        check::version(before.version, &[if_match])?;
        let mut after = before.clone();
        after.title = patch.title.unwrap_or(after.title);
        after.description = patch.description.unwrap_or(after.description);
        after.priority = priority.unwrap_or(after.priority);
        after.kind = kind.or(after.kind);
        after.labels = labels.unwrap_or(after.labels);
        after.due_at = patch.due_at.unwrap_or(after.due_at);
        after.metadata = patch.metadata.unwrap_or(after.metadata);
        if let Some(depends_on) = &patch.depends_on {
            after.depends_on = work.depended_on(&after.id, depends_on).await?;
        }
        if let Some(sprint) = &patch.sprint_id {
            after.sprint_id = match sprint {
                None => None,
                // It may stay where it is, also in a sprint that is over.
                Some(sprint) if after.sprint_id.as_ref() == Some(sprint) => after.sprint_id,
                Some(sprint) => Some(work.open_sprint("sprint_id", sprint).await?),
            };
        }
        let edited = edited(&before, &after);
        if !edited.is_empty() {
            let fields = Some(edited.join(", "));
            work.note(&after, TaskEventKind::Edited, [None, fields], None)
                .await?;
        }
        if let Some(assignee) = &patch.assignee {
            let agent = match assignee {
                None => None,
                Some(name) => Some(work.worker(name).await?),
            };
            if agent.as_ref().map(|agent| &agent.id) != before.assignee_id.as_ref() {
                if agent.is_none() && before.status == TaskStatus::InProgress {
                    return Err(CcpmError::new(
                        CcpmCode::Conflict,
                        "a task in progress has somebody who does it",
                    )
                    .hint("move it to `todo` first, or give it to somebody else")
                    .detail("field", "assignee"));
                }
                work.assign(&mut after, agent.as_ref()).await?;
            }
        }
        if after != before {
            work.save_task(&mut after).await?;
        }
        let task = self.seen_one(&mut *work.rows, after).await?;
        work.finish(Done::changed(task)).await
    }

    pub(crate) async fn task_commented(
        &self,
        call: &Call,
        task: &str,
        text: &str,
    ) -> CcpmResult<Done<TaskEvent>> {
        check::text("text", text, 4_000)?;
        let mut work = begin!(self, call, "comment_task", task, &text);
        let task = resolve::task(&mut *work.rows, task).await?.value;
        let said = Some(text.to_owned());
        let event = work
            .note(&task, TaskEventKind::Comment, [None, None], said)
            .await?;
        work.finish(Done::created(event)).await
    }
}

/// Names of the fields that differ.
fn edited(before: &Task, after: &Task) -> Vec<&'static str> {
    [
        ("title", before.title != after.title),
        ("description", before.description != after.description),
        ("priority", before.priority != after.priority),
        ("type", before.kind != after.kind),
        ("sprint_id", before.sprint_id != after.sprint_id),
        ("labels", before.labels != after.labels),
        ("depends_on", before.depends_on != after.depends_on),
        ("due_at", before.due_at != after.due_at),
        ("metadata", before.metadata != after.metadata),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
