//! Writing a range that verifies elsewhere.

use std::collections::BTreeMap;

use homelab_core::audit::{Checkpoint, ExportHeader, ExportLine, ExportedRow, Position, Span};
use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, StoreResult};

use super::ENTITY;
use super::checkpoints::{all, altered};
use super::rows::{damaged, read};
use super::trail::AuditTrail;
use crate::db::Conn;

/// Rows that are read at a time.
const ROWS: i64 = 1_000;

const OF_SPAN: &str = concat!(
    select!(),
    " FROM audit_log WHERE chain = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4"
);

const IN_TIME: &str = "SELECT chain, MIN(seq) AS first, MAX(seq) AS last FROM audit_log \
     WHERE chain <> '' AND timestamp >= $1 AND timestamp < $2 GROUP BY chain ORDER BY chain";

/// Where the lines go; each has its end.
pub(super) type Sink<'a> = &'a mut (dyn FnMut(&str) -> std::io::Result<()> + Send);

impl AuditTrail {
    /// Writes the rows of a time range (`to` excluded) as JSON lines, as of one moment, together
    /// with the rows up to the next checkpoint on either side, so that both ends are signed.
    ///
    /// Fails with [`Corrupt`](StoreError::Corrupt) if the rows are not those that were signed; what
    /// was written by then is no export.
    pub async fn export(
        &self,
        from: Option<Micros>,
        to: Option<Micros>,
        write: Sink<'_>,
    ) -> StoreResult<ExportHeader> {
        self.checkpoint_all().await?;
        let mut tx = self.shared.db.snapshot().await?;
        let mut conn = tx.conn();
        let list = all(&mut conn).await?;
        let spans = spans(&mut conn, &list, from, to).await?;
        let header = ExportHeader {
            program: "homelab-mcp".into(),
            format: ExportHeader::FORMAT,
            created_at: self.shared.now(),
            from,
            to,
            checkpoints: covering(&list, &spans),
            spans,
            key: String::new(),
            signature: String::new(),
        };
        let header = header.sign(&self.keys.signing);
        write_lines(&mut conn, &header, &list, write).await?;
        tx.commit().await?;
        Ok(header)
    }
}

/// The parts of chains that hold a time range, widened to checkpoints.
async fn spans(
    conn: &mut Conn<'_>,
    list: &[Checkpoint],
    from: Option<Micros>,
    to: Option<Micros>,
) -> StoreResult<Vec<Span>> {
    let args = [
        from.map_or(i64::MIN, |at| at.0).into(),
        to.map_or(i64::MAX, |at| at.0).into(),
    ];
    let ranges = conn
        .all(ENTITY, IN_TIME, &args, |row| {
            Ok((row.text("chain")?, row.int("first")?, row.int("last")?))
        })
        .await?;
    let mut by_chain: BTreeMap<&str, Vec<&Checkpoint>> = BTreeMap::new();
    for one in list {
        by_chain.entry(&one.chain).or_default().push(one);
    }
    let mut spans = Vec::new();
    for (chain, first, last) in ranges {
        let signed = by_chain.get(chain.as_str()).map_or(&[][..], Vec::as_slice);
        let after = signed
            .iter()
            .filter(|one| one.seq < first)
            .max_by_key(|one| one.seq);
        // Rows that were written since the last checkpoint are not signed yet.
        let until = signed
            .iter()
            .filter(|one| one.seq >= last)
            .min_by_key(|one| one.seq)
            .or_else(|| signed.iter().max_by_key(|one| one.seq));
        let after = after.map_or_else(Position::start, |one| one.at());
        if let Some(until) = until.filter(|until| until.seq > after.seq) {
            let to = until.at();
            spans.push(Span { chain, after, to });
        }
    }
    Ok(spans)
}

/// First and last number of the checkpoints that lie on or between the ends of the spans.
pub(super) fn covering(list: &[Checkpoint], spans: &[Span]) -> Option<(i64, i64)> {
    let spans: BTreeMap<&str, &Span> = spans.iter().map(|one| (one.chain.as_str(), one)).collect();
    let within = |one: &&Checkpoint| {
        spans
            .get(one.chain.as_str())
            .is_some_and(|span| (span.after.seq..=span.to.seq).contains(&one.seq))
    };
    let mut numbers = list.iter().filter(within).map(|one| one.number);
    let first = numbers.next()?;
    Some((first, numbers.next_back().unwrap_or(first)))
}

/// Writes the header, the checkpoints it names, and the rows of its spans.
pub(super) async fn write_lines(
    conn: &mut Conn<'_>,
    header: &ExportHeader,
    list: &[Checkpoint],
    write: Sink<'_>,
) -> StoreResult<()> {
    let mut line = |line: ExportLine| {
        let mut text = line.text();
        text.push('\n');
        write(&text).map_err(|error| StoreError::Unavailable(format!("the file: {error}")))
    };
    let export = header.clone();
    line(ExportLine::Header { export })?;
    if let Some((first, last)) = header.checkpoints {
        for one in list
            .iter()
            .filter(|one| (first..=last).contains(&one.number))
        {
            let checkpoint = one.clone();
            line(ExportLine::Checkpoint { checkpoint })?;
        }
    }
    for span in &header.spans {
        let mut here = span.after.clone();
        while here.seq < span.to.seq {
            let args = [
                span.chain.as_str().into(),
                here.seq.into(),
                span.to.seq.into(),
                ROWS.into(),
            ];
            let rows = conn
                .all(ENTITY, OF_SPAN, &args, |row| {
                    read(row).or_else(|_| damaged(row))
                })
                .await?;
            if rows.is_empty() {
                return Err(altered("rows are missing"));
            }
            for row in rows {
                let hash = here.hash.after(&row);
                here = Position {
                    seq: row.seq,
                    mac: row.mac.clone(),
                    hash,
                };
                line(ExportLine::Row(Box::new(ExportedRow { row, hash })))?;
            }
        }
        if here != span.to {
            return Err(altered("rows were altered"));
        }
    }
    Ok(())
}
