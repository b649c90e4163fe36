//! Finding by words.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Revisions that are ranked at most. FTS5 takes two to four microseconds for each, PostgreSQL a little more: of
/// 100,000 memories, with eight words a question, 3,000 keep 95 of 100 searches under 15 ms of CPU time; with 10,000
/// it was 31 ms on a faster processor.
const RANKED: i64 = 3_000;

/// One question.
struct Asked<'a> {
    shared: &'a Shared,
    query: &'a MemoryQuery,
    owners: &'a [Standing],
    range: [i64; 2],
    most: u32,
}

pub(super) async fn by_text(
    shared: &Shared,
    frequencies: &Frequencies,
    query: &MemoryQuery,
    text: &TextQuery,
    most: u32,
) -> StoreResult<Vec<Hit>> {
    let words = words(&text.words);
    let exact = words_of(&text.exact, fold);
    if most == 0 || conditions::finds_nothing(query) {
        return Ok(Vec::new());
    }
    let owners = standing(shared, &query.visible).await?;
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    let asked = Asked {
        shared,
        query,
        owners: &owners,
        range: range(&owners),
        most,
    };
    let mut found: HashMap<(String, u32), Hit> = HashMap::new();
    for hit in with_words(&asked, &words, &exact, frequencies).await? {
        found.insert((hit.id.clone(), hit.version), hit);
    }
    if !exact.is_empty() {
        for hit in with_tokens(&asked, &exact).await? {
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

/// How many revisions hold a word, remembered: counting is quick, and not free.
#[derive(Default)]
pub(crate) struct Frequencies(Mutex<HashMap<([i64; 2], String), Count>>);

#[derive(Clone, Copy)]
struct Count {
    found: i64,
    /// How many revisions there were.
    of: i64,
}

/// Words that are remembered.
const REMEMBERED: usize = 4_096;

impl Frequencies {
    /// Each word with the number of revisions that hold it, counted to one more than [`RANKED`] at most.
    async fn count(
        &self,
        asked: &Asked<'_>,
        words: &[String],
        revisions: i64,
    ) -> StoreResult<Vec<(String, i64)>> {
        let known = |word: &String| {
            let known = self.state().get(&(asked.range, word.clone())).copied();
            // A tenth more or less changes no choice that matters.
            known.filter(|known| (revisions - known.of).abs() <= known.of / 10)
        };
        let known: Vec<Option<Count>> = words.iter().map(known).collect();
        let pairs = || words.iter().zip(&known);
        let unknown = pairs().filter(|(_, known)| known.is_none());
        let unknown: Vec<&String> = unknown.map(|(word, _)| word).collect();
        let counted = count(asked, &unknown).await?;
        let mut state = self.state();
        if state.len() + unknown.len() > REMEMBERED {
            state.clear();
        }
        let of = revisions;
        for (word, found) in unknown.into_iter().zip(&counted) {
            let found = *found;
            state.insert((asked.range, word.clone()), Count { found, of });
        }
        let mut counted = counted.into_iter();
        let found = |known: &Option<Count>| match known {
            Some(known) => known.found,
            None => counted.next().unwrap_or_default(),
        };
        let found: Vec<i64> = known.iter().map(found).collect();
        Ok(words.iter().cloned().zip(found).collect())
    }

    fn state(&self) -> MutexGuard<'_, HashMap<([i64; 2], String), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many revisions hold each of the words, by one statement.
async fn count(asked: &Asked<'_>, words: &[&String]) -> StoreResult<Vec<i64>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let engine = asked.shared.db.engine();
    let mut sql = Built::new(engine, "");
    for (place, word) in words.iter().enumerate() {
        if place > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push(&format!(
            "SELECT CAST({place} AS BIGINT) AS place, COUNT(*) AS found FROM (SELECT 1 FROM "
        ));
        match engine {
            Engine::Sqlite => sql
                .push("memory_text WHERE memory_text MATCH ")
                .text(&quoted(word)),
            Engine::Postgres => {
                let question = question(&sql.bind(word));
                sql.push("memory_revisions r WHERE r.search @@ ")
                    .push(&question)
            }
        };
        push_range(&mut sql, asked.range);
        sql.push(" LIMIT ").int(RANKED + 1).push(") x");
    }
    let mut session = asked.shared.db.read().await?;
    let mut conn = session.conn();
    let found = conn
        .all_built(ENTITY, &sql, |row| {
            Ok((row.int("place")?, row.int("found")?))
        })
        .await?;
    let found: HashMap<i64, i64> = found.into_iter().collect();
    let places = (0..).take(words.len());
    Ok(places
        .map(|place| found.get(&place).copied().unwrap_or_default())
        .collect())
}

/// The column by which words are looked for within a range.
const fn number(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "memory_text.rowid",
        Engine::Postgres => "r.number",
    }
}

/// Adds that the revision, wherever the words are looked for, is one of these numbers.
fn push_range(sql: &mut Built, [from, before]: [i64; 2]) {
    let number = number(sql.engine);
    sql.push(&format!(" AND {number} >= "))
        .int(from)
        .push(&format!(" AND {number} < "))
        .int(before);
}

/// PostgreSQL's question for the word at this place.
fn question(place: &str) -> String {
    format!("plainto_tsquery('homelab_mcp.memory_words', memory_plain({place}))")
}

/// The numbers of all these owners, and perhaps of others between them, whom the conditions leave out.
pub(super) fn range(owners: &[Standing]) -> [i64; 2] {
    let [mut from, mut before] = [i64::MAX, 0];
    for owner in owners {
        let [first, end] = owner.range();
        from = from.min(first);
        before = before.max(end);
    }
    [from, before]
}

fn words(words: &[String]) -> Vec<String> {
    words_of(words, str::to_owned)
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

pub(super) fn hit(row: Row<'_>) -> StoreResult<Hit> {
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

async fn with_tokens(asked: &Asked<'_>, exact: &[String]) -> StoreResult<Vec<Hit>> {
    let mut sql = Built::new(
        asked.shared.db.engine(),
        "SELECT r.id, r.version, '0' AS score, h.exact AS exact FROM (",
    );
    push_held(&mut sql, exact, asked.range)?;
    sql.push(") h CROSS JOIN memory_revisions r WHERE r.number = h.number AND ");
    conditions::push(&mut sql, asked.query)?;
    sql.push(" ORDER BY h.exact DESC, h.number DESC LIMIT ")
        .int(asked.most.into());
    let mut session = asked.shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}

/// How the words are asked for.
struct Plan {
    /// Those that a revision must hold one of, with how much each counts.
    words: Vec<(String, f64)>,
    /// Whether even these are so common that only the newest revisions with them are ranked.
    newest: bool,
}

impl Plan {
    /// Rare words first, as long as they lead to no more than [`RANKED`] revisions in all: what a commoner word adds
    /// to the order is next to nothing, and ranking every revision that holds it takes most of the time.
    fn of(mut counted: Vec<(String, i64)>, revisions: i64) -> Self {
        counted.sort_by_key(|(_, found)| *found);
        let rarest = counted
            .iter()
            .map(|(_, found)| *found)
            .find(|found| *found > 0)
            .unwrap_or_default();
        let mut sum = 0;
        let mut words = Vec::new();
        for (word, found) in counted {
            sum += found;
            if sum <= RANKED || sum == found {
                words.push((word, weight(found, revisions)));
            }
        }
        Self {
            words,
            newest: rarest > RANKED,
        }
    }
}

/// The inverse document frequency of BM25.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn weight(found: i64, revisions: i64) -> f64 {
    let (found, all) = (found as f64, revisions.max(found) as f64);
    (1.0 + (all - found + 0.5) / (found + 0.5)).ln()
}

async fn with_words(
    asked: &Asked<'_>,
    words: &[String],
    exact: &[String],
    frequencies: &Frequencies,
) -> StoreResult<Vec<Hit>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let engine = asked.shared.db.engine();
    let revisions = asked.owners.iter().map(|owner| owner.last).sum();
    // FTS5 counts by itself; while there are few there is nothing to choose.
    let counted = if engine == Engine::Sqlite && revisions <= RANKED {
        words.iter().map(|word| (word.clone(), 0)).collect()
    } else {
        frequencies.count(asked, words, revisions).await?
    };
    let plan = Plan::of(counted, revisions);
    let mut sql = Built::new(engine, "");
    if !exact.is_empty() {
        sql.push("WITH h AS MATERIALIZED (");
        push_held(&mut sql, exact, asked.range)?;
        sql.push(") ");
    }
    let held = if exact.is_empty() {
        "CAST(0 AS BIGINT)"
    } else {
        "COALESCE(h.exact, 0)"
    };
    let join = if exact.is_empty() {
        ""
    } else {
        " LEFT JOIN h ON h.number = r.number"
    };
    sql.push("SELECT id, version, CAST(rank AS TEXT) AS score, exact FROM (");
    match engine {
        Engine::Sqlite => push_fts5(&mut sql, &plan, held, join),
        Engine::Postgres => push_tsvector(&mut sql, &plan, asked.owners, held, join),
    }
    push_range(&mut sql, asked.range);
    sql.push(" AND ");
    conditions::push(&mut sql, asked.query)?;
    if plan.newest {
        sql.push(&format!(" ORDER BY {} DESC LIMIT ", number(engine)))
            .int(RANKED);
    }
    sql.push(") found ORDER BY exact DESC, rank DESC, number DESC LIMIT ")
        .int(asked.most.into());
    let mut session = asked.shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}

/// FTS5 ranks by BM25; the smaller the better. It is asked once, by a join that keeps its order: left to choose, SQLite
/// takes the owner's revisions one by one and asks for each, which at 100,000 takes minutes.
fn push_fts5(sql: &mut Built, plan: &Plan, held: &str, join: &str) {
    let quoted: Vec<String> = plan.words.iter().map(|(word, _)| quoted(word)).collect();
    sql.push(&format!(
        "SELECT r.id AS id, r.version AS version, r.number AS number, \
         -bm25(memory_text) AS rank, {held} AS exact \
         FROM memory_text CROSS JOIN memory_revisions r ON r.number = memory_text.rowid{join} \
         WHERE memory_text MATCH "
    ))
    .text(&quoted.join(" OR "));
}

/// A word of FTS5's language, whatever is in it.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('"', " "))
}

/// PostgreSQL's own ranks do not know which words are rare. This is BM25 for words that occur once, in texts of 20
/// words on average.
fn push_tsvector(sql: &mut Built, plan: &Plan, owners: &[Standing], held: &str, join: &str) {
    let questions: Vec<String> = plan
        .words
        .iter()
        .map(|(word, _)| question(&sql.bind(word)))
        .collect();
    let rank: Vec<String> = questions
        .iter()
        .zip(&plan.words)
        .map(|(question, (_, weight))| {
            // As floating-point numbers: with exact ones the sums take as long as all the rest.
            format!("CASE WHEN r.search @@ {question} THEN CAST({weight:.4} AS DOUBLE PRECISION) ELSE 0 END")
        })
        .collect();
    let mut any = format!("({})", questions.join(" || "));
    if let [owner] = owners {
        any = format!("{any} && CAST('''~{}''' AS TSQUERY)", owner.number);
    }
    sql.push(&format!(
        "SELECT r.id AS id, r.version AS version, r.number AS number, \
         ({}) / (CAST(1.3 AS DOUBLE PRECISION) + CAST(0.045 AS DOUBLE PRECISION) * length(r.search)) AS rank, \
         {held} AS exact FROM memory_revisions r{join} WHERE r.search @@ ({any})",
        rank.join(" + ")
    ));
}

#[cfg(test)]
mod tests;
