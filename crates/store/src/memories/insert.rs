//! Revisions on their way into the tables, with all they are found by.

use homelab_core::memory::{Memory, Vector};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use super::vectors::{Space, coded};
use super::{ENTITY, rows};
use crate::db::{Arg, Batch, Conn};

/// Takes so many numbers of the owner's.
const NUMBERS: &str = "INSERT INTO memory_owners (owner, number, last, changes, erasures) \
     SELECT $1, COALESCE(MAX(number), 0) + 1, $2, COALESCE(MAX(changes), 0) + 1, 0 \
     FROM memory_owners WHERE TRUE \
     ON CONFLICT (owner) DO UPDATE SET last = memory_owners.last + $2, changes = excluded.changes \
     RETURNING number, last, changes";

/// What an owner's next revisions are numbered by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// The first of those taken.
    pub(super) first: i64,
    /// The change they are part of.
    pub(super) change: i64,
}

pub(super) async fn numbers(conn: &mut Conn<'_>, owner: &str, count: i64) -> StoreResult<Numbers> {
    let taken = conn
        .one(ENTITY, NUMBERS, &[owner.into(), count.into()], |row| {
            Ok(Numbers {
                first: (row.int("number")? << 32) + row.int("last")? - count + 1,
                change: row.int("changes")?,
            })
        })
        .await?;
    taken.ok_or_else(|| StoreError::Internal("an owner of memories got no number".into()))
}

/// A revision that is the newest of its memory.
pub(super) struct Fresh<'a> {
    /// Its number.
    pub(super) number: i64,
    /// The change it is part of.
    pub(super) change: i64,
    pub(super) memory: &'a Memory,
    pub(super) hash: &'a str,
    pub(super) exact: &'a [String],
    pub(super) vector: Option<&'a Vector>,
}

/// Writes revisions; a statement for each table, however many they are.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    space: &Space,
    fresh: &[Fresh<'_>],
) -> StoreResult<()> {
    let (mut revisions, mut vectors) = (Vec::with_capacity(fresh.len()), Vec::new());
    let (mut tokens, mut about) = (Vec::new(), Vec::new());
    for one in fresh {
        revisions.push(rows::row(one.number, one.hash, one.memory)?);
        tokens.extend(rows::tokens(one.number, one.exact));
        about.extend(rows::about(one.number, &one.memory.about));
        if let Some(vector) = one.vector {
            vectors.push(coded(one.number, vector, one.change)?);
        }
    }
    put(conn, rows::REVISIONS.insert, &revisions).await?;
    put(conn, rows::TOKENS.insert, &tokens).await?;
    put(conn, rows::ABOUT.insert, &about).await?;
    if vectors.is_empty() {
        return Ok(());
    }
    space.put(conn, &vectors).await
}

/// Writes rows, if there are any.
pub(super) async fn put(conn: &mut Conn<'_>, sql: &'static str, rows: &[Value]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.run(sql, &[Arg::Rows(&Batch::of(rows)?)])
        .await
        .map(drop)
}
