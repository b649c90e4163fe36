//! `inventory sync`.

use anyhow::Result;
use homelab_core::call::{Caller as _, Format, ToolCall};
use homelab_core::error::{Code, ToolError};
use homelab_core::render::printable;
use homelab_core::server::Endpoint;
use serde_json::{Map, Value, json};

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::servers;
use crate::services::Services;
use crate::session::Session;

/// The kind whose tool does the work.
const KIND: &str = "homelab";

/// Options of `inventory sync`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp inventory sync --dry-run
  homelab-mcp inventory sync --server proxmox --server docker

Hosts, guests, containers, published ports and addresses are taken over from the servers that are
configured. Fields entered by hand stay as they are. What a server no longer knows is marked, not
deleted. A server that does not answer is named, and the exit code is 1.")]
pub(crate) struct Args {
    /// Only from this server, by its name in the configuration; may be repeated.
    #[arg(long = "server", value_name = "NAME")]
    servers: Vec<String>,
    /// Only show what would change.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it: the same call that a client makes, with the same checks and records.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    with_services(session, async |services, loaded| {
        let instances = servers::instances(&loaded.config);
        let Some(lab) = instances.iter().find(|one| one.kind.name == KIND) else {
            return Err(Failure::usage("the server `homelab` is switched off")
                .hint("remove `enabled = false` from `[servers.homelab]`")
                .into());
        };
        let bar = session.output.progress("asking the servers");
        let call = call(&lab.name, &args, services, loaded.config.local.cli_role);
        let answered = services.dispatcher.call(call).await;
        bar.finish_and_clear();
        match answered {
            Ok(reply) => show(&reply.structured, &session.output),
            Err(error) => failed(&session.output, &error),
        }
    })
    .await
}

fn call(
    instance: &str,
    args: &Args,
    services: &Services,
    role: homelab_core::policy::Role,
) -> ToolCall {
    let mut arguments = Map::new();
    arguments.insert("dry_run".to_owned(), json!(args.dry_run));
    if !args.servers.is_empty() {
        arguments.insert("servers".to_owned(), json!(args.servers));
    }
    ToolCall {
        endpoint: Endpoint::Server(instance.into()),
        name: "homelab_sync_inventory".to_owned(),
        arguments,
        format: Format::Json,
        context: services.cli_context(role),
    }
}

fn failed(output: &Output, error: &ToolError) -> Result<Exit> {
    if output.is_json() {
        output.json(error)?;
    } else {
        let envelope = error.envelope();
        output.error(&printable(&envelope.message), envelope.hint.as_deref())?;
    }
    Ok(match error.code() {
        Code::ApprovalRequired | Code::ApprovalDenied => Exit::Held,
        _ => Exit::Failed,
    })
}

/// Shows the report; incomplete if a server did not answer.
fn show(report: &Value, output: &Output) -> Result<Exit> {
    let rows = |list: &str| report[list].as_array().cloned().unwrap_or_default();
    let sources = rows("sources");
    let exit = if sources.iter().any(|source| source["error"].is_string()) {
        Exit::Failed
    } else {
        Exit::Ok
    };
    if output.is_json() {
        output.json(report)?;
        return Ok(exit);
    }
    let text = |value: &Value| match value {
        Value::String(text) => printable(text),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    for source in &sources {
        let name = text(&source["server"]);
        match source["error"].as_str() {
            Some(error) => output.error(&format!("`{name}`: {}", printable(error)), None)?,
            None => output.line(format!("{name}: {} things", text(&source["things"])))?,
        }
        for gap in source["gaps"].as_array().into_iter().flatten() {
            output.note(format!("{name}: {}", text(gap)))?;
        }
    }
    let mut lines: Vec<Vec<String>> = Vec::new();
    for (sign, list) in [("+", "created"), ("~", "updated")] {
        for row in rows(list) {
            let changes: Vec<String> = row["changes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| {
                    let (field, to) = (text(&one["field"]), text(&one["to"]));
                    match &one["from"] {
                        Value::Null => format!("{field}: {to}"),
                        from => format!("{field}: {} → {to}", text(from)),
                    }
                })
                .collect();
            lines.push(vec![
                sign.to_owned(),
                text(&row["entity"]),
                text(&row["name"]),
                changes.join(", "),
                text(&row["source"]),
            ]);
        }
    }
    for row in rows("kept") {
        let what = format!(
            "{} stays {} ({}), seen: {}",
            text(&row["field"]),
            text(&row["value"]),
            text(&row["entered_by"]),
            text(&row["seen"]),
        );
        lines.push(vec![
            "=".to_owned(),
            text(&row["entity"]),
            text(&row["name"]),
            what,
            text(&row["source"]),
        ]);
    }
    for row in rows("vanished") {
        let what = format!("gone; last seen {}", text(&row["last_seen"]));
        lines.push(vec![
            "-".to_owned(),
            text(&row["kind"]),
            text(&row["name"]),
            what,
            text(&row["source"]),
        ]);
    }
    if !lines.is_empty() {
        output.table(&["", "RECORDS", "NAME", "WHAT", "SERVER"], lines)?;
    }
    let totals = &report["totals"];
    let done = if report["dry_run"] == json!(true) {
        "would be "
    } else {
        ""
    };
    let count = |name: &str| text(&totals[name]);
    let summary = format!(
        "{} {done}new, {} {done}changed, {} the same, {} fields kept, {} gone",
        count("created"),
        count("updated"),
        count("unchanged"),
        count("kept"),
        count("vanished"),
    );
    output.line(output.mark(Mark::Faint, &summary))?;
    Ok(exit)
}
