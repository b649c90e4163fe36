//! The nearest that meet the conditions.
//!
//! Walked in the order of nearness, in parts that grow, each part held against the conditions by the database: that
//! finds the same as taking the nearest of those that meet them, and mostly looks at the first part alone.

use std::collections::{HashMap, HashSet};

use homelab_core::memory::{Hit, MemoryQuery, Vector, Visible};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::{Value, json};

use super::code::Question;
use super::shelf::{Shelves, Standing};
use super::space::Space;
use crate::db::{Arg, Batch};
use crate::dialect::built::{Built, Engine};
use crate::memories::{ENTITY, conditions, rows};
use crate::shared::Shared;

const STANDING: &str = "SELECT number, last, changes, erasures FROM memory_owners \
     WHERE (owner = $1 OR CAST($1 AS TEXT) IS NULL)";

/// The first part has so many for each that is wanted, each further part four times as many.
const PART: usize = 2;
/// No part is smaller: asking once more costs as much as looking at so many.
const LEAST: usize = 32;
/// The nearest are looked for to the end of the second part, and if that does not do, so many times as many each time.
const AT_FIRST: usize = 5;
const MORE: usize = 16;

pub(in crate::memories) async fn by_vector(
    shared: &Shared,
    shelves: &Shelves,
    space: &Space,
    query: &MemoryQuery,
    vector: &Vector,
    most: u32,
) -> StoreResult<Vec<Hit>> {
    let Some(question) = Question::of(&vector.values) else {
        return Ok(Vec::new());
    };
    if most == 0 || conditions::finds_nothing(query) || vector.model.contains('\0') {
        return Ok(Vec::new());
    }
    let owners = standing(shared, &query.visible).await?;
    let found = space.nearest(shared, &owners, query, vector, most).await?;
    if let Some(found) = found {
        return Ok(found);
    }
    let asked = Asked {
        shared,
        shelves,
        owners: &owners,
        model: &vector.model,
        question: &question,
    };
    walk(&asked, query, most as usize).await
}

/// What is compared with what.
struct Asked<'a> {
    shared: &'a Shared,
    shelves: &'a Shelves,
    owners: &'a [Standing],
    model: &'a str,
    question: &'a Question,
}

impl Asked<'_> {
    /// So many that are nearest, the nearest first, and whether there are more.
    async fn nearest(&self, most: usize) -> StoreResult<(Vec<(f32, i64)>, bool)> {
        let (mut found, mut all) = (Vec::new(), 0);
        for owner in self.owners {
            let shelf = self.shelves.current(&self.shared.db, *owner, self.model);
            let shelf = shelf.await?;
            all += shelf.len();
            // Several milliseconds for a hundred thousand: not on a thread of the runtime.
            let mut nearest = if shelf.is_large() {
                let question = self.question.clone();
                tokio::task::spawn_blocking(move || shelf.nearest(&question, most))
                    .await
                    .map_err(|error| StoreError::Internal(error.to_string()))?
            } else {
                shelf.nearest(self.question, most)
            };
            found.append(&mut nearest);
        }
        found.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then(other.1.cmp(&one.1)));
        found.truncate(most);
        Ok((found, all > most))
    }
}

pub(in crate::memories) async fn standing(
    shared: &Shared,
    visible: &Visible,
) -> StoreResult<Vec<Standing>> {
    let owner = match visible {
        Visible::Owner(owner) => Some(owner.as_str()),
        Visible::Everything => None,
    };
    let mut session = shared.db.point().await?;
    let mut conn = session.conn();
    conn.all(ENTITY, STANDING, &[Arg::Text(owner)], |row| {
        Ok(Standing {
            number: row.int("number")?,
            last: row.int("last")?,
            changes: row.int("changes")?,
            erasures: row.int("erasures")?,
        })
    })
    .await
}

async fn walk(asked: &Asked<'_>, query: &MemoryQuery, most: usize) -> StoreResult<Vec<Hit>> {
    let mut hits = Vec::new();
    let mut seen = HashSet::new();
    let mut part = LEAST.max(most * PART);
    let mut wanted = part * AT_FIRST;
    loop {
        let (found, are_more) = asked.nearest(wanted).await?;
        // Others may have been written since those before.
        let fresh = found
            .into_iter()
            .filter(|(_, number)| !seen.contains(number));
        let fresh: Vec<(f32, i64)> = fresh.collect();
        let mut left = fresh.as_slice();
        while hits.len() < most && !left.is_empty() {
            let (near, far) = left.split_at(part.min(left.len()));
            let met = meet(asked.shared, query, near).await?;
            hits.extend(near.iter().filter_map(|(score, number)| {
                let (id, version) = met.get(number)?;
                Some(Hit {
                    id: id.clone(),
                    version: *version,
                    score: f64::from(*score),
                    exact: 0,
                })
            }));
            left = far;
            part *= 4;
        }
        if hits.len() >= most || !are_more {
            hits.truncate(most);
            return Ok(hits);
        }
        seen.extend(fresh.into_iter().map(|(_, number)| number));
        wanted *= MORE;
    }
}

/// Those that meet the conditions, by number.
async fn meet(
    shared: &Shared,
    query: &MemoryQuery,
    some: &[(f32, i64)],
) -> StoreResult<HashMap<i64, (String, u32)>> {
    let numbers: Vec<i64> = some.iter().map(|(_, number)| *number).collect();
    let sql = those_that_meet(shared.db.engine(), query, &numbers)?;
    let mut session = shared.db.read().await?;
    let mut conn = session.conn();
    let met = conn
        .all_built(ENTITY, &sql, |row| {
            let key = (row.text("id")?, rows::number(row, "version")?);
            Ok((row.int("number")?, key))
        })
        .await?;
    Ok(met.into_iter().collect())
}

pub(in crate::memories) fn those_that_meet(
    engine: Engine,
    query: &MemoryQuery,
    numbers: &[i64],
) -> StoreResult<Built> {
    let number = |number: &i64| json!({ "number": number });
    let wanted: Vec<Value> = numbers.iter().map(number).collect();
    let mut sql = Built::new(
        engine,
        "SELECT r.number AS number, r.id AS id, r.version AS version FROM \
         (SELECT CAST(value->>'number' AS BIGINT) AS number FROM jsonb_each(",
    );
    sql.rows(Batch::of(&wanted)?).push(")) w");
    conditions::push_led_to(&mut sql, &["number"]);
    sql.push(" AND ");
    conditions::push(&mut sql, query)?;
    Ok(sql)
}
