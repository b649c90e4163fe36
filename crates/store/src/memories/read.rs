//! Reading: by id, as lists, histories, counts.

use homelab_core::clock::Micros;
use homelab_core::memory::{
    About, Event, HistoryEntry, Memory, MemoryQuery, MemoryStats, ModelCount, Order, Unembedded,
    Visible,
};
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::{Value, json};

use super::rows::{self, COLUMNS, read};
use super::{ENTITY, conditions, lines, write};
use crate::db::{Arg, Batch};
use crate::dialect::built::{Built, Engine};
use crate::shared::Shared;
use crate::text::fold;

/// Adds that the owner may see it.
fn push_visible(sql: &mut Built, visible: &Visible) {
    if let Visible::Owner(owner) = visible {
        sql.push(" AND r.owner = ").text(owner);
    }
}

fn is_nobody(visible: &Visible) -> bool {
    matches!(visible, Visible::Owner(owner) if owner.contains('\0'))
}

pub(super) async fn revisions(
    shared: &Shared,
    visible: &Visible,
    wanted: &[(String, u32)],
) -> StoreResult<Vec<Memory>> {
    let rows: Vec<Value> = wanted
        .iter()
        .filter(|(id, _)| !id.contains('\0'))
        .map(|(id, version)| json!({ "id": id, "version": version }))
        .collect();
    if rows.is_empty() || is_nobody(visible) {
        return Ok(Vec::new());
    }
    let sql = these(shared.db.engine(), visible, &rows)?;
    let mut session = shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, read).await
}

pub(super) fn these(engine: Engine, visible: &Visible, rows: &[Value]) -> StoreResult<Built> {
    let mut sql = Built::new(engine, "SELECT ");
    sql.push(COLUMNS)
        .push(
            " FROM (SELECT DISTINCT value->>'id' AS id, CAST(value->>'version' AS BIGINT) AS version \
             FROM jsonb_each(",
        )
        .rows(Batch::of(rows)?)
        .push(")) w");
    conditions::push_led_to(&mut sql, &["id", "version"]);
    push_visible(&mut sql, visible);
    Ok(sql)
}

pub(super) async fn list(
    shared: &Shared,
    query: &MemoryQuery,
    order: Order,
    page: &PageRequest,
) -> StoreResult<Page<Memory>> {
    let key = |memory: &Memory| format!("{}:{}", time_of(order, memory), memory.id);
    if conditions::finds_nothing(query) {
        return Ok(Page::from_rows(Vec::new(), page, 0, key));
    }
    let (column, after, direction) = match order {
        Order::Newest => ("r.created_at", " < ", "DESC"),
        Order::Oldest => ("r.created_at", " > ", "ASC"),
        Order::Updated => ("r.updated_at", " < ", "DESC"),
    };
    let engine = shared.db.engine();
    let mut sql = Built::new(engine, "SELECT ");
    sql.push(COLUMNS).push(" FROM memory_revisions r WHERE ");
    conditions::push(&mut sql, query)?;
    if let Some(last) = &page.after {
        let (time, id) = cursor(last)?;
        sql.push(&format!(" AND ({column}, r.id){after}("))
            .int(time)
            .push(", ")
            .text(id)
            .push(")");
    }
    sql.push(&format!(
        " ORDER BY {column} {direction}, r.id {direction} LIMIT "
    ))
    .int(i64::from(page.limit) + 1);
    let mut total = Built::new(
        engine,
        "SELECT COUNT(*) AS total FROM memory_revisions r WHERE ",
    );
    conditions::push(&mut total, query)?;
    let mut tx = shared.db.snapshot().await?;
    let mut conn = tx.conn();
    let found = conn.all_built(ENTITY, &sql, read).await?;
    let total = conn
        .all_built(ENTITY, &total, |row| row.count("total"))
        .await?;
    tx.commit().await?;
    let total = total.first().copied().unwrap_or_default();
    Ok(Page::from_rows(found, page, total, key))
}

fn time_of(order: Order, memory: &Memory) -> i64 {
    match order {
        Order::Newest | Order::Oldest => memory.created_at.0,
        Order::Updated => memory.updated_at.0,
    }
}

fn cursor(after: &str) -> StoreResult<(i64, &str)> {
    after
        .split_once(':')
        .and_then(|(time, id)| Some((time.parse().ok()?, id)))
        .filter(|(_, id)| !id.contains('\0'))
        .ok_or_else(foreign)
}

fn foreign() -> StoreError {
    StoreError::Invalid {
        entity: ENTITY,
        field: "cursor",
        detail: "it is not one of ours".into(),
    }
}

const HISTORY: &str = "SELECT number, event, version, old_content, new_content, old_metadata, \
     new_metadata, actor, request_id, reason, at, \
     (SELECT COUNT(*) FROM memory_history WHERE id = $1) AS total \
     FROM memory_history WHERE id = $1 AND number < $2 ORDER BY number DESC LIMIT $3";

pub(super) async fn history(
    shared: &Shared,
    visible: &Visible,
    id: &str,
    page: &PageRequest,
) -> StoreResult<Option<Page<HistoryEntry>>> {
    let before = match &page.after {
        None => i64::MAX,
        Some(number) => number.parse().map_err(|_| foreign())?,
    };
    let mut tx = shared.db.snapshot().await?;
    let mut conn = tx.conn();
    if write::newest(&mut conn, visible, id).await?.is_none() {
        return Ok(None);
    }
    let limit = i64::from(page.limit) + 1;
    let found = conn
        .all(
            ENTITY,
            HISTORY,
            &[id.into(), before.into(), limit.into()],
            |row| {
                let entry = HistoryEntry {
                    event: row.known("event", event)?,
                    version: rows::number(row, "version")?,
                    old_content: row.maybe_text("old_content")?,
                    new_content: row.maybe_text("new_content")?,
                    old_metadata: row.json("old_metadata")?,
                    new_metadata: row.json("new_metadata")?,
                    actor: row.text("actor")?,
                    request_id: row.maybe_text("request_id")?,
                    reason: row.maybe_text("reason")?,
                    at: Micros(row.int("at")?),
                };
                Ok((row.int("number")?, row.count("total")?, entry))
            },
        )
        .await?;
    tx.commit().await?;
    let total = found.first().map_or(0, |(_, total, _)| *total);
    let page = Page::from_rows(found, page, total, |(number, ..)| number.to_string());
    Ok(Some(page.map(|(.., entry)| entry)))
}

fn event(text: &str) -> Option<Event> {
    [
        Event::Add,
        Event::Update,
        Event::Supersede,
        Event::Delete,
        Event::Restore,
        Event::Import,
    ]
    .into_iter()
    .find(|event| lines::name(*event) == text)
}

pub(super) async fn about(
    shared: &Shared,
    visible: &Visible,
    things: &[About],
    now: Micros,
    most: u32,
) -> StoreResult<Vec<Memory>> {
    let wanted: Vec<Value> = things
        .iter()
        .filter(|thing| !thing.kind.contains('\0') && !thing.name.contains('\0'))
        .map(|thing| json!({ "kind": thing.kind, "name": fold(&thing.name) }))
        .collect();
    if wanted.is_empty() || is_nobody(visible) {
        return Ok(Vec::new());
    }
    if !is_about_any(shared, &wanted).await? {
        return Ok(Vec::new());
    }
    let sql = what_is_about(shared.db.engine(), visible, &wanted, now, most)?;
    let mut session = shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, read).await
}

/// Whether anything is about any of these things, whoever may see it: nothing is remembered of most, and every look at
/// a device asks.
async fn is_about_any(shared: &Shared, things: &[Value]) -> StoreResult<bool> {
    const ONE: &str = "SELECT 1 FROM jsonb_each($1) w CROSS JOIN memory_about a \
         WHERE a.kind = w.value->>'kind' AND a.name = w.value->>'name' LIMIT 1";
    let things = Batch::of(things)?;
    let mut session = shared.db.point().await?;
    let found = session
        .conn()
        .one(ENTITY, ONE, &[Arg::Rows(&things)], |_| Ok(()))
        .await?;
    Ok(found.is_some())
}

pub(super) fn what_is_about(
    engine: Engine,
    visible: &Visible,
    things: &[Value],
    now: Micros,
    most: u32,
) -> StoreResult<Built> {
    let mut sql = Built::new(engine, "SELECT ");
    sql.push(COLUMNS)
        .push(
            " FROM (SELECT DISTINCT a.number AS number FROM memory_about a \
             WHERE (a.kind, a.name) IN (SELECT value->>'kind', value->>'name' FROM jsonb_each(",
        )
        .rows(Batch::of(things)?)
        .push("))) w");
    conditions::push_led_to(&mut sql, &["number"]);
    sql.push(
        " AND r.valid_to IS NULL AND r.deleted_at IS NULL \
         AND (r.expires_at IS NULL OR r.expires_at > ",
    )
    .int(now.0)
    .push(")");
    push_visible(&mut sql, visible);
    sql.push(" ORDER BY r.created_at DESC, r.id DESC LIMIT ")
        .int(most.into());
    Ok(sql)
}

const UNEMBEDDED: &str = "SELECT r.id, r.version, r.content FROM memory_revisions r \
     WHERE r.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM memory_vectors v \
     WHERE v.number = r.number AND v.model = $1) ORDER BY r.created_at, r.id, r.version LIMIT $2";

pub(super) async fn unembedded(
    shared: &Shared,
    model: &str,
    most: u32,
) -> StoreResult<Vec<Unembedded>> {
    let mut session = shared.db.read().await?;
    session
        .conn()
        .all(
            ENTITY,
            UNEMBEDDED,
            &[model.into(), i64::from(most).into()],
            rows::unembedded,
        )
        .await
}

const MODELS: &str = "SELECT model, MAX(dimensions) AS dimensions, COUNT(*) AS vectors \
     FROM memory_vectors GROUP BY model ORDER BY model";

pub(super) async fn models(shared: &Shared) -> StoreResult<Vec<ModelCount>> {
    let mut session = shared.db.read().await?;
    session
        .conn()
        .all(ENTITY, MODELS, &[], |row| {
            Ok(ModelCount {
                model: row.text("model")?,
                dimensions: rows::number(row, "dimensions")?,
                vectors: row.count("vectors")?,
            })
        })
        .await
}

/// One line for each category and state of memories that hold, and one for all together.
const STATS: &str = "SELECT category, COUNT(*) AS revisions, \
     SUM(CASE WHEN newest AND deleted_at IS NOT NULL THEN 1 ELSE 0 END) AS deleted, \
     SUM(CASE WHEN newest AND deleted_at IS NULL AND superseded_by IS NOT NULL THEN 1 ELSE 0 END) \
     AS superseded, \
     SUM(CASE WHEN newest AND deleted_at IS NULL AND valid_to IS NULL AND expires_at <= $2 \
     THEN 1 ELSE 0 END) AS expired, \
     SUM(CASE WHEN newest AND deleted_at IS NULL AND valid_to IS NULL \
     AND (expires_at IS NULL OR expires_at > $2) THEN 1 ELSE 0 END) AS memories \
     FROM memory_revisions WHERE (owner = $1 OR CAST($1 AS TEXT) IS NULL) \
     GROUP BY category ORDER BY category";

const OWNERS: &str = "SELECT COUNT(DISTINCT owner) AS owners FROM memory_revisions \
     WHERE (owner = $1 OR CAST($1 AS TEXT) IS NULL)";

const VECTORS: &str = "SELECT v.model, MAX(v.dimensions) AS dimensions, COUNT(*) AS vectors \
     FROM memory_vectors v JOIN memory_revisions r ON r.number = v.number \
     WHERE (r.owner = $1 OR CAST($1 AS TEXT) IS NULL) GROUP BY v.model ORDER BY v.model";

pub(super) async fn stats(
    shared: &Shared,
    visible: &Visible,
    now: Micros,
) -> StoreResult<MemoryStats> {
    if is_nobody(visible) {
        return Ok(MemoryStats::default());
    }
    let owner = Arg::from(match visible {
        Visible::Owner(owner) => Some(owner.as_str()),
        Visible::Everything => None,
    });
    let mut stats = MemoryStats::default();
    let mut tx = shared.db.snapshot().await?;
    let mut conn = tx.conn();
    conn.each(ENTITY, STATS, &[owner, now.0.into()], |row| {
        stats.revisions += row.count("revisions")?;
        stats.deleted += row.count("deleted")?;
        stats.superseded += row.count("superseded")?;
        stats.expired += row.count("expired")?;
        let memories = row.count("memories")?;
        stats.memories += memories;
        if memories > 0 {
            stats.categories.insert(row.text("category")?, memories);
        }
        Ok(())
    })
    .await?;
    let owners = conn
        .one(ENTITY, OWNERS, &[owner], |row| row.count("owners"))
        .await?;
    stats.owners = owners.unwrap_or_default();
    stats.models = conn
        .all(ENTITY, VECTORS, &[owner], |row| {
            Ok(ModelCount {
                model: row.text("model")?,
                dimensions: rows::number(row, "dimensions")?,
                vectors: row.count("vectors")?,
            })
        })
        .await?;
    tx.commit().await?;
    Ok(stats)
}
