//! Adding and changing. One writer at a time, in whichever process, so that what is looked up first still holds
//! when it is written.

use homelab_core::clock::Micros;
use homelab_core::memory::{
    Added, Change, Changed, Event, Memory, NewMemory, NewText, Note, Visible,
};
use homelab_core::store::StoreResult;
use serde_json::Value;

use super::ENTITY;
use super::rows::{self, Revision, revision};
use super::vectors::{Space, coded};
use crate::db::{Arg, Batch, Conn};

/// Takes so many numbers of the owner's.
const NUMBERS: &str = "INSERT INTO memory_owners (owner, number, last, changes, erasures) \
     SELECT $1, COALESCE(MAX(number), 0) + 1, $2, COALESCE(MAX(changes), 0) + 1, 0 \
     FROM memory_owners WHERE TRUE \
     ON CONFLICT (owner) DO UPDATE SET last = memory_owners.last + $2, changes = excluded.changes \
     RETURNING number, last, changes";

const NEWEST: &str = "SELECT r.number, r.hash, r.id, r.version, r.owner, r.user_id, r.agent_id, \
     r.run_id, r.content, r.category, r.metadata, r.source, r.importance, r.about, r.seen_count, \
     r.created_at, r.updated_at, r.valid_from, r.valid_to, r.superseded_by, r.expires_at, \
     r.deleted_at FROM memory_revisions r WHERE r.id = $1 AND r.newest \
     AND (r.owner = $2 OR CAST($2 AS TEXT) IS NULL)";

const SAME: &str = "SELECT r.number, r.hash, r.id, r.version, r.owner, r.user_id, r.agent_id, \
     r.run_id, r.content, r.category, r.metadata, r.source, r.importance, r.about, r.seen_count, \
     r.created_at, r.updated_at, r.valid_from, r.valid_to, r.superseded_by, r.expires_at, \
     r.deleted_at FROM memory_revisions r WHERE r.owner = $1 AND r.hash = $2 AND r.user_id = $3 \
     AND COALESCE(r.agent_id, '') = $4 AND COALESCE(r.run_id, '') = $5 AND r.newest \
     AND r.valid_to IS NULL AND r.deleted_at IS NULL AND r.id <> $7 \
     AND (r.expires_at IS NULL OR r.expires_at > $6) ORDER BY r.number LIMIT 1";

const SEEN: &str = "UPDATE memory_revisions SET seen_count = seen_count + 1 WHERE id = $1";

const CLOSE: &str = "UPDATE memory_revisions SET valid_to = $2, newest = FALSE \
     WHERE id = $1 AND newest";

const SUPERSEDE: &str = "UPDATE memory_revisions SET superseded_by = $2, updated_at = $3, \
     valid_to = CASE WHEN newest THEN $4 ELSE valid_to END WHERE id = $1";

const WHOLE: &str = "UPDATE memory_revisions SET updated_at = $2, \
     expires_at = CASE WHEN $3 < 0 THEN NULL ELSE $3 END, \
     deleted_at = CASE WHEN $4 < 0 THEN NULL ELSE $4 END WHERE id = $1";

const DETAILS: &str = "UPDATE memory_revisions SET category = value->>'category', \
     importance = CAST(value->>'importance' AS BIGINT), about = value->>'about', \
     folded = value->>'folded' FROM jsonb_each($1) \
     WHERE memory_revisions.number = CAST(value->>'number' AS BIGINT)";

const NOT_ABOUT: &str = "DELETE FROM memory_about WHERE number = $1";

const HISTORY: &str = "INSERT INTO memory_history (id, number, event, version, old_content, \
     new_content, old_metadata, new_metadata, actor, request_id, reason, at) \
     VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM memory_history WHERE id = $1), \
     $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// What an owner's next revisions are numbered by.
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
    taken.ok_or_else(|| {
        homelab_core::store::StoreError::Internal("an owner of memories got no number".into())
    })
}

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

/// The one that says the same in the scope and holds, other than `but`.
async fn same(
    conn: &mut Conn<'_>,
    like: &Memory,
    hash: &str,
    now: Micros,
    but: &str,
) -> StoreResult<Option<Revision>> {
    let scope = &like.scope;
    let args = [
        (&scope.owner).into(),
        hash.into(),
        (&scope.user_id).into(),
        scope.agent_id.as_deref().unwrap_or_default().into(),
        scope.run_id.as_deref().unwrap_or_default().into(),
        now.0.into(),
        but.into(),
    ];
    conn.one(ENTITY, SAME, &args, revision).await
}

/// One line of the history: what was before and what is now, where that changed.
struct Line<'a> {
    event: Event,
    memory: &'a Memory,
    content: [Option<&'a str>; 2],
    metadata: [Option<String>; 2],
}

impl<'a> Line<'a> {
    fn plain(event: Event, memory: &'a Memory) -> Self {
        Self {
            event,
            memory,
            content: [None, None],
            metadata: [None, None],
        }
    }

    async fn write(&self, conn: &mut Conn<'_>, note: &Note) -> StoreResult<()> {
        let event = name(self.event);
        let args = [
            (&self.memory.id).into(),
            event.into(),
            i64::from(self.memory.version).into(),
            self.content[0].into(),
            self.content[1].into(),
            self.metadata[0].as_deref().into(),
            self.metadata[1].as_deref().into(),
            (&note.actor).into(),
            note.request_id.as_deref().into(),
            note.reason.as_deref().into(),
            note.at.0.into(),
        ];
        conn.run(HISTORY, &args).await.map(drop)
    }
}

/// An event in its column.
pub(super) const fn name(event: Event) -> &'static str {
    match event {
        Event::Add => "ADD",
        Event::Update => "UPDATE",
        Event::Supersede => "SUPERSEDE",
        Event::Delete => "DELETE",
        Event::Restore => "RESTORE",
        Event::Import => "IMPORT",
    }
}

/// Writes a revision with all it is found by.
async fn insert(
    conn: &mut Conn<'_>,
    numbers: &Numbers,
    memory: &Memory,
    text: &NewText,
    space: &Space,
) -> StoreResult<()> {
    let number = numbers.first;
    let row = rows::row(number, &text.hash, memory)?;
    conn.run(rows::REVISIONS.insert, &[Arg::Rows(&Batch::of(&[row])?)])
        .await?;
    put(
        conn,
        rows::TOKENS.insert,
        &rows::tokens(number, &text.exact),
    )
    .await?;
    put(
        conn,
        rows::ABOUT.insert,
        &rows::about(number, &memory.about),
    )
    .await?;
    if let Some(vector) = &text.vector {
        let row = coded(number, vector, numbers.change)?;
        space.put(conn, &[row]).await?;
    }
    Ok(())
}

async fn put(conn: &mut Conn<'_>, sql: &'static str, rows: &[Value]) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.run(sql, &[Arg::Rows(&Batch::of(rows)?)])
        .await
        .map(drop)
}

pub(super) async fn add(
    conn: &mut Conn<'_>,
    space: &Space,
    new: &NewMemory,
    event: Event,
    note: &Note,
) -> StoreResult<Added> {
    let memory = rows::fresh(new);
    rows::check(&memory)?;
    let owner = Visible::Owner(new.scope.owner.clone());
    let old = match &new.supersedes {
        None => None,
        Some(id) => {
            let found = newest(conn, &owner, id).await?;
            let open = found
                .filter(|old| old.memory.deleted_at.is_none() && old.memory.valid_to.is_none());
            let Some(open) = open else {
                return Ok(Added::NothingToSupersede);
            };
            Some(open)
        }
    };
    if let Some(mut same) = same(conn, &memory, &new.hash, note.at, "").await? {
        conn.run(SEEN, &[(&same.memory.id).into()]).await?;
        same.memory.seen_count += 1;
        if let Some(old) = old.filter(|old| old.memory.id != same.memory.id) {
            supersede(conn, &old.memory, &same.memory.id, new.valid_from, note).await?;
        }
        return Ok(Added::Same(same.memory));
    }
    let numbers = numbers(conn, &new.scope.owner, 1).await?;
    let text = NewText {
        content: new.content.clone(),
        exact: new.exact.clone(),
        hash: new.hash.clone(),
        vector: new.vector.clone(),
    };
    insert(conn, &numbers, &memory, &text, space).await?;
    let line = Line {
        content: [None, Some(&memory.content)],
        metadata: [None, told(&memory)?],
        ..Line::plain(event, &memory)
    };
    line.write(conn, note).await?;
    if let Some(old) = old {
        supersede(conn, &old.memory, &memory.id, new.valid_from, note).await?;
    }
    Ok(Added::New(memory))
}

fn told(memory: &Memory) -> StoreResult<Option<String>> {
    if memory.metadata.is_empty() {
        return Ok(None);
    }
    rows::text(&memory.metadata).map(Some)
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
    Line::plain(Event::Supersede, old).write(conn, note).await
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
        match &change.text {
            Some(text) if is_new_text => insert(conn, &numbers, &new, text, space).await?,
            _ => again(conn, &numbers, &new, &found.hash, found.number, space).await?,
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
    line.write(conn, note).await?;
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

/// The same text once more, with other metadata.
async fn again(
    conn: &mut Conn<'_>,
    numbers: &Numbers,
    memory: &Memory,
    hash: &str,
    old: i64,
    space: &Space,
) -> StoreResult<()> {
    let text = NewText {
        content: memory.content.clone(),
        exact: Vec::new(),
        hash: hash.to_owned(),
        vector: None,
    };
    insert(conn, numbers, memory, &text, space).await?;
    let [from, to] = [Arg::from(old), Arg::from(numbers.first)];
    conn.run(COPY_TOKENS, &[from, to]).await?;
    space.copy(conn, old, numbers.first, numbers.change).await
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
    Line::plain(Event::Delete, &memory)
        .write(conn, note)
        .await?;
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
    Line::plain(Event::Restore, &memory)
        .write(conn, note)
        .await?;
    Ok(Changed::Done(memory))
}
