//! `archives list`.

use anyhow::Result;

use crate::commands::with_services_or_demo;
use crate::exit::Exit;
use crate::session::Session;

/// Options of `archives list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp archives list --server pihole")]
pub(crate) struct Args {
    /// Archives of this server alone.
    #[arg(long)]
    server: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services_or_demo(session, async |services, _| {
        let archives = &services.stores.archives;
        let archives = archives.list(args.server.as_deref()).await?;
        if session.output.is_json() {
            session.output.json(&archives)?;
            return Ok(Exit::Ok);
        }
        let rows = archives
            .into_iter()
            .map(|one| {
                vec![
                    one.id,
                    one.server,
                    one.source,
                    one.kind,
                    one.created_at.to_rfc3339(),
                    one.size.to_string(),
                    one.note.unwrap_or_default(),
                ]
            })
            .collect();
        let headings = ["ID", "SERVER", "OF", "KIND", "MADE", "BYTES", "NOTE"];
        session.output.table(&headings, rows)?;
        Ok(Exit::Ok)
    })
    .await
}
