//! Verification: reading backups again and comparing their checksums.

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Naming as _};
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Namespace};
use crate::task::TaskReport;
use crate::types::SnapshotRow;
use crate::units::{count, size};
use crate::walk::{Place, nothing_of};

/// Rows of broken backups in a result.
const MOST: usize = 50;

/// What to verify.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyBackup {
    /// The datastore.
    datastore: Datastore,
    /// The namespace; default the root.
    ns: Option<Namespace>,
    /// A group (`vm/100`) or one backup (`vm/100/2026-11-20T02:00:00Z`); default all there.
    backup: Option<Backup>,
    /// Levels of namespaces below that are verified too, without `backup`; default 0.
    #[schemars(range(min = 0, max = 7))]
    max_depth: Option<u8>,
    /// Verify those again that are verified already.
    #[serde(default)]
    reverify: bool,
    /// Verify those again whose verification is older than so many days.
    #[schemars(range(min = 1, max = 3650))]
    outdated_after_days: Option<u32>,
    /// Threads that read; since release 4.
    #[schemars(range(min = 1, max = 32))]
    read_threads: Option<u8>,
    /// Threads that compare; since release 4.
    #[schemars(range(min = 1, max = 32))]
    verify_threads: Option<u8>,
    /// Seconds to wait for the task; 0 returns at once.
    #[schemars(range(min = 0, max = 600))]
    wait_s: Option<u64>,
}

/// How a verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// Every backup is verified and sound.
    Ok,
    /// Some are broken.
    Failed,
    /// None is broken, but some are not verified: unfinished, or made meanwhile.
    Incomplete,
    /// The task still runs.
    Running,
}

/// A verification, and what the backups say of themselves afterwards.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Verified {
    datastore: Datastore,
    ns: Option<String>,
    verdict: Verdict,
    /// Backups that are sound.
    sound: Option<usize>,
    /// Backups that are not verified.
    unverified: Option<usize>,
    /// Backups that are broken: restore none of these, and back up anew.
    broken: Vec<String>,
    /// How many are broken, if more than are listed.
    broken_total: Option<usize>,
    task: TaskReport,
}

/// Verify backups by reading them again, and report which are sound and which broken. Reads much and may run for hours; verified ones are skipped unless `reverify`.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "pbs:backup:verify",
    title = "Verify backups",
    timeout = 630,
    untrusted("task.log"),
    preview = preview_verify,
    targets = verify_targets
)]
pub(crate) async fn verify_backup(
    pbs: &Pbs,
    args: VerifyBackup,
    ctx: &CallContext,
) -> ToolResult<Verified> {
    args.check()?;
    if let Some(backup) = &args.backup {
        let place = args.place();
        if pbs.found(&place.store, &place.ns, backup).await?.is_empty() {
            return Err(nothing_of(&place, backup));
        }
    }
    let upid = pbs.api.task(&verify_call(&args)).await?;
    let task = pbs.follow(ctx, &upid, args.wait_s).await?;
    if task.is_running() {
        return Ok(args.result(task, None));
    }
    let rows = covered(pbs, &args).await?;
    let is_broken = rows.iter().any(SnapshotRow::verification_failed);
    // A task that fails for broken backups has done its work: that is the answer.
    if task.has_failed() && !is_broken {
        return Err(task.error());
    }
    Ok(args.result(task, Some(&rows)))
}

fn verify_call(args: &VerifyBackup) -> Call {
    let call = Call::post("verify", "/admin/datastore/{}/verify", &[&args.datastore])
        .with_opt("ns", args.ns.as_ref().and_then(Namespace::given));
    let call = match &args.backup {
        Some(Backup::Group(group)) => call.group(group),
        Some(Backup::Snapshot(snapshot)) => call.snapshot(snapshot),
        // All namespaces below by default.
        None => call.with("max-depth", args.max_depth.unwrap_or(0)),
    };
    let call = call
        .with("ignore-verified", !args.reverify)
        .with_opt("outdated-after", args.outdated_after_days);
    // Release 3 refuses parameters that it does not know.
    call.with_opt("read-threads", args.read_threads)
        .with_opt("verify-threads", args.verify_threads)
}

/// The backups that the call is about.
async fn covered(pbs: &Pbs, args: &VerifyBackup) -> ToolResult<Vec<SnapshotRow>> {
    let place = args.place();
    if let Some(backup) = &args.backup {
        return pbs.found(&place.store, &place.ns, backup).await;
    }
    let depth = args.max_depth.unwrap_or(0);
    if depth == 0 {
        return pbs.snapshots(&place.store, &place.ns, None).await;
    }
    let mut rows = Vec::new();
    for below in pbs.namespaces(&place.store, &place.ns, Some(depth)).await? {
        if let Ok(ns) = below.ns.parse() {
            rows.extend(pbs.snapshots(&place.store, &ns, None).await?);
        }
    }
    Ok(rows)
}

impl VerifyBackup {
    fn place(&self) -> Place {
        Place {
            store: self.datastore.clone(),
            ns: self.ns.clone().unwrap_or_else(Namespace::root),
        }
    }

    fn check(&self) -> ToolResult<()> {
        if self.backup.is_some() && self.max_depth.is_some() {
            let message = "`max_depth` does not go with one `backup`";
            return Err(ToolError::invalid("max_depth", message));
        }
        Ok(())
    }

    fn result(self, task: TaskReport, rows: Option<&[SnapshotRow]>) -> Verified {
        let count = |fits: &dyn Fn(&SnapshotRow) -> bool| {
            rows.map(|rows| rows.iter().filter(|row| fits(row)).count())
        };
        let sound = count(&|row| row.verification.is_some() && !row.verification_failed());
        let unverified = count(&|row| row.verification.is_none());
        let broken: Vec<String> = rows
            .unwrap_or_default()
            .iter()
            .filter(|row| row.verification_failed())
            .map(SnapshotRow::name)
            .collect();
        let verdict = match (rows, unverified) {
            (None, _) => Verdict::Running,
            _ if !broken.is_empty() => Verdict::Failed,
            (_, Some(1..)) => Verdict::Incomplete,
            _ => Verdict::Ok,
        };
        Verified {
            ns: self
                .ns
                .as_ref()
                .and_then(Namespace::given)
                .map(str::to_owned),
            datastore: self.datastore,
            verdict,
            sound,
            unverified,
            broken_total: (broken.len() > MOST).then_some(broken.len()),
            broken: broken.into_iter().take(MOST).collect(),
            task,
        }
    }
}

async fn preview_verify(pbs: &Pbs, args: &VerifyBackup) -> ToolResult<Preview> {
    args.check()?;
    let rows = covered(pbs, args).await?;
    let place = args.place();
    if let (true, Some(backup)) = (rows.is_empty(), &args.backup) {
        return Err(nothing_of(&place, backup));
    }
    let due: Vec<&SnapshotRow> = rows
        .iter()
        .filter(|row| args.reverify || row.verification.is_none())
        .collect();
    let bytes: u64 = due.iter().filter_map(|row| row.size).sum();
    let mut impact = vec![format!(
        "it reads {} with up to {}, which slows other work down",
        count(due.len(), "backup"),
        size(bytes)
    )];
    let skipped = rows.len() - due.len();
    if skipped > 0 {
        impact.push(format!("{} verified already", count(skipped, "backup")));
    }
    let what = match &args.backup {
        Some(backup) => format!("`{backup}` in `{}`", place.described()),
        None => format!("all backups in `{}`", place.described()),
    };
    Ok(Preview {
        summary: format!("verify {what}"),
        changes: Vec::new(),
        impact,
    })
}

async fn verify_targets(_pbs: &Pbs, args: &VerifyBackup) -> ToolResult<Vec<Target>> {
    let place = args.place();
    Ok(vec![match &args.backup {
        Some(backup) => place.target_of(backup, None),
        None => place.target(),
    }])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(
        json!({ "datastore": "main" }),
        "POST /admin/datastore/main/verify?max-depth=0&ignore-verified=1"
    )]
    #[case(
        json!({ "datastore": "main", "ns": "home", "max_depth": 2, "reverify": true }),
        "POST /admin/datastore/main/verify?ns=home&max-depth=2&ignore-verified=0"
    )]
    #[case(
        json!({ "datastore": "main", "backup": "vm/100", "outdated_after_days": 30, "read_threads": 2 }),
        "POST /admin/datastore/main/verify?backup-type=vm&backup-id=100&ignore-verified=1&outdated-after=30&read-threads=2"
    )]
    #[case(
        json!({ "datastore": "main", "backup": "vm/100/2026-11-20T02:00:00Z" }),
        "POST /admin/datastore/main/verify?backup-type=vm&backup-id=100&backup-time=1795140000&ignore-verified=1"
    )]
    fn only_what_is_asked_for_is_sent(#[case] args: Value, #[case] line: &str) {
        let args: VerifyBackup = serde_json::from_value(args).unwrap();

        assert_eq!(verify_call(&args).line(), line);
    }
}
