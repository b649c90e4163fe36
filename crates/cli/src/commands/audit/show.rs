//! `audit show`.

use anyhow::Result;
use homelab_core::audit::ChainedEntry;
use homelab_core::page::{MAX_LIMIT, PageRequest};
use homelab_core::store::AuditFilter;

use super::point;
use crate::exit::Exit;
use crate::output::{Cell, Mark};
use crate::services::Services;
use crate::session::Session;

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

/// Shows the newest rows.
pub(super) async fn run(args: &Show, services: &Services, session: &Session) -> Result<Exit> {
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
