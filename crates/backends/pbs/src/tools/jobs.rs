//! Scheduled jobs: verification, pruning, copying, garbage collection.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::client::Pbs;
use crate::ids::{Datastore, JobId};
use crate::types::{Gc, Job};
use crate::units::timestamp;

/// What a job does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobKind {
    /// Reads backups and compares their checksums.
    Verify,
    /// Removes backups that a retention does not keep.
    Prune,
    /// Copies backups to or from another server.
    Sync,
    /// Frees the space of what was removed.
    Gc,
}

impl JobKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Prune => "prune",
            Self::Sync => "sync",
            Self::Gc => "gc",
        }
    }

    /// Type of the task that a run of it is.
    pub(crate) fn worker(self) -> &'static str {
        match self {
            Self::Verify => "verificationjob",
            Self::Prune => "prunejob",
            Self::Sync => "syncjob",
            Self::Gc => "garbage_collection",
        }
    }
}

/// A scheduled job.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct JobRow {
    /// What `run_job` takes; garbage collection has none.
    pub(crate) id: Option<String>,
    /// `verify`, `prune`, `sync` or `gc`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(skip)]
    pub(crate) datastore: String,
    #[serde(skip)]
    pub(crate) ns: Option<String>,
    /// Absent if it only runs by hand.
    pub(crate) schedule: Option<String>,
    pub(crate) disabled: Option<bool>,
    pub(crate) next_run: Option<String>,
    pub(crate) last_run: Option<String>,
    /// `OK`, `WARNINGS: n` or an error.
    pub(crate) last_state: Option<String>,
    /// For `get_task_status`.
    pub(crate) last_upid: Option<String>,
    pub(crate) comment: Option<String>,
    /// What a prune job keeps.
    pub(crate) keep: Option<BTreeMap<String, u64>>,
    /// `push` to the remote, or `pull` from it.
    pub(crate) direction: Option<String>,
    /// Absent for a copy from another datastore of the same server.
    pub(crate) remote: Option<String>,
    pub(crate) remote_datastore: Option<String>,
    pub(crate) remote_ns: Option<String>,
    /// It removes what its source has no longer.
    pub(crate) remove_vanished: Option<bool>,
}

impl JobRow {
    fn of(kind: JobKind, job: Job) -> Self {
        let keep = keep_of(&job);
        let is_sync = kind == JobKind::Sync;
        let direction = job.sync_direction.unwrap_or_else(|| "pull".to_owned());
        Self {
            id: Some(job.id),
            kind: kind.as_str().to_owned(),
            datastore: job.store,
            ns: job.ns.filter(|ns| !ns.is_empty()),
            schedule: job.schedule,
            disabled: job.disable.then_some(true),
            next_run: timestamp(job.next_run),
            last_run: timestamp(job.last_run_endtime),
            last_state: job.last_run_state,
            last_upid: job.last_run_upid,
            comment: job.comment,
            keep: (!keep.is_empty()).then_some(keep),
            direction: is_sync.then_some(direction),
            remote: job.remote,
            remote_datastore: job.remote_store,
            remote_ns: job.remote_ns,
            remove_vanished: job.remove_vanished,
        }
    }

    fn of_gc(gc: Gc) -> Self {
        Self {
            kind: JobKind::Gc.as_str().to_owned(),
            datastore: gc.store,
            schedule: gc.schedule,
            next_run: timestamp(gc.next_run),
            last_run: timestamp(gc.last_run_endtime),
            last_state: gc.last_run_state,
            last_upid: gc.upid,
            ..Self::default()
        }
    }

    pub(crate) fn order(&self) -> String {
        let id = self.id.as_deref().unwrap_or_default();
        format!("{}\u{1}{}\u{1}{id}", self.kind, self.datastore)
    }

    /// Whether its last run ended with an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.last_state
            .as_deref()
            .is_some_and(|state| state != "OK" && !state.starts_with("WARNINGS"))
    }
}

/// What a prune job keeps, by `last`, `daily` and so on.
pub(crate) fn keep_of(job: &Job) -> BTreeMap<String, u64> {
    let keep = job.other.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("keep-")?;
        Some((name.to_owned(), value.as_u64()?))
    });
    keep.collect()
}

/// Without a direction only those that pull are listed.
fn list_call(kind: JobKind, store: Option<&Datastore>) -> Call {
    let (operation, template) = match kind {
        JobKind::Verify => ("verify_jobs", "/admin/verify"),
        JobKind::Prune => ("prune_jobs", "/admin/prune"),
        JobKind::Sync => ("sync_jobs", "/admin/sync"),
        JobKind::Gc => ("gc_jobs", "/admin/gc"),
    };
    Call::get(operation, template, &[]).with_opt("store", store.map(Datastore::as_str))
}

impl Pbs {
    /// The jobs of one kind; not for garbage collection.
    pub(crate) async fn jobs_of(
        &self,
        kind: JobKind,
        store: Option<&Datastore>,
    ) -> ToolResult<Vec<Job>> {
        let call = list_call(kind, store);
        if kind != JobKind::Sync {
            return self.api.list(&call).await;
        }
        let (major, minor) = self.version().await?.numbers();
        // Older releases have one direction and no parameter for it.
        let call = if (major, minor) >= (3, 3) {
            call.with("sync-direction", "all")
        } else {
            call
        };
        self.api.list(&call).await
    }

    /// The jobs of all kinds, and what could not be read.
    pub(crate) async fn jobs(
        &self,
        store: Option<&Datastore>,
    ) -> ToolResult<(Vec<JobRow>, Vec<String>)> {
        let (verify, prune, sync, gc) = tokio::join!(
            self.jobs_of(JobKind::Verify, store),
            self.jobs_of(JobKind::Prune, store),
            self.jobs_of(JobKind::Sync, store),
            async { self.api.list::<Gc>(&list_call(JobKind::Gc, store)).await },
        );
        let (mut rows, mut problems, mut first_error) = (Vec::new(), Vec::new(), None);
        let mut failed = |kind: JobKind, error: ToolError| {
            let message = &error.envelope().message;
            problems.push(format!("{} jobs: {message}", kind.as_str()));
            first_error.get_or_insert(error);
        };
        for (kind, jobs) in [
            (JobKind::Verify, verify),
            (JobKind::Prune, prune),
            (JobKind::Sync, sync),
        ] {
            match jobs {
                Ok(jobs) => rows.extend(jobs.into_iter().map(|job| JobRow::of(kind, job))),
                Err(error) => failed(kind, error),
            }
        }
        match gc {
            Ok(gc) => rows.extend(gc.into_iter().map(JobRow::of_gc)),
            Err(error) => failed(JobKind::Gc, error),
        }
        match first_error {
            Some(error) if rows.is_empty() => Err(error),
            _ => Ok((rows, problems)),
        }
    }

    /// The job of this id.
    pub(crate) async fn job(&self, kind: JobKind, id: &JobId) -> ToolResult<Job> {
        let jobs = self.jobs_of(kind, None).await?;
        let kind = kind.as_str();
        jobs.into_iter()
            .find(|job| job.id == id.as_str())
            .ok_or_else(|| {
                ToolError::not_found(format!("no {kind} job `{id}`"))
                    .reason("job_not_found")
                    .field("job")
                    .hint("call `list_backups` with `view` `jobs` to see what there is")
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prune_job_tells_what_it_keeps() {
        let job: Job = serde_json::from_value(json!({
            "id": "nightly", "store": "main", "schedule": "daily", "keep-daily": 7, "keep-last": 3,
            "last-run-state": "WARNINGS: 1",
        }))
        .unwrap();
        let row = JobRow::of(JobKind::Prune, job);

        let keep = row.keep.as_ref().unwrap();
        assert_eq!((keep["daily"], keep["last"], keep.len()), (7, 3, 2));
        assert_eq!(row.direction, None);
        assert!(!row.has_failed());
    }

    #[test]
    fn a_sync_job_without_a_direction_pulls() {
        let job: Job = serde_json::from_value(
            json!({ "id": "offsite", "store": "main", "remote": "far", "remote-store": "copy" }),
        )
        .unwrap();

        assert_eq!(
            JobRow::of(JobKind::Sync, job).direction.as_deref(),
            Some("pull")
        );
    }
}
