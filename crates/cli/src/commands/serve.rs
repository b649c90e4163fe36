//! `serve`.

use std::net::SocketAddr;

use anyhow::Result;

use crate::exit::Exit;
use crate::serve;
pub(crate) use crate::serve::use_nothing_real;
use crate::session::Session;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp serve
  homelab-mcp serve --listen 127.0.0.1:8080 --listen '[::1]:8080'
  homelab-mcp serve --stdio --server homelab
  homelab-mcp serve --demo

SIGHUP and changes of the configuration file are taken up without a restart; SIGTERM lets running
calls finish. Standard output is for people (or, with --stdio, for the protocol); the log goes to
standard error.")]
pub(crate) struct Args {
    /// Listen on this address instead of `server.listen`; may be repeated.
    #[arg(long, value_name = "ADDR", conflicts_with = "stdio")]
    pub(crate) listen: Vec<SocketAddr>,
    /// Serve the one client that started this process, on standard input and output.
    #[arg(long)]
    pub(crate) stdio: bool,
    /// Serve this server alone, with its bare tool names.
    #[arg(long, value_name = "NAME", requires = "stdio")]
    pub(crate) server: Option<String>,
    /// Serve a made-up lab that answers for itself; nothing of your own is read or written.
    #[arg(long)]
    pub(crate) demo: bool,
    /// Refuse every change, whoever asks, whatever the configuration says.
    #[arg(long)]
    pub(crate) read_only: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    Box::pin(serve::run(&args, session)).await
}
