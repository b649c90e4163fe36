//! `tools`: what there is, and calling it.

mod call;
mod catalogue;
mod describe;
mod list;
pub(crate) mod pinned;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use call::read_arguments;
pub(crate) use catalogue::{Entry, everything};

use crate::commands::with_services;
use crate::exit::Exit;
use crate::session::Session;

/// What to do with tools.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tools of the configured servers.
    List(list::Args),
    /// Show what a tool does, takes and returns.
    Describe(describe::Args),
    /// Call a tool through the same path as any client: permissions, checks, audit, redaction.
    Call(call::Args),
    /// Accept what all tools say now, so that a later change of it is noticed.
    Accept(pinned::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::List(args) => list::run(args, session).await,
        Command::Describe(args) => describe::run(&args, session),
        Command::Call(args) => call::run(args, session).await,
        Command::Accept(_) => {
            with_services(session, async |services, _| {
                pinned::accept(services, session).await
            })
            .await
        }
    }
}
