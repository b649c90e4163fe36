//! Taking over what was read, in one transaction.

use std::collections::HashSet;

use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::id::uuid_v7;
use homelab_core::memory::{Added, Event, NewMemory, Note, Scope, Visible};
use homelab_core::store::{Memories, StoreResult};
use serde::Serialize;

use super::Moved;
use crate::text::{exact_tokens, hash, normalise};

/// Category of a memory that names none.
const CATEGORY: &str = "fact";
/// Importance of a memory that names none.
const IMPORTANCE: f64 = 0.5;

/// Whose the memories become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// Owner of all of them; absent: whoever the file says.
    pub owner: Option<String>,
    /// Owner of those of which the file does not say it.
    pub default_owner: String,
    /// `user_id` of those that name none; absent: the owner's name.
    pub user_id: Option<String>,
}

/// What became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// New ones.
    pub new: u64,
    /// Said already by another memory of the same scope.
    pub same: u64,
    /// Here already under their own id, so they were left alone.
    pub here: u64,
}

/// Takes them over, all or none. A memory that is here already, by its id or by its words, is not made twice.
/// Vectors are left to whoever makes them in the background.
///
/// # Errors
/// Those of the store; nothing was taken over then.
pub async fn take(
    store: &dyn Memories,
    memories: Vec<Moved>,
    into: &Destination,
    note: &Note,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> StoreResult<Taken> {
    let mut taken = Taken::default();
    let mut ids = HashSet::new();
    let mut new = Vec::with_capacity(memories.len());
    for moved in memories {
        let mut one = new_memory(moved, into, note.at);
        let known = !one.id.is_empty();
        let found = if known {
            store.get(&Visible::Everything, &one.id).await?
        } else {
            None
        };
        if found
            .as_ref()
            .is_some_and(|found| found.scope.owner == one.scope.owner)
        {
            taken.here += 1;
            continue;
        }
        // Another owner's memory of this id is not ours to look at, let alone to change.
        if !known || found.is_some() || !ids.insert(one.id.clone()) {
            one.id = uuid_v7(clock, entropy);
        }
        new.push(one);
    }
    for added in store.add_all(&new, Event::Import, note).await? {
        match added {
            Added::New(_) => taken.new += 1,
            // Imports name nothing to supersede.
            Added::Same(_) | Added::NothingToSupersede => taken.same += 1,
        }
    }
    Ok(taken)
}

/// What a store is given; the id is empty where the file had none.
fn new_memory(moved: Moved, into: &Destination, now: Micros) -> NewMemory {
    let owner = into.owner.clone().or(moved.owner);
    let owner = owner.unwrap_or_else(|| into.default_owner.clone());
    let user_id = moved.user_id.or_else(|| into.user_id.clone());
    let created_at = moved.created_at.unwrap_or(now);
    let content = normalise(&moved.content);
    NewMemory {
        id: moved.id.unwrap_or_default(),
        scope: Scope {
            user_id: user_id.unwrap_or_else(|| owner.clone()),
            owner,
            agent_id: moved.agent_id,
            run_id: moved.run_id,
        },
        exact: exact_tokens(&content),
        hash: hash(&content),
        content,
        category: moved.category.unwrap_or_else(|| CATEGORY.to_owned()),
        metadata: moved.metadata,
        source: moved.source,
        importance: moved.importance.unwrap_or(IMPORTANCE),
        about: moved.about,
        created_at,
        valid_from: moved.valid_from.unwrap_or(created_at),
        expires_at: moved.expires_at,
        supersedes: None,
        vector: None,
    }
}
