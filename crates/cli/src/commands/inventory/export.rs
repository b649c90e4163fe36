//! `inventory export`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::commands::with_services_or_demo;
use crate::data_dir::write_private;
use crate::exit::Exit;
use crate::session::Session;
use crate::transfer::{self, Entity, Format};

/// Options of `inventory export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp inventory export > lab.yaml
  homelab-mcp inventory export --output lab.json
  homelab-mcp inventory export --entity devices --output devices.csv

Credentials are not part of an export; `backup` has them, encrypted.")]
pub(crate) struct Args {
    /// File to write instead of standard output; its name says the format.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Format; YAML unless the file's name or `--json` says otherwise.
    #[arg(long)]
    format: Option<Format>,
    /// Records of this kind alone.
    #[arg(long)]
    entity: Option<Entity>,
    /// Keep this database's ids and times of change.
    #[arg(long)]
    with_ids: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let by_name = args.output.as_deref().and_then(Format::of);
    let default = if session.output.is_json() {
        Format::Json
    } else {
        Format::Yaml
    };
    let format = args.format.or(by_name).unwrap_or(default);
    with_services_or_demo(session, async |services, _| {
        let mut snapshot = services.stores.inventory.export().await?;
        if !args.with_ids {
            snapshot = transfer::portable(snapshot);
        }
        if let Some(entity) = args.entity {
            snapshot = entity.only(snapshot);
        }
        let entity = args
            .entity
            .or_else(|| args.output.as_deref().and_then(Entity::of_file));
        let text = transfer::render(&snapshot, format, entity)?;
        match &args.output {
            Some(path) => {
                let path = session.environment.directory.join(path);
                write_private(&path, text.as_bytes())
                    .with_context(|| format!("writing `{}`", path.display()))?;
                session.output.note(format!("wrote {}", path.display()))?;
            }
            None => session.output.raw(&text)?,
        }
        Ok(Exit::Ok)
    })
    .await
}
