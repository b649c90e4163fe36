//! Small values that all processes on one database share.

use async_trait::async_trait;
use homelab_core::store::{Settings, StoreError, StoreResult, Topic};

use crate::db::{Conn, Lock};
use crate::shared::Shared;
use crate::table::{Table, table};

pub(crate) const TABLE: &Table = &table!(
    "settings", order "name",
    text "name", text "value", int "updated_at",
);

const ENTITY: &str = "settings";

/// [`Settings`] on either engine.
pub(crate) struct SettingStore(pub(crate) Shared);

async fn get(conn: &mut Conn<'_>, name: &str) -> StoreResult<Option<String>> {
    conn.one(
        ENTITY,
        "SELECT value FROM settings WHERE name = $1",
        &[name.into()],
        |row| row.text("value"),
    )
    .await
}

fn refuse_unstorable(name: &str, value: &str) -> StoreResult<()> {
    for (field, text) in [("name", name), ("value", value)] {
        if text.contains('\0') {
            return Err(StoreError::Invalid {
                entity: ENTITY,
                field,
                detail: "it holds a NUL character".into(),
            });
        }
    }
    Ok(())
}

#[async_trait]
impl Settings for SettingStore {
    async fn get(&self, name: &str) -> StoreResult<Option<String>> {
        let mut session = self.0.db.read().await?;
        get(&mut session.conn(), name).await
    }

    async fn set(&self, name: &str, value: &str) -> StoreResult<()> {
        refuse_unstorable(name, value)?;
        let mut tx = self.0.db.write(Lock::Settings).await?;
        tx.conn()
            .run(
                "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value, \
                 updated_at = excluded.updated_at",
                &[name.into(), value.into(), self.0.now().0.into()],
            )
            .await?;
        self.0.commit(tx, Topic::Settings).await
    }

    async fn get_or_set(&self, name: &str, value: &str) -> StoreResult<String> {
        refuse_unstorable(name, value)?;
        let mut tx = self.0.db.write(Lock::Settings).await?;
        let mut conn = tx.conn();
        let added = conn
            .run(
                "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (name) DO NOTHING",
                &[name.into(), value.into(), self.0.now().0.into()],
            )
            .await?;
        let kept = get(&mut conn, name).await?;
        if added > 0 {
            self.0.commit(tx, Topic::Settings).await?;
        }
        kept.ok_or_else(|| StoreError::Internal("a setting vanished".into()))
    }
}
