//! `doctor`: finds out what is wrong, and says how to fix it.

mod data;
mod files;
mod network;

use anyhow::Result;
use serde::Serialize;
use serde_json::json;

use crate::config::Places;
use crate::exit::{Exit, Report};
use crate::logging;
use crate::output::{Cell, Mark, Output};
use crate::services::Services;
use crate::session::Session;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0 if nothing is broken (there may be warnings), 1 if something is."
)]
pub(crate) struct Args {
    /// Do not verify the audit, which takes a while when it is long.
    #[arg(long)]
    skip_audit: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// As it should be.
    Ok,
    /// Works, but should be looked at.
    Warning,
    /// Does not work, or is not safe.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Finding {
    check: String,
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &str, message: impl Into<String>) {
        self.add(check, Level::Ok, message, None);
    }

    fn warning(&mut self, check: &str, message: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Level::Warning, message, Some(fix.into()));
    }

    fn broken(&mut self, check: &str, message: impl Into<String>, fix: impl Into<String>) {
        self.add(check, Level::Broken, message, Some(fix.into()));
    }

    /// Something failed; its own error says how to fix it.
    fn failed(&mut self, check: &str, error: &anyhow::Error) {
        let report = Report::of(error);
        self.add(check, Level::Broken, report.message, report.hint);
    }

    fn add(&mut self, check: &str, level: Level, message: impl Into<String>, fix: Option<String>) {
        self.0.push(Finding {
            check: check.to_owned(),
            level,
            message: message.into(),
            fix,
        });
    }
}

/// Runs it.
pub(crate) async fn run(args: Args, session: &Session) -> Result<Exit> {
    let mut findings = Findings::default();
    if let Err(error) = look(&args, session, &mut findings).await {
        // The checks after it could not be made.
        findings.failed("start", &error);
    }
    show(&findings.0, &session.output)?;
    let broken = findings
        .0
        .iter()
        .any(|finding| finding.level == Level::Broken);
    Ok(if broken { Exit::Failed } else { Exit::Ok })
}

async fn look(args: &Args, session: &Session, findings: &mut Findings) -> Result<()> {
    files::environment(&session.environment, findings);
    let loaded = match session.load(Places::All) {
        Ok(loaded) => loaded,
        Err(error) => {
            for problem in error.problems {
                let fix = problem.hint.clone().unwrap_or_default();
                let text = Problem(&problem).to_string();
                findings.broken("configuration", text, fix);
            }
            return Ok(());
        }
    };
    // A doctor's findings are its answer; the log would say the same again.
    logging::start(
        "error",
        loaded.config.log.format,
        &session.environment,
        &session.redactor,
    )?;
    files::configuration(&loaded, findings);
    for problem in &loaded.warnings {
        findings.broken(
            "configuration",
            Problem(problem).to_string(),
            problem.hint.clone().unwrap_or_default(),
        );
    }
    network::listeners(&loaded.config, findings).await;
    network::sign_in(&loaded.config, &session.redactor, findings).await;
    let path = session.locate_data_dir(&loaded.config)?;
    if !path.exists() {
        let text = format!("`{}` does not exist yet", path.display());
        findings.warning(
            "data directory",
            text,
            "`homelab-mcp serve` or `keys init` makes it",
        );
        return Ok(());
    }
    files::data_dir(&path, findings);
    let services = match Services::open(session, &loaded).await {
        Ok(services) => services,
        Err(error) => {
            findings.failed("database and keys", &error);
            return Ok(());
        }
    };
    let looked = data::look(
        args.skip_audit,
        &loaded.config,
        &services,
        session,
        findings,
    )
    .await;
    network::servers(&services, findings).await;
    services.close().await?;
    looked
}

/// A problem without its hint, which goes into a column of its own.
struct Problem<'a>(&'a crate::config::Problem);

impl std::fmt::Display for Problem<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut problem = self.0.clone();
        problem.hint = None;
        problem.fmt(formatter)
    }
}

fn show(findings: &[Finding], output: &Output) -> Result<()> {
    let count = |level| {
        findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    };
    let (broken, warnings) = (count(Level::Broken), count(Level::Warning));
    if output.is_json() {
        return output.json(&json!({ "ok": broken == 0, "findings": findings }));
    }
    let rows = findings
        .iter()
        .map(|finding| {
            let sign = match finding.level {
                Level::Ok => Cell::marked(Mark::Good, "ok"),
                Level::Warning => Cell::marked(Mark::Warning, "warning"),
                Level::Broken => Cell::marked(Mark::Bad, "broken"),
            };
            vec![
                sign,
                finding.check.as_str().into(),
                finding.message.as_str().into(),
            ]
        })
        .collect();
    output.table(&["", "CHECK", "FOUND"], rows)?;
    let fixes: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.fix.as_ref().is_some_and(|fix| !fix.is_empty()))
        .collect();
    if !fixes.is_empty() {
        output.line("")?;
        output.line(output.mark(Mark::Strong, "What to do"))?;
        for finding in fixes {
            let fix = finding.fix.as_deref().unwrap_or_default();
            output.line(format!("  {}: {fix}", finding.check))?;
        }
    }
    output.line("")?;
    let text = format!(
        "{broken} broken, {warnings} to look at, {} fine",
        count(Level::Ok)
    );
    let mark = if broken > 0 { Mark::Bad } else { Mark::Good };
    output.line(output.mark(mark, &text))
}
