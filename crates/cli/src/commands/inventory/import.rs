//! `inventory import`.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use homelab_core::inventory::Snapshot;
use homelab_core::store::ImportReport;
use serde_json::json;

use super::legacy;
use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::services::{Event, Services};
use crate::session::Session;
use crate::transfer::{self, Entity, Format};

/// Options of `inventory import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp inventory import lab.yaml
  homelab-mcp inventory import --entity devices devices.csv
  homelab-mcp inventory import --from sqlite:/srv/old/homelab.db
  HOMELAB_DB_KEY=... homelab-mcp inventory import --from postgres://user:password@host/homelab_db

Records are found again by their names: importing twice changes nothing. Either everything is
imported or nothing. A database that is imported from is only ever read. Its credentials come along
if their Fernet key is known: in HOMELAB_DB_KEY, or as this data directory's own.")]
pub(crate) struct Args {
    /// YAML, JSON or CSV file; `-` is standard input.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<String>,
    /// Database of the older Python server: `sqlite:PATH` or `postgres://…`; also `env:NAME` or
    /// `file:PATH` where that is written.
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// Format, where the file's name does not say it.
    #[arg(long)]
    format: Option<Format>,
    /// What a CSV file holds.
    #[arg(long)]
    entity: Option<Entity>,
    /// Only check, and say what would be imported.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    // A file is checked before anything is opened or made.
    let from_file = match &args.file {
        Some(file) => Some((file.as_str(), read_file(file, &args, session)?)),
        None => None,
    };
    with_services(session, async |services, _| {
        let (source, snapshot) = match (from_file, &args.from) {
            (Some((file, snapshot)), _) => (file.to_owned(), snapshot),
            (None, Some(source)) => {
                return legacy::run(source, args.dry_run, services, session).await;
            }
            // clap asks for one of the two.
            (None, None) => return Ok(Exit::Usage),
        };
        if args.dry_run {
            would_import(&snapshot, &session.output)?;
            return Ok(Exit::Ok);
        }
        let report = store(snapshot, &source, services, session).await?;
        show(&report, &session.output)?;
        Ok(Exit::Ok)
    })
    .await
}

fn read_file(file: &str, args: &Args, session: &Session) -> Result<Snapshot> {
    let path = PathBuf::from(file);
    let by_name = Format::of(&path);
    let Some(format) = args.format.or(by_name) else {
        return Err(Failure::usage(format!("`{file}` does not say its format"))
            .hint("add `--format yaml`, `json` or `csv`")
            .into());
    };
    let bar = session.output.progress(&format!("reading {file}"));
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        text
    } else {
        let path = session.environment.directory.join(&path);
        std::fs::read_to_string(&path).with_context(|| format!("reading `{}`", path.display()))?
    };
    let entity = args.entity.or_else(|| Entity::of_file(&path));
    let snapshot = transfer::parse(&text, format, entity, file);
    bar.finish_and_clear();
    snapshot
}

/// Stores everything or nothing.
pub(super) async fn store(
    snapshot: Snapshot,
    source: &str,
    services: &Services,
    session: &Session,
) -> Result<ImportReport> {
    let bar = session
        .output
        .progress(&format!("storing {} records", snapshot.len()));
    let stored = services.stores.inventory.import(snapshot).await;
    bar.finish_and_clear();
    let report = stored.context("nothing was imported")?;
    let total = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>();
    services
        .record(Event {
            action: "inventory_imported",
            target_type: "inventory",
            target_id: source,
            by: None,
            details: Some(format!(
                "{} new, {} changed, {} the same",
                total(&report.created),
                total(&report.updated),
                total(&report.unchanged),
            )),
        })
        .await?;
    Ok(report)
}

/// Says what was done, by kind of record.
pub(super) fn show(report: &ImportReport, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    let mut entities: Vec<&String> = report
        .created
        .keys()
        .chain(report.updated.keys())
        .chain(report.unchanged.keys())
        .collect();
    entities.sort();
    entities.dedup();
    if entities.is_empty() {
        return output.line("there was nothing to import");
    }
    let count = |counts: &std::collections::BTreeMap<String, u64>, entity: &String| {
        counts.get(entity).copied().unwrap_or_default().to_string()
    };
    let rows = entities
        .into_iter()
        .map(|entity| {
            vec![
                entity.clone(),
                count(&report.created, entity),
                count(&report.updated, entity),
                count(&report.unchanged, entity),
            ]
        })
        .collect();
    output.table(&["RECORDS", "NEW", "CHANGED", "THE SAME"], rows)
}

/// Says what an import would take.
pub(super) fn would_import(snapshot: &Snapshot, output: &Output) -> Result<()> {
    let counts = [
        ("proxmox_hosts", snapshot.proxmox_hosts.len()),
        ("virtual_machines", snapshot.virtual_machines.len()),
        ("devices", snapshot.devices.len()),
        ("test_equipment", snapshot.test_equipment.len()),
        ("services", snapshot.services.len()),
        ("networks", snapshot.networks.len()),
        ("network_config", snapshot.network_config.len()),
        ("firewall_rules", snapshot.firewall_rules.len()),
    ];
    let found = counts.into_iter().filter(|(_, count)| *count > 0);
    if output.is_json() {
        let found: serde_json::Map<_, _> = found
            .map(|(entity, count)| (entity.to_owned(), count.into()))
            .collect();
        return output.json(&json!({ "would_import": found }));
    }
    let rows = found
        .map(|(entity, count)| vec![entity.to_owned(), count.to_string()])
        .collect();
    output.table(&["RECORDS", "WOULD BE IMPORTED"], rows)
}
