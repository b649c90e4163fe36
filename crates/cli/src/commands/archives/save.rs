//! `archives save`.

use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{found, what};
use crate::commands::with_services;
use crate::data_dir::{write_private, write_private_new};
use crate::exit::{Exit, Failure};
use crate::services::Event;
use crate::session::Session;

/// Options of `archives save`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: homelab-mcp archives save 0198c0de-… --to pihole.zip

The file is not encrypted and holds what the server's archives hold: passwords, or their hashes. Only this
user can read it; remove it when it has served its purpose.")]
pub(crate) struct Args {
    /// The archive's id.
    archive: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let archive = found(services, &args.archive).await?;
        let content = services.env.archive_content(&archive).await?;
        let path = session.environment.directory.join(&args.to);
        let written = if args.force {
            write_private(&path, content.expose())
        } else {
            write_private_new(&path, content.expose())
        };
        if let Err(error) = written {
            if error.kind() == io::ErrorKind::AlreadyExists {
                let failure = Failure::new(format!("`{}` is there already", path.display()));
                return Err(failure.hint("name another file, or say `--force`").into());
            }
            return Err(error).with_context(|| format!("writing `{}`", path.display()));
        }
        services
            .record(Event {
                action: "archive_saved",
                target_type: "archive",
                target_id: &archive.id,
                by: None,
                details: Some(format!("{} to {}", what(&archive), path.display())),
            })
            .await?;
        if session.output.is_json() {
            let answer = json!({ "id": archive.id, "file": path, "sha256": archive.sha256 });
            session.output.json(&answer)?;
        } else {
            let line = format!("wrote {} to {}", what(&archive), path.display());
            session.output.line(line)?;
        }
        Ok(Exit::Ok)
    })
    .await
}
