//! `taint`: callers whose changes need approval because they read text by outsiders.

use anyhow::Result;
use clap::Subcommand;
use homelab_gateway::pipeline::TAINT_WINDOW;
use serde_json::json;

use crate::commands::with_services;
use crate::exit::Exit;
use crate::owner;
use crate::services::{Event, Services};
use crate::session::Session;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the scopes that read text by outsiders in the last minutes, and what they read last.
    List,
    /// Forget what a scope has read, so that its changes are judged by the rules alone again.
    #[command(
        after_help = "Needs the owner key: HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt."
    )]
    Clear {
        /// The scope, as `taint list` shows it.
        scope: String,
    },
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| match &command {
        Command::List => list(services, session).await,
        Command::Clear { scope } => clear(scope, services, session).await,
    })
    .await
}

async fn list(services: &Services, session: &Session) -> Result<Exit> {
    let since = session.clock.now().earlier(TAINT_WINDOW);
    let scopes = services.stores.taints.scopes(since).await?;
    let output = &session.output;
    if output.is_json() {
        let scopes: Vec<_> = scopes
            .iter()
            .map(|(scope, mark)| json!({ "scope": scope, "source": mark.source, "at": mark.at }))
            .collect();
        output.json(&json!({ "scopes": scopes }))?;
    } else if scopes.is_empty() {
        output.line("nobody has read text by outsiders in the last minutes")?;
    } else {
        let rows = scopes
            .into_iter()
            .map(|(scope, mark)| vec![scope, mark.source, mark.at.to_string()]);
        output.table(&["scope", "read last", "at"], rows.collect())?;
    }
    Ok(Exit::Ok)
}

async fn clear(scope: &str, services: &Services, session: &Session) -> Result<Exit> {
    let keys = services.stores.keys.as_ref();
    let (clock, environment) = (session.clock.as_ref(), &session.environment);
    let owner = owner::require(keys, &services.data, clock, environment, &session.output).await?;
    let marks = services.stores.taints.clear(scope).await?;
    services
        .record(Event {
            action: "taint_cleared",
            target_type: "scope",
            target_id: scope,
            by: owner.key.as_ref(),
            details: None,
        })
        .await?;
    if session.output.is_json() {
        session
            .output
            .json(&json!({ "scope": scope, "marks": marks }))?;
    } else {
        session
            .output
            .line(format!("forgot {marks} reads of `{scope}`"))?;
    }
    Ok(Exit::Ok)
}
