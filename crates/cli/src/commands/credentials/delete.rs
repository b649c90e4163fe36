//! `credentials delete`.

use anyhow::Result;
use serde_json::json;

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::services::Event;
use crate::session::Session;

/// Options of `credentials delete`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp credentials delete nas")]
pub(crate) struct Args {
    /// The credential's id, or its target where that has only one.
    credential: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| {
        let credentials = services.stores.credentials.as_ref();
        let found = credentials.find(&args.credential).await?;
        let [credential] = found.as_slice() else {
            let failure = Failure::new(match found.len() {
                0 => format!("there is no credential `{}`", args.credential),
                number => format!("`{}` has {number} credentials", args.credential),
            });
            return Err(failure
                .hint("name one by its id: `homelab-mcp credentials list`")
                .into());
        };
        let user = credential.username.as_deref().unwrap_or("no user");
        let what = format!(
            "the credential of {} `{}` ({user})",
            credential.target_type, credential.target_id
        );
        if session.output.is_interactive()
            && !args.yes
            && !session.output.confirm(&format!("Delete {what}?"))?
        {
            session.output.note("nothing was done")?;
            return Ok(Exit::Held);
        }
        credentials.delete(&credential.id).await?;
        services
            .record(Event {
                action: "credential_deleted",
                target_type: "credential",
                target_id: &credential.id,
                by: None,
                details: Some(what.clone()),
            })
            .await?;
        if session.output.is_json() {
            session
                .output
                .json(&json!({ "id": credential.id, "deleted": true }))?;
        } else {
            session.output.line(format!("deleted {what}"))?;
        }
        Ok(Exit::Ok)
    })
    .await
}
