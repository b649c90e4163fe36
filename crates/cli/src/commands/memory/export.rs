//! `memory export`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use homelab_core::memory::{MemoryQuery, Order};
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_memory::moving;

use super::visible;
use crate::commands::with_services_or_demo;
use crate::data_dir::write_private;
use crate::exit::Exit;
use crate::services::Services;
use crate::session::Session;

/// Options of `memory export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp memory export > memories.jsonl
  homelab-mcp memory export --owner family --output family.jsonl

Written are the memories that hold, expired ones too, each with its id, its labels and since when it
holds; `memory import` brings them back as they were. Deleted and superseded ones and the history are
part of `backup` alone.")]
pub(crate) struct Args {
    /// File to write instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memories of this owner alone.
    #[arg(long)]
    owner: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services_or_demo(session, async |services, _| {
        let (text, count) = written(&args, services).await?;
        match &args.output {
            Some(path) => {
                let path = session.environment.directory.join(path);
                write_private(&path, text.as_bytes())
                    .with_context(|| format!("writing `{}`", path.display()))?;
                session
                    .output
                    .note(format!("wrote {count} memories to {}", path.display()))?;
            }
            None => session.output.raw(&text)?,
        }
        Ok(Exit::Ok)
    })
    .await
}

/// The whole file, and how many memories are in it.
async fn written(args: &Args, services: &Services) -> Result<(String, usize)> {
    let query = MemoryQuery {
        visible: visible(args.owner.as_deref()),
        user_id: None,
        agent_id: None,
        run_id: None,
        filter: None,
        as_of: None,
        now: services.env.clock.now(),
        include_expired: true,
        since: None,
        until: None,
    };
    let mut page = PageRequest::first(MAX_LIMIT);
    let mut text = format!("{}\n", moving::HEADER);
    let mut count = 0;
    loop {
        let memories = &services.stores.memories;
        let found = memories.list(&query, Order::Oldest, &page).await?;
        for memory in &found.items {
            text.push_str(&moving::write(memory));
            text.push('\n');
            count += 1;
        }
        match found.next_cursor {
            Some(cursor) => page = PageRequest::from_args(Some(MAX_LIMIT), Some(&cursor))?,
            None => return Ok((text, count)),
        }
    }
}
