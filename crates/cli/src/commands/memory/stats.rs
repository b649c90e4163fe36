//! `memory stats`.

use anyhow::Result;
use homelab_core::memory::MemoryStats;

use super::visible;
use crate::commands::with_services_or_demo;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Options of `memory stats`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp memory stats --owner local")]
pub(crate) struct Args {
    /// Memories of this owner alone.
    #[arg(long)]
    owner: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services_or_demo(session, async |services, _| {
        let now = services.env.clock.now();
        let memories = &services.stores.memories;
        let stats = memories.stats(&visible(args.owner.as_deref()), now).await?;
        show(&stats, &session.output)?;
        Ok(Exit::Ok)
    })
    .await
}

fn show(stats: &MemoryStats, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(stats);
    }
    let counts = [
        ("memories", stats.memories),
        ("  of them expired", stats.expired),
        ("superseded", stats.superseded),
        ("deleted", stats.deleted),
        ("revisions", stats.revisions),
        ("owners", stats.owners),
    ];
    let mut rows: Vec<Vec<String>> = counts
        .into_iter()
        .map(|(what, count)| vec![what.to_owned(), count.to_string()])
        .collect();
    for (category, count) in &stats.categories {
        rows.push(vec![format!("category {category}"), count.to_string()]);
    }
    for model in &stats.models {
        let what = format!("vectors of {} ({})", model.model, model.dimensions);
        rows.push(vec![what, model.vectors.to_string()]);
    }
    output.table(&["WHAT", "COUNT"], rows)
}
