//! `audit`: the record of all calls.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use homelab_core::audit::{AuditKey, ChainHead, ChainedEntry, Fault, Verifier};
use homelab_core::clock::Micros;
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::store::{AuditFilter, AuditSink as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::commands::with_services_or_demo;
use crate::data_dir::write_private;
use crate::exit::{Exit, Failure};
use crate::output::{Cell, Mark};
use crate::services::Services;
use crate::session::Session;

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the newest rows.
    Show(Show),
    /// Find every row that was changed, removed, inserted or moved.
    Verify(Verify),
    /// Write all chained rows and the heads of their chains as JSON lines.
    Export(Export),
}

/// Options of `audit show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  homelab-mcp audit show --action homelab_get_credentials
  homelab-mcp audit show --since 2h --outcome permission_denied")]
pub(crate) struct Show {
    /// Rows to show.
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: u32,
    /// Only this caller: a key's name, `cli:<uid>`, `stdio:<uid>`.
    #[arg(long)]
    user: Option<String>,
    /// Only this tool or event.
    #[arg(long)]
    action: Option<String>,
    /// Only this server.
    #[arg(long)]
    server: Option<String>,
    /// Only this outcome: `ok` or an error code.
    #[arg(long)]
    outcome: Option<String>,
    /// Only this request.
    #[arg(long)]
    request: Option<String>,
    /// Show the request ids too, which find a call in the log.
    #[arg(long)]
    wide: bool,
    /// Not before: RFC 3339, or an age such as `30m`, `2h`, `7d`.
    #[arg(long)]
    since: Option<String>,
    /// Before: RFC 3339, or an age.
    #[arg(long)]
    until: Option<String>,
}

/// Options of `audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 0 if every row is as it was written, 1 if not.")]
pub(crate) struct Verify {
    /// Verify an exported file instead of the database.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Options of `audit export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: homelab-mcp audit export --output audit-2026.jsonl")]
pub(crate) struct Export {
    /// File to write instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(command: Command, session: &Session) -> Result<Exit> {
    with_services_or_demo(session, async |services, _| match &command {
        Command::Show(args) => show(args, services, session).await,
        Command::Verify(args) => verify(args, services, session).await,
        Command::Export(args) => export(args, services, session).await,
    })
    .await
}

async fn show(args: &Show, services: &Services, session: &Session) -> Result<Exit> {
    let now = session.clock.now();
    let time = |text: &Option<String>| text.as_deref().map(|text| point(text, now)).transpose();
    let filter = AuditFilter {
        user: args.user.clone(),
        action: args.action.clone(),
        target_id: args.server.clone(),
        outcome: args.outcome.clone(),
        request_id: args.request.clone(),
        since: time(&args.since)?,
        until: time(&args.until)?,
    };
    let mut rows: Vec<ChainedEntry> = Vec::new();
    let mut request = PageRequest::first(args.limit.min(MAX_LIMIT));
    while rows.len() < args.limit as usize {
        let page = services.stores.audit.show(&filter, &request).await?;
        rows.extend(page.items);
        let Some(cursor) = page.next_cursor else {
            break;
        };
        request = PageRequest::from_args(Some(request.limit), Some(&cursor))?;
    }
    rows.truncate(args.limit as usize);
    let output = &session.output;
    if output.is_json() {
        output.json(&rows)?;
        return Ok(Exit::Ok);
    }
    let cells = rows.iter().map(|row| row_cells(row, args.wide)).collect();
    let headings = ["TIME", "WHO", "DID", "ON", "OUTCOME", "TOOK", "REQUEST"];
    let shown = if args.wide { 7 } else { 6 };
    output.table(headings.get(..shown).unwrap_or_default(), cells)?;
    Ok(Exit::Ok)
}

fn row_cells(row: &ChainedEntry, wide: bool) -> Vec<Cell> {
    let entry = &row.entry;
    let outcome = entry.outcome.as_deref().unwrap_or(entry.kind.as_str());
    let mark = if outcome == "ok" {
        Mark::Good
    } else {
        Mark::Warning
    };
    let took = entry.duration_us.map_or_else(String::new, |took| {
        format!("{}.{} ms", took / 1000, took % 1000 / 100)
    });
    let time: String = entry.timestamp.to_rfc3339().chars().take(19).collect();
    let mut cells = vec![
        format!("{time}Z").into(),
        entry.user.as_str().into(),
        entry.action.as_str().into(),
        entry.target_id.as_str().into(),
        Cell::marked(mark, outcome),
        took.into(),
    ];
    if wide {
        cells.push(entry.request_id.as_str().into());
    }
    cells
}

/// A point in time: RFC 3339, or this long ago.
fn point(text: &str, now: Micros) -> Result<Micros> {
    if let Some(at) = Micros::from_rfc3339(text) {
        return Ok(at);
    }
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let age = text.split_at_checked(split).and_then(|(number, unit)| {
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.parse::<i64>().ok()?.checked_mul(seconds)
    });
    match age {
        Some(age) => Ok(now.plus_seconds(-age)),
        None => Err(
            Failure::usage(format!("`{text}` is neither a time nor an age"))
                .hint("write `2026-01-31T12:00:00Z`, or an age such as `30m`, `2h`, `7d`")
                .into(),
        ),
    }
}

async fn verify(args: &Verify, services: &Services, session: &Session) -> Result<Exit> {
    let key = services.audit_key.clone();
    let (rows, faults) = match &args.file {
        Some(path) => verify_file(&session.environment.directory.join(path), key)?,
        None => services.database.verify_audit(key).await?,
    };
    let output = &session.output;
    if output.is_json() {
        output.json(&json!({ "ok": faults.is_empty(), "rows": rows, "faults": faults }))?;
    } else if faults.is_empty() {
        let good = output.mark(Mark::Good, "intact");
        output.line(format!("the audit is {good}: {rows} rows"))?;
    } else {
        let cells = faults.iter().map(fault_cells).collect();
        output.table(&["CHAIN", "ROW", "ID", "PROBLEM"], cells)?;
        let bad = output.mark(Mark::Bad, "not intact");
        output.line(format!(
            "the audit is {bad}: {} faults in {rows} rows",
            faults.len()
        ))?;
    }
    Ok(if faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Failed
    })
}

fn fault_cells(fault: &Fault) -> Vec<String> {
    vec![
        fault.chain.clone(),
        fault.seq.to_string(),
        fault.id.clone().unwrap_or_default(),
        fault.problem.clone(),
    ]
}

/// A line of an export.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head { head: ChainHead },
    Row(Box<ChainedEntry>),
}

fn verify_file(path: &Path, key: AuditKey) -> Result<(u64, Vec<Fault>)> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))?;
    let (mut heads, mut rows) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(line).map_err(|_| {
            let text = format!(
                "line {} of `{}` is not part of an audit export",
                index + 1,
                path.display()
            );
            Failure::new(text).hint("exports are made with `homelab-mcp audit export`")
        })?;
        match line {
            Line::Head { head } => heads.push(head),
            Line::Row(row) => rows.push(row),
        }
    }
    let mut verifier = Verifier::new(key, heads);
    for row in &rows {
        verifier.check(row);
    }
    Ok(verifier.finish())
}

/// The heads come first and so are never newer than the rows; rows after a head that was read are
/// left out, so that what other processes write meanwhile does not look like a fault.
async fn export(args: &Export, services: &Services, session: &Session) -> Result<Exit> {
    services.audit.flush().await?;
    let heads = services.stores.audit.heads().await?;
    let mut text = String::new();
    for head in &heads {
        text.push_str(&serde_json::to_string(&json!({ "head": head }))?);
        text.push('\n');
    }
    let last = |chain: &str| {
        heads
            .iter()
            .find(|head| head.chain == chain)
            .map(|head| head.seq)
    };
    let mut after = None;
    loop {
        let rows = services.stores.audit.scan(after, 1_000).await?;
        let Some(end) = rows.last() else { break };
        after = Some((end.chain.clone(), end.seq));
        for row in rows
            .iter()
            .filter(|row| last(&row.chain).is_some_and(|last| row.seq <= last))
        {
            text.push_str(&serde_json::to_string(row)?);
            text.push('\n');
        }
        if args.output.is_none() {
            session.output.raw(&std::mem::take(&mut text))?;
        }
    }
    match &args.output {
        Some(path) => {
            let path = session.environment.directory.join(path);
            write_private(&path, text.as_bytes())
                .with_context(|| format!("writing `{}`", path.display()))?;
            session.output.note(format!("wrote {}", path.display()))?;
        }
        None => session.output.raw(&text)?,
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", -90)]
    #[case("2h", -7_200)]
    #[case("7d", -604_800)]
    #[case("1970-01-02T00:00:00Z", -10_000_000 + 86_400)]
    fn a_time_may_be_an_age(#[case] text: &str, #[case] seconds: i64) {
        let now = Micros(0).plus_seconds(10_000_000);

        assert_eq!(point(text, now).unwrap(), now.plus_seconds(seconds));
    }

    #[rstest]
    #[case("")]
    #[case("h")]
    #[case("yesterday")]
    #[case("9223372036854775807d")]
    #[case("2\u{e4}")]
    fn other_texts_are_no_times(#[case] text: &str) {
        assert!(point(text, Micros(0)).is_err());
    }
}
