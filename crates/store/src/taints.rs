//! Which scopes have read text by outsiders.

use async_trait::async_trait;
use homelab_core::clock::Micros;
use homelab_core::store::{StoreResult, TaintMark, Taints};

use crate::db::Lock;
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Table, table};
use crate::text::refuse_as_key;

pub(crate) const TABLE: &Table = &table!(
    "taint_marks", order "scope, source",
    text "scope", text "source", int "at",
);

const ENTITY: &str = "taint_marks";

/// [`Taints`] on either engine.
pub(crate) struct TaintStore(pub(crate) Shared);

fn read(row: Row<'_>) -> StoreResult<TaintMark> {
    Ok(TaintMark {
        source: row.text("source")?,
        at: Micros(row.int("at")?),
    })
}

#[async_trait]
impl Taints for TaintStore {
    async fn mark(&self, scope: &str, source: &str, at: Micros) -> StoreResult<()> {
        refuse_as_key(ENTITY, "scope", scope)?;
        refuse_as_key(ENTITY, "source", source)?;
        let mut tx = self.0.db.write(Lock::Nothing).await?;
        tx.conn()
            .run(
                "INSERT INTO taint_marks (scope, source, at) VALUES ($1, $2, $3) \
                 ON CONFLICT (scope, source) DO UPDATE SET at = excluded.at \
                 WHERE excluded.at > taint_marks.at",
                &[scope.into(), source.into(), at.0.into()],
            )
            .await?;
        tx.commit().await
    }

    async fn marks(&self, scope: &str, since: Micros) -> StoreResult<Vec<TaintMark>> {
        if scope.contains('\0') {
            return Ok(Vec::new());
        }
        let mut session = self.0.db.read().await?;
        session
            .conn()
            .all(
                ENTITY,
                "SELECT source, at FROM taint_marks WHERE scope = $1 AND at >= $2 \
                 ORDER BY at DESC, source DESC LIMIT 50",
                &[scope.into(), since.0.into()],
                read,
            )
            .await
    }

    async fn scopes(&self, since: Micros) -> StoreResult<Vec<(String, TaintMark)>> {
        let mut session = self.0.db.read().await?;
        session
            .conn()
            .all(
                ENTITY,
                "SELECT scope, source, at FROM taint_marks t WHERE at >= $1 \
                 AND NOT EXISTS (SELECT 1 FROM taint_marks n WHERE n.scope = t.scope \
                 AND (n.at, n.source) > (t.at, t.source)) \
                 ORDER BY at DESC, scope LIMIT 500",
                &[since.0.into()],
                |row| Ok((row.text("scope")?, read(row)?)),
            )
            .await
    }

    async fn clear(&self, scope: &str) -> StoreResult<u64> {
        if scope.contains('\0') {
            return Ok(0);
        }
        let mut tx = self.0.db.write(Lock::Nothing).await?;
        let sql = "DELETE FROM taint_marks WHERE scope = $1";
        let cleared = tx.conn().run(sql, &[scope.into()]).await?;
        tx.commit().await?;
        Ok(cleared)
    }

    async fn forget_before(&self, before: Micros) -> StoreResult<()> {
        let mut tx = self.0.db.write(Lock::Nothing).await?;
        let sql = "DELETE FROM taint_marks WHERE at < $1";
        tx.conn().run(sql, &[before.0.into()]).await?;
        tx.commit().await
    }
}
