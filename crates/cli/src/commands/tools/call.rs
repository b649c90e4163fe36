//! `tools call`.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use homelab_core::approval::{Approval, State};
use homelab_core::call::{
    Caller as _, Confirm, Confirmation, Confirmer, Format, Progress, ToolCall,
};
use homelab_core::error::{Code, ToolError};
use homelab_core::render;
use homelab_core::server::Endpoint;
use serde_json::{Map, Value};

use crate::commands::with_services_or_demo;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::Session;

/// Options of `tools call`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp tools call homelab_lookup_ip --args '{\"ip\":\"192.0.2.10\"}'
  homelab-mcp tools call homelab_upsert_device --args @device.json --json

A call that needs a confirmation asks on a terminal; `--yes` confirms it. One that needs an approval
waits for the owner (`approvals approve ID`): repeat it then, or let it wait with `--wait`.
Exit code 3: the call was not agreed to, or waits for an approval.")]
pub(crate) struct Args {
    /// The tool's name, as `tools list` shows it.
    name: String,
    /// Arguments as a JSON object; `@FILE` reads a file, `-` standard input.
    #[arg(long = "args", value_name = "JSON", default_value = "{}")]
    arguments: String,
    /// Call a tool of this server, by its bare name.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Confirm without being asked. Calls that need an approval wait for the owner all the same.
    #[arg(long, short)]
    yes: bool,
    /// Wait so long for an approval, and run the call once it is there.
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: Option<u64>,
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
        let principal = context.principal.clone();
        context.confirm = confirmer(args.yes, &session.output);
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
        let mut answered = services.dispatcher.call(call.clone()).await;
        if let (Some(seconds), Err(error)) = (args.wait, &answered)
            && let Some(id) = waits_for(error)
        {
            bar.set_message(format!("waiting for approval {id}"));
            let within = Duration::from_secs(seconds);
            let decided = services.approvals.wait(&id, &principal, within).await?;
            if decided.state != State::Pending {
                answered = services.dispatcher.call(call).await;
            }
        }
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

/// The approval that the call waits for.
fn waits_for(error: &ToolError) -> Option<String> {
    let envelope = error.envelope();
    let waits = envelope.code == Code::ApprovalRequired;
    envelope.approval_id.clone().filter(|_| waits)
}

/// Whoever typed the command confirms: with `--yes`, or at the prompt of a terminal.
fn confirmer(yes: bool, output: &Output) -> Confirmer {
    if yes {
        Confirmer::through(Arc::new(Typed))
    } else if output.is_interactive() {
        Confirmer::through(Arc::new(Prompt(output.clone())))
    } else {
        Confirmer::default()
    }
}

struct Typed;

#[async_trait]
impl Confirm for Typed {
    async fn confirm(&self, _plan: &Approval) -> Confirmation {
        Confirmation::Accepted {
            comment: Some("--yes".to_owned()),
        }
    }
}

struct Prompt(Output);

#[async_trait]
impl Confirm for Prompt {
    async fn confirm(&self, plan: &Approval) -> Confirmation {
        let output = self.0.clone();
        let text = plan.plan();
        let asked = tokio::task::spawn_blocking(move || {
            output.note(text.trim_end())?;
            output.confirm("Do it?")
        });
        match asked.await {
            Ok(Ok(true)) => Confirmation::Accepted { comment: None },
            Ok(Ok(false)) => Confirmation::Declined { comment: None },
            _ => Confirmation::Dismissed,
        }
    }
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
