//! What a sync did, or would do.

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError};
use homelab_core::facts::SourceFacts;
use homelab_core::tool::Change;
use schemars::JsonSchema;
use serde::Serialize;

/// Most rows of each list in a report.
const ROWS: usize = 100;

/// Everything that a plan found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outcome {
    /// New records.
    pub(crate) created: Vec<RecordRow>,
    /// Records with changed fields.
    pub(crate) updated: Vec<RecordRow>,
    /// Fields that differ and stay.
    pub(crate) kept: Vec<KeptRow>,
    /// Things that their source no longer tells of.
    pub(crate) vanished: Vec<VanishedRow>,
    /// Records that were like this already.
    pub(crate) unchanged: u64,
    /// Things that were told of.
    pub(crate) seen: u64,
}

/// A record that is new or changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RecordRow {
    /// Its table.
    pub(crate) entity: &'static str,
    /// Its name or address.
    pub(crate) name: String,
    /// The instance that told of it.
    pub(crate) source: String,
    /// Its fields.
    pub(crate) changes: Vec<Change>,
}

/// A field that the source sees otherwise, and that stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct KeptRow {
    /// The record's table.
    pub(crate) entity: &'static str,
    /// Its name or address.
    pub(crate) name: String,
    /// The field.
    pub(crate) field: String,
    /// What it holds.
    pub(crate) value: String,
    /// What the source sees.
    pub(crate) seen: String,
    /// The instance that sees it.
    pub(crate) source: String,
    /// Whose value stays: `hand`, or another instance.
    pub(crate) entered_by: String,
}

/// A thing that its source no longer tells of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct VanishedRow {
    /// The instance that told of it.
    pub(crate) source: String,
    /// Kind of thing.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
    /// The table of the record that stays, where there is one.
    pub(crate) entity: Option<String>,
    /// When it was seen last.
    #[schemars(with = "String")]
    pub(crate) last_seen: Micros,
}

/// A server that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct SourceRow {
    /// The instance.
    pub(crate) server: String,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Things that it told of; absent if it did not answer.
    pub(crate) things: Option<usize>,
    /// When it was asked.
    #[schemars(with = "String")]
    pub(crate) seen_at: Micros,
    /// Why it is missing.
    pub(crate) error: Option<String>,
    /// The error's code, such as `timeout` or `permission_denied`.
    #[schemars(with = "Option<String>")]
    pub(crate) code: Option<Code>,
    /// What it could not tell.
    pub(crate) gaps: Vec<String>,
}

impl From<&SourceFacts> for SourceRow {
    fn from(source: &SourceFacts) -> Self {
        let failed = source.facts.as_ref().err();
        Self {
            server: source.instance.clone(),
            kind: source.kind,
            things: source.facts.as_ref().ok().map(|facts| facts.entities.len()),
            seen_at: source.seen_at,
            error: failed.map(|error| error.envelope().message.clone()),
            code: failed.map(ToolError::code),
            gaps: match &source.facts {
                Ok(facts) => facts.gaps.iter().take(10).cloned().collect(),
                Err(_) => Vec::new(),
            },
        }
    }
}

/// What a sync did, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SyncReport {
    /// Nothing was stored.
    dry_run: bool,
    /// The servers that were asked; one with an `error` is missing from the rest.
    sources: Vec<SourceRow>,
    /// Counts of everything, whatever the lists show.
    totals: Totals,
    /// New records.
    created: Vec<RecordRow>,
    /// Records with changed fields.
    updated: Vec<RecordRow>,
    /// Fields that a source sees otherwise, and that stay because somebody else entered them.
    kept: Vec<KeptRow>,
    /// Things that their source no longer tells of; their records stay, marked.
    vanished: Vec<VanishedRow>,
    /// A list was cut after 100 rows.
    cut: bool,
}

/// Counts.
#[derive(Debug, Serialize, JsonSchema)]
struct Totals {
    /// Things that were told of.
    seen: u64,
    /// New records.
    created: usize,
    /// Changed records.
    updated: usize,
    /// Records that were like this already.
    unchanged: u64,
    /// Fields that stay although a source sees them otherwise.
    kept: usize,
    /// Things that are gone.
    vanished: usize,
}

impl SyncReport {
    pub(crate) fn new(dry_run: bool, sources: &[SourceFacts], outcome: Outcome) -> Self {
        let mut report = Self {
            dry_run,
            sources: sources.iter().map(SourceRow::from).collect(),
            totals: Totals {
                seen: outcome.seen,
                created: outcome.created.len(),
                updated: outcome.updated.len(),
                unchanged: outcome.unchanged,
                kept: outcome.kept.len(),
                vanished: outcome.vanished.len(),
            },
            created: outcome.created,
            updated: outcome.updated,
            kept: outcome.kept,
            vanished: outcome.vanished,
            cut: false,
        };
        report.cut = [
            cut(&mut report.created),
            cut(&mut report.updated),
            cut(&mut report.kept),
            cut(&mut report.vanished),
        ]
        .contains(&true);
        report
    }
}

fn cut<T>(rows: &mut Vec<T>) -> bool {
    let is_long = rows.len() > ROWS;
    rows.truncate(ROWS);
    is_long
}
