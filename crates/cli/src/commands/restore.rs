//! `restore`: brings back what [`backup`](super::backup) wrote.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homelab_store::{Overwrite, restore};
use serde_json::json;

use super::backup::{FORMAT, KEY_FILES, MANIFEST, Manifest, digest, stamp};
use super::begin;
use crate::data_dir::{BACKUPS, DataDir, make_private_dir, write_private};
use crate::exit::{Exit, Failure};
use crate::services::{Event, Services};
use crate::session::Session;
use crate::target::{sqlite_file, target};

/// Options of `restore`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: homelab-mcp --data-dir /srv/homelab restore /mnt/nas/homelab-2026-01-31

No server may be running on the data directory. What is in it is replaced only with --force; its
database and keys are kept below `backups` of the data directory first. A backup of SQLite can be
restored into PostgreSQL and the other way round.")]
pub(crate) struct Args {
    /// The backup's directory.
    path: PathBuf,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let loaded = begin(session)?;
    let config = &loaded.config;
    let from = session.environment.directory.join(&args.path);
    let manifest = read_manifest(&from)?;
    let data = session.open_data_dir(config)?;
    let lock = data.lock_exclusive()?;
    let target = target(config, &data)?;

    let mut present: Vec<PathBuf> = KEY_FILES.iter().map(|name| data.file(name)).collect();
    present.extend(sqlite_file(&target).map(Path::to_owned));
    present.retain(|path| path.exists());
    if !present.is_empty() && !args.force {
        let names: Vec<String> = present
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        return Err(
            Failure::new(format!("there is data already: {}", names.join(", ")))
                .hint("replace it with `--force`, or restore into another `--data-dir`")
                .into(),
        );
    }
    let kept = keep(&present, &data, session)?;

    let bar = session.output.progress("restoring");
    for name in KEY_FILES {
        if manifest.files.contains_key(name) {
            let text = std::fs::read(from.join(name))?;
            write_private(&data.file(name), &text)
                .with_context(|| format!("writing `{}`", data.file(name).display()))?;
        }
    }
    let overwrite = if args.force {
        Overwrite::Yes
    } else {
        Overwrite::No
    };
    let (clock, entropy) = (session.clock.clone(), session.entropy.clone());
    let restored = restore(
        &from.join(&manifest.database),
        &target,
        overwrite,
        clock,
        entropy,
    )
    .await;
    bar.finish_and_clear();
    let restored = restored.context("restoring the database")?;
    drop(lock);

    // Opening it shows that the keys are the right ones.
    let services = Services::open_in(session, config, data).await?;
    let checked = finish(&services, &from).await;
    services.close().await?;
    let faults = checked?;
    if session.output.is_json() {
        let kept = kept.as_ref().map(|path| path.display().to_string());
        session.output.json(&json!({
            "restored": restored.rows, "audit_faults": faults, "replaced_data": kept,
        }))?;
    } else {
        let rows = restored
            .rows
            .iter()
            .map(|(table, rows)| vec![table.clone(), rows.to_string()]);
        session.output.table(&["TABLE", "ROWS"], rows.collect())?;
        if let Some(kept) = kept {
            session
                .output
                .note(format!("what was there before is in {}", kept.display()))?;
        }
        if faults > 0 {
            session
                .output
                .warn("the audit of this backup is not intact: see `homelab-mcp audit verify`")?;
        }
    }
    Ok(if faults == 0 { Exit::Ok } else { Exit::Failed })
}

async fn finish(services: &Services, from: &Path) -> Result<usize> {
    let (_, faults) = services
        .database
        .verify_audit(services.audit_key.clone())
        .await?;
    services
        .record(Event {
            action: "backup_restored",
            target_type: "database",
            target_id: &from.display().to_string(),
            by: None,
            details: None,
        })
        .await?;
    Ok(faults.len())
}

fn read_manifest(from: &Path) -> Result<Manifest> {
    let path = from.join(MANIFEST);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(format!("`{}` is not a backup: {error}", from.display()))
            .hint("name the directory that `homelab-mcp backup` wrote")
    })?;
    let manifest: Manifest = serde_json::from_str(&text)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    if manifest.format > FORMAT {
        let text = format!(
            "this backup was made by a newer version ({})",
            manifest.version
        );
        return Err(Failure::new(text)
            .hint("restore it with that version")
            .into());
    }
    for (name, expected) in &manifest.files {
        if name.contains('/') || digest(&from.join(name))? != *expected {
            let text = format!("`{name}` of this backup is not what was written");
            return Err(Failure::new(text).hint("use another backup").into());
        }
    }
    Ok(manifest)
}

/// Copies what is about to be replaced.
fn keep(present: &[PathBuf], data: &DataDir, session: &Session) -> Result<Option<PathBuf>> {
    if present.is_empty() {
        return Ok(None);
    }
    let directory = data
        .file(BACKUPS)
        .join(format!("replaced-{}", stamp(session.clock.now())));
    make_private_dir(&directory)?;
    for path in present {
        // A database that was not closed has its newest rows in the file beside it.
        for suffix in ["", "-wal"] {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            let source = path.with_file_name(&name);
            if source.exists() {
                std::fs::copy(&source, directory.join(&name))
                    .with_context(|| format!("keeping `{}`", source.display()))?;
            }
        }
    }
    Ok(Some(directory))
}
