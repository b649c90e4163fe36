//! Scheduled backups.

use std::future::{Ready, ready};

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Mismatch, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::backups::BackupMode;
use crate::call::Call;
use crate::client::Proxmox;
use crate::guest::Guest;
use crate::ids::{JobId, PoolId, StorageId, Vmid};
use crate::lenient::plain;
use crate::page::page;
use crate::types::BackupJob;
use crate::units::timestamp;

/// Which page of the jobs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListBackupJobs {
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A scheduled backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobRow {
    id: String,
    enabled: bool,
    schedule: Option<String>,
    next_run: Option<String>,
    storage: Option<String>,
    mode: Option<String>,
    /// All guests, but for those in `excluded`.
    all: bool,
    guests: Vec<String>,
    excluded: Vec<String>,
    pool: Option<String>,
    /// Only on this node.
    node: Option<String>,
    retention: Option<String>,
    comment: Option<String>,
}

impl JobRow {
    pub(super) fn of(job: &BackupJob) -> Self {
        let text = |key: &str| job.get(key).and_then(plain).filter(|text| !text.is_empty());
        let list = |key: &str| split(text(key).as_deref());
        let seconds = text("next-run").and_then(|text| text.parse().ok());
        Self {
            id: text("id").unwrap_or_default(),
            // On, unless it is said to be off.
            enabled: text("enabled").is_none_or(|enabled| enabled != "0"),
            schedule: text("schedule"),
            next_run: timestamp(seconds),
            storage: text("storage"),
            mode: text("mode"),
            all: text("all").is_some_and(|all| all != "0"),
            guests: list("vmid"),
            excluded: list("exclude"),
            pool: text("pool"),
            node: text("node"),
            retention: properties(job, "prune-backups"),
            comment: text("comment"),
        }
    }

    /// Whether the job saves the guest.
    pub(super) fn includes(&self, guest: &Guest) -> bool {
        let vmid = guest.vmid.to_string();
        let on_node = self
            .node
            .as_deref()
            .is_none_or(|node| node == guest.node.as_str());
        let chosen = if self.all {
            !self.excluded.contains(&vmid)
        } else if let Some(pool) = &self.pool {
            guest.row.pool.as_ref() == Some(pool)
        } else {
            self.guests.contains(&vmid)
        };
        on_node && chosen
    }
}

fn split(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default()
        .split([',', ';', ' '])
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A property that is written as text, or answered as an object: `keep-last=3,keep-daily=7`.
pub(super) fn properties(job: &BackupJob, key: &str) -> Option<String> {
    let value = job.get(key)?;
    let Some(members) = value.as_object() else {
        return plain(value).filter(|text| !text.is_empty());
    };
    let parts: Vec<String> = members
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", plain(value)?)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// List the scheduled backup jobs of the cluster: what they save, when, and where to.
#[tool(
    read,
    open_world,
    permission = "proxmox:job:read",
    title = "List backup jobs",
    timeout = 70,
    untrusted("items.*.comment")
)]
pub(crate) async fn list_backup_jobs(
    proxmox: &Proxmox,
    args: ListBackupJobs,
) -> ToolResult<Page<JobRow>> {
    let jobs = proxmox.backup_jobs().await?;
    let rows: Vec<JobRow> = jobs.iter().map(JobRow::of).collect();
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        row.id.clone()
    })
}

/// A new job.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBackupJob {
    /// Its id; a letter, then letters, digits, `-`, `_`, `.`.
    id: JobId,
    /// Calendar event, such as `02:30`, `sun 01:00`, `mon..fri 22:00`.
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[A-Za-z0-9*,./: -]+$"))]
    schedule: String,
    /// Storage of the backups.
    storage: StorageId,
    /// Guests to save; give these, `pool` or `all`.
    #[serde(default)]
    #[schemars(length(max = 500))]
    vmids: Vec<Vmid>,
    /// Save the guests of this pool.
    pool: Option<PoolId>,
    /// Save all guests.
    #[serde(default)]
    all: bool,
    /// With `all`, but for these.
    #[serde(default)]
    #[schemars(length(max = 500))]
    exclude: Vec<Vmid>,
    /// How running guests are treated; default `snapshot`.
    mode: Option<BackupMode>,
    /// Keep so many of the newest backups of each guest; the storage's retention without.
    #[schemars(range(min = 1, max = 1000))]
    keep_last: Option<u32>,
    /// Keep the newest of so many days.
    #[schemars(range(min = 1, max = 1000))]
    keep_daily: Option<u32>,
    /// Keep the newest of so many weeks.
    #[schemars(range(min = 1, max = 1000))]
    keep_weekly: Option<u32>,
    /// Keep the newest of so many months.
    #[schemars(range(min = 1, max = 1000))]
    keep_monthly: Option<u32>,
    /// Whether it runs by itself.
    #[serde(default = "on")]
    enabled: bool,
    /// A comment.
    #[schemars(length(max = 512))]
    comment: Option<String>,
}

fn on() -> bool {
    true
}

/// A job that was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct JobMade {
    /// As read afterwards.
    job: Option<JobRow>,
}

/// Create a scheduled backup job for some guests, a pool, or all of them, with its retention.
#[tool(
    write,
    open_world,
    permission = "proxmox:job:create",
    title = "Create a backup job",
    timeout = 90,
    untrusted("job.comment"),
    targets = create_targets,
    read_back = check_create
)]
pub(crate) async fn create_backup_job(
    proxmox: &Proxmox,
    args: CreateBackupJob,
) -> ToolResult<JobMade> {
    let call = create_call(&args)?;
    if find(&proxmox.backup_jobs().await?, &args.id).is_some() {
        let message = format!("there is a backup job `{}` already", args.id);
        return Err(ToolError::new(Code::Conflict, message)
            .reason("job_exists")
            .field("id")
            .hint("choose another id; see `list_backup_jobs`"));
    }
    proxmox.api.done(&call).await?;
    let jobs = proxmox.backup_jobs().await?;
    Ok(JobMade {
        job: find(&jobs, &args.id).map(JobRow::of),
    })
}

fn create_call(args: &CreateBackupJob) -> ToolResult<Call> {
    let ways = [!args.vmids.is_empty(), args.pool.is_some(), args.all];
    if ways.into_iter().filter(|way| *way).count() != 1 {
        return Err(ToolError::invalid(
            "vmids",
            "give exactly one of `vmids`, `pool` and `all`",
        ));
    }
    if !args.exclude.is_empty() && !args.all {
        return Err(ToolError::invalid("exclude", "`exclude` goes with `all`"));
    }
    let keep: Vec<String> = [
        ("keep-last", args.keep_last),
        ("keep-daily", args.keep_daily),
        ("keep-weekly", args.keep_weekly),
        ("keep-monthly", args.keep_monthly),
    ]
    .into_iter()
    .filter_map(|(name, number)| Some(format!("{name}={}", number?)))
    .collect();
    Ok(Call::post("backup_job_create", "/cluster/backup", &[])
        .with("id", &args.id)
        .with("schedule", &args.schedule)
        .with("storage", &args.storage)
        .with("mode", args.mode.unwrap_or(BackupMode::Snapshot).as_str())
        .with("compress", "zstd")
        .flag("enabled", args.enabled)
        .with_opt("vmid", list(&args.vmids))
        .with_opt("pool", args.pool.as_ref())
        .flag_if("all", args.all)
        .with_opt("exclude", list(&args.exclude))
        .with_opt("prune-backups", (!keep.is_empty()).then(|| keep.join(",")))
        .with_opt("comment", args.comment.as_deref()))
}

pub(super) fn list(vmids: &[Vmid]) -> Option<String> {
    let texts: Vec<String> = vmids.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(","))
}

pub(super) fn find<'a>(jobs: &'a [BackupJob], id: &JobId) -> Option<&'a BackupJob> {
    jobs.iter()
        .find(|job| job.get("id").and_then(plain).as_deref() == Some(id.as_str()))
}

fn create_targets(_proxmox: &Proxmox, args: &CreateBackupJob) -> Ready<ToolResult<Vec<Target>>> {
    ready(Ok(vec![job_target(&args.id, args.comment.clone())]))
}

pub(super) fn job_target(id: &JobId, name: Option<String>) -> Target {
    Target {
        kind: "backup_job".to_owned(),
        id: id.to_string(),
        name,
        tags: Vec::new(),
    }
}

fn check_create(
    _proxmox: &Proxmox,
    args: &CreateBackupJob,
    done: &JobMade,
) -> Ready<ToolResult<Vec<Mismatch>>> {
    ready(Ok(done
        .job
        .is_none()
        .then(|| Mismatch {
            field: "id",
            wanted: args.id.to_string(),
            found: "no such job".to_owned(),
        })
        .into_iter()
        .collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tools::guests::tests::{container, machine};

    fn job(value: serde_json::Value) -> BackupJob {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_job_says_what_it_saves_and_keeps() {
        let args: CreateBackupJob = serde_json::from_value(json!({
            "id": "nightly", "schedule": "02:30", "storage": "nas", "vmids": [100, 200], "keep_last": 3, "keep_daily": 7
        }))
        .unwrap();

        assert_eq!(
            create_call(&args).unwrap().line(),
            "POST /cluster/backup?id=nightly&schedule=02:30&storage=nas&mode=snapshot&compress=zstd&enabled=1\
             &vmid=100,200&prune-backups=keep-last=3,keep-daily=7"
        );
    }

    #[test]
    fn a_job_saves_guests_a_pool_or_all_but_not_two_of_these() {
        for args in [
            json!({ "id": "j1", "schedule": "1:00", "storage": "nas" }),
            json!({ "id": "j1", "schedule": "1:00", "storage": "nas", "all": true, "vmids": [100] }),
            json!({ "id": "j1", "schedule": "1:00", "storage": "nas", "vmids": [100], "exclude": [100] }),
        ] {
            let args: CreateBackupJob = serde_json::from_value(args).unwrap();
            assert!(create_call(&args).is_err());
        }
    }

    #[test]
    fn guests_of_a_job_are_found() {
        let includes = |value: serde_json::Value| {
            let row = JobRow::of(&job(value));
            (row.includes(&machine()), row.includes(&container()))
        };

        assert_eq!(includes(json!({ "id": "j", "vmid": "100" })), (true, false));
        assert_eq!(
            includes(json!({ "id": "j", "all": 1, "exclude": "100" })),
            (false, true)
        );
        assert_eq!(
            includes(json!({ "id": "j", "pool": "apps" })),
            (true, false)
        );
        assert_eq!(
            includes(json!({ "id": "j", "all": "1", "node": "pve2" })),
            (false, true)
        );
    }
}
