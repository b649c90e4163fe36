//! `memory search`.

use anyhow::Result;
use homelab_core::policy::Role;
use homelab_memory::{SearchAnswer, SearchRequest};
use serde_json::json;

use super::service;
use crate::commands::with_services_or_demo;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Options of `memory search`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp memory search \"when does the nas back up?\"
  homelab-mcp memory search 192.0.2.5 --explain
  homelab-mcp memory search nas01 --owner family --category state

Searches everybody's memories, best first.")]
pub(crate) struct Args {
    /// A question, or words; addresses, host names, paths and error codes are found exactly.
    query: String,
    /// Memories of this owner alone.
    #[arg(long)]
    owner: Option<String>,
    /// Only with this label.
    #[arg(long)]
    user_id: Option<String>,
    /// Only of this category.
    #[arg(long)]
    category: Option<String>,
    /// Memories at most.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Expired ones too.
    #[arg(long)]
    include_expired: bool,
    /// Say why each was found.
    #[arg(long)]
    explain: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services_or_demo(session, async |services, _| {
        let service = service(services)?;
        let principal = services.cli_principal(Role::Admin);
        let owners = service.owners();
        let caller = match &args.owner {
            Some(owner) => owners.administrator_of(&principal.name, owner),
            None => owners.administrator(&principal.name),
        };
        let request = SearchRequest {
            query: args.query.clone(),
            user_id: args.user_id.clone(),
            filters: args.category.as_ref().map(|one| json!({ "category": one })),
            limit: Some(args.limit),
            include_expired: args.include_expired,
            explain: args.explain,
            ..SearchRequest::default()
        };
        let answer = service.search(&caller, &request).await?;
        show(&answer, &session.output)?;
        Ok(Exit::Ok)
    })
    .await
}

fn show(answer: &SearchAnswer, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(answer);
    }
    if !answer.degraded.is_empty() {
        output.warn("the embedding model did not answer: found by words alone")?;
    }
    if answer.results.is_empty() {
        return output.line("nothing was found");
    }
    for found in &answer.results {
        let memory = &found.memory;
        let mut head = format!("{}  {}  {}", memory.id, memory.category, memory.user_id);
        if let Some(relevance) = found.relevance {
            head = format!("{head}  relevance {relevance:.2}");
        }
        output.line(head)?;
        for line in memory.content.lines() {
            output.line(format!("  {line}"))?;
        }
        if let Some(why) = &found.explain {
            output.line(format!("  ({})", serde_json::to_string(why)?))?;
        }
    }
    Ok(())
}
