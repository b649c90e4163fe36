//! A row of the audit, as it is stored and as it is read.

use homelab_core::audit::{AuditEntry, ChainedEntry, EntryKind};
use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, StoreResult};
use serde::Serialize;

use super::ENTITY;
use crate::db::Batch;
use crate::direct::{Cell, FlatRows};
use crate::row::Row;

/// Reads a row.
pub(super) fn read(row: Row<'_>) -> StoreResult<ChainedEntry> {
    Ok(ChainedEntry {
        chain: row.text("chain")?,
        seq: row.int("seq")?,
        entry: AuditEntry {
            id: row.text("id")?,
            timestamp: Micros(row.int("timestamp")?),
            kind: row.known("kind", EntryKind::parse)?,
            user: row.text("user")?,
            credential: row.text("credential")?,
            transport: row.text("transport")?,
            ip_address: row.maybe_text("ip_address")?,
            action: row.text("action")?,
            target_type: row.text("target_type")?,
            target_id: row.text("target_id")?,
            effect: row.maybe_text("effect")?,
            arguments: row.maybe_text("arguments")?,
            arguments_digest: row.maybe_text("arguments_digest")?,
            outcome: row.maybe_text("outcome")?,
            duration_us: row.maybe_int("duration_us")?,
            request_id: row.text("request_id")?,
            details: row.maybe_text("details")?,
        },
        mac: row.text("mac")?,
    })
}

/// A row that somebody changed to what no row of ours can hold: kept in its place, without what
/// cannot be read, so that its MAC is wrong and the verifier names it.
pub(super) fn damaged(row: Row<'_>) -> StoreResult<ChainedEntry> {
    let text = |column| row.text(column).unwrap_or_default();
    Ok(ChainedEntry {
        chain: row.text("chain")?,
        seq: row.int("seq")?,
        entry: AuditEntry {
            id: text("id"),
            timestamp: Micros(row.int("timestamp").unwrap_or_default()),
            kind: EntryKind::Event,
            user: text("user"),
            credential: text("credential"),
            transport: text("transport"),
            ip_address: None,
            action: text("action"),
            target_type: text("target_type"),
            target_id: text("target_id"),
            effect: None,
            arguments: None,
            arguments_digest: None,
            outcome: None,
            duration_us: None,
            request_id: text("request_id"),
            details: Some("this row cannot be read".into()),
        },
        mac: String::new(),
    })
}

/// A row by column. Borrowed and written straight to JSON: every call of every tool passes here.
#[derive(Serialize)]
pub(super) struct Stored<'a> {
    chain: &'a str,
    seq: i64,
    id: &'a str,
    timestamp: i64,
    kind: &'a str,
    user: &'a str,
    credential: &'a str,
    transport: &'a str,
    ip_address: Option<&'a str>,
    action: &'a str,
    target_type: &'a str,
    target_id: &'a str,
    effect: Option<&'a str>,
    arguments: Option<&'a str>,
    arguments_digest: Option<&'a str>,
    outcome: Option<&'a str>,
    duration_us: Option<i64>,
    request_id: &'a str,
    details: Option<&'a str>,
    mac: &'a str,
}

impl<'a> Stored<'a> {
    /// The entry in its place.
    pub(super) fn new(chain: &'a str, seq: i64, entry: &'a AuditEntry, mac: &'a str) -> Self {
        Self {
            chain,
            seq,
            id: &entry.id,
            timestamp: entry.timestamp.0,
            kind: entry.kind.as_str(),
            user: &entry.user,
            credential: &entry.credential,
            transport: &entry.transport,
            ip_address: entry.ip_address.as_deref(),
            action: &entry.action,
            target_type: &entry.target_type,
            target_id: &entry.target_id,
            effect: entry.effect.as_deref(),
            arguments: entry.arguments.as_deref(),
            arguments_digest: entry.arguments_digest.as_deref(),
            outcome: entry.outcome.as_deref(),
            duration_us: entry.duration_us,
            request_id: &entry.request_id,
            details: entry.details.as_deref(),
            mac,
        }
    }

    /// A chained entry.
    pub(super) fn chained(row: &'a ChainedEntry) -> Self {
        Self::new(&row.chain, row.seq, &row.entry, &row.mac)
    }

    /// Its cells in the order of the table's columns.
    fn cells(&self) -> [Cell<'a>; 20] {
        let text = |text| Cell::Text(Some(text));
        [
            text(self.chain),
            Cell::Int(Some(self.seq)),
            text(self.id),
            Cell::Int(Some(self.timestamp)),
            text(self.kind),
            text(self.user),
            text(self.credential),
            text(self.transport),
            Cell::Text(self.ip_address),
            text(self.action),
            text(self.target_type),
            text(self.target_id),
            Cell::Text(self.effect),
            Cell::Text(self.arguments),
            Cell::Text(self.arguments_digest),
            Cell::Text(self.outcome),
            Cell::Int(self.duration_us),
            text(self.request_id),
            Cell::Text(self.details),
            text(self.mac),
        ]
    }

    /// The first column with a NUL character.
    fn nul(&self) -> Option<&'static str> {
        let columns = super::TABLE.columns.iter().zip(self.cells());
        columns
            .filter(|(_, cell)| matches!(cell, Cell::Text(Some(text)) if text.contains('\0')))
            .map(|((column, _), _)| *column)
            .next()
    }
}

/// Rows for [`crate::direct`], copied out of what is borrowed.
pub(super) fn flat(rows: &[ChainedEntry]) -> StoreResult<FlatRows> {
    let mut flat = FlatRows::with_room(rows.len(), super::TABLE.columns.len());
    for row in rows.iter().map(Stored::chained) {
        if let Some(field) = row.nul() {
            return Err(has_nul(field));
        }
        flat.push(row.cells());
    }
    Ok(flat)
}

fn has_nul(field: &'static str) -> StoreError {
    StoreError::Invalid {
        entity: ENTITY,
        field,
        detail: "it holds a NUL character".into(),
    }
}

/// The rows for one statement. What PostgreSQL cannot keep is refused, not changed: it would not
/// verify later.
pub(super) fn batch(rows: &[Stored<'_>]) -> StoreResult<Batch> {
    let batch = Batch::of(rows)?;
    if batch.may_hold_nul()
        && let Some(field) = rows.iter().find_map(Stored::nul)
    {
        return Err(has_nul(field));
    }
    Ok(batch)
}
