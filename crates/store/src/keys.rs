//! API keys: hashes only.

use async_trait::async_trait;
use homelab_core::call::CredentialKind;
use homelab_core::clock::Micros;
use homelab_core::store::{ApiKey, Keys, StoreError, StoreResult, Topic};

use crate::db::{Arg, Batch, Conn, Lock, Values};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, table};
use crate::text::fold;

pub(crate) const TABLE: &Table = &table!(
    "api_keys", order "id",
    text "id", text "name", text "kind", text "role", text "grants", text "hash",
    text "name_folded", int "created_at", int "expires_at", int "revoked_at",
);

const ENTITY: &str = "api_keys";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, kind, role, grants, hash, created_at, expires_at, revoked_at \
             FROM api_keys ",
            $rest
        )
    };
}

/// [`Keys`] on either engine.
pub(crate) struct KeyStore(pub(crate) Shared);

fn read(row: Row<'_>) -> StoreResult<ApiKey> {
    Ok(ApiKey {
        id: row.text("id")?,
        name: row.text("name")?,
        kind: row.known("kind", |text| {
            [CredentialKind::Agent, CredentialKind::Owner]
                .into_iter()
                .find(|kind| kind.as_str() == text)
        })?,
        role: row.parsed("role")?,
        grants: row.json("grants")?,
        hash: row.text("hash")?,
        created_at: Micros(row.int("created_at")?),
        expires_at: row.time("expires_at")?,
        revoked_at: row.time("revoked_at")?,
    })
}

#[async_trait]
impl Keys for KeyStore {
    async fn get(&self, id: &str) -> StoreResult<Option<ApiKey>> {
        if id.contains('\0') {
            return Ok(None);
        }
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        conn.one(ENTITY, select!("WHERE id = $1"), &[id.into()], read)
            .await
    }

    async fn list(&self) -> StoreResult<Vec<ApiKey>> {
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        conn.all(ENTITY, select!("ORDER BY created_at, id"), &[], read)
            .await
    }

    async fn insert(&self, key: ApiKey) -> StoreResult<()> {
        let mut tx = self.0.db.write(Lock::Keys).await?;
        insert(&mut tx.conn(), &key).await?;
        self.0.commit(tx, Topic::Keys).await
    }

    async fn revoke(&self, id_or_name: &str, at: Micros) -> StoreResult<bool> {
        if id_or_name.contains('\0') {
            return Ok(false);
        }
        let mut tx = self.0.db.write(Lock::Keys).await?;
        let revoked = tx
            .conn()
            .run(
                "UPDATE api_keys SET revoked_at = $1 WHERE revoked_at IS NULL \
                 AND (expires_at IS NULL OR expires_at > $1) AND (id = $2 OR name_folded = $3)",
                &[
                    at.0.into(),
                    id_or_name.into(),
                    fold(id_or_name).as_str().into(),
                ],
            )
            .await?;
        if revoked > 0 {
            self.0.commit(tx, Topic::Keys).await?;
        }
        Ok(revoked > 0)
    }

    async fn insert_first(&self, keys: Vec<ApiKey>) -> StoreResult<bool> {
        let mut tx = self.0.db.write(Lock::Keys).await?;
        let mut conn = tx.conn();
        if conn
            .one(ENTITY, TABLE.probe, &[], |_| Ok(()))
            .await?
            .is_some()
        {
            return Ok(false);
        }
        for key in &keys {
            insert(&mut conn, key).await?;
        }
        self.0.commit(tx, Topic::Keys).await?;
        Ok(true)
    }

    async fn revision(&self) -> StoreResult<i64> {
        let mut session = self.0.db.read().await?;
        let mut conn = session.conn();
        // Keys are added and revoked, never changed otherwise nor removed: this only ever grows.
        let revision = conn
            .one(
                ENTITY,
                "SELECT COUNT(*) + COUNT(revoked_at) AS revision FROM api_keys",
                &[],
                |row| row.int("revision"),
            )
            .await?;
        Ok(revision.unwrap_or_default())
    }
}

/// Inserts under [`Lock::Keys`], which makes the look before safe.
async fn insert(conn: &mut Conn<'_>, key: &ApiKey) -> StoreResult<()> {
    let name_folded = fold(&key.name);
    for (field, value) in [("id", &key.id), ("name", &key.name), ("hash", &key.hash)] {
        if value.is_empty() || value.contains('\0') || value.chars().count() > 255 {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field,
                detail: "it must have 1 to 255 characters, none of them NUL".into(),
            });
        }
    }
    let conflicts = [
        (
            "id",
            &key.id,
            "SELECT 1 FROM api_keys WHERE id = $1 AND $2 = $2",
            &key.id,
        ),
        (
            "name",
            &key.name,
            "SELECT 1 FROM api_keys WHERE name_folded = $1 AND revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $2)",
            &name_folded,
        ),
    ];
    for (field, value, sql, looked_for) in conflicts {
        let args = [looked_for.as_str().into(), key.created_at.0.into()];
        if conn.one(ENTITY, sql, &args, |_| Ok(())).await?.is_some() {
            return Err(StoreError::Conflict {
                entity: ENTITY,
                field,
                value: value.clone(),
            });
        }
    }
    let row = Batch::of(&[row(key, &name_folded)?])?;
    conn.run(TABLE.insert, &[Arg::Rows(&row)]).await?;
    Ok(())
}

fn row(key: &ApiKey, name_folded: &str) -> StoreResult<Values> {
    let grants = serde_json::to_string(&key.grants)
        .map_err(|error| StoreError::Internal(format!("grants are no JSON: {error}")))?;
    let serde_json::Value::Object(row) = serde_json::json!({
        "id": key.id,
        "name": key.name,
        "kind": key.kind.as_str(),
        "role": key.role.as_str(),
        "grants": grants,
        "hash": key.hash,
        "name_folded": name_folded,
        "created_at": key.created_at.0,
        "expires_at": key.expires_at.map(|at| at.0),
        "revoked_at": key.revoked_at.map(|at| at.0),
    }) else {
        unreachable!("the literal above is an object")
    };
    Ok(row)
}
