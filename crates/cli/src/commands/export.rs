//! `export`: files for other programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::begin;
use super::client_config::{access, base_url};
use super::tools::{Entry, everything};
use crate::config::Config;
use crate::exit::Exit;
use crate::servers;
use crate::session::Session;

/// What to write.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write `mcp_config.json`: every server with its tools and how to reach it.
    McpConfig(McpConfig),
}

/// Options of `export mcp-config`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: homelab-mcp export mcp-config --output - | jq '.servers[].tools[].name'"
)]
pub(crate) struct McpConfig {
    /// File to write; `-` is standard output.
    #[arg(long, short, value_name = "FILE", default_value = "mcp_config.json")]
    output: PathBuf,
}

/// Runs it.
pub(crate) fn run(command: &Command, session: &Session) -> Result<Exit> {
    let Command::McpConfig(args) = command;
    let loaded = begin(session)?;
    let text = format!("{:#}\n", mcp_config(&loaded.config, session));
    if args.output == Path::new("-") {
        session.output.raw(&text)?;
        return Ok(Exit::Ok);
    }
    let path = session.environment.directory.join(&args.output);
    std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
    if session.output.is_json() {
        session.output.json(&json!({ "file": path }))?;
    } else {
        session.output.line(format!("wrote {}", path.display()))?;
    }
    Ok(Exit::Ok)
}

/// The registry of servers and the catalogue of tools. `mcpServers` can be used by a client as it
/// is: one entry for each configured server, started over stdio.
fn mcp_config(config: &Config, session: &Session) -> Value {
    let tools = everything();
    let base = base_url(config);
    let (mut registry, mut clients) = (Map::new(), Map::new());
    for kind in servers::kinds() {
        let instances: Vec<String> = servers::instances(config)
            .into_iter()
            .filter(|instance| instance.kind.name == kind.name)
            .map(|instance| instance.name)
            .collect();
        for instance in &instances {
            let access = access(config, session, Some(instance));
            let entry = json!({ "command": access.program, "args": access.arguments });
            clients.insert(instance.clone(), entry);
        }
        let entry = json!({
            "title": kind.title,
            "status": if instances.is_empty() { "available" } else { "configured" },
            "endpoints": instances
                .iter()
                .map(|name| json!({
                    "instance": name,
                    "http": format!("{base}/servers/{name}/mcp"),
                    "sse": format!("{base}/servers/{name}/sse"),
                }))
                .collect::<Vec<_>>(),
            "tools": tools
                .iter()
                .filter(|tool| tool.server == kind.name)
                .map(tool)
                .collect::<Vec<_>>(),
        });
        registry.insert(kind.name.to_owned(), entry);
    }
    json!({
        "name": "homelab-mcp",
        "version": env!("CARGO_PKG_VERSION"),
        "endpoint": format!("{base}/mcp"),
        "mcpServers": clients,
        "servers": registry,
        "statistics": { "servers": servers::kinds().len(), "tools": tools.len() },
    })
}

fn tool(tool: &Entry) -> Value {
    json!({
        "name": tool.name,
        "aggregated_name": tool.aggregated_name,
        "title": tool.title,
        "description": tool.description,
        "permission": tool.permission,
        "approval": tool.approval,
        "annotations": tool.annotations,
        "arguments": tool.input_schema.get("properties"),
    })
}
