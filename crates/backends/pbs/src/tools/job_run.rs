//! Running a scheduled job now.

use std::collections::BTreeSet;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jobs::JobKind;
use super::prune_plan::Keep;
use crate::call::Call;
use crate::client::Pbs;
use crate::ids::{JobId, Namespace};
use crate::task::TaskReport;
use crate::types::{Job, TaskRow};
use crate::upid::Upid;
use crate::walk::Place;

/// Tasks that are looked through for the one that was started.
const ASKED: u32 = 50;
/// How often, and how long apart: the list may lag behind.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(250);

/// Which job.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunJob {
    /// What it does.
    #[serde(rename = "type")]
    kind: RunKind,
    /// Its id, as `list_backups` with `view` `jobs` shows it.
    job: JobId,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// Kinds of job that can be run by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunKind {
    /// Verification.
    Verify,
    /// Pruning.
    Prune,
    /// Copying to or from another server.
    Sync,
}

impl RunKind {
    fn job(self) -> JobKind {
        match self {
            Self::Verify => JobKind::Verify,
            Self::Prune => JobKind::Prune,
            Self::Sync => JobKind::Sync,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Verify => "/admin/verify/{}/run",
            Self::Prune => "/admin/prune/{}/run",
            Self::Sync => "/admin/sync/{}/run",
        }
    }
}

/// A job that was run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobRun {
    #[serde(rename = "type")]
    kind: RunKind,
    job: JobId,
    datastore: String,
    task: TaskReport,
}

/// Run a scheduled verification, prune or sync job now and wait for it. Prune and sync jobs may remove backups as they are configured.
#[tool(
    destructive,
    open_world,
    permission = "pbs:job:run",
    title = "Run a job",
    timeout = 630,
    untrusted("task.log"),
    effect = effect,
    preview = preview_run,
    targets = run_targets
)]
pub(crate) async fn run_job(pbs: &Pbs, args: RunJob, ctx: &CallContext) -> ToolResult<JobRun> {
    let job = pbs.job(args.kind.job(), &args.job).await?;
    let worker = args.kind.job().worker();
    let before = ids(&pbs.tasks_of(worker).await?);
    let call = Call::post("job_run", args.kind.template(), &[&args.job]);
    let upid = match pbs.api.maybe_task(&call).await? {
        Some(upid) => upid,
        // Older releases do not say which task it is.
        None => pbs
            .started(worker, &before, args.job.as_str())
            .await?
            .ok_or_else(|| pbs.api.no_task())?,
    };
    let task = pbs.follow(ctx, &upid, args.wait_s).await?.succeeded()?;
    Ok(JobRun {
        kind: args.kind,
        job: args.job,
        datastore: job.store,
        task,
    })
}

/// Verifying takes nothing from anybody; what the others do, their configuration says.
fn effect(_pbs: &Pbs, args: &RunJob) -> Effect {
    match args.kind {
        RunKind::Verify => Effect::Write,
        RunKind::Prune | RunKind::Sync => Effect::Destructive,
    }
}

fn ids(rows: &[TaskRow]) -> BTreeSet<String> {
    rows.iter().map(|row| row.upid.clone()).collect()
}

/// The task among these that is not one of those before and about this job; its id stands at the
/// end of what a task is about.
fn newcomer(rows: &[TaskRow], before: &BTreeSet<String>, job: &str) -> Option<Upid> {
    let new: Vec<&TaskRow> = rows
        .iter()
        .filter(|row| !before.contains(&row.upid))
        .collect();
    let is_of_job = |row: &&&TaskRow| {
        let about = row.worker_id.as_deref().unwrap_or_default();
        about == job || about.rsplit(':').next() == Some(job)
    };
    let found = new.iter().find(is_of_job).or(match &new[..] {
        [only] => Some(only),
        _ => None,
    });
    found.and_then(|row| row.upid.parse().ok())
}

impl Pbs {
    async fn tasks_of(&self, worker: &str) -> ToolResult<Vec<TaskRow>> {
        let call = Call::get("tasks", "/nodes/localhost/tasks", &[])
            .with("typefilter", worker)
            .with("limit", ASKED);
        self.api.list(&call).await
    }

    async fn started(
        &self,
        worker: &str,
        before: &BTreeSet<String>,
        job: &str,
    ) -> ToolResult<Option<Upid>> {
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            if let Some(upid) = newcomer(&self.tasks_of(worker).await?, before, job) {
                return Ok(Some(upid));
            }
        }
        Ok(None)
    }
}

fn place_of(job: &Job) -> ToolResult<Place> {
    let unreadable = |_| {
        ToolError::new(
            homelab_core::error::Code::UpstreamRejected,
            format!("the job `{}` names a place that we cannot read", job.id),
        )
        .reason("unexpected_answer")
    };
    Ok(Place {
        store: job.store.parse().map_err(unreadable)?,
        ns: match job.ns.as_deref() {
            None => Namespace::root(),
            Some(ns) => ns.parse().map_err(unreadable)?,
        },
    })
}

async fn preview_run(pbs: &Pbs, args: &RunJob) -> ToolResult<Preview> {
    let job = pbs.job(args.kind.job(), &args.job).await?;
    let place = place_of(&job)?;
    let mut impact = Vec::new();
    let what = match args.kind {
        RunKind::Verify => {
            impact.push("it reads backups again, which slows other work down".to_owned());
            "verify".to_owned()
        }
        RunKind::Prune => {
            let keep = Keep::of_job(&job);
            if keep.is_empty() {
                impact.push("it keeps everything".to_owned());
            } else {
                let depth = job.max_depth.unwrap_or(7);
                let plan = pbs.plan(&place, depth, None, &keep).await?;
                impact.extend(plan.lines());
            }
            format!("prune to {}", keep.described())
        }
        RunKind::Sync => {
            let far = match (&job.remote, &job.remote_store) {
                (Some(remote), Some(store)) => format!("`{remote}:{store}`"),
                (None, Some(store)) => format!("datastore `{store}`"),
                _ => "another place".to_owned(),
            };
            let pushes = job.sync_direction.as_deref() == Some("push");
            if job.remove_vanished == Some(true) {
                let side = if pushes { "there" } else { "here" };
                impact.push(format!(
                    "backups that its source has no longer are removed {side}"
                ));
            }
            if pushes {
                format!("push to {far} from")
            } else {
                format!("pull from {far} into")
            }
        }
    };
    if let (Some(when), Some(state)) = (
        crate::units::timestamp(job.last_run_endtime),
        &job.last_run_state,
    ) {
        impact.push(format!("it ran last until {when}: {state}"));
    }
    Ok(Preview {
        summary: format!("run the job `{}`: {what} `{}`", args.job, place.described()),
        changes: Vec::new(),
        impact,
    })
}

async fn run_targets(pbs: &Pbs, args: &RunJob) -> ToolResult<Vec<Target>> {
    let job = pbs.job(args.kind.job(), &args.job).await?;
    let target = Target {
        kind: "job".to_owned(),
        id: args.job.to_string(),
        name: job.comment.clone(),
        tags: vec![format!("type:{}", args.kind.job().as_str())],
    };
    Ok(vec![target, place_of(&job)?.target()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "UPID:pbs:00000001:00000001:00000001:6740A1B2:syncjob:far:root@pam:";
    const NEW: &str = "UPID:pbs:00000002:00000001:00000001:6740A1B2:syncjob:far:root@pam:";
    const OTHER: &str = "UPID:pbs:00000003:00000001:00000001:6740A1B2:syncjob:x:root@pam:";

    fn rows(rows: &[(&str, &str)]) -> Vec<TaskRow> {
        let row = |(upid, about): &(&str, &str)| {
            let row = json!({ "upid": upid, "worker_id": about, "worker_type": "syncjob" });
            serde_json::from_value(row).unwrap()
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn the_task_of_a_job_is_found_among_new_ones() {
        let before = BTreeSet::from([OLD.to_owned()]);
        let about = "offsite:copy:main::far";
        let found = |rows: &[TaskRow]| newcomer(rows, &before, "far").map(|upid| upid.to_string());

        assert_eq!(
            found(&rows(&[(OTHER, "main:x"), (NEW, about), (OLD, about)])).as_deref(),
            Some(NEW)
        );
        assert_eq!(found(&rows(&[(OLD, about)])), None);
        assert_eq!(
            found(&rows(&[(OTHER, "?"), (OLD, about)])).as_deref(),
            Some(OTHER)
        );
    }
}
