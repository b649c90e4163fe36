//! `inventory`: records in and out.

mod add;
mod export;
mod import;
mod legacy;
mod list;
mod sync;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Exit;
use crate::session::Session;

/// What to do with the inventory.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take over records from a file, or from the database of the older Python server.
    Import(import::Args),
    /// Write all records, or those of one kind.
    Export(export::Args),
    /// Add or change one record.
    Add(add::Args),
    /// List records.
    List(list::Args),
    /// Bring the records up to date from what the servers know.
    Sync(sync::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::Import(args) => import::run(args, session).await,
        Command::Export(args) => export::run(args, session).await,
        Command::Add(args) => add::run(args, session).await,
        Command::List(args) => list::run(args, session).await,
        Command::Sync(args) => sync::run(args, session).await,
    }
}
