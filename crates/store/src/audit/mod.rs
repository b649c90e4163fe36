//! The stored audit rows.

macro_rules! select {
    () => {
        "SELECT chain, seq, id, timestamp, kind, \"user\", credential, transport, ip_address, \
         action, target_type, target_id, effect, arguments, arguments_digest, outcome, \
         duration_us, request_id, details, mac"
    };
}

mod archive;
mod checkpoints;
mod export;
mod rows;
mod trail;
mod verify;

use async_trait::async_trait;
use homelab_core::audit::{AuditEntry, ChainHead, ChainedEntry};
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{AuditFilter, AuditLog, StoreError, StoreResult};

use self::rows::{Stored, batch, damaged, flat, read};
use crate::db::{Arg, Conn, Db, Lock};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, insert, table};

pub use archive::ArchivePlan;
pub(crate) use checkpoints::TABLE as CHECKPOINTS;
pub use trail::{AuditKeys, AuditTrail};
pub(crate) use verify::verify;

pub(crate) const TABLE: &Table = &table!(
    "audit_log", order "chain, seq",
    text "chain", int "seq", text "id", int "timestamp", text "kind", text "user",
    text "credential", text "transport", text "ip_address", text "action", text "target_type",
    text "target_id", text "effect", text "arguments", text "arguments_digest", text "outcome",
    int "duration_us", text "request_id", text "details", text "mac",
);

pub(crate) const HEADS: &Table = &table!(
    "audit_heads", order "chain",
    text "chain", int "seq", text "mac", text "hash", text "seal",
);

const ENTITY: &str = "audit_log";

/// Chain of the rows that no chain of ours covers.
const LEGACY: &str = "";

/// Rows of one `INSERT`.
const ROWS: usize = 1_000;

/// Rows newest first; `$1`, `$2` are time and id of the last row of the page before. The time
/// limits stand alone so that both engines take them from the index.
macro_rules! show {
    ($condition:literal) => {
        concat!(
            select!(),
            ", (SELECT COUNT(*) FROM audit_log WHERE timestamp >= $4 AND timestamp < $5",
            $condition,
            ") AS total FROM audit_log WHERE (timestamp, id) < ($1, $2) \
             AND timestamp >= $4 AND timestamp < $5",
            $condition,
            " ORDER BY timestamp DESC, id DESC LIMIT $3"
        )
    };
}

const SHOW_ALL: &str = show!("");

/// By request, which has an index and at most a few rows.
const SHOW_REQUEST: &str = show!(
    " AND request_id = $6 AND ($7 IS NULL OR \"user\" = $7) AND ($8 IS NULL OR action = $8) \
     AND ($9 IS NULL OR target_id = $9) AND ($10 IS NULL OR outcome = $10)"
);

const SHOW_MATCHING: &str = show!(
    " AND ($6 IS NULL OR request_id = $6) AND ($7 IS NULL OR \"user\" = $7) \
     AND ($8 IS NULL OR action = $8) AND ($9 IS NULL OR target_id = $9) \
     AND ($10 IS NULL OR outcome = $10)"
);

const SCAN: &str = concat!(
    select!(),
    " FROM audit_log WHERE chain <> '' AND (chain, seq) > ($1, $2) ORDER BY chain, seq LIMIT $3"
);

const INSERT_LEGACY: &str = concat!(
    insert!(
        "audit_log", text "chain", int "seq", text "id", int "timestamp", text "kind",
        text "user", text "credential", text "transport", text "ip_address", text "action",
        text "target_type", text "target_id", text "effect", text "arguments",
        text "arguments_digest", text "outcome", int "duration_us", text "request_id",
        text "details", text "mac"
    ),
    " ON CONFLICT (id) WHERE chain = '' DO NOTHING"
);

/// [`AuditLog`] on either engine.
pub(crate) struct AuditStore(pub(crate) Shared);

#[async_trait]
impl AuditLog for AuditStore {
    async fn append(&self, rows: &[ChainedEntry], head: &ChainHead) -> StoreResult<()> {
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let follows = rows
            .iter()
            .zip(first.seq..)
            .all(|(row, seq)| row.chain == head.chain && row.seq == seq)
            && rows.last().is_some_and(|last| last.seq == head.seq);
        if !follows || first.seq < 1 || head.chain == LEGACY {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field: "seq",
                detail: "the rows do not lead to the head they came with".into(),
            });
        }
        let from = first.seq - 1;
        if let Db::Sqlite { batches, .. } = &self.0.db {
            let (rows, head) = (flat(rows)?, head.clone());
            return batches
                .write(move |batch| {
                    let hash = head.hash.map(|hash| hash.to_string());
                    let args = head_args(from, &head, hash.as_deref());
                    let moved = batch.run(head_statement(from), &args)?;
                    refuse_unless_moved(moved == 1, &head)?;
                    batch.insert(TABLE.insert_one, &rows)
                })
                .await;
        }
        let batches = rows
            .chunks(ROWS)
            .map(|some| {
                let rows: Vec<_> = some.iter().map(Stored::chained).collect();
                batch(&rows)
            })
            .collect::<StoreResult<Vec<_>>>()?;
        // No advisory lock: moving the head locks its row, and each chain has one writer.
        let mut tx = self.0.db.write(Lock::Nothing).await?;
        let mut conn = tx.conn();
        move_head(&mut conn, from, head).await?;
        for rows in &batches {
            conn.run(TABLE.insert, &[Arg::Rows(rows)]).await?;
        }
        tx.commit().await
    }

    async fn append_legacy(&self, entries: &[AuditEntry]) -> StoreResult<()> {
        let mut tx = self.0.db.write(Lock::LegacyAudit).await?;
        let mut conn = tx.conn();
        let last = conn
            .one(
                ENTITY,
                "SELECT COALESCE(MAX(seq), 0) AS seq FROM audit_log WHERE chain = ''",
                &[],
                |row| row.int("seq"),
            )
            .await?
            .unwrap_or_default();
        let rows: Vec<_> = entries
            .iter()
            .zip(last + 1..)
            .map(|(entry, seq)| Stored::new(LEGACY, seq, entry, ""))
            .collect();
        for some in rows.chunks(ROWS) {
            conn.run(INSERT_LEGACY, &[Arg::Rows(&batch(some)?)]).await?;
        }
        tx.commit().await
    }

    async fn show(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> StoreResult<Page<ChainedEntry>> {
        let before = match &page.after {
            None => None,
            Some(cursor) => Some(
                serde_json::from_str::<(i64, String)>(cursor)
                    .ok()
                    .filter(|(_, id)| !id.contains('\0'))
                    .ok_or_else(|| StoreError::Invalid {
                        entity: ENTITY,
                        field: "cursor",
                        detail: "this cursor is not one of ours".into(),
                    })?,
            ),
        };
        let texts = [
            &filter.user,
            &filter.action,
            &filter.target_id,
            &filter.outcome,
            &filter.request_id,
        ];
        if texts
            .iter()
            .any(|text| text.as_ref().is_some_and(|text| text.contains('\0')))
        {
            return Ok(Page::from_rows(Vec::new(), page, 0, |_| String::new()));
        }
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        let limit = page.limit + 1;
        let rows = shown(&mut conn, filter, before.as_ref(), limit).await?;
        let total = match rows.first() {
            Some((_, total)) => *total,
            // A cursor at the very end: the count comes with any row.
            None if before.is_some() => shown(&mut conn, filter, None, 1)
                .await?
                .first()
                .map_or(0, |(_, total)| *total),
            None => 0,
        };
        let page = Page::from_rows(rows, page, total, |(row, _)| {
            serde_json::json!([row.entry.timestamp.0, row.entry.id]).to_string()
        });
        Ok(page.map(|(row, _)| row))
    }

    async fn scan(
        &self,
        after: Option<(String, i64)>,
        limit: u32,
    ) -> StoreResult<Vec<ChainedEntry>> {
        let mut session = self.0.db.read().await?;
        scan(&mut session.conn(), after, limit).await
    }

    async fn heads(&self) -> StoreResult<Vec<ChainHead>> {
        let mut session = self.0.db.read().await?;
        heads(&mut session.conn()).await
    }
}

async fn scan(
    conn: &mut Conn<'_>,
    after: Option<(String, i64)>,
    limit: u32,
) -> StoreResult<Vec<ChainedEntry>> {
    let (chain, seq) = after.unwrap_or_default();
    let args = [chain.as_str().into(), seq.into(), i64::from(limit).into()];
    conn.all(ENTITY, SCAN, &args, |row| {
        read(row).or_else(|_| damaged(row))
    })
    .await
}

/// The kept heads. One that somebody changed to what cannot be read is kept in its place, with a
/// seal that is wrong.
async fn heads(conn: &mut Conn<'_>) -> StoreResult<Vec<ChainHead>> {
    conn.all("audit_heads", HEADS.select_all, &[], |row| Ok(head(row)))
        .await
}

fn head(row: Row<'_>) -> ChainHead {
    let hash = row
        .maybe_text("hash")
        .map(|text| text.map(|text| text.parse()));
    let (seq, mac, seal) = (row.int("seq"), row.text("mac"), row.text("seal"));
    let chain = row.text("chain").unwrap_or_default();
    match (seq, mac, seal, hash) {
        (Ok(seq), Ok(mac), Ok(seal), Ok(None)) => ChainHead {
            chain,
            seq,
            mac,
            hash: None,
            seal,
        },
        (Ok(seq), Ok(mac), Ok(seal), Ok(Some(Ok(hash)))) => {
            let hash = Some(hash);
            ChainHead {
                chain,
                seq,
                mac,
                hash,
                seal,
            }
        }
        (seq, ..) => ChainHead {
            chain,
            seq: seq.unwrap_or_default(),
            mac: String::new(),
            hash: None,
            seal: String::new(),
        },
    }
}

async fn shown(
    conn: &mut Conn<'_>,
    filter: &AuditFilter,
    before: Option<&(i64, String)>,
    limit: u32,
) -> StoreResult<Vec<(ChainedEntry, u64)>> {
    let (time, id) = before.map_or((i64::MAX, ""), |(time, id)| (*time, id.as_str()));
    let mut args: Vec<Arg<'_>> = vec![
        time.into(),
        id.into(),
        i64::from(limit).into(),
        filter.since.map_or(i64::MIN, |since| since.0).into(),
        filter.until.map_or(i64::MAX, |until| until.0).into(),
    ];
    let exact = [
        &filter.request_id,
        &filter.user,
        &filter.action,
        &filter.target_id,
        &filter.outcome,
    ];
    let sql = if exact.iter().all(|text| text.is_none()) {
        SHOW_ALL
    } else {
        args.extend(exact.map(|text| Arg::Text(text.as_deref())));
        if filter.request_id.is_some() {
            SHOW_REQUEST
        } else {
            SHOW_MATCHING
        }
    };
    conn.all(ENTITY, sql, &args, |row| {
        Ok((read(row)?, row.count("total")?))
    })
    .await
}

/// Moves the chain's head on if it stands where the rows begin.
fn head_statement(from: i64) -> &'static str {
    if from == 0 {
        "INSERT INTO audit_heads (chain, seq, mac, seal, hash) VALUES ($1, $2, $3, $4, $6) \
         ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, \
         seal = excluded.seal, hash = excluded.hash WHERE audit_heads.seq = $5"
    } else {
        "UPDATE audit_heads SET seq = $2, mac = $3, seal = $4, hash = $6 \
         WHERE chain = $1 AND seq = $5"
    }
}

/// Moves a chain's head on, if it still is where its rows follow on.
async fn move_head(conn: &mut Conn<'_>, from: i64, head: &ChainHead) -> StoreResult<()> {
    let hash = head.hash.map(|hash| hash.to_string());
    let args = head_args(from, head, hash.as_deref());
    let moved = conn.run(head_statement(from), &args).await?;
    refuse_unless_moved(moved == 1, head)
}

/// `hash` is the head's own, as text.
fn head_args<'a>(from: i64, head: &'a ChainHead, hash: Option<&'a str>) -> [Arg<'a>; 6] {
    [
        head.chain.as_str().into(),
        head.seq.into(),
        head.mac.as_str().into(),
        head.seal.as_str().into(),
        from.into(),
        hash.into(),
    ]
}

fn refuse_unless_moved(moved: bool, head: &ChainHead) -> StoreResult<()> {
    if moved {
        return Ok(());
    }
    Err(StoreError::Conflict {
        entity: "audit_heads",
        field: "chain",
        value: head.chain.clone(),
    })
}
