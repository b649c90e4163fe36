//! Adding: what several memories need is looked up, and written, by one statement for all of them.

use std::collections::HashMap;

use homelab_core::clock::Micros;
use homelab_core::memory::{Added, Event, Memory, NewMemory, Note, Visible};
use homelab_core::store::StoreResult;
use serde_json::{Value, json};

use super::insert::{Fresh, Numbers, insert, numbers, put};
use super::lines::{self, Line};
use super::rows::{self, Revision, revision};
use super::vectors::Space;
use super::{ENTITY, write};
use crate::db::{Arg, Batch, Conn};

/// Memories that are written at once: with their vectors some megabytes.
const AT_ONCE: usize = 500;

const SAME: &str = "SELECT n.key AS place, r.number, r.hash, r.id, r.version, r.owner, r.user_id, \
     r.agent_id, r.run_id, r.content, r.category, r.metadata, r.source, r.importance, r.about, \
     r.seen_count, r.created_at, r.updated_at, r.valid_from, r.valid_to, r.superseded_by, \
     r.expires_at, r.deleted_at FROM jsonb_each($1) n JOIN memory_revisions r \
     ON r.owner = n.value->>'owner' AND r.hash = n.value->>'hash' \
     WHERE r.user_id = n.value->>'user_id' AND COALESCE(r.agent_id, '') = n.value->>'agent_id' \
     AND COALESCE(r.run_id, '') = n.value->>'run_id' AND r.newest \
     AND r.valid_to IS NULL AND r.deleted_at IS NULL AND r.id <> $3 \
     AND (r.expires_at IS NULL OR r.expires_at > $2) ORDER BY r.number";

const SEEN: &str = "UPDATE memory_revisions \
     SET seen_count = seen_count + CAST(n.value->>'times' AS BIGINT) \
     FROM jsonb_each($1) n WHERE memory_revisions.id = n.value->>'id'";

const SUPERSEDE: &str = "UPDATE memory_revisions SET superseded_by = $2, updated_at = $3, \
     valid_to = CASE WHEN newest THEN $4 ELSE valid_to END WHERE id = $1";

/// A text in a scope: two that agree in it say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Said<'a> {
    owner: &'a str,
    user_id: &'a str,
    agent_id: &'a str,
    run_id: &'a str,
    hash: &'a str,
}

impl<'a> Said<'a> {
    fn of(memory: &'a Memory, hash: &'a str) -> Self {
        let scope = &memory.scope;
        Self {
            owner: &scope.owner,
            user_id: &scope.user_id,
            agent_id: scope.agent_id.as_deref().unwrap_or_default(),
            run_id: scope.run_id.as_deref().unwrap_or_default(),
            hash,
        }
    }

    fn row(&self) -> Value {
        json!({
            "owner": self.owner,
            "user_id": self.user_id,
            "agent_id": self.agent_id,
            "run_id": self.run_id,
            "hash": self.hash,
        })
    }
}

/// Those that say the same in the scope and hold, other than `but`, by their place in `said`.
async fn all_same(
    conn: &mut Conn<'_>,
    said: &[Said<'_>],
    now: Micros,
    but: &str,
) -> StoreResult<HashMap<usize, Revision>> {
    let rows: Vec<Value> = said.iter().map(Said::row).collect();
    let args = [Arg::Rows(&Batch::of(&rows)?), now.0.into(), but.into()];
    let found = conn
        .all(ENTITY, SAME, &args, |row| {
            Ok((row.parsed("place")?, revision(row)?))
        })
        .await?;
    let mut same = HashMap::new();
    for (place, one) in found {
        same.entry(place).or_insert(one);
    }
    Ok(same)
}

/// The one that says the same in the scope and holds, other than `but`.
pub(super) async fn same(
    conn: &mut Conn<'_>,
    like: &Memory,
    hash: &str,
    now: Micros,
    but: &str,
) -> StoreResult<Option<Revision>> {
    let mut found = all_same(conn, &[Said::of(like, hash)], now, but).await?;
    Ok(found.remove(&0))
}

/// Adds all, in their order.
pub(super) async fn add_all(
    conn: &mut Conn<'_>,
    space: &Space,
    new: &[NewMemory],
    event: Event,
    note: &Note,
) -> StoreResult<Vec<Added>> {
    let mut added = Vec::with_capacity(new.len());
    // What takes the place of another is looked at when all before it are written.
    for run in new.chunk_by(|one, next| one.supersedes.is_none() && next.supersedes.is_none()) {
        if let [one] = run {
            added.push(add(conn, space, one, event, note).await?);
            continue;
        }
        for some in run.chunks(AT_ONCE) {
            added.extend(add_some(conn, space, some, event, note).await?);
        }
    }
    Ok(added)
}

/// Adds one.
pub(super) async fn add(
    conn: &mut Conn<'_>,
    space: &Space,
    new: &NewMemory,
    event: Event,
    note: &Note,
) -> StoreResult<Added> {
    let owner = Visible::Owner(new.scope.owner.clone());
    let old = match &new.supersedes {
        None => None,
        Some(id) => {
            rows::check(&rows::fresh(new))?;
            let found = write::newest(conn, &owner, id).await?;
            let open = found
                .filter(|old| old.memory.deleted_at.is_none() && old.memory.valid_to.is_none());
            let Some(open) = open else {
                return Ok(Added::NothingToSupersede);
            };
            Some(open.memory)
        }
    };
    let added = add_some(conn, space, std::slice::from_ref(new), event, note).await?;
    let added = added
        .into_iter()
        .next()
        .unwrap_or(Added::NothingToSupersede);
    if let (Some(old), Added::New(by) | Added::Same(by)) = (old, &added)
        && old.id != by.id
    {
        supersede(conn, &old, &by.id, new.valid_from, note).await?;
    }
    Ok(added)
}

/// Closes one whose place another takes, from when that one holds.
async fn supersede(
    conn: &mut Conn<'_>,
    old: &Memory,
    by: &str,
    from: Micros,
    note: &Note,
) -> StoreResult<()> {
    let until = from.max(old.valid_from);
    let args = [
        (&old.id).into(),
        by.into(),
        note.at.0.into(),
        until.0.into(),
    ];
    conn.run(SUPERSEDE, &args).await?;
    lines::write(conn, &[Line::plain(Event::Supersede, old)], note).await
}

/// Adds several that take nobody's place.
async fn add_some(
    conn: &mut Conn<'_>,
    space: &Space,
    new: &[NewMemory],
    event: Event,
    note: &Note,
) -> StoreResult<Vec<Added>> {
    let memories: Vec<Memory> = new.iter().map(rows::fresh).collect();
    memories.iter().try_for_each(rows::check)?;
    let said: Vec<Said<'_>> = memories
        .iter()
        .zip(new)
        .map(|(memory, new)| Said::of(memory, &new.hash))
        .collect();
    let stored = all_same(conn, &said, note.at, "").await?;
    let sorted = Sorted::of(&memories, &said, stored, note.at);
    if !sorted.seen.is_empty() {
        let row = |(id, times): (&String, &u32)| json!({ "id": id, "times": times });
        let seen: Vec<Value> = sorted.seen.iter().map(row).collect();
        put(conn, SEEN, &seen).await?;
    }
    if sorted.fresh.is_empty() {
        return Ok(sorted.added);
    }
    let owners = sorted.fresh.iter().map(|(_, memory)| &*memory.scope.owner);
    let numbers = numbers_of(conn, owners).await?;
    let fresh = sorted.fresh.iter().zip(numbers);
    let fresh: Vec<Fresh<'_>> = fresh
        .map(|((place, memory), numbers)| Fresh {
            number: numbers.first,
            change: numbers.change,
            memory,
            hash: &new[*place].hash,
            exact: &new[*place].exact,
            vector: new[*place].vector.as_ref(),
        })
        .collect();
    insert(conn, space, &fresh).await?;
    let lines = fresh.iter().map(|one| Line::new(event, one.memory));
    lines::write(conn, &lines.collect::<StoreResult<Vec<_>>>()?, note).await?;
    Ok(sorted.added)
}

/// Each owner's next numbers, for revisions of these owners.
async fn numbers_of<'a>(
    conn: &mut Conn<'_>,
    owners: impl Iterator<Item = &'a str> + Clone,
) -> StoreResult<Vec<Numbers>> {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for owner in owners.clone() {
        *counts.entry(owner).or_default() += 1;
    }
    let mut taken: HashMap<&str, Numbers> = HashMap::new();
    let mut all = Vec::new();
    for owner in owners {
        if !taken.contains_key(owner) {
            let count = counts.get(owner).copied().unwrap_or_default();
            taken.insert(owner, numbers(conn, owner, count).await?);
        }
        if let Some(next) = taken.get_mut(owner) {
            all.push(*next);
            next.first += 1;
        }
    }
    Ok(all)
}

/// Several, told apart.
struct Sorted {
    /// What becomes of each.
    added: Vec<Added>,
    /// Those that are written, with their place.
    fresh: Vec<(usize, Memory)>,
    /// Those that were there, by id, with how often they are told once more.
    seen: HashMap<String, u32>,
}

impl Sorted {
    /// As if each were added after those before it.
    fn of(
        memories: &[Memory],
        said: &[Said<'_>],
        mut stored: HashMap<usize, Revision>,
        now: Micros,
    ) -> Self {
        let mut sorted = Self {
            added: Vec::with_capacity(memories.len()),
            fresh: Vec::new(),
            seen: HashMap::new(),
        };
        let mut told: HashMap<Said<'_>, usize> = HashMap::new();
        for (place, (memory, said)) in memories.iter().zip(said).enumerate() {
            let added = if let Some(same) = stored.remove(&place) {
                let mut memory = same.memory;
                let times = sorted.seen.entry(memory.id.clone()).or_default();
                *times += 1;
                memory.seen_count += *times;
                Added::Same(memory)
            } else if let Some(at) = told.get(said) {
                let (_, memory) = &mut sorted.fresh[*at];
                memory.seen_count += 1;
                Added::Same(memory.clone())
            } else {
                if memory.expires_at.is_none_or(|at| at > now) {
                    told.insert(*said, sorted.fresh.len());
                }
                sorted.fresh.push((place, memory.clone()));
                Added::New(memory.clone())
            };
            sorted.added.push(added);
        }
        sorted
    }
}
