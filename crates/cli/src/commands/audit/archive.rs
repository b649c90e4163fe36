//! `audit archive`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homelab_core::audit::VerifiedExport;
use homelab_core::store::AuditSink as _;
use homelab_store::ArchivePlan;
use serde_json::json;

use super::export::Staged;
use super::point;
use super::verify::read_export;
use crate::commands::backup::digest;
use crate::exit::{Exit, Failure};
use crate::owner;
use crate::services::{Event, Services};
use crate::session::Session;

/// Options of `audit archive`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: homelab-mcp audit archive --before 365d --to /mnt/nas/audit-2025.jsonl

The file is written, read back and verified before any row is removed; running the same command
again after a crash is safe. It needs the owner's key (HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or
a prompt). The file verifies with `homelab-mcp audit verify-export` and the public key alone.")]
pub(crate) struct Args {
    /// Rows before this: RFC 3339, or an age such as `90d`.
    #[arg(long)]
    before: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Writes old rows to the file, then removes them.
pub(super) async fn run(args: &Args, services: &Services, session: &Session) -> Result<Exit> {
    let now = session.clock.now();
    let before = point(&args.before, now)?;
    if before > now {
        return Err(Failure::usage("`--before` lies in the future").into());
    }
    let (stored, clock) = (services.stores.keys.as_ref(), session.clock.as_ref());
    let environment = &session.environment;
    let owner = owner::require(stored, &services.data, clock, environment, &session.output).await?;
    let path = environment.directory.join(&args.to);
    services.audit.flush().await?;
    let found = services.trail.verify(&[]).await?;
    if !found.faults.is_empty() {
        let hint = "`homelab-mcp audit verify` names each fault; compare with a backup";
        return Err(
            Failure::new("the audit is not intact, so nothing is archived")
                .hint(hint)
                .into(),
        );
    }
    let plan = services.trail.plan_archive(before).await?;
    if path.exists() {
        refuse_finished(&path, &plan, services)?;
    }
    if plan.spans.is_empty() {
        return done(0, &path, session);
    }
    let digest = write(&plan, &path, services).await?;
    let removed = services.trail.remove_archived(&plan, &digest).await?;
    let details = json!({ "rows": removed, "before": before, "sha256": digest });
    services
        .record(Event {
            action: "audit_archived",
            target_type: "audit",
            target_id: &path.display().to_string(),
            by: owner.key.as_ref(),
            details: Some(details.to_string()),
        })
        .await?;
    done(removed, &path, session)
}

/// A file that is there may be the leftover of a run that was ended before it removed the rows;
/// any other archive must not be overwritten: its rows are nowhere else.
fn refuse_finished(path: &Path, plan: &ArchivePlan, services: &Services) -> Result<()> {
    let there = read_export(path, services.trail.keys().signing.public())?;
    if is_leftover(&there, plan) {
        return Ok(());
    }
    if plan.spans.is_empty() && there.faults.is_empty() {
        // This very command was run to its end before.
        return Ok(());
    }
    let text = format!("`{}` is there already", path.display());
    Err(Failure::new(text)
        .hint("its rows may be nowhere else: name another file")
        .into())
}

/// Whether all that the file holds is still in the database and part of the plan.
fn is_leftover(there: &VerifiedExport, plan: &ArchivePlan) -> bool {
    let Some(header) = &there.header else {
        return false;
    };
    there.faults.is_empty()
        && !plan.spans.is_empty()
        && header.spans.iter().all(|old| {
            plan.spans.iter().any(|new| {
                new.chain == old.chain && new.after == old.after && new.to.seq >= old.to.seq
            })
        })
}

/// Writes the archive and reads it back; its SHA-256.
async fn write(plan: &ArchivePlan, path: &Path, services: &Services) -> Result<String> {
    let mut staged = Staged::beside(path)?;
    services
        .trail
        .write_archive(plan, &mut |text| staged.write(text))
        .await?;
    let written = staged.sync()?;
    let read = read_export(written, services.trail.keys().signing.public())?;
    if let Some(fault) = read.faults.first() {
        let text = format!("the archive does not verify: {}", fault.problem);
        return Err(Failure::new(text).hint("nothing was removed").into());
    }
    if read.rows != plan.rows() {
        return Err(Failure::new("the archive lacks rows")
            .hint("nothing was removed")
            .into());
    }
    let digest = digest(written).context("reading the archive back")?;
    staged.finish(path)?;
    Ok(digest)
}

fn done(rows: u64, path: &Path, session: &Session) -> Result<Exit> {
    if session.output.is_json() {
        session
            .output
            .json(&json!({ "archived": rows, "file": path }))?;
    } else if rows == 0 {
        session.output.line("there is nothing (more) to archive")?;
    } else {
        let text = format!("moved {rows} rows to {}", path.display());
        session.output.line(text)?;
        session
            .output
            .note("keep the public key with it: `homelab-mcp audit public-key`")?;
    }
    Ok(Exit::Ok)
}
