//! Stored archives. Contents arrive and leave as Fernet tokens; nothing here has the key.

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::store::{Archive, Archives, Keep, Kept, Rewrite, StoreError, StoreResult};

use crate::db::{Conn, Lock};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, table};
use crate::text::refuse_as_key;

pub(crate) const TABLE: &Table = &table!(
    "archives", order "created_at, id",
    text "id", text "server", text "source", text "kind", text "name", text "note", int "size",
    text "sha256", text "content", int "created_at",
);

const ENTITY: &str = "archives";

/// Everything but the content, which may be large.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, server, source, kind, name, note, size, sha256, created_at FROM archives ",
            $rest
        )
    };
}

const LIST: &str = select!("ORDER BY created_at DESC, id DESC");
const LIST_OF: &str = select!("WHERE server = $1 ORDER BY created_at DESC, id DESC");
const BY_ID: &str = select!("WHERE id = $1");
const OTHERS: &str = select!(
    "WHERE server = $1 AND source = $2 AND kind = $3 AND id <> $4 \
     ORDER BY created_at DESC, id DESC"
);
const CONTENT: &str = "SELECT content FROM archives WHERE id = $1";
const INSERT: &str = "INSERT INTO archives \
     (id, server, source, kind, name, note, size, sha256, content, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const DELETE: &str = "DELETE FROM archives WHERE id = $1";

/// [`Archives`] on either engine.
pub(crate) struct ArchiveStore(pub(crate) Shared);

fn read(row: Row<'_>) -> StoreResult<Archive> {
    Ok(Archive {
        id: row.text("id")?,
        server: row.text("server")?,
        source: row.text("source")?,
        kind: row.text("kind")?,
        name: row.text("name")?,
        note: row.maybe_text("note")?,
        size: row.count("size")?,
        sha256: row.text("sha256")?,
        created_at: Micros(row.int("created_at")?),
    })
}

#[async_trait]
impl Archives for ArchiveStore {
    async fn list(&self, server: Option<&str>) -> StoreResult<Vec<Archive>> {
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        match server {
            None => conn.all(ENTITY, LIST, &[], read).await,
            Some(server) if server.contains('\0') => Ok(Vec::new()),
            Some(server) => conn.all(ENTITY, LIST_OF, &[server.into()], read).await,
        }
    }

    async fn get(&self, id: &str) -> StoreResult<Option<Archive>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut session = self.0.db.point().await?;
        let mut conn = session.conn();
        conn.one(ENTITY, BY_ID, &[id.into()], read).await
    }

    async fn content(&self, id: &str) -> StoreResult<Option<String>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        conn.one(ENTITY, CONTENT, &[id.into()], |row| row.text("content"))
            .await
    }

    async fn insert(&self, archive: Archive, content: &str, keep: Keep<'_>) -> StoreResult<Kept> {
        let id = match archive.id.as_str() {
            "" => self.0.id(),
            id => id.to_owned(),
        };
        let created_at = self.0.now();
        let archive = Archive {
            id,
            created_at,
            ..archive
        };
        let size = refuse_unstorable(&archive, content)?;
        let mut tx = self.0.db.write(Lock::Archives).await?;
        let mut conn = tx.conn();
        if conn
            .one(ENTITY, BY_ID, &[archive.id.as_str().into()], read)
            .await?
            .is_some()
        {
            return Err(StoreError::Conflict {
                entity: ENTITY,
                field: "id",
                value: archive.id,
            });
        }
        conn.run(
            INSERT,
            &[
                archive.id.as_str().into(),
                archive.server.as_str().into(),
                archive.source.as_str().into(),
                archive.kind.as_str().into(),
                archive.name.as_str().into(),
                archive.note.as_deref().into(),
                size.into(),
                archive.sha256.as_str().into(),
                content.into(),
                archive.created_at.0.into(),
            ],
        )
        .await?;
        let removed = surplus(&mut conn, &archive, keep).await?;
        for one in &removed {
            conn.run(DELETE, &[one.id.as_str().into()]).await?;
        }
        tx.commit().await?;
        Ok(Kept { archive, removed })
    }

    async fn delete(&self, id: &str) -> StoreResult<bool> {
        if id.contains('\0') {
            return Ok(false);
        }
        let mut tx = self.0.db.write(Lock::Archives).await?;
        let removed = tx.conn().run(DELETE, &[id.into()]).await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    /// One content after the other, because all of them together may not fit into memory.
    async fn rewrite(&self, rewrite: &Rewrite<'_>) -> StoreResult<u64> {
        let mut tx = self.0.db.write(Lock::Archives).await?;
        let mut conn = tx.conn();
        let mut changed = 0;
        for archive in conn.all(ENTITY, LIST, &[], read).await? {
            let id = archive.id.as_str();
            let token = conn
                .one(ENTITY, CONTENT, &[id.into()], |row| row.text("content"))
                .await?;
            let Some(token) = token else { continue };
            let rewritten = rewrite(&token).map_err(|error| StoreError::Corrupt {
                entity: ENTITY,
                detail: format!("the content of archive `{id}`: {error}"),
            })?;
            let Some(token) = rewritten else { continue };
            let args = [token.as_str().into(), id.into()];
            changed += conn
                .run("UPDATE archives SET content = $1 WHERE id = $2", &args)
                .await?;
        }
        tx.commit().await?;
        Ok(changed)
    }
}

/// Those of the same server, source and kind that there is no room for beside a new one.
async fn surplus(
    conn: &mut Conn<'_>,
    archive: &Archive,
    keep: Keep<'_>,
) -> StoreResult<Vec<Archive>> {
    let args = [
        archive.server.as_str().into(),
        archive.source.as_str().into(),
        archive.kind.as_str().into(),
        archive.id.as_str().into(),
    ];
    let others = conn.all(ENTITY, OTHERS, &args, read).await?;
    let surplus = others.into_iter().skip(keep.newest.saturating_sub(1));
    Ok(surplus
        .filter(|one| keep.besides != Some(one.id.as_str()))
        .collect())
}

/// Refuses what a table cannot hold; the size as it holds it.
fn refuse_unstorable(archive: &Archive, content: &str) -> StoreResult<i64> {
    for (field, text) in [
        ("id", &archive.id),
        ("server", &archive.server),
        ("source", &archive.source),
        ("kind", &archive.kind),
        ("name", &archive.name),
        ("sha256", &archive.sha256),
    ] {
        refuse_as_key(ENTITY, field, text)?;
    }
    let invalid = |field, detail: &str| StoreError::Invalid {
        entity: ENTITY,
        field,
        detail: detail.into(),
    };
    for (field, text) in [
        ("note", archive.note.as_deref().unwrap_or_default()),
        ("content", content),
    ] {
        if text.contains('\0') {
            return Err(invalid(field, "it holds a NUL character"));
        }
    }
    i64::try_from(archive.size).map_err(|_| invalid("size", "it is too large"))
}
