//! Finding by words.

use std::collections::HashMap;

use homelab_core::memory::{Hit, MemoryQuery, TextQuery};
use homelab_core::store::StoreResult;
use serde_json::{Value, json};

use super::vectors::{Standing, standing};
use super::{ENTITY, conditions, rows};
use crate::db::Batch;
use crate::dialect::built::{Built, Engine};
use crate::row::Row;
use crate::shared::Shared;
use crate::text::fold;

/// Most words that are looked for, most exact tokens too.
const WORDS: usize = 64;

pub(super) async fn by_text(
    shared: &Shared,
    query: &MemoryQuery,
    text: &TextQuery,
    most: u32,
) -> StoreResult<Vec<Hit>> {
    let words = words(&text.words);
    let exact = words_of(&text.exact, |token| fold(token));
    if most == 0 || conditions::finds_nothing(query) {
        return Ok(Vec::new());
    }
    let owners = standing(shared, &query.visible).await?;
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let range = range(&owners);
    let mut found: HashMap<(String, u32), Hit> = HashMap::new();
    for hit in with_words(shared, query, &words, &exact, range, most).await? {
        found.insert((hit.id.clone(), hit.version), hit);
    }
    if !exact.is_empty() {
        for hit in with_tokens(shared, query, &exact, range, most).await? {
            found.entry((hit.id.clone(), hit.version)).or_insert(hit);
        }
    }
    let mut hits: Vec<Hit> = found.into_values().collect();
    hits.sort_unstable_by(|one, other| {
        (other.exact.cmp(&one.exact))
            .then(other.score.total_cmp(&one.score))
            .then_with(|| (&other.id, other.version).cmp(&(&one.id, one.version)))
    });
    hits.truncate(most as usize);
    Ok(hits)
}

/// The numbers of all these owners, and perhaps of others between them, whom the conditions leave out.
fn range(owners: &[Standing]) -> [i64; 2] {
    let [mut from, mut before] = [i64::MAX, 0];
    for owner in owners {
        let [first, end] = owner.range();
        from = from.min(first);
        before = before.max(end);
    }
    [from, before]
}

fn words(words: &[String]) -> Vec<String> {
    words_of(words, |word| word.to_owned())
        .into_iter()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect()
}

fn words_of(words: &[String], make: impl Fn(&str) -> String) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        let word = make(word);
        if !word.is_empty() && !word.contains('\0') && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept.truncate(WORDS);
    kept
}

fn hit(row: Row<'_>) -> StoreResult<Hit> {
    Ok(Hit {
        id: row.text("id")?,
        version: rows::number(row, "version")?,
        score: row.parsed("score")?,
        exact: rows::number(row, "exact")?,
    })
}

/// How many of the tokens each revision holds.
fn push_held(sql: &mut Built, exact: &[String], range: [i64; 2]) -> StoreResult<()> {
    let tokens: Vec<Value> = exact
        .iter()
        .map(|token| json!({ "token": token }))
        .collect();
    sql.push(
        "SELECT t.number AS number, COUNT(*) AS exact FROM memory_tokens t WHERE t.token IN \
         (SELECT value->>'token' FROM jsonb_each(",
    )
    .rows(Batch::of(&tokens)?)
    .push(")) AND t.number >= ")
    .int(range[0])
    .push(" AND t.number < ")
    .int(range[1])
    .push(" GROUP BY t.number");
    Ok(())
}

async fn with_tokens(
    shared: &Shared,
    query: &MemoryQuery,
    exact: &[String],
    range: [i64; 2],
    most: u32,
) -> StoreResult<Vec<Hit>> {
    let mut sql = Built::new(
        shared.db.engine(),
        "SELECT r.id, r.version, '0' AS score, h.exact FROM (",
    );
    push_held(&mut sql, exact, range)?;
    sql.push(") h JOIN memory_revisions r ON r.number = h.number WHERE ");
    conditions::push(&mut sql, query)?;
    sql.push(" ORDER BY h.exact DESC, h.number DESC LIMIT ")
        .int(most.into());
    let mut session = shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}

async fn with_words(
    shared: &Shared,
    query: &MemoryQuery,
    words: &[String],
    exact: &[String],
    range: [i64; 2],
    most: u32,
) -> StoreResult<Vec<Hit>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let engine = shared.db.engine();
    let mut sql = Built::new(engine, "");
    if !exact.is_empty() {
        sql.push("WITH h AS MATERIALIZED (");
        push_held(&mut sql, exact, range)?;
        sql.push(") ");
    }
    let held = if exact.is_empty() {
        "0"
    } else {
        "COALESCE(h.exact, 0)"
    };
    let join = if exact.is_empty() {
        ""
    } else {
        " LEFT JOIN h ON h.number = r.number"
    };
    match engine {
        Engine::Sqlite => {
            let quoted: Vec<String> = words
                .iter()
                .map(|word| format!("\"{}\"", word.replace('"', " ")))
                .collect();
            sql.push(&format!(
                "SELECT r.id, r.version, CAST(-bm25(memory_text) AS TEXT) AS score, {held} AS exact \
                 FROM memory_text JOIN memory_revisions r ON r.number = memory_text.rowid{join} \
                 WHERE memory_text MATCH "
            ))
            .text(&quoted.join(" OR "))
            .push(" AND memory_text.rowid >= ")
            .int(range[0])
            .push(" AND memory_text.rowid < ")
            .int(range[1])
            .push(" AND ");
            conditions::push(&mut sql, query)?;
            sql.push(&format!(
                " ORDER BY {held} DESC, bm25(memory_text), r.number DESC LIMIT "
            ))
            .int(most.into());
        }
        Engine::Postgres => {
            let places: Vec<String> = words.iter().map(|word| sql.bind(word)).collect();
            let any: Vec<String> = places
                .iter()
                .map(|place| {
                    format!("plainto_tsquery('pg_catalog.english', memory_plain({place}))")
                })
                .collect();
            let any = any.join(" || ");
            sql.push(&format!(
                "SELECT r.id, r.version, CAST(ts_rank_cd(r.search, q.any_of) AS TEXT) AS score, \
                 {held} AS exact FROM (SELECT {any} AS any_of) q \
                 JOIN memory_revisions r ON r.search @@ q.any_of{join} WHERE r.number >= "
            ))
            .int(range[0])
            .push(" AND r.number < ")
            .int(range[1])
            .push(" AND ");
            conditions::push(&mut sql, query)?;
            sql.push(&format!(
                " ORDER BY {held} DESC, ts_rank_cd(r.search, q.any_of) DESC, r.number DESC LIMIT "
            ))
            .int(most.into());
        }
    }
    let mut session = shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}
