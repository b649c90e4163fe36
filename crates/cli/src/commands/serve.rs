//! `serve`.

use std::net::SocketAddr;

use anyhow::Result;

use crate::exit::Exit;
use crate::serve;
pub(crate) use crate::serve::use_nothing_real;
use crate::session::Session;

/// What an address to listen on looks like, for whoever wrote another.
pub(crate) const ADDRESS_FORM: &str =
    "write an IP address and a port, such as `127.0.0.1:8080` or `[::1]:8080`";

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
    #[arg(long, value_name = "ADDR", value_parser = address, conflicts_with = "stdio")]
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

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|error| format!("{error}; {ADDRESS_FORM}"))
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    Box::pin(serve::run(&args, session)).await
}
