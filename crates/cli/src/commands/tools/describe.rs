//! `tools describe`.

use anyhow::Result;
use serde_json::{Map, Value};

use super::catalogue::{Entry, everything};
use crate::config::{nearest, type_name};
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::session::Session;

/// Options of `tools describe`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp tools describe homelab_lookup_ip")]
pub(crate) struct Args {
    /// The tool's name, as `tools list` shows it.
    name: String,
}

/// Runs it.
pub(crate) fn run(args: &Args, session: &Session) -> Result<Exit> {
    let tools = everything();
    let name = args.name.as_str();
    let found = tools
        .iter()
        .find(|tool| tool.aggregated_name == name || tool.name == name);
    let Some(tool) = found else {
        let known = tools.iter().map(|tool| tool.aggregated_name.as_str());
        let failure = Failure::new(format!("there is no tool `{name}`"));
        return Err(match nearest(name, known) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("see `homelab-mcp tools list --all`"),
        }
        .into());
    };
    if session.output.is_json() {
        session.output.json(tool)?;
    } else {
        show(&session.output, tool)?;
    }
    Ok(Exit::Ok)
}

fn show(output: &Output, tool: &Entry) -> Result<()> {
    let title = format!("{}: {}", tool.aggregated_name, tool.title);
    output.line(output.mark(Mark::Strong, &title))?;
    output.line(tool.description)?;
    output.line(format!(
        "\neffect {}, permission {}, a call of it: {}{}",
        tool.effect,
        tool.permission,
        tool.approval,
        if tool.secret {
            ", its result holds secrets"
        } else {
            ""
        },
    ))?;
    output.line("")?;
    fields(output, "ARGUMENT", &tool.input_schema)?;
    output.line("")?;
    fields(output, "RESULT", &tool.output_schema)
}

fn fields(output: &Output, heading: &str, schema: &Map<String, Value>) -> Result<()> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let rows: Vec<Vec<String>> = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let description = schema.get("description").and_then(Value::as_str);
            let needed = if required.contains(&name.as_str()) {
                "required"
            } else {
                ""
            };
            vec![
                name.clone(),
                type_name(schema).replace('`', ""),
                needed.to_owned(),
                description.unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return output.line(format!("{heading}: none"));
    }
    output.table(&[heading, "VALUE", "", "DESCRIPTION"], rows)
}
