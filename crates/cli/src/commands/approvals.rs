//! `approvals`: calls that wait for the owner's word.

use anyhow::Result;
use clap::Subcommand;
use homelab_core::approval::{Approval, Channel, State};
use homelab_core::call::{CredentialKind, Principal};
use homelab_core::page::PageRequest;
use homelab_core::policy::Role;
use homelab_gateway::approval::Ballot;

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::owner;
use crate::services::Services;
use crate::session::Session;

const OWNER: &str = "Needs the owner key: HOMELAB_OWNER_KEY, HOMELAB_OWNER_KEY_FILE, or a prompt.";

/// What to do with held calls.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List calls that wait, or all with `--all`.
    List {
        /// Those that were decided too.
        #[arg(long)]
        all: bool,
        /// Most rows.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Show what a call would do, and what became of it.
    Show {
        /// The approval's id, or its beginning or end.
        id: String,
    },
    /// Let a call run once.
    #[command(after_help = OWNER)]
    Approve(Word),
    /// Refuse a call.
    #[command(after_help = OWNER)]
    Deny(Word),
}

/// Options of `approvals approve` and `approvals deny`.
#[derive(Debug, clap::Args)]
pub(crate) struct Word {
    /// The approval's id, or its beginning or end.
    id: String,
    /// Why; the caller reads it.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Do not show the plan and ask.
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    with_services(session, async |services, _| match &command {
        Command::List { all, limit } => list(*all, *limit, services, session).await,
        Command::Show { id } => {
            let approval = find(services, id).await?;
            show(&session.output, &approval)?;
            Ok(Exit::Ok)
        }
        Command::Approve(word) => decide(word, true, services, session).await,
        Command::Deny(word) => decide(word, false, services, session).await,
    })
    .await
}

/// Whoever can read the database can read this; deciding takes the owner's key.
fn reader() -> Principal {
    Principal::new("cli", "cli", CredentialKind::Owner, Role::Admin)
}

async fn list(all: bool, limit: u32, services: &Services, session: &Session) -> Result<Exit> {
    let state = (!all).then_some(State::Pending);
    let page = PageRequest::first(limit);
    let found = services.approvals.list(state, &reader(), &page).await?;
    let output = &session.output;
    if output.is_json() {
        output.json(&found)?;
        return Ok(Exit::Ok);
    }
    if found.items.is_empty() {
        output.line("nothing waits for a decision")?;
        return Ok(Exit::Ok);
    }
    let rows = found.items.iter().map(|one| {
        vec![
            one.id.clone(),
            one.state.as_str().to_owned(),
            one.needs.as_str().to_owned(),
            one.action.tool.clone(),
            one.action.instance.clone(),
            one.requester.principal.clone(),
            one.until.to_string(),
        ]
    });
    let headings = ["id", "state", "needs", "tool", "on", "asked by", "until"];
    output.table(&headings, rows.collect())?;
    Ok(Exit::Ok)
}

fn show(output: &Output, approval: &Approval) -> Result<()> {
    if output.is_json() {
        return output.json(approval);
    }
    output.line(format!("approval {}", approval.id))?;
    output.line(approval.plan().trim_end())?;
    for vote in &approval.votes {
        let said = if vote.approve { "agreed" } else { "refused" };
        let comment = vote.comment.as_deref().unwrap_or_default();
        output.line(format!(
            "{} {said} at {} {comment}",
            vote.principal, vote.at
        ))?;
    }
    let outcome = approval.outcome.as_deref();
    let mark = match approval.state {
        State::Executed | State::Approved => Mark::Good,
        State::Pending | State::Executing | State::Unknown => Mark::Warning,
        _ => Mark::Bad,
    };
    let state = output.mark(mark, approval.state.as_str());
    output.line(format!(
        "{state}{}, until {}",
        outcome.map_or(String::new(), |outcome| format!(" ({outcome})")),
        approval.until
    ))
}

async fn decide(
    word: &Word,
    approve: bool,
    services: &Services,
    session: &Session,
) -> Result<Exit> {
    let approval = find(services, &word.id).await?;
    let output = &session.output;
    let keys = services.stores.keys.as_ref();
    let (clock, environment) = (session.clock.as_ref(), &session.environment);
    let owner = owner::require(keys, &services.data, clock, environment, output).await?;
    let Some(key) = owner.key else {
        return Err(Failure::new("there is no owner key that could decide")
            .hint("make one with `homelab-mcp keys create --kind owner --name NAME`")
            .into());
    };
    if approve && !word.yes && output.is_interactive() {
        output.note(approval.plan().trim_end())?;
        if !output.confirm("Let it run once?")? {
            output.note("nothing was decided")?;
            return Ok(Exit::Held);
        }
    }
    let voter = Principal::new(key.name, key.id, key.kind, key.role);
    let ballot = Ballot {
        voter: &voter,
        channel: Channel::Cli,
        approve,
        comment: word.comment.clone(),
        digest: &approval.digest,
    };
    let voted = services.approvals.vote(&approval.id, ballot).await;
    let decided = voted.map_err(homelab_core::error::ToolError::from)?;
    if output.is_json() {
        output.json(&decided)?;
    } else {
        output.line(match decided.state {
            State::Approved => "approved: the caller may run it once now".to_owned(),
            State::Denied => "denied".to_owned(),
            _ => "your agreement is kept; another owner has to agree too".to_owned(),
        })?;
    }
    Ok(Exit::Ok)
}

/// By id, or by a part of it that only one pending approval has.
async fn find(services: &Services, id: &str) -> Result<Approval> {
    const FULL: usize = 36;
    if id.len() == FULL {
        return Ok(services.approvals.get(id, &reader()).await?);
    }
    let page = PageRequest::first(200);
    let pending = services
        .approvals
        .list(Some(State::Pending), &reader(), &page)
        .await?;
    let fits = |one: &&Approval| id.len() >= 4 && (one.id.starts_with(id) || one.id.ends_with(id));
    let mut fitting = pending.items.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several approvals fit `{id}`"))
            .hint("`approvals list` shows whole ids")
            .into()),
        (None, _) => Err(Failure::new(format!("no pending approval fits `{id}`"))
            .hint("`approvals list` shows those that wait; give at least four letters")
            .into()),
    }
}
