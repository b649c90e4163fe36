//! `archives`: what servers gave out of themselves, such as Pi-hole's Teleporter, encrypted at rest.

mod delete;
mod list;
mod save;

use anyhow::Result;
use clap::Subcommand;
use homelab_core::store::Archive;

use crate::exit::{Exit, Failure};
use crate::services::Services;
use crate::session::Session;

/// What to do with archives.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List archives without their content.
    List(list::Args),
    /// Decrypt an archive and write it to a file.
    Save(save::Args),
    /// Remove an archive.
    Delete(delete::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Save(args) => save::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}

/// The archive with this id.
async fn found(services: &Services, id: &str) -> Result<Archive> {
    let found = services.stores.archives.get(id).await?;
    found.ok_or_else(|| {
        Failure::new(format!("there is no archive `{id}`"))
            .hint("see `homelab-mcp archives list`")
            .into()
    })
}

/// An archive in words.
fn what(archive: &Archive) -> String {
    let Archive {
        kind,
        server,
        source,
        created_at,
        ..
    } = archive;
    let of = if source == server {
        format!("`{server}`")
    } else {
        format!("`{source}` of `{server}`")
    };
    format!("the {kind} archive of {of} of {}", created_at.to_rfc3339())
}
