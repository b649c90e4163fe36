//! Changing. One writer at a time, in whichever process, so that what is looked up first still holds when it is
//! written.

use homelab_core::memory::{Change, Changed, Event, Memory, Note, Visible};
use homelab_core::store::StoreResult;

use super::ENTITY;
use super::add::same;
use super::insert::{Fresh, insert, numbers, put};
use super::lines::{self, Line};
use super::rows::{self, Revision, revision};
use super::vectors::Space;
use crate::db::{Arg, Batch, Conn};

const NEWEST: &str = "SELECT r.number, r.hash, r.id, r.version, r.owner, r.user_id, r.agent_id, \
     r.run_id, r.content, r.category, r.metadata, r.source, r.importance, r.about, r.seen_count, \
     r.created_at, r.updated_at, r.valid_from, r.valid_to, r.superseded_by, r.expires_at, \
     r.deleted_at FROM memory_revisions r WHERE r.id = $1 AND r.newest \
     AND (r.owner = $2 OR CAST($2 AS TEXT) IS NULL)";

const CLOSE: &str = "UPDATE memory_revisions SET valid_to = $2, newest = FALSE \
     WHERE id = $1 AND newest";

const WHOLE: &str = "UPDATE memory_revisions SET updated_at = $2, \
     expires_at = CASE WHEN $3 < 0 THEN NULL ELSE $3 END, \
     deleted_at = CASE WHEN $4 < 0 THEN NULL ELSE $4 END WHERE id = $1";

const DETAILS: &str = "UPDATE memory_revisions SET category = value->>'category', \
     importance = CAST(value->>'importance' AS BIGINT), about = value->>'about', \
     folded = value->>'folded' FROM jsonb_each($1) \
     WHERE memory_revisions.number = CAST(value->>'number' AS BIGINT)";

const NOT_ABOUT: &str = "DELETE FROM memory_about WHERE number = $1";

/// The newest revision, whatever its state.
pub(super) async fn newest(
    conn: &mut Conn<'_>,
    visible: &Visible,
    id: &str,
) -> StoreResult<Option<Revision>> {
    if id.contains('\0') {
        return Ok(None);
    }
    let owner = match visible {
        Visible::Owner(owner) if owner.contains('\0') => return Ok(None),
        Visible::Owner(owner) => Some(owner.as_str()),
        Visible::Everything => None,
    };
    conn.one(ENTITY, NEWEST, &[id.into(), owner.into()], revision)
        .await
}

pub(super) async fn change(
    conn: &mut Conn<'_>,
    space: &Space,
    visible: &Visible,
    id: &str,
    change: &Change,
    note: &Note,
) -> StoreResult<Changed> {
    let open = newest(conn, visible, id)
        .await?
        .filter(|found| found.memory.deleted_at.is_none() && found.memory.superseded_by.is_none());
    let Some(found) = open else {
        return Ok(Changed::NotFound);
    };
    let old = found.memory;
    if change
        .expected_version
        .is_some_and(|version| version != old.version)
    {
        return Ok(Changed::OtherVersion(old.version));
    }
    let mut new = old.clone();
    apply(&mut new, change);
    if new == old {
        return Ok(Changed::Done(old));
    }
    new.updated_at = note.at;
    let is_new_text = new.content != old.content;
    let is_new_metadata = new.metadata != old.metadata;
    let hash = match &change.text {
        Some(text) if is_new_text => &text.hash,
        _ => &found.hash,
    };
    if is_new_text && let Some(same) = same(conn, &old, hash, note.at, id).await? {
        return Ok(Changed::SameAs(same.memory.id));
    }
    if is_new_text || is_new_metadata {
        // It holds for no time at all if the clock stands still.
        let at = note.at.max(old.valid_from);
        new.version += 1;
        new.valid_from = at;
        conn.run(CLOSE, &[id.into(), at.0.into()]).await?;
        conn.run(NOT_ABOUT, &[found.number.into()]).await?;
    }
    rows::check(&new)?;
    if is_new_text || is_new_metadata {
        let numbers = numbers(conn, &new.scope.owner, 1).await?;
        let text = change.text.as_ref().filter(|_| is_new_text);
        let fresh = Fresh {
            number: numbers.first,
            change: numbers.change,
            memory: &new,
            hash,
            exact: text.map_or(&[], |text| &text.exact),
            vector: text.and_then(|text| text.vector.as_ref()),
        };
        insert(conn, space, std::slice::from_ref(&fresh)).await?;
        if text.is_none() {
            again(conn, found.number, &fresh, space).await?;
        }
    } else {
        details(conn, found.number, &found.hash, &new).await?;
    }
    whole(conn, &new).await?;
    let line = Line {
        content: if is_new_text {
            [Some(&old.content), Some(&new.content)]
        } else {
            [None, None]
        },
        metadata: if is_new_metadata {
            [
                Some(rows::text(&old.metadata)?),
                Some(rows::text(&new.metadata)?),
            ]
        } else {
            [None, None]
        },
        ..Line::plain(Event::Update, &new)
    };
    lines::write(conn, &[line], note).await?;
    Ok(Changed::Done(new))
}

fn apply(memory: &mut Memory, change: &Change) {
    if let Some(text) = &change.text {
        memory.content.clone_from(&text.content);
    }
    if let Some(metadata) = &change.metadata {
        memory.metadata.clone_from(metadata);
    }
    if let Some(category) = &change.category {
        memory.category.clone_from(category);
    }
    if let Some(importance) = change.importance {
        memory.importance = rows::rounded(importance);
    }
    if let Some(about) = &change.about {
        memory.about.clone_from(about);
    }
    if let Some(expires_at) = change.expires_at {
        memory.expires_at = expires_at;
    }
}

const COPY_TOKENS: &str = "INSERT INTO memory_tokens (number, token) \
     SELECT $2, token FROM memory_tokens WHERE number = $1";

/// Gives a revision that says the same once more, with other metadata, what the old one is found by.
async fn again(conn: &mut Conn<'_>, old: i64, fresh: &Fresh<'_>, space: &Space) -> StoreResult<()> {
    let [from, to] = [Arg::from(old), Arg::from(fresh.number)];
    conn.run(COPY_TOKENS, &[from, to]).await?;
    space.copy(conn, old, fresh.number, fresh.change).await
}

/// What changes without a new revision.
async fn details(conn: &mut Conn<'_>, number: i64, hash: &str, memory: &Memory) -> StoreResult<()> {
    let row = rows::row(number, hash, memory)?;
    conn.run(DETAILS, &[Arg::Rows(&Batch::of(&[row])?)]).await?;
    conn.run(NOT_ABOUT, &[number.into()]).await?;
    put(
        conn,
        rows::ABOUT.insert,
        &rows::about(number, &memory.about),
    )
    .await
}

/// What belongs to all revisions.
async fn whole(conn: &mut Conn<'_>, memory: &Memory) -> StoreResult<()> {
    let args = [
        (&memory.id).into(),
        memory.updated_at.0.into(),
        memory.expires_at.map_or(-1, |at| at.0).into(),
        memory.deleted_at.map_or(-1, |at| at.0).into(),
    ];
    conn.run(WHOLE, &args).await.map(drop)
}

pub(super) async fn delete(
    conn: &mut Conn<'_>,
    visible: &Visible,
    id: &str,
    note: &Note,
) -> StoreResult<Changed> {
    let found = newest(conn, visible, id).await?;
    let Some(found) = found.filter(|found| found.memory.deleted_at.is_none()) else {
        return Ok(Changed::NotFound);
    };
    let mut memory = found.memory;
    memory.deleted_at = Some(note.at);
    memory.updated_at = note.at;
    whole(conn, &memory).await?;
    lines::write(conn, &[Line::plain(Event::Delete, &memory)], note).await?;
    Ok(Changed::Done(memory))
}

pub(super) async fn restore(
    conn: &mut Conn<'_>,
    visible: &Visible,
    id: &str,
    note: &Note,
) -> StoreResult<Changed> {
    let Some(found) = newest(conn, visible, id).await? else {
        return Ok(Changed::NotFound);
    };
    let mut memory = found.memory;
    if memory.deleted_at.is_none() {
        return Ok(Changed::Done(memory));
    }
    if memory.valid_to.is_none()
        && let Some(same) = same(conn, &memory, &found.hash, note.at, id).await?
    {
        return Ok(Changed::SameAs(same.memory.id));
    }
    memory.deleted_at = None;
    memory.updated_at = note.at;
    whole(conn, &memory).await?;
    lines::write(conn, &[Line::plain(Event::Restore, &memory)], note).await?;
    Ok(Changed::Done(memory))
}
