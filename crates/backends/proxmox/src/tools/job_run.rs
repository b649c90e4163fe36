//! Running a scheduled backup now.

use std::collections::{BTreeMap, BTreeSet};

use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backup_jobs::{JobRow, find, job_target, list, properties};
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::Guest;
use crate::ids::{JobId, NodeName, Vmid};
use crate::lenient::plain;
use crate::task::TaskReport;
use crate::types::BackupJob;

/// Which job to run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunBackupJob {
    /// The job; see `list_backup_jobs`.
    id: JobId,
    /// Afterwards remove older backups by its retention, as it does on its schedule.
    #[serde(default)]
    prune: bool,
    /// Seconds to wait for all of its tasks together; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// A job that was run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobRun {
    id: JobId,
    /// Guests that it saves.
    vmids: Vec<Vmid>,
    /// One task for each node.
    tasks: Vec<TaskReport>,
    /// Nodes on which it could not be started.
    problems: Vec<String>,
}

/// Run a scheduled backup job now, on every node that has guests of it.
#[tool(
    destructive,
    open_world,
    permission = "proxmox:job:run",
    title = "Run a backup job",
    timeout = 630,
    untrusted("tasks.*.log"),
    preview = preview_run,
    targets = run_targets
)]
pub(crate) async fn run_backup_job(
    proxmox: &Proxmox,
    args: RunBackupJob,
    ctx: &CallContext,
) -> ToolResult<JobRun> {
    let (job, guests) = included(proxmox, &args.id).await?;
    let mut by_node: BTreeMap<NodeName, BTreeSet<Vmid>> = BTreeMap::new();
    for guest in &guests {
        by_node
            .entry(guest.node.clone())
            .or_default()
            .insert(guest.vmid);
    }
    let (mut started, mut problems) = (Vec::new(), Vec::new());
    let mut first_error = None;
    for (node, vmids) in &by_node {
        match proxmox
            .api
            .task(&run_call(&job, node, vmids, args.prune))
            .await
        {
            Ok(upid) => started.extend(upid),
            Err(error) => {
                problems.push(format!("`{node}`: {}", error.envelope().message));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if started.is_empty() => return Err(error),
        _ => {}
    }
    let wait = args.wait_s.unwrap_or(proxmox.config.task_wait_s);
    let begun = tokio::time::Instant::now();
    let mut tasks = Vec::new();
    for upid in started {
        let left = wait.saturating_sub(begun.elapsed().as_secs());
        let report = proxmox.follow(ctx, &upid, Some(left)).await?;
        match report.clone().succeeded() {
            Ok(_) => {}
            Err(error) => problems.push(error.envelope().message.clone()),
        }
        tasks.push(report);
    }
    Ok(JobRun {
        id: args.id,
        vmids: guests.iter().map(|guest| guest.vmid).collect(),
        tasks,
        problems,
    })
}

/// The job, and the guests that it saves.
async fn included(proxmox: &Proxmox, id: &JobId) -> ToolResult<(BackupJob, Vec<Guest>)> {
    let jobs = proxmox.backup_jobs().await?;
    let Some(job) = find(&jobs, id) else {
        return Err(ToolError::not_found(format!("no backup job `{id}`"))
            .reason("job_not_found")
            .field("id")
            .hint("call `list_backup_jobs` to see what there is"));
    };
    let row = JobRow::of(job);
    let guests: Vec<Guest> = proxmox
        .guests()
        .await?
        .iter()
        .filter(|guest| row.includes(guest))
        .cloned()
        .collect();
    if guests.is_empty() {
        let message =
            format!("the backup job `{id}` includes no guest that our credentials can see");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("job_empty")
            .field("id"));
    }
    Ok((job.clone(), guests))
}

/// Settings of a job that are handed on. What only `root@pam` may pass is left out.
const HANDED_ON: [&str; 8] = [
    "storage",
    "mode",
    "compress",
    "notes-template",
    "protected",
    "notification-mode",
    "pbs-change-detection-mode",
    "stdexcludes",
];

/// One node's part of the job: Proxmox has no call that runs one.
fn run_call(job: &BackupJob, node: &NodeName, vmids: &BTreeSet<Vmid>, prune: bool) -> Call {
    let vmids: Vec<Vmid> = vmids.iter().copied().collect();
    let mut call = Call::post("backup_job_run", "/nodes/{}/vzdump", &[node])
        .with_opt("vmid", list(&vmids))
        .flag("remove", prune);
    for name in HANDED_ON {
        call = call.with_opt(
            name,
            job.get(name)
                .and_then(plain)
                .filter(|text| !text.is_empty()),
        );
    }
    let call = call.with_opt("fleecing", properties(job, "fleecing"));
    if prune {
        call.with_opt("prune-backups", properties(job, "prune-backups"))
    } else {
        call
    }
}

async fn preview_run(proxmox: &Proxmox, args: &RunBackupJob) -> ToolResult<Preview> {
    let (job, guests) = included(proxmox, &args.id).await?;
    let text = |key: &str| job.get(key).and_then(plain);
    let mut impact: Vec<String> = guests
        .iter()
        .take(20)
        .map(|guest| format!("{} is backed up", guest.described()))
        .collect();
    match text("mode").as_deref() {
        Some("stop") => impact.push("guests are shut down for it and started again".to_owned()),
        Some("suspend") => impact.push("guests are paused for it".to_owned()),
        _ => {}
    }
    if args.prune {
        let keep = properties(&job, "prune-backups");
        let keep = keep.as_deref().unwrap_or("the storage's retention");
        impact.push(format!(
            "older backups that `{keep}` does not keep are removed"
        ));
    }
    Ok(Preview {
        summary: format!("back up {} guests by the job `{}`", guests.len(), args.id),
        changes: Vec::new(),
        impact,
    })
}

async fn run_targets(proxmox: &Proxmox, args: &RunBackupJob) -> ToolResult<Vec<Target>> {
    let (job, guests) = included(proxmox, &args.id).await?;
    let job = job_target(&args.id, job.get("comment").and_then(plain));
    Ok(std::iter::once(job)
        .chain(guests.iter().map(Guest::target))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn running_a_job_repeats_its_settings_but_prunes_only_if_asked() {
        let job: BackupJob = serde_json::from_value(json!({
            "id": "nightly", "storage": "nas", "mode": "snapshot", "compress": "zstd", "enabled": 1,
            "prune-backups": { "keep-last": 3 }, "script": "/root/x", "bwlimit": 100
        }))
        .unwrap();
        let (node, vmids) = (
            "pve1".parse().unwrap(),
            BTreeSet::from([Vmid(100), Vmid(101)]),
        );

        assert_eq!(
            run_call(&job, &node, &vmids, false).line(),
            "POST /nodes/pve1/vzdump?vmid=100,101&remove=0&storage=nas&mode=snapshot&compress=zstd"
        );
        assert!(
            run_call(&job, &node, &vmids, true)
                .line()
                .ends_with("&prune-backups=keep-last=3")
        );
    }
}
