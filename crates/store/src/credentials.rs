//! Stored credentials. Passwords arrive and leave as Fernet tokens; nothing here has the key.

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::page::{Page, PageRequest};
use homelab_core::store::{Credential, Credentials, Rewrite, StoreError, StoreResult};

use crate::db::{Arg, Batch, Conn, Lock, Values};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, table};
use crate::text::fold;

pub(crate) const TABLE: &Table = &table!(
    "credentials", order "id",
    text "id", text "target_type", text "target_id", text "username", text "password_encrypted",
    text "ssh_key_path", text "auth_type", text "notes", text "target_folded", int "created_at",
    int "updated_at",
);

const ENTITY: &str = "credentials";

macro_rules! select {
    () => {
        "SELECT id, target_type, target_id, username, password_encrypted, ssh_key_path, auth_type, \
         notes, created_at, updated_at, target_folded"
    };
}

const FIND: &str = concat!(
    select!(),
    " FROM credentials WHERE target_folded = $1 OR id = $2 \
     ORDER BY target_type, auth_type, username, id"
);

const LIST: &str = concat!(
    select!(),
    ", (SELECT COUNT(*) FROM credentials) AS total FROM credentials \
     WHERE (target_folded, id) > ($1, $2) ORDER BY target_folded, id LIMIT $3"
);

/// By id, else by what makes a credential the same one.
const SAME: &str = concat!(
    select!(),
    " FROM credentials WHERE id = $1 OR (target_folded = $2 AND target_type = $3 \
     AND auth_type = $4 AND COALESCE(username, '') = $5)"
);

const UPSERT: &str = concat!(
    crate::table::insert!(
        "credentials", text "id", text "target_type", text "target_id", text "username",
        text "password_encrypted", text "ssh_key_path", text "auth_type", text "notes",
        text "target_folded", int "created_at", int "updated_at"
    ),
    " ON CONFLICT (id) DO UPDATE SET target_type = excluded.target_type, \
     target_id = excluded.target_id, username = excluded.username, \
     password_encrypted = excluded.password_encrypted, ssh_key_path = excluded.ssh_key_path, \
     auth_type = excluded.auth_type, notes = excluded.notes, \
     target_folded = excluded.target_folded, updated_at = excluded.updated_at"
);

/// Longest of the fields that identify a credential, in characters; they share an index entry.
const LONGEST: usize = 255;

/// [`Credentials`] on either engine.
pub(crate) struct CredentialStore(pub(crate) Shared);

fn read(row: Row<'_>) -> StoreResult<Credential> {
    Ok(Credential {
        id: row.text("id")?,
        target_type: row.text("target_type")?,
        target_id: row.text("target_id")?,
        username: row.maybe_text("username")?,
        password_encrypted: row.maybe_text("password_encrypted")?,
        ssh_key_path: row.maybe_text("ssh_key_path")?,
        auth_type: row.text("auth_type")?,
        notes: row.maybe_text("notes")?,
        created_at: Micros(row.int("created_at")?),
        updated_at: Micros(row.int("updated_at")?),
    })
}

/// The cursor names the last row by target and id.
fn cursor(target_folded: &str, id: &str) -> String {
    serde_json::json!([target_folded, id]).to_string()
}

#[async_trait]
impl Credentials for CredentialStore {
    async fn find(&self, target: &str) -> StoreResult<Vec<Credential>> {
        if target.contains('\0') {
            return Ok(Vec::new());
        }
        let folded = fold(target);
        let mut session = self.0.db.point().await?;
        let mut conn = session.conn();
        conn.all(ENTITY, FIND, &[folded.as_str().into(), target.into()], read)
            .await
    }

    async fn list(&self, page: &PageRequest) -> StoreResult<Page<Credential>> {
        let (target, id) = match &page.after {
            None => (String::new(), String::new()),
            Some(cursor) => serde_json::from_str::<(String, String)>(cursor)
                .ok()
                .filter(|(target, id)| !target.contains('\0') && !id.contains('\0'))
                .ok_or_else(|| StoreError::Invalid {
                    entity: ENTITY,
                    field: "cursor",
                    detail: "this cursor is not one of ours".into(),
                })?,
        };
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        let mut rows = listed(&mut conn, &target, &id, page.limit + 1).await?;
        let total = match rows.first() {
            Some((_, _, total)) => *total,
            // A cursor at the very end: the count comes with any row.
            None if page.after.is_some() => listed(&mut conn, "", "", 1)
                .await?
                .first()
                .map_or(0, |(_, _, total)| *total),
            None => 0,
        };
        rows.truncate(page.limit as usize + 1);
        let page = Page::from_rows(rows, page, total, |(one, target_folded, _)| {
            cursor(target_folded, &one.id)
        });
        Ok(page.map(|(one, ..)| one))
    }

    async fn put(&self, credential: Credential) -> StoreResult<Credential> {
        refuse_unstorable(&credential)?;
        let folded = fold(&credential.target_id);
        let mut tx = self.0.db.write(Lock::Credentials).await?;
        let mut conn = tx.conn();
        let same = conn
            .all(
                ENTITY,
                SAME,
                &[
                    credential.id.as_str().into(),
                    folded.as_str().into(),
                    credential.target_type.as_str().into(),
                    credential.auth_type.as_str().into(),
                    credential.username.as_deref().unwrap_or_default().into(),
                ],
                read,
            )
            .await?;
        let now = self.0.now();
        let by_id = same.iter().find(|one| one.id == credential.id);
        let (id, created_at) = match (by_id, same.first()) {
            (Some(_), _) if same.len() > 1 => {
                return Err(StoreError::Conflict {
                    entity: ENTITY,
                    field: "target_id",
                    value: credential.target_id,
                });
            }
            (_, Some(one)) => (one.id.clone(), one.created_at),
            (_, None) if credential.id.is_empty() => (self.0.id(), now),
            (_, None) => (credential.id.clone(), now),
        };
        let stored = Credential {
            id,
            created_at,
            updated_at: now,
            ..credential
        };
        let row = Batch::of(&[row(&stored, &folded)])?;
        conn.run(UPSERT, &[Arg::Rows(&row)]).await?;
        tx.commit().await?;
        Ok(stored)
    }

    async fn delete(&self, id: &str) -> StoreResult<bool> {
        if id.contains('\0') {
            return Ok(false);
        }
        let mut tx = self.0.db.write(Lock::Credentials).await?;
        let removed = tx
            .conn()
            .run("DELETE FROM credentials WHERE id = $1", &[id.into()])
            .await?;
        tx.commit().await?;
        Ok(removed > 0)
    }

    async fn rewrite(&self, rewrite: &Rewrite<'_>) -> StoreResult<u64> {
        let mut tx = self.0.db.write(Lock::Credentials).await?;
        let mut conn = tx.conn();
        let tokens = conn
            .all(
                ENTITY,
                "SELECT id, password_encrypted FROM credentials \
                 WHERE password_encrypted IS NOT NULL ORDER BY id",
                &[],
                |row| Ok((row.text("id")?, row.text("password_encrypted")?)),
            )
            .await?;
        let now = self.0.now().0;
        let mut changed = 0;
        for (id, token) in tokens {
            let rewritten = rewrite(&token).map_err(|error| StoreError::Corrupt {
                entity: ENTITY,
                detail: format!("the secret of credential `{id}`: {error}"),
            })?;
            let Some(token) = rewritten else { continue };
            changed += conn
                .run(
                    "UPDATE credentials SET password_encrypted = $1, updated_at = $2 WHERE id = $3",
                    &[token.as_str().into(), now.into(), id.as_str().into()],
                )
                .await?;
        }
        tx.commit().await?;
        Ok(changed)
    }
}

async fn listed(
    conn: &mut Conn<'_>,
    target: &str,
    id: &str,
    limit: u32,
) -> StoreResult<Vec<(Credential, String, u64)>> {
    let args = [target.into(), id.into(), i64::from(limit).into()];
    conn.all(ENTITY, LIST, &args, |row| {
        Ok((read(row)?, row.text("target_folded")?, row.count("total")?))
    })
    .await
}

fn refuse_unstorable(credential: &Credential) -> StoreResult<()> {
    let identifying = [
        ("id", Some(&credential.id)),
        ("target_type", Some(&credential.target_type)),
        ("target_id", Some(&credential.target_id)),
        ("auth_type", Some(&credential.auth_type)),
        ("username", credential.username.as_ref()),
    ];
    let others = [
        ("password_encrypted", credential.password_encrypted.as_ref()),
        ("ssh_key_path", credential.ssh_key_path.as_ref()),
        ("notes", credential.notes.as_ref()),
    ];
    let invalid = |field, detail: &str| StoreError::Invalid {
        entity: ENTITY,
        field,
        detail: detail.into(),
    };
    for (field, value) in identifying.iter().chain(&others) {
        if value.is_some_and(|text| text.contains('\0')) {
            return Err(invalid(field, "it holds a NUL character"));
        }
    }
    for (field, value) in identifying {
        if value.is_some_and(|text| text.chars().count() > LONGEST) {
            return Err(invalid(field, "it is longer than 255 characters"));
        }
    }
    if credential.target_id.trim().is_empty() {
        return Err(invalid("target_id", "it is empty"));
    }
    Ok(())
}

fn row(credential: &Credential, target_folded: &str) -> Values {
    let serde_json::Value::Object(row) = serde_json::json!({
        "id": credential.id,
        "target_type": credential.target_type,
        "target_id": credential.target_id,
        "username": credential.username,
        "password_encrypted": credential.password_encrypted,
        "ssh_key_path": credential.ssh_key_path,
        "auth_type": credential.auth_type,
        "notes": credential.notes,
        "target_folded": target_folded,
        "created_at": credential.created_at.0,
        "updated_at": credential.updated_at.0,
    }) else {
        unreachable!("the literal above is an object")
    };
    row
}
