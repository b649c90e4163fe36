//! Finding by words.

mod frequencies;

use std::collections::HashMap;

use homelab_core::memory::{Hit, MemoryQuery, TextQuery};
use homelab_core::store::StoreResult;

use self::frequencies::Count;
use super::vectors::{Standing, standing};
use super::{ENTITY, conditions, rows};
use crate::dialect::built::{Built, Engine};
use crate::row::Row;
use crate::shared::Shared;
use crate::text::fold;

pub(crate) use frequencies::Frequencies;

/// Most words that are looked for, most exact tokens too.
const WORDS: usize = 64;

/// Revisions that are ranked at most. FTS5 takes two to four microseconds for each, PostgreSQL a little more: of
/// 100,000 memories, with eight words a question, 3,000 keep 95 of 100 searches under 15 ms of CPU time; with 10,000
/// it was 31 ms on a faster processor.
const RANKED: i64 = 3_000;

/// The newest that are ranked where every word is commoner than that.
const NEWEST: i64 = 1_000;

/// One question.
struct Asked<'a> {
    shared: &'a Shared,
    query: &'a MemoryQuery,
    owners: &'a [Standing],
    range: [i64; 2],
    most: u32,
}

impl Asked<'_> {
    /// How many revisions the owners ever had.
    fn revisions(&self) -> i64 {
        self.owners.iter().map(|owner| owner.last).sum()
    }
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

/// The column by which words are looked for within a range.
const fn number(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "memory_text.rowid",
        Engine::Postgres => "r.number",
    }
}

/// The column by which the newest are found. FTS5 leads to them by itself. PostgreSQL must either walk all revisions
/// from the newest on, or read all with the word and sort them, which takes twice as long for each; it overrates the
/// first, and a sum is no column that it could walk by.
const fn number_of_newest(engine: Engine, newest: &Newest) -> &'static str {
    match engine {
        Engine::Postgres if newest.among > newest.found * 2 => "(r.number + 0)",
        _ => number(engine),
    }
}

/// Adds that the revision, wherever the words are looked for, is one of these numbers.
fn push_range(sql: &mut Built, range: [i64; 2]) {
    push_within(sql, number(sql.engine), range);
}

fn push_within(sql: &mut Built, number: &str, [from, before]: [i64; 2]) {
    sql.push(&format!(" AND {number} >= "))
        .int(from)
        .push(&format!(" AND {number} < "))
        .int(before);
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
fn push_held(sql: &mut Built, exact: &[String], range: [i64; 2]) {
    let tokens: Vec<String> = exact.iter().map(|token| sql.bind(token)).collect();
    sql.push(&format!(
        "SELECT t.number AS number, COUNT(*) AS exact FROM memory_tokens t WHERE t.token IN ({}) \
         AND t.number >= ",
        tokens.join(", ")
    ))
    .int(range[0])
    .push(" AND t.number < ")
    .int(range[1])
    .push(" GROUP BY t.number");
}

async fn with_tokens(asked: &Asked<'_>, exact: &[String]) -> StoreResult<Vec<Hit>> {
    let mut sql = Built::new(
        asked.shared.db.engine(),
        "SELECT r.id, r.version, '0' AS score, w.exact AS exact FROM (",
    );
    push_held(&mut sql, exact, asked.range);
    sql.push(") w");
    conditions::push_led_to(&mut sql, &["number"]);
    sql.push(" AND ");
    conditions::push(&mut sql, asked.query)?;
    sql.push(" ORDER BY w.exact DESC, w.number DESC LIMIT ")
        .int(asked.most.into());
    let mut session = asked.shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}

/// How the words are asked for.
struct Plan {
    /// Those that a revision must hold one of, as the engine asks for them, with how much each counts.
    words: Vec<(String, f64)>,
    /// Where even the rarest of these is so common that only the newest revisions with it are ranked.
    newest: Option<Newest>,
}

struct Newest {
    /// How many hold the word.
    found: i64,
    /// How many revisions one must look through to find [`NEWEST`] with it, if they are spread evenly.
    among: i64,
}

impl Plan {
    /// Rare words first, as long as they lead to no more than [`RANKED`] revisions in all: what a commoner word adds
    /// to the order is next to nothing, and ranking every revision that holds it takes most of the time.
    fn of(mut counted: Vec<Count>, revisions: i64) -> Self {
        counted.sort_by_key(|count| count.found);
        let mut found = counted.iter().map(|count| count.found);
        let rarest = found.find(|found| *found > 0).unwrap_or_default();
        let mut sum = 0;
        let mut words = Vec::new();
        for Count {
            question, found, ..
        } in counted
        {
            sum += found;
            if sum <= RANKED || sum == found {
                words.push((question, weight(found, revisions)));
            }
        }
        Self {
            words,
            newest: (rarest > RANKED).then(|| Newest {
                found: rarest,
                among: NEWEST * revisions / rarest,
            }),
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
    let revisions = asked.revisions();
    // While there are few there is nothing to choose.
    let counted = if engine == Engine::Sqlite && revisions <= RANKED {
        let words = words.iter();
        words.map(|word| Count::left_to_fts5(word)).collect()
    } else {
        frequencies.count(asked, words).await?
    };
    let plan = Plan::of(counted, revisions);
    let mut sql = Built::new(engine, "");
    if !exact.is_empty() {
        sql.push("WITH h AS MATERIALIZED (");
        push_held(&mut sql, exact, asked.range);
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
    let column = match &plan.newest {
        Some(newest) => number_of_newest(engine, newest),
        None => number(engine),
    };
    push_within(&mut sql, column, asked.range);
    sql.push(" AND ");
    conditions::push(&mut sql, asked.query)?;
    if plan.newest.is_some() {
        sql.push(&format!(" ORDER BY {column} DESC LIMIT "))
            .int(NEWEST);
    }
    sql.push(") found ORDER BY exact DESC, rank DESC, number DESC LIMIT ")
        .int(asked.most.into());
    let mut session = asked.shared.db.read().await?;
    session.conn().all_built(ENTITY, &sql, hit).await
}

/// FTS5 ranks by BM25; the smaller the better. It is asked once, by a join that keeps its order: left to choose, SQLite
/// takes the owner's revisions one by one and asks for each, which at 100,000 takes minutes.
fn push_fts5(sql: &mut Built, plan: &Plan, held: &str, join: &str) {
    let words: Vec<&str> = plan.words.iter().map(|(word, _)| word.as_str()).collect();
    sql.push(&format!(
        "SELECT r.id AS id, r.version AS version, r.number AS number, \
         -bm25(memory_text) AS rank, {held} AS exact \
         FROM memory_text CROSS JOIN memory_revisions r ON r.number = memory_text.rowid{join} \
         WHERE memory_text MATCH "
    ))
    .text(&words.join(" OR "));
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
        .map(|(word, _)| format!("CAST({} AS TSQUERY)", sql.bind(word)))
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
