//! How many revisions hold a word.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use homelab_core::store::StoreResult;

use super::{Asked, RANKED, push_range, quoted};
use crate::dialect::built::{Built, Engine};
use crate::memories::{ENTITY, rows};

/// Words that are remembered.
const REMEMBERED: usize = 4_096;

/// How many revisions hold a word, remembered: counting is quick, and not free.
#[derive(Default)]
pub(crate) struct Frequencies(Mutex<HashMap<([i64; 2], String), Count>>);

#[derive(Debug, Clone)]
pub(super) struct Count {
    /// The word as the engine asks for it.
    pub(super) question: String,
    /// How many revisions hold it, or a guess.
    pub(super) found: i64,
    /// How many revisions there were.
    of: i64,
}

impl Count {
    /// For FTS5, which counts by itself.
    pub(super) fn left_to_fts5(word: &str) -> Self {
        Self {
            question: quoted(word),
            found: 0,
            of: 0,
        }
    }
}

impl Frequencies {
    /// Each word with the number of revisions that hold it.
    pub(super) async fn count(
        &self,
        asked: &Asked<'_>,
        words: &[String],
    ) -> StoreResult<Vec<Count>> {
        let revisions = asked.revisions();
        let known = |word: &String| {
            let known = self.state().get(&(asked.range, word.clone())).cloned();
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
        for (word, count) in unknown.into_iter().zip(&counted) {
            state.insert((asked.range, word.clone()), count.clone());
        }
        let known = known.into_iter().flatten();
        Ok(known.chain(counted).collect())
    }

    fn state(&self) -> MutexGuard<'_, HashMap<([i64; 2], String), Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many revisions hold each of the words, in the words' order.
async fn count(asked: &Asked<'_>, words: &[&String]) -> StoreResult<Vec<Count>> {
    let of = asked.revisions();
    let mut counted = HashMap::new();
    let mut left: Vec<(u32, &String)> = (0..).zip(words.iter().copied()).collect();
    if let Some(sample) = Sample::of(asked) {
        for (place, question, seen) in count_among(asked, &left, Some(&sample)).await? {
            if seen >= COMMON {
                counted.insert(place, (question, seen * of / SAMPLE));
            }
        }
        left.retain(|(place, _)| !counted.contains_key(place));
    }
    for (place, question, found) in count_among(asked, &left, None).await? {
        counted.insert(place, (question, found));
    }
    let counted = (0..)
        .take(words.len())
        .filter_map(|place| counted.remove(&place));
    let count = |(question, found)| Count {
        question,
        found,
        of,
    };
    Ok(counted.map(count).collect())
}

/// Revisions that PostgreSQL looks at for all words, because each that it counts costs it a look at the table.
const SAMPLE: i64 = 500;

/// So many of a sample say how many there are of all.
const COMMON: i64 = 8;

/// One of so many of one owner's numbers.
struct Sample {
    first: i64,
    step: i64,
}

impl Sample {
    /// None where counting costs no more.
    fn of(asked: &Asked<'_>) -> Option<Self> {
        let revisions = asked.revisions();
        if asked.shared.db.engine() == Engine::Sqlite || revisions < SAMPLE * 8 {
            return None;
        }
        let [owner] = asked.owners else {
            return None;
        };
        let [from, _] = owner.range();
        Some(Self {
            // Nothing has the first number.
            first: from + 1,
            step: revisions / SAMPLE,
        })
    }
}

/// How many revisions hold each of these words, each with its place and as the engine asks for it; by one statement.
/// Of all, at most one more than [`RANKED`] are counted.
async fn count_among(
    asked: &Asked<'_>,
    words: &[(u32, &String)],
    sample: Option<&Sample>,
) -> StoreResult<Vec<(u32, String, i64)>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let engine = asked.shared.db.engine();
    let mut sql = Built::new(engine, "");
    if let Some(Sample { first, step }) = sample {
        // Not exactly every so many: of what alternates, that would see all or none.
        sql.push("WITH sample AS MATERIALIZED (SELECT r.search AS search FROM generate_series(0, ")
            .int(SAMPLE - 1)
            .push(") i CROSS JOIN LATERAL (SELECT search FROM memory_revisions WHERE number = ")
            .int(*first)
            .push(" + i * ")
            .int(*step)
            .push(" + (i * 7919) % ")
            .int(*step)
            .push(" OFFSET 0) r) ");
    }
    for (index, (place, word)) in words.iter().enumerate() {
        if index > 0 {
            sql.push(" UNION ALL ");
        }
        let word = sql.bind(&match engine {
            Engine::Sqlite => quoted(word),
            Engine::Postgres => (*word).clone(),
        });
        let (question, table, holds) = match engine {
            Engine::Sqlite => (word, "memory_text", "memory_text MATCH"),
            Engine::Postgres => (
                format!("plainto_tsquery('homelab_mcp.memory_words', memory_plain({word}))"),
                sample.map_or("memory_revisions r", |_| "sample r"),
                "r.search @@",
            ),
        };
        sql.push(&format!(
            "SELECT CAST({place} AS BIGINT) AS place, CAST({question} AS TEXT) AS question, \
             COUNT(*) AS found FROM (SELECT 1 FROM {table} WHERE {holds} {question}"
        ));
        if sample.is_none() {
            push_range(&mut sql, asked.range);
            sql.push(" LIMIT ").int(RANKED + 1);
        }
        sql.push(") x");
    }
    let mut session = asked.shared.db.read().await?;
    let mut conn = session.conn();
    let counted = conn.all_built(ENTITY, &sql, |row| {
        let place = rows::number(row, "place")?;
        Ok((place, row.text("question")?, row.int("found")?))
    });
    counted.await
}
