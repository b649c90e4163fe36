//! `completions`.

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Exit;
use crate::session::Session;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: homelab-mcp completions bash > ~/.local/share/bash-completion/completions/homelab-mcp"
)]
pub(crate) struct Args {
    /// Which shell.
    shell: Shell,
}

/// Runs it.
pub(crate) fn run(args: &Args, session: &Session) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "homelab-mcp", &mut script);
    session.output.raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
