//! `config`: check, show and write the configuration.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::{self, Places, Problem, Schemas, reference};
use crate::data_dir::{make_private_dir, write_private};
use crate::exit::{Exit, Failure};
use crate::output::{Mark, Output};
use crate::servers;
use crate::session::Session;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the file and the environment, and say what is wrong.
    #[command(
        after_help = "Exit code 0 if everything can be used, 1 if a server has wrong settings, 2 if the program would not start."
    )]
    Check,
    /// Show every setting in force and where it came from; secrets are masked.
    Show(Show),
    /// Write a new configuration file with every setting explained.
    Init(Init),
    /// Print a JSON Schema of the file, for editors.
    Schema,
    /// Write the reference page and `.env.example` of the source tree.
    #[command(hide = true)]
    Docs(Docs),
}

/// Options of `config show`.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Only settings that are not defaults.
    #[arg(long)]
    changed: bool,
}

/// Options of `config init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp config init ./homelab.toml")]
pub(crate) struct Init {
    /// Where; otherwise `--config`, $HOMELAB_CONFIG or ~/.config/homelab-mcp/homelab.toml.
    file: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// Options of `config docs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Docs {
    /// Root of the source tree.
    #[arg(default_value = ".")]
    root: PathBuf,
    /// Only say whether the files are fresh.
    #[arg(long)]
    check: bool,
}

/// Runs it.
pub(crate) fn run(command: Command, session: &Session) -> Result<Exit> {
    match command {
        Command::Check => check(session),
        Command::Show(args) => show(&args, session),
        Command::Init(args) => init(&args, session),
        Command::Schema => {
            let schema = Schemas::new(&servers::kinds()).whole();
            session
                .output
                .raw(&format!("{}\n", serde_json::to_string_pretty(&schema)?))?;
            Ok(Exit::Ok)
        }
        Command::Docs(args) => docs(&args, session),
    }
}

fn check(session: &Session) -> Result<Exit> {
    let output = &session.output;
    let loaded = match session.load(Places::All) {
        Ok(loaded) => loaded,
        Err(error) if output.is_json() => {
            let problems: Vec<Value> = error
                .problems
                .iter()
                .map(|one| problem(one, true))
                .collect();
            output.json(&json!({ "ok": false, "problems": problems }))?;
            return Ok(Exit::Usage);
        }
        Err(error) => return Err(error.into()),
    };
    let mut fatal = Vec::new();
    fatal.extend(config::refuse_open_listener(&loaded.config).err());
    if output.is_json() {
        let mut problems: Vec<Value> = fatal.iter().map(|one| problem(one, true)).collect();
        problems.extend(loaded.warnings.iter().map(|one| problem(one, false)));
        let file = loaded.file.as_ref().map(|path| path.display().to_string());
        output.json(&json!({ "ok": problems.is_empty(), "file": file, "problems": problems }))?;
    } else {
        match &loaded.file {
            Some(path) => output.line(format!("read {}", path.display()))?,
            None => output.line("there is no configuration file; the defaults are used")?,
        }
        if let Some(path) = &loaded.dotenv {
            output.line(format!("read {}", path.display()))?;
        }
        for problem in fatal.iter().chain(&loaded.warnings) {
            output.warn(problem)?;
        }
        if fatal.is_empty() && loaded.warnings.is_empty() {
            output.line(output.mark(Mark::Good, "everything can be used"))?;
        }
    }
    Ok(match (fatal.is_empty(), loaded.warnings.is_empty()) {
        (true, true) => Exit::Ok,
        (true, false) => Exit::Failed,
        (false, _) => Exit::Usage,
    })
}

fn problem(problem: &Problem, fatal: bool) -> Value {
    json!({
        "key": problem.key,
        "origin": problem.origin.as_ref().map(ToString::to_string),
        "message": problem.message,
        "hint": problem.hint,
        "fatal": fatal,
    })
}

fn show(args: &Show, session: &Session) -> Result<Exit> {
    let loaded = session.load(Places::All)?;
    let mut shown = loaded.shown(&Schemas::new(&servers::kinds()));
    if args.changed {
        shown.retain(|setting| setting.origin != "default");
    }
    let output = &session.output;
    if output.is_json() {
        output.json(&shown)?;
        return Ok(Exit::Ok);
    }
    let rows = shown
        .into_iter()
        .map(|setting| {
            let value = match setting.value {
                Value::Null => String::new(),
                value => value.to_string(),
            };
            vec![setting.key, value, setting.origin]
        })
        .collect();
    output.table(&["SETTING", "VALUE", "FROM"], rows)?;
    data_dir_line(session, &loaded.config, output)?;
    Ok(Exit::Ok)
}

fn data_dir_line(session: &Session, config: &config::Config, output: &Output) -> Result<()> {
    let path = session.locate_data_dir(config)?;
    output.line(format!("\nthe data directory is {}", path.display()))
}

fn init(args: &Init, session: &Session) -> Result<Exit> {
    let environment = &session.environment;
    let named = args.file.as_ref().or(session.config_file.as_ref());
    let path = named
        .map(|path| environment.directory.join(path))
        .or_else(|| environment.path("HOMELAB_CONFIG"))
        .or_else(|| Some(environment.config_home()?.join("homelab-mcp/homelab.toml")))
        .ok_or_else(|| Failure::usage("there is no home directory").hint("name a file"))?;
    if path.exists() && !args.force {
        return Err(
            Failure::new(format!("`{}` is there already", path.display()))
                .hint("edit it, or replace it with `--force`")
                .into(),
        );
    }
    if let Some(directory) = path.parent() {
        make_private_dir(directory).with_context(|| format!("making `{}`", directory.display()))?;
    }
    let text = reference::toml(&Schemas::new(&servers::kinds()));
    write_private(&path, text.as_bytes())
        .with_context(|| format!("writing `{}`", path.display()))?;
    if session.output.is_json() {
        session.output.json(&json!({ "file": path }))?;
    } else {
        session.output.line(format!("wrote {}", path.display()))?;
    }
    Ok(Exit::Ok)
}

fn docs(args: &Docs, session: &Session) -> Result<Exit> {
    let kinds = servers::kinds();
    let schemas = Schemas::new(&kinds);
    let root = session.environment.directory.join(&args.root);
    let files = [
        (
            "docs/reference/config.md",
            reference::markdown(&schemas, &kinds),
        ),
        (".env.example", reference::dotenv(&schemas, &kinds)),
    ];
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = root.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|current| current == text) {
            continue;
        }
        if args.check {
            stale.push(name);
            continue;
        }
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
        session.output.line(format!("wrote {name}"))?;
    }
    if stale.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(format!("stale: {}", stale.join(", ")))
        .hint("run `cargo run -p homelab-mcp -- config docs`")
        .into())
}
