//! `memory reindex`.

use anyhow::{Context as _, Result};
use homelab_memory::Worked;

use super::service;
use crate::commands::with_services;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Options of `memory reindex`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp memory reindex          after an import, or after changing the embedding model
  homelab-mcp memory reindex --all    after the endpoint's model itself was changed

A running server does the same by itself, bit by bit; search goes on meanwhile.")]
pub(crate) struct Args {
    /// Make all vectors of the configured model anew, not only the missing ones.
    #[arg(long)]
    all: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let service = service(services)?;
        let bar = session.output.progress("making vectors");
        let worked = service.reindex(args.all).await;
        bar.finish_and_clear();
        let worked = worked.context("not all vectors were made; what was made is kept")?;
        show(worked, &session.output)?;
        Ok(Exit::Ok)
    })
    .await
}

fn show(worked: Worked, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(&worked);
    }
    let row = |what: &str, count: u64| vec![what.to_owned(), count.to_string()];
    let rows = vec![
        row("made", worked.embedded),
        row("refused by the model", worked.refused),
        row("of former models, dropped", worked.forgotten),
    ];
    output.table(&["VECTORS", "COUNT"], rows)
}
