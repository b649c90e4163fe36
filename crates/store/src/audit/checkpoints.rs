//! The list of signed checkpoints: appended to under one lock, by whichever process.

use homelab_core::audit::{
    CHECKPOINTS, ChainHead, Checkpoint, CheckpointKind, Claim, Link, Position,
};
use homelab_core::clock::Micros;
use homelab_core::store::{StoreError, StoreResult};

use super::trail::AuditKeys;
use super::{head, heads, move_head, scan};
use crate::db::{Arg, Batch, Conn};
use crate::row::Row;
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "audit_checkpoints", order "number",
    int "number", int "timestamp", text "kind", text "chain", int "seq", text "mac", text "hash",
    text "note", text "previous", text "key_id", text "signature",
);

const ENTITY: &str = "audit_checkpoints";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT number, timestamp, kind, chain, seq, mac, hash, note, previous, key_id, \
             signature FROM audit_checkpoints ",
            $rest
        )
    };
}

const NEWEST: &str = select!("ORDER BY number DESC LIMIT 1");
const LAST_OF_CHAIN: &str =
    select!("WHERE chain = $1 AND seq <= $2 ORDER BY seq DESC, number DESC LIMIT 1");
const LAST_ARCHIVE: &str =
    select!("WHERE chain = $1 AND kind = 'archive' ORDER BY seq DESC LIMIT 1");

/// All of them, oldest first. One that somebody changed to what cannot be read is kept in its
/// place, without a signature.
pub(super) async fn all(conn: &mut Conn<'_>) -> StoreResult<Vec<Checkpoint>> {
    conn.all(ENTITY, TABLE.select_all, &[], |row| {
        read(row).or_else(|_| Ok(damaged(row)))
    })
    .await
}

/// The newest one.
pub(super) async fn newest(conn: &mut Conn<'_>) -> StoreResult<Option<Checkpoint>> {
    conn.one(ENTITY, NEWEST, &[], read).await
}

/// The last one of a chain up to a row.
pub(super) async fn last_of(
    conn: &mut Conn<'_>,
    chain: &str,
    seq: i64,
) -> StoreResult<Option<Checkpoint>> {
    conn.one(ENTITY, LAST_OF_CHAIN, &[chain.into(), seq.into()], read)
        .await
}

/// The archive of a chain that ends last.
pub(super) async fn last_archive(
    conn: &mut Conn<'_>,
    chain: &str,
) -> StoreResult<Option<Checkpoint>> {
    conn.one(ENTITY, LAST_ARCHIVE, &[chain.into()], read).await
}

fn read(row: Row<'_>) -> StoreResult<Checkpoint> {
    Ok(Checkpoint {
        number: row.int("number")?,
        timestamp: Micros(row.int("timestamp")?),
        kind: row.known("kind", CheckpointKind::parse)?,
        chain: row.text("chain")?,
        seq: row.int("seq")?,
        mac: row.text("mac")?,
        hash: link(row, "hash")?,
        note: row.maybe_text("note")?,
        previous: link(row, "previous")?,
        key: row.text("key_id")?,
        signature: row.text("signature")?,
    })
}

fn link(row: Row<'_>, column: &'static str) -> StoreResult<Link> {
    row.text(column)?
        .parse()
        .map_err(|detail| StoreError::Corrupt {
            entity: ENTITY,
            detail,
        })
}

fn damaged(row: Row<'_>) -> Checkpoint {
    Checkpoint {
        number: row.int("number").unwrap_or_default(),
        timestamp: Micros(0),
        kind: CheckpointKind::Head,
        chain: row.text("chain").unwrap_or_default(),
        seq: row.int("seq").unwrap_or_default(),
        mac: String::new(),
        hash: Link::START,
        note: None,
        previous: Link::START,
        key: String::new(),
        signature: String::new(),
    }
}

/// Signs a claim and appends it, in the transaction at hand; the caller holds the lock.
///
/// Fails with [`Corrupt`](StoreError::Corrupt) if the list was altered: nothing is signed on top.
pub(super) async fn append(
    conn: &mut Conn<'_>,
    claim: Claim,
    now: Micros,
    keys: &AuditKeys,
) -> StoreResult<Checkpoint> {
    let last = newest(conn).await?;
    let end = kept(conn, CHECKPOINTS).await?;
    let whole = match (&last, &end) {
        (None, None) => true,
        (Some(last), Some(end)) => keys.chain.sealed(end) && last.is_end(end),
        _ => false,
    };
    if !whole {
        return Err(altered("the list of checkpoints was altered"));
    }
    let made = Checkpoint::sign(claim, last.as_ref(), now, &keys.signing);
    let row = serde_json::json!({
        "number": made.number, "timestamp": made.timestamp.0, "kind": made.kind.as_str(),
        "chain": made.chain, "seq": made.seq, "mac": made.mac, "hash": made.hash,
        "note": made.note, "previous": made.previous, "key_id": made.key,
        "signature": made.signature,
    });
    conn.run(TABLE.insert, &[Arg::Rows(&Batch::of(&[row])?)])
        .await?;
    let head = keys
        .chain
        .head(CHECKPOINTS, made.number, &made.id().to_string(), None);
    move_head(conn, made.number - 1, &head).await?;
    Ok(made)
}

/// Signs where a chain stands, unless the newest row was signed already.
pub(super) async fn sign_head(
    conn: &mut Conn<'_>,
    chain: &str,
    now: Micros,
    keys: &AuditKeys,
) -> StoreResult<Option<Checkpoint>> {
    let Some(head) = kept(conn, chain).await? else {
        return Ok(None);
    };
    if !keys.chain.sealed(&head) {
        return Err(altered("the kept head of this chain was altered"));
    }
    let last = last_of(conn, chain, i64::MAX).await?;
    if head.seq < 1 || last.is_some_and(|last| last.seq >= head.seq) {
        return Ok(None);
    }
    let hash = match head.hash {
        Some(hash) => hash,
        // Written before there was a keyless chain.
        None => position(conn, chain, head.seq, keys).await?.hash,
    };
    let at = Position {
        seq: head.seq,
        mac: head.mac,
        hash,
    };
    append(
        conn,
        claim(CheckpointKind::Head, chain, at, None),
        now,
        keys,
    )
    .await
    .map(Some)
}

/// The names of all chains.
pub(super) async fn chains(conn: &mut Conn<'_>) -> StoreResult<Vec<String>> {
    let heads = heads(conn).await?;
    let names = heads.into_iter().map(|head| head.chain);
    Ok(names.filter(|chain| chain != CHECKPOINTS).collect())
}

/// The place after a row of a chain, worked out from the rows since the last checkpoint, whose MACs
/// are checked on the way.
pub(super) async fn position(
    conn: &mut Conn<'_>,
    chain: &str,
    seq: i64,
    keys: &AuditKeys,
) -> StoreResult<Position> {
    let last = last_of(conn, chain, seq).await?;
    let mut here = last.map_or_else(Position::start, |last| last.at());
    while here.seq < seq {
        let some = u32::try_from(seq - here.seq).unwrap_or(u32::MAX).min(1_000);
        let rows = scan(conn, Some((chain.to_owned(), here.seq)), some).await?;
        if rows.is_empty() {
            return Err(altered("rows of this chain are missing"));
        }
        for row in rows {
            let follows = row.chain == chain && row.seq == here.seq + 1;
            if !follows || keys.chain.mac(chain, row.seq, &row.entry, &here.mac) != row.mac {
                return Err(altered("rows of this chain were altered"));
            }
            here = Position {
                seq: row.seq,
                hash: here.hash.after(&row),
                mac: row.mac,
            };
        }
    }
    Ok(here)
}

/// A claim.
pub(super) fn claim(
    kind: CheckpointKind,
    chain: &str,
    at: Position,
    note: Option<String>,
) -> Claim {
    Claim {
        kind,
        chain: chain.to_owned(),
        at,
        note,
    }
}

/// The kept head of a chain.
pub(super) async fn kept(conn: &mut Conn<'_>, chain: &str) -> StoreResult<Option<ChainHead>> {
    let sql = "SELECT chain, seq, mac, hash, seal FROM audit_heads WHERE chain = $1";
    conn.one("audit_heads", sql, &[chain.into()], |row| Ok(head(row)))
        .await
}

/// Nothing is signed, exported or archived over what somebody altered.
pub(super) fn altered(what: &str) -> StoreError {
    StoreError::Corrupt {
        entity: "audit",
        detail: format!("{what}; `homelab-mcp audit verify` names it"),
    }
}
