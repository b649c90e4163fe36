//! `backup`: a consistent copy of everything that cannot be made again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homelab_core::clock::Micros;
use homelab_core::store::{AUDIT_KEY_FINGERPRINT, MASTER_KEY_FINGERPRINT};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::commands::with_services;
use crate::data_dir::{
    AUDIT_KEY, AUDIT_SIGNING_KEY, BACKUPS, MASTER_KEY, OWNER_HASH, make_private_dir, write_private,
};
use crate::exit::{Exit, Failure};
use crate::services::{Event, Services};
use crate::session::Session;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp backup
  homelab-mcp backup /mnt/nas/homelab-2026-01-31

A backup is a directory: the database, the keys, and a list with their hashes. Without the keys
(--without-keys) its passwords cannot be read and its audit not be verified: keep those elsewhere.")]
pub(crate) struct Args {
    /// Directory to make; otherwise one named after the time, below `backups` of the data directory.
    path: Option<PathBuf>,
    /// Leave out the keys.
    #[arg(long)]
    without_keys: bool,
}

/// Name of the list of contents.
pub(super) const MANIFEST: &str = "manifest.json";
/// Key files that belong to a backup, where they exist.
pub(super) const KEY_FILES: [&str; 4] = [MASTER_KEY, AUDIT_KEY, AUDIT_SIGNING_KEY, OWNER_HASH];
/// Version of the directory's form.
pub(super) const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// `homelab-mcp`.
    pub(super) program: String,
    /// Version of the directory's form.
    pub(super) format: u32,
    /// Version of the program that wrote it.
    pub(super) version: String,
    /// When.
    pub(super) created_at: Micros,
    /// Engine it was taken from.
    pub(super) engine: String,
    /// Name of the database's file.
    pub(super) database: String,
    /// Fingerprint of the key of its passwords.
    pub(super) master_key: Option<String>,
    /// Fingerprint of the key of its audit.
    pub(super) audit_key: Option<String>,
    /// SHA-256 of each file.
    pub(super) files: BTreeMap<String, String>,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let path = match &args.path {
            Some(path) => session.environment.directory.join(path),
            None => services.data.file(BACKUPS).join(stamp(session.clock.now())),
        };
        let keys = if args.without_keys {
            &[][..]
        } else {
            &KEY_FILES[..]
        };
        let bar = session.output.progress("writing the backup");
        let written = write(services, &path, keys).await;
        bar.finish_and_clear();
        let manifest = written?;
        services
            .record(Event {
                action: "backup_written",
                target_type: "database",
                target_id: &path.display().to_string(),
                by: None,
                details: None,
            })
            .await?;
        if session.output.is_json() {
            session
                .output
                .json(&json!({ "path": path, "files": manifest.files }))?;
        } else {
            session.output.line(format!("wrote {}", path.display()))?;
        }
        Ok(Exit::Ok)
    })
    .await
}

/// Writes a backup directory.
pub(super) async fn write(services: &Services, path: &Path, keys: &[&str]) -> Result<Manifest> {
    if path
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
        || path.is_file()
    {
        return Err(
            Failure::new(format!("`{}` is there already", path.display()))
                .hint("name a directory that is new or empty")
                .into(),
        );
    }
    make_private_dir(path).with_context(|| format!("making `{}`", path.display()))?;
    let engine = services.database.engine();
    let database = if engine == "sqlite" {
        "homelab.db"
    } else {
        "homelab.jsonl"
    };
    services
        .database
        .backup(&path.join(database))
        .await
        .context("copying the database")?;
    let mut names = vec![database];
    for name in keys {
        if let Some(text) = services.data.read_private(name)? {
            write_private(&path.join(name), text.as_bytes())?;
            names.push(*name);
        }
    }
    let mut files = BTreeMap::new();
    for name in names {
        files.insert(name.to_owned(), digest(&path.join(name))?);
    }
    let settings = &services.stores.settings;
    let manifest = Manifest {
        program: "homelab-mcp".to_owned(),
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: services.env.clock.now(),
        engine: engine.to_owned(),
        database: database.to_owned(),
        master_key: settings.get(MASTER_KEY_FINGERPRINT).await?,
        audit_key: settings.get(AUDIT_KEY_FINGERPRINT).await?,
        files,
    };
    // Last, so that a directory with a manifest is a whole backup.
    write_private(&path.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    Ok(manifest)
}

/// SHA-256 of a file, hexadecimal.
pub(in crate::commands) fn digest(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path).with_context(|| format!("reading `{}`", path.display()))?;
    io::copy(&mut file, &mut hash).with_context(|| format!("reading `{}`", path.display()))?;
    Ok(hex::encode(hash.finalize()))
}

/// A time as the name of a directory.
pub(super) fn stamp(at: Micros) -> String {
    at.to_rfc3339()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(15)
        .collect::<String>()
        + "Z"
}
