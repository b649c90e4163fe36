//! `memory`: what agents learned, as the machine's administrator sees it: everybody's.

mod export;
mod import;
mod reindex;
mod search;
mod stats;

use std::sync::Arc;

use anyhow::Result;
use clap::Subcommand;
use homelab_core::memory::Visible;
use homelab_memory::MemoryService;

use crate::exit::{Exit, Failure};
use crate::services::Services;
use crate::session::Session;

/// What to do with what agents learned.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count memories, owners and vectors.
    Stats(stats::Args),
    /// Find memories.
    Search(search::Args),
    /// Write all memories as JSON lines.
    Export(export::Args),
    /// Take over memories from an export, mem0, the reference memory server, or Markdown notes.
    Import(import::Args),
    /// Make the vectors that are missing, or all of them anew.
    Reindex(reindex::Args),
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::Stats(args) => stats::run(args, session).await,
        Command::Search(args) => search::run(args, session).await,
        Command::Export(args) => export::run(args, session).await,
        Command::Import(args) => import::run(args, session).await,
        Command::Reindex(args) => reindex::run(args, session).await,
    }
}

/// Those of one owner, or everybody's.
fn visible(owner: Option<&str>) -> Visible {
    match owner {
        Some(owner) => Visible::Owner(owner.to_owned()),
        None => Visible::Everything,
    }
}

/// The service as the configuration sets it up.
fn service(services: &Services) -> Result<Arc<MemoryService>> {
    services.memory.service().ok_or_else(|| {
        Failure::new("the memory server is switched off, or its settings cannot be used")
            .hint("see `homelab-mcp doctor`, and `[servers.memory]` in the configuration")
            .into()
    })
}
