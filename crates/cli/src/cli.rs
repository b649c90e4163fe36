//! The command line: its options and commands. What each does is in [`crate::commands`].

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands;

/// The control plane between AI agents and a home lab: one MCP server for all of it.
#[derive(Debug, Parser)]
#[command(
    name = "homelab-mcp",
    version,
    max_term_width = 100,
    after_help = EXIT_CODES,
    after_long_help = AFTER,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Configuration file (otherwise $HOMELAB_CONFIG, ./homelab.toml, ~/.config/homelab-mcp/, /etc/homelab-mcp/).
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the database, keys and backups (otherwise $HOMELAB_DATA_DIR, ~/.local/share/homelab-mcp).
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Heading of the options that every command has, so that they do not stand among its own.
const EVERYWHERE: &str = "Options of every command";

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed, or something is wrong; 2 the command line or the configuration makes
no sense; 3 the call waits for somebody's agreement, or was not agreed to.";

const AFTER: &str = "\
Examples:
  homelab-mcp serve --demo                      try it with a made-up lab
  homelab-mcp serve                             first run: makes database and keys, says how to connect
  homelab-mcp tools call homelab_lookup_ip --args '{\"ip\":\"192.0.2.10\"}'
  homelab-mcp inventory import lab.yaml
  homelab-mcp client-config claude-code

Exit codes: 0 done; 1 failed, or something is wrong; 2 the command line or the configuration makes
no sense; 3 the call waits for somebody's agreement, or was not agreed to.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve AI clients over HTTP or stdio.
    Serve(commands::serve::Args),
    /// List, describe and call tools.
    #[command(subcommand)]
    Tools(commands::tools::Command),
    /// Import, export, add and list records.
    #[command(subcommand)]
    Inventory(commands::inventory::Command),
    /// Find, count, import and export what agents learned.
    #[command(subcommand)]
    Memory(commands::memory::Command),
    /// Store, list and remove passwords and other secrets of the lab.
    #[command(subcommand)]
    Credentials(commands::credentials::Command),
    /// List archives that servers gave out of themselves, write one to a file, remove one.
    #[command(subcommand)]
    Archives(commands::archives::Command),
    /// List the hosts behind SSH, and trust their keys.
    #[command(subcommand)]
    Ssh(commands::ssh::Command),
    /// Make and revoke API keys.
    #[command(subcommand)]
    Keys(commands::keys::Command),
    /// Decide on calls that wait for a person.
    #[command(subcommand)]
    Approvals(commands::approvals::Command),
    /// Callers that read text by outsiders, whose changes need approval for a while.
    #[command(subcommand)]
    Taint(commands::taint::Command),
    /// List the rules, and find out what they make of a call.
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// Show, verify and export the record of all calls.
    #[command(subcommand)]
    Audit(commands::audit::Command),
    /// Check, show and write the configuration.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Find out what is wrong, and say how to fix it.
    Doctor(commands::doctor::Args),
    /// Print how to connect a client.
    ClientConfig(commands::client_config::Args),
    /// Stop every change at once; reads go on.
    KillSwitch(commands::kill_switch::Args),
    /// Write a consistent copy of the database, and the keys, while everything runs.
    Backup(commands::backup::Args),
    /// Bring back a backup.
    Restore(commands::restore::Args),
    /// Write files for other programs.
    #[command(subcommand)]
    Export(commands::export::Command),
    /// Ask a running server whether it is well; for containers.
    Healthcheck(commands::healthcheck::Args),
    /// Print a completion script for a shell.
    Completions(commands::completions::Args),
}
