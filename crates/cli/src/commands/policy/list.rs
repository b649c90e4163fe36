//! `policy list`.

use anyhow::Result;
use serde_json::json;

use crate::commands::begin;
use crate::exit::{Exit, Failure};
use crate::output::Mark;
use crate::policy;
use crate::session::Session;

/// Runs it.
pub(super) fn run(session: &Session) -> Result<Exit> {
    let loaded = begin(session)?;
    let rules = policy::compile(&loaded.config).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::usage(texts.join("\n"))
    })?;
    let listed = rules.list();
    let read_only = loaded.config.policy.read_only;
    let output = &session.output;
    if output.is_json() {
        output.json(&json!({ "read_only": read_only, "entries": listed }))?;
        return Ok(Exit::Ok);
    }
    if read_only {
        output.line(output.mark(Mark::Strong, "read-only: every change is refused"))?;
    }
    if listed.is_empty() {
        output.line("there are no rules; the roles decide")?;
        return Ok(Exit::Ok);
    }
    let rows = listed
        .iter()
        .map(|one| {
            let tools = one.tools.map(|number| format!(" ({number} tools)"));
            let matches = format!("{}{}", one.matches, tools.unwrap_or_default());
            vec![
                one.kind.to_owned(),
                one.name.to_string(),
                one.effect.clone(),
                matches,
                one.when.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output.table(&["KIND", "NAME", "EFFECT", "MATCHES", "WHEN"], rows)?;
    Ok(Exit::Ok)
}
