//! `tools list`.

use anyhow::Result;
use homelab_core::call::Caller as _;
use homelab_core::server::Endpoint;

use super::catalogue::{Entry, everything};
use super::pinned::{hashes, total};
use crate::commands::with_services_or_demo;
use crate::exit::Exit;
use crate::output::{Mark, Output};
use crate::session::Session;

/// Options of `tools list`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: homelab-mcp tools list --all --json | jq -r '.[].aggregated_name'"
)]
pub(crate) struct Args {
    /// List every server that is compiled in, configured or not.
    #[arg(long)]
    all: bool,
    /// List the tools of one server alone.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Show a SHA-256 of what each tool says (name, description, schemas, hints), and a total.
    #[arg(long)]
    hash: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    if args.all {
        let mut tools = everything();
        if let Some(server) = &args.server {
            tools.retain(|tool| tool.server == server);
        }
        args.show(&session.output, &tools)?;
        return Ok(Exit::Ok);
    }
    with_services_or_demo(session, async |services, loaded| {
        let endpoint = match &args.server {
            Some(name) => Endpoint::Server(name.as_str().into()),
            None => Endpoint::All,
        };
        let principal = services.cli_principal(loaded.config.local.cli_role);
        let listed = services.dispatcher.list(&endpoint, &principal)?;
        let tools: Vec<Entry> = listed.iter().map(Entry::listed).collect();
        args.show(&session.output, &tools)?;
        Ok(Exit::Ok)
    })
    .await
}

impl Args {
    fn show(&self, output: &Output, tools: &[Entry]) -> Result<()> {
        if self.hash {
            show_hashes(output, tools)
        } else {
            show(output, tools)
        }
    }
}

/// As `sha256sum` prints them, so that two lists are compared with `diff`.
fn show_hashes(output: &Output, tools: &[Entry]) -> Result<()> {
    let hashes = hashes(tools);
    let total = total(&hashes);
    if output.is_json() {
        return output.json(&serde_json::json!({ "tools": hashes, "total": total }));
    }
    for (name, hash) in &hashes {
        output.line(format!("{hash}  {name}"))?;
    }
    output.line(format!("{total}  total"))
}

fn show(output: &Output, tools: &[Entry]) -> Result<()> {
    if output.is_json() {
        return output.json(&tools);
    }
    let rows = tools
        .iter()
        .map(|tool| {
            let effect = if tool.secret { "secret" } else { tool.effect };
            vec![
                tool.aggregated_name.clone(),
                effect.to_owned(),
                tool.title.to_owned(),
            ]
        })
        .collect();
    output.table(&["NAME", "EFFECT", "TITLE"], rows)?;
    let text = format!("{} tools", tools.len());
    output.line(output.mark(Mark::Faint, &text))
}
