//! `memory import`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use homelab_core::memory::Note;
use homelab_core::policy::Role;
use homelab_memory::LOCAL;
use homelab_memory::moving::{self, Destination, Form, Problem, Read, Taken};
use serde_json::json;

use crate::commands::with_services;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::services::{Event, Services};
use crate::session::Session;

/// Problems that are shown; more of them are counted.
const SHOWN: usize = 20;

/// Options of `memory import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp memory import memories.jsonl
  homelab-mcp memory import mem0-export.json --owner claude
  homelab-mcp memory import notes/*.md --user-id alice --dry-run

Either everything is imported or nothing: with a line that cannot be read, all of them are named and
nothing is changed. Importing twice changes nothing. Where a file does not say whose a memory is, it
becomes the owner `local`, which is what stdio and the command line see.")]
pub(crate) struct Args {
    /// Files; `-` is standard input.
    #[arg(required = true)]
    files: Vec<String>,
    /// Form of the files, where name and content do not say it.
    #[arg(long)]
    form: Option<FormName>,
    /// Whose the memories become, whatever the file says.
    #[arg(long)]
    owner: Option<String>,
    /// `user_id` of memories that name none.
    #[arg(long)]
    user_id: Option<String>,
    /// Only check, and say what would be imported.
    #[arg(long)]
    dry_run: bool,
}

/// A form as it is named on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormName {
    /// Our own export.
    Jsonl,
    /// mem0: an export, an answer of `get_all`, or points of its vector store.
    Mem0,
    /// The reference memory server's file.
    Graph,
    /// Markdown notes.
    Markdown,
}

impl From<FormName> for Form {
    fn from(name: FormName) -> Self {
        match name {
            FormName::Jsonl => Self::Own,
            FormName::Mem0 => Self::Mem0,
            FormName::Graph => Self::Graph,
            FormName::Markdown => Self::Markdown,
        }
    }
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    // Files are checked before anything is opened or made.
    let mut all = Read::default();
    let mut problems = Vec::new();
    for file in &args.files {
        let read = read_file(file, args.form.map(Form::from), session)?;
        all.memories.extend(read.memories);
        problems.extend(read.problems.into_iter().map(|one| (file.as_str(), one)));
    }
    if !problems.is_empty() {
        return refuse(&problems, &session.output);
    }
    if args.dry_run {
        would_import(all.memories.len(), &session.output)?;
        return Ok(Exit::Ok);
    }
    with_services(session, async |services, _| {
        let taken = store(all, &args, services, session).await?;
        show(taken, &session.output)?;
        Ok(Exit::Ok)
    })
    .await
}

fn read_file(file: &str, form: Option<Form>, session: &Session) -> Result<Read> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        text
    } else {
        let path = session.environment.directory.join(file);
        std::fs::read_to_string(&path).with_context(|| format!("reading `{}`", path.display()))?
    };
    let Some(form) = form.or_else(|| Form::of(file, &text)) else {
        return Err(Failure::usage(format!("`{file}` does not say its form"))
            .hint("add `--form jsonl`, `mem0`, `graph` or `markdown`")
            .into());
    };
    let name = Path::new(file)
        .file_name()
        .map(|name| name.to_string_lossy());
    Ok(moving::read(form, &text, name.as_deref().unwrap_or(file)))
}

/// Names what cannot be read; nothing is imported.
fn refuse(problems: &[(&str, Problem)], output: &Output) -> Result<Exit> {
    if output.is_json() {
        let problems: Vec<_> = problems
            .iter()
            .map(|(file, problem)| {
                json!({ "file": file, "at": problem.at.to_string(), "problem": problem.message })
            })
            .collect();
        output.json(&json!({ "imported": false, "problems": problems }))?;
        return Ok(Exit::Failed);
    }
    for (file, problem) in problems.iter().take(SHOWN) {
        output.warn(format!("{file}: {problem}"))?;
    }
    let more = problems.len().saturating_sub(SHOWN);
    if more > 0 {
        output.warn(format!("and {more} more"))?;
    }
    let count = problems.len();
    Err(Failure::new(format!(
        "nothing was imported: {count} memories cannot be read"
    ))
    .hint("correct or remove them, then import again")
    .into())
}

fn would_import(count: usize, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "would_import": count }));
    }
    output.line(format!("{count} memories would be imported"))
}

async fn store(read: Read, args: &Args, services: &Services, session: &Session) -> Result<Taken> {
    let count = read.memories.len();
    let bar = session
        .output
        .progress(&format!("storing {count} memories"));
    let into = Destination {
        owner: args.owner.clone(),
        default_owner: LOCAL.to_owned(),
        user_id: args.user_id.clone(),
    };
    let env = &services.env;
    let note = Note {
        actor: services.cli_principal(Role::Admin).name.clone(),
        request_id: None,
        reason: Some("import".to_owned()),
        at: env.clock.now(),
    };
    let store = &*services.stores.memories;
    let taken = moving::take(
        store,
        read.memories,
        &into,
        &note,
        &*env.clock,
        &*env.entropy,
    )
    .await;
    bar.finish_and_clear();
    let taken = taken.context("nothing was imported")?;
    services
        .record(Event {
            action: "memories_imported",
            target_type: "memory",
            target_id: &args.files.join(", "),
            by: None,
            details: Some(format!(
                "{} new, {} said already, {} here already",
                taken.new, taken.same, taken.here
            )),
        })
        .await?;
    Ok(taken)
}

fn show(taken: Taken, output: &Output) -> Result<()> {
    if output.is_json() {
        return output.json(&taken);
    }
    let row = |what: &str, count: u64| vec![what.to_owned(), count.to_string()];
    let rows = vec![
        row("new", taken.new),
        row("said already by another", taken.same),
        row("here already", taken.here),
    ];
    output.table(&["MEMORIES", "COUNT"], rows)
}
