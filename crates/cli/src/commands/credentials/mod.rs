//! `credentials`: passwords and other secrets of the lab, encrypted at rest.

mod delete;
mod list;
mod rotate;
mod set;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use list::all as all_credentials;

use crate::exit::Exit;
use crate::session::Session;

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store a credential; the password never stands on the command line.
    Set(set::Args),
    /// List credentials without their passwords.
    List,
    /// Encrypt all stored passwords and archives with a new key.
    RotateKey(rotate::Args),
    /// Remove a credential.
    Delete(delete::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::Set(args) => set::run(args, session).await,
        Command::List => list::run(session).await,
        Command::RotateKey(args) => rotate::run(args, session).await,
        Command::Delete(args) => delete::run(args, session).await,
    }
}
