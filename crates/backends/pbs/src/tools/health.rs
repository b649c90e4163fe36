//! What needs attention, in one answer.

use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::freshness::{FreshnessCounts, FreshnessRow, State, groups};
use super::gc::GcRow;
use super::jobs::JobRow;
use super::tasks::TaskItem;
use super::usage::StoreUsage;
use crate::client::Pbs;
use crate::types::SnapshotRow;
use crate::units::{count, span};
use crate::walk::{Place, Scope};

/// Findings of one kind that are told one by one.
const EACH: usize = 20;
/// Hours in which a failed task counts.
const TASK_HOURS: u32 = 24;
/// Age from which on a garbage collection is overdue.
const GC_AFTER: i64 = 8 * 86_400;
/// A store that is full within so long is warned of.
const SOON_FULL: i64 = 30 * 86_400;

/// What counts as stale.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GetBackupHealth {
    /// Age from which on a group's newest good backup is stale; default as configured, else 36.
    #[schemars(range(min = 1, max = 8760))]
    max_age_hours: Option<u32>,
}

/// How bad it is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Backups are lost, missing or about to fail.
    Critical,
    /// Something should be looked after.
    Warning,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Finding {
    severity: Severity,
    what: String,
    /// What to do about it.
    hint: String,
}

/// The state of all backups.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct BackupHealth {
    /// Nothing needs attention, and everything could be read.
    healthy: bool,
    groups: FreshnessCounts,
    backups: usize,
    /// Complete backups that were never verified.
    unverified: usize,
    /// Backups that failed verification.
    broken: usize,
    findings: Vec<Finding>,
    /// What could not be read: a health that is not known is not good.
    problems: Vec<String>,
}

/// Get what needs attention in one answer: full datastores, stale, missing and broken backups, failed jobs and tasks of the last day, overdue garbage collection.
#[tool(
    read,
    open_world,
    permission = "pbs:backup:read",
    title = "Get the health of all backups",
    timeout = 180,
    untrusted("findings.*.what")
)]
pub(crate) async fn get_backup_health(
    pbs: &Pbs,
    args: GetBackupHealth,
) -> ToolResult<BackupHealth> {
    let scope = Scope::default();
    let (usage, walked, jobs, gc, tasks) = tokio::join!(
        pbs.store_usage(),
        pbs.walk_snapshots(&scope),
        Box::pin(pbs.jobs(None)),
        pbs.gc_all(),
        pbs.failed_tasks(TASK_HOURS),
    );
    // Without the backups themselves there is nothing to say.
    let (found, mut problems) = walked?.some()?;
    let now = pbs.now_s();
    let max_age = args.max_age_hours.unwrap_or(pbs.config.stale_after_hours);
    let rows = groups(&found, now, max_age);
    let mut findings = stale(&rows);
    findings.extend(broken(&found));
    let mut note = |what: &str, error: &homelab_core::error::ToolError| {
        problems.push(format!("{what}: {}", error.envelope().message));
    };
    match usage {
        Ok(stores) => {
            let full = f64::from(pbs.config.full_percent);
            findings.extend(stores.iter().flat_map(|store| of_store(store, full, now)));
        }
        Err(error) => note("usage", &error),
    }
    match gc {
        Ok(rows) => findings.extend(rows.into_iter().flat_map(|gc| of_gc(&GcRow::of(gc), now))),
        Err(error) => note("garbage collection", &error),
    }
    match tasks {
        Ok(tasks) => findings.extend(of_tasks(&tasks)),
        Err(error) => note("tasks", &error),
    }
    match jobs {
        Ok((jobs, unread)) => {
            findings.extend(jobs.iter().filter(|job| job.has_failed()).map(of_job));
            problems.extend(unread);
        }
        Err(error) => note("jobs", &error),
    }
    findings.sort();
    let all = || found.iter().flat_map(|(_, rows)| rows);
    Ok(BackupHealth {
        healthy: findings.is_empty() && problems.is_empty(),
        groups: FreshnessCounts::of(&rows),
        backups: all().count(),
        unverified: all()
            .filter(|row| row.verification.is_none() && row.is_complete())
            .count(),
        broken: all().filter(|row| row.verification_failed()).count(),
        findings,
        problems,
    })
}

fn critical(what: String, hint: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Critical,
        what,
        hint: hint.into(),
    }
}

fn warning(what: String, hint: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        what,
        hint: hint.into(),
    }
}

/// The first so many one by one, the rest as a number.
fn cut(mut findings: Vec<Finding>, what: &str, hint: &str) -> Vec<Finding> {
    if findings.len() > EACH {
        let rest = findings.len() - EACH;
        findings.truncate(EACH);
        findings.push(warning(format!("{rest} more {what}"), hint));
    }
    findings
}

fn stale(rows: &[FreshnessRow]) -> Vec<Finding> {
    let each = rows.iter().filter_map(|row| match row.state {
        State::Unusable => Some(critical(
            format!(
                "{}: none of {} can be used",
                row.described(),
                count(row.count, "backup")
            ),
            "back it up now, and find out why backups stay unfinished or break",
        )),
        State::Stale => {
            let age = span(row.age_hours.unwrap_or(0) * 3600);
            let what = match &row.remark {
                Some(remark) => format!(
                    "{}: newest good backup is {age} old; {remark}",
                    row.described()
                ),
                None => format!("{}: newest backup is {age} old", row.described()),
            };
            Some(warning(
                what,
                "see the backup job of this machine, or delete the group if it is gone",
            ))
        }
        State::Fresh | State::Missing => None,
    });
    cut(each.collect(), "stale groups", "see `check_freshness`")
}

fn broken(found: &[(Place, Vec<SnapshotRow>)]) -> Vec<Finding> {
    let mut each = Vec::new();
    for (place, rows) in found {
        for row in rows.iter().filter(|row| row.verification_failed()) {
            each.push(critical(
                format!(
                    "`{}` in `{}` failed verification",
                    row.name(),
                    place.described()
                ),
                "restore it from nowhere else but another copy; back up anew and verify the group",
            ));
        }
    }
    cut(
        each,
        "broken backups",
        "see `list_backups` with `view` `snapshots` and `only` `failed`",
    )
}

fn of_store(store: &StoreUsage, full_percent: f64, now: i64) -> Vec<Finding> {
    let name = &store.datastore;
    let mut findings = Vec::new();
    if let Some(error) = &store.error {
        findings.push(critical(
            format!("`{name}` cannot be read: {error}"),
            "see the server's disks",
        ));
    }
    if store.mount_status.as_deref() == Some("notmounted") {
        findings.push(warning(
            format!("`{name}` is not mounted"),
            "plug its disk in and mount it",
        ));
    }
    if let Some(mode) = &store.maintenance {
        findings.push(warning(
            format!("`{name}` is in maintenance: {mode}"),
            "end it when it is done",
        ));
    }
    if let Some(used) = store.used_percent.filter(|used| *used >= full_percent) {
        let what = format!("`{name}` is {used} % full");
        let hint = "prune (`prune_backups`), then collect garbage (`run_gc`), or make it larger";
        findings.push(if used >= 95.0 {
            critical(what, hint)
        } else {
            warning(what, hint)
        });
    }
    let full = store
        .estimated_full
        .as_deref()
        .and_then(homelab_core::clock::Micros::from_rfc3339)
        .map(|when| crate::units::seconds(when) - now)
        .filter(|left| (0..SOON_FULL).contains(left));
    if let Some(left) = full {
        findings.push(warning(
            format!(
                "`{name}` will be full in {} if it goes on like this",
                span(left)
            ),
            "keep fewer backups, or make it larger",
        ));
    }
    findings
}

fn of_gc(gc: &GcRow, now: i64) -> Vec<Finding> {
    let name = &gc.datastore;
    let mut findings = Vec::new();
    if let Some(bad) = gc.still_bad.filter(|bad| *bad > 0) {
        findings.push(critical(
            format!("`{name}` has {bad} broken chunks that backups refer to"),
            "verify the datastore (`verify_backup`), and check its disks",
        ));
    }
    match gc.ended {
        None => findings.push(warning(
            format!("garbage was never collected in `{name}`"),
            "run it (`run_gc`), and schedule it: pruned backups take space until then",
        )),
        Some(ended) if now - ended > GC_AFTER => findings.push(warning(
            format!(
                "garbage in `{name}` was last collected {} ago",
                span(now - ended)
            ),
            "run it (`run_gc`), and see its schedule",
        )),
        Some(_) => {}
    }
    findings
}

fn of_tasks(tasks: &[TaskItem]) -> Vec<Finding> {
    let each = tasks.iter().map(|task| {
        let about = match &task.about {
            Some(about) => format!(" of `{about}`"),
            None => String::new(),
        };
        let (kind, status) = (&task.kind, &task.status);
        warning(
            format!("the task `{kind}`{about} failed: {status}"),
            format!("call `get_task_status` with `{}`", task.upid),
        )
    });
    cut(
        each.collect(),
        "failed tasks",
        "see `list_tasks` with `errors`",
    )
}

fn of_job(job: &JobRow) -> Finding {
    let id = job.id.as_deref().unwrap_or(&job.datastore);
    let state = job.last_state.as_deref().unwrap_or_default();
    warning(
        format!(
            "the last run of the {} job `{id}` failed: {state}",
            job.kind
        ),
        "see its task with `get_task_status`, then run it again with `run_job`",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_140_000;

    fn gc(more: &serde_json::Value) -> GcRow {
        let mut row = json!({ "store": "main" });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        GcRow::of(serde_json::from_value(row).unwrap())
    }

    #[test]
    fn overdue_and_missing_collections_are_told_apart() {
        let texts = |row: &GcRow| -> Vec<String> {
            of_gc(row, NOW)
                .into_iter()
                .map(|finding| finding.what)
                .collect()
        };

        assert!(texts(&gc(&json!({})))[0].contains("never"));
        assert!(
            texts(&gc(&json!({ "last-run-endtime": NOW - 20 * 86_400 })))[0].contains("20 days")
        );
        assert!(texts(&gc(&json!({ "last-run-endtime": NOW - 86_400 }))).is_empty());
        assert!(
            texts(&gc(&json!({ "last-run-endtime": NOW, "still-bad": 2 })))[0].contains("2 broken")
        );
    }

    #[test]
    fn many_findings_of_a_kind_are_cut() {
        let many: Vec<Finding> = (0..50).map(|n| warning(format!("{n}"), "x")).collect();

        let cut = cut(many, "things", "look");

        assert_eq!(cut.len(), EACH + 1);
        assert_eq!(cut[EACH].what, "30 more things");
    }
}
