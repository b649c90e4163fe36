//! Moving old rows to a file, in an order in which no crash loses any: sign, write, read back,
//! and only then remove, in the transaction that signs that they were removed.

use homelab_core::audit::{CheckpointKind, ExportHeader, Position, Span};
use homelab_core::clock::Micros;
use homelab_core::store::StoreResult;

use super::ENTITY;
use super::checkpoints::{
    all, altered, append, chains, claim, kept, last_archive, last_of, position,
};
use super::export::{Sink, covering, write_lines};
use super::trail::AuditTrail;
use crate::db::{Conn, Lock};

/// What an archive is to hold: the beginning of each chain, up to the first row that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePlan {
    /// Rows before this are archived.
    pub before: Micros,
    /// The parts of chains; empty if there is nothing to archive.
    pub spans: Vec<Span>,
}

impl ArchivePlan {
    /// How many rows it takes.
    pub fn rows(&self) -> u64 {
        let rows = self.spans.iter().map(|span| span.to.seq - span.after.seq);
        rows.filter_map(|rows| u64::try_from(rows).ok()).sum()
    }
}

impl AuditTrail {
    /// Decides what is archived, and signs a checkpoint at each end of it. Repeatable: nothing is
    /// removed yet. The audit must have been verified before.
    pub async fn plan_archive(&self, before: Micros) -> StoreResult<ArchivePlan> {
        let names = {
            let mut session = self.shared.db.read().await?;
            chains(&mut session.conn()).await?
        };
        let mut spans = Vec::new();
        for chain in names {
            // One transaction each: writers do not wait for the whole plan.
            let mut tx = self.shared.db.write(Lock::Checkpoints).await?;
            let span = self.span(&mut tx.conn(), &chain, before).await?;
            tx.commit().await?;
            spans.extend(span);
        }
        Ok(ArchivePlan { before, spans })
    }

    async fn span(
        &self,
        conn: &mut Conn<'_>,
        chain: &str,
        before: Micros,
    ) -> StoreResult<Option<Span>> {
        let Some(head) = kept(conn, chain).await? else {
            return Err(altered("the kept head of a chain is missing"));
        };
        let sql = "SELECT MIN(seq) AS seq FROM audit_log WHERE chain = $1 AND timestamp >= $2";
        let stays = conn
            .one(ENTITY, sql, &[chain.into(), before.0.into()], |row| {
                row.maybe_int("seq")
            })
            .await?
            .flatten();
        let last = stays.map_or(head.seq, |stays| stays - 1);
        let after = base(conn, chain).await?;
        if last <= after.seq {
            return Ok(None);
        }
        let to = match last_of(conn, chain, last).await? {
            Some(signed) if signed.seq == last => signed.at(),
            _ => {
                let to = position(conn, chain, last, &self.keys).await?;
                let claim = claim(CheckpointKind::Head, chain, to.clone(), None);
                append(conn, claim, self.shared.now(), &self.keys).await?;
                to
            }
        };
        let chain = chain.to_owned();
        Ok(Some(Span { chain, after, to }))
    }

    /// Writes what was planned.
    pub async fn write_archive(
        &self,
        plan: &ArchivePlan,
        write: Sink<'_>,
    ) -> StoreResult<ExportHeader> {
        let mut tx = self.shared.db.snapshot().await?;
        let mut conn = tx.conn();
        let list = all(&mut conn).await?;
        let header = ExportHeader {
            program: "homelab-mcp".into(),
            format: ExportHeader::FORMAT,
            created_at: self.shared.now(),
            from: None,
            to: Some(plan.before),
            checkpoints: covering(&list, &plan.spans),
            spans: plan.spans.clone(),
            key: String::new(),
            signature: String::new(),
        };
        let header = header.sign(&self.keys.signing);
        write_lines(&mut conn, &header, &list, write).await?;
        tx.commit().await?;
        Ok(header)
    }

    /// Removes what was archived, and signs that it was, in one transaction. `file` is the SHA-256
    /// of the archive, which must be safe on disk by now.
    pub async fn remove_archived(&self, plan: &ArchivePlan, file: &str) -> StoreResult<u64> {
        let mut tx = self.shared.db.write(Lock::Checkpoints).await?;
        let mut conn = tx.conn();
        let mut removed = 0;
        for span in &plan.spans {
            if base(&mut conn, &span.chain).await? != span.after {
                return Err(altered("another archive was made meanwhile"));
            }
            let note = Some(file.to_owned());
            let claim = claim(CheckpointKind::Archive, &span.chain, span.to.clone(), note);
            append(&mut conn, claim, self.shared.now(), &self.keys).await?;
            let sql = "DELETE FROM audit_log WHERE chain = $1 AND seq <= $2";
            let args = [span.chain.as_str().into(), span.to.seq.into()];
            removed += conn.run(sql, &args).await?;
        }
        if removed != plan.rows() {
            // Rolled back: something else than the archived rows would go.
            return Err(altered("there are other rows than were archived"));
        }
        tx.commit().await?;
        Ok(removed)
    }
}

/// Where a chain begins.
async fn base(conn: &mut Conn<'_>, chain: &str) -> StoreResult<Position> {
    let newest = last_archive(conn, chain).await?;
    Ok(newest.map_or_else(Position::start, |one| one.at()))
}
