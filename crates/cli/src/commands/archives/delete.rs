//! `archives delete`.

use anyhow::Result;
use serde_json::json;

use super::{found, what};
use crate::commands::with_services;
use crate::exit::Exit;
use crate::services::Event;
use crate::session::Session;

/// Options of `archives delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp archives delete 0198c0de-…")]
pub(crate) struct Args {
    /// The archive's id.
    archive: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let archive = found(services, &args.archive).await?;
        let what = what(&archive);
        if session.output.is_interactive()
            && !args.yes
            && !session.output.confirm(&format!("Delete {what}?"))?
        {
            session.output.note("nothing was done")?;
            return Ok(Exit::Held);
        }
        services.stores.archives.delete(&archive.id).await?;
        services
            .record(Event {
                action: "archive_deleted",
                target_type: "archive",
                target_id: &archive.id,
                by: None,
                details: Some(what.clone()),
            })
            .await?;
        if session.output.is_json() {
            session
                .output
                .json(&json!({ "id": archive.id, "deleted": true }))?;
        } else {
            session.output.line(format!("deleted {what}"))?;
        }
        Ok(Exit::Ok)
    })
    .await
}
