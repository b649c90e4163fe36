//! `tools call`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use homelab_core::call::{Caller as _, Format, Progress, ToolCall};
use homelab_core::error::{Code, ToolError};
use homelab_core::render;
use homelab_core::server::Endpoint;
use homelab_core::tool::Effect;
use serde_json::{Map, Value};

use crate::commands::with_services_or_demo;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::services::Services;
use crate::session::Session;

/// Options of `tools call`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp tools call homelab_lookup_ip --args '{\"ip\":\"192.0.2.10\"}'
  homelab-mcp tools call homelab_upsert_device --args @device.json --json

On a terminal, a call that loses data or interrupts a service asks first. Without one, typing the
command is the agreement. Exit code 3: the call was not agreed to, or waits for an approval.")]
pub(crate) struct Args {
    /// The tool's name, as `tools list` shows it.
    name: String,
    /// Arguments as a JSON object; `@FILE` reads a file, `-` standard input.
    #[arg(long = "args", value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// Call a tool of this server, by its bare name.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Refuse the call if it changes anything.
    #[arg(long)]
    read_only: bool,
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let arguments = read_arguments(&args.arguments, &session.environment.directory)?;
    with_services_or_demo(session, async |services, loaded| {
        if args.read_only {
            services.force_read_only(&loaded.config)?;
        }
        let endpoint = match &args.server {
            Some(name) => Endpoint::Server(name.as_str().into()),
            None => Endpoint::All,
        };
        let mut context = services.cli_context(loaded.config.local.cli_role);
        if !args.yes
            && !agreed(
                &args.name,
                &endpoint,
                &arguments,
                services,
                session,
                &context.principal,
            )?
        {
            session.output.note("nothing was done")?;
            return Ok(Exit::Held);
        }
        let bar = session.output.progress(&args.name);
        let shown = bar.clone();
        context.progress = Progress::to(move |update| {
            if let Some(total) = update.total {
                Output::measure(&shown, count(total));
            }
            shown.set_position(count(update.progress));
            if let Some(message) = update.message {
                shown.set_message(message);
            }
        });
        let format = if session.output.is_json() {
            Format::Json
        } else {
            Format::Text
        };
        let call = ToolCall {
            endpoint,
            name: args.name.clone(),
            arguments: arguments.clone(),
            format,
            context,
        };
        let answered = services.dispatcher.call(call).await;
        bar.finish_and_clear();
        match answered {
            // What the tool is meant to reveal is meant for this reader.
            Ok(reply) if session.output.is_json() => {
                session.output.json_with_secret(&reply.structured)?;
            }
            Ok(reply) => session.output.line_with_secret(&reply.text)?,
            Err(error) => return failed(&session.output, &error),
        }
        Ok(Exit::Ok)
    })
    .await
}

/// Shows the error envelope: on standard output for programs, which read it there like a result.
fn failed(output: &Output, error: &ToolError) -> Result<Exit> {
    if output.is_json() {
        output.json(error)?;
    } else {
        let envelope = error.envelope();
        output.error(
            &render::printable(&envelope.message),
            envelope.hint.as_deref(),
        )?;
        let id = envelope.request_id.as_deref().unwrap_or("none");
        output.note(format!("({}, request {id})", envelope.code))?;
    }
    Ok(match error.code() {
        Code::ApprovalRequired | Code::ApprovalDenied => Exit::Held,
        _ => Exit::Failed,
    })
}

/// Asks before a call that is hard to take back, where somebody can answer.
fn agreed(
    name: &str,
    endpoint: &Endpoint,
    arguments: &Map<String, Value>,
    services: &Services,
    session: &Session,
    principal: &homelab_core::call::Principal,
) -> Result<bool> {
    if !session.output.is_interactive() {
        return Ok(true);
    }
    let listed = services.dispatcher.list(endpoint, principal)?;
    let tool = listed
        .iter()
        .find(|tool| tool.name == name || tool.info.spec.name == name);
    let Some(tool) = tool.filter(|tool| tool.info.spec.effect >= Effect::Destructive) else {
        return Ok(true);
    };
    let spec = &tool.info.spec;
    let given = Value::Object(arguments.clone());
    session.output.note(format!(
        "{} ({}): {}",
        spec.title,
        spec.effect.as_str(),
        render::printable(&given.to_string())
    ))?;
    session.output.confirm("Do it?")
}

/// Reads `--args`: JSON, `@FILE` or `-`.
pub(crate) fn read_arguments(text: &str, directory: &Path) -> Result<Map<String, Value>> {
    let text = match text.strip_prefix('@') {
        Some(path) => {
            let path = directory.join(path);
            std::fs::read_to_string(&path)
                .with_context(|| format!("reading `{}`", path.display()))?
        }
        None if text == "-" => {
            let mut read = String::new();
            std::io::stdin()
                .read_to_string(&mut read)
                .context("reading standard input")?;
            read
        }
        None => text.to_owned(),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Failure::usage("`--args` is not a JSON object")
            .hint("write it as '{\"name\": \"value\"}'")
            .into()),
        Err(error) => Err(Failure::usage(format!("`--args` is not JSON: {error}"))
            .hint("write it as '{\"name\": \"value\"}', quoted for your shell")
            .into()),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position on a progress bar"
)]
fn count(progress: f64) -> u64 {
    progress.max(0.0) as u64
}
