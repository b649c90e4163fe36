//! `policy`: what the rules are, and what they make of a call.

mod list;
mod test;

use anyhow::Result;
use clap::Subcommand;

use crate::exit::Exit;
use crate::session::Session;

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List rules in the order in which they are asked, and protected objects, windows, limits, budgets.
    List,
    /// Explain what would happen with a call, and which rule makes it so. Nothing is run or counted.
    Test(test::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::List => list::run(session),
        Command::Test(args) => test::run(args, session).await,
    }
}
