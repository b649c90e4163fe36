//! Asking pgvector for the nearest.

use homelab_core::memory::{Hit, MemoryQuery, Vector};
use homelab_core::store::StoreResult;

use super::index::Index;
use crate::db::{Db, Lock};
use crate::dialect::built::{Built, Engine};
use crate::memories::{ENTITY, conditions, text};

/// One question.
pub(super) struct Ask<'a> {
    /// The extension's schema, quoted.
    pub(super) schema: &'a str,
    pub(super) query: &'a MemoryQuery,
    pub(super) vector: &'a Vector,
    /// Numbers of the revisions: from, and before.
    pub(super) range: [i64; 2],
    pub(super) most: u32,
}

impl Ask<'_> {
    /// `near` is the expression that says how far a row is: the negative inner product.
    fn statement(&self, near: &dyn Fn(&str) -> String, ties: &str) -> StoreResult<Built> {
        let mut sql = Built::new(Engine::Postgres, "");
        let numbers: Vec<String> = self.vector.values.iter().map(f32::to_string).collect();
        let place = sql.bind(&format!("[{}]", numbers.join(",")));
        let near = near(&place);
        sql.push(&format!(
            "SELECT r.id, r.version, CAST(-({near}) AS TEXT) AS score, CAST(0 AS BIGINT) AS exact \
             FROM memory_vectors v JOIN memory_revisions r ON r.number = v.number \
             WHERE v.dimensions = {} AND v.embedding IS NOT NULL AND v.model = ",
            self.vector.values.len()
        ))
        .text(&self.vector.model)
        .push(" AND v.number >= ")
        .int(self.range[0])
        .push(" AND v.number < ")
        .int(self.range[1])
        .push(" AND ");
        conditions::push(&mut sql, self.query)?;
        sql.push(&format!(" ORDER BY {near}{ties} LIMIT "))
            .int(self.most.into());
        Ok(sql)
    }

    /// The nearest of all.
    pub(super) async fn exactly(&self, db: &Db) -> StoreResult<Vec<Hit>> {
        let schema = self.schema;
        let near = |place: &str| {
            format!("v.embedding OPERATOR({schema}.<#>) CAST({place} AS {schema}.vector)")
        };
        let sql = self.statement(&near, ", r.number DESC")?;
        let mut session = db.read().await?;
        session.conn().all_built(ENTITY, &sql, text::hit).await
    }

    /// The nearest as the index leads to them; fewer than there are if it gives up.
    pub(super) async fn by_index(&self, db: &Db, index: &Index) -> StoreResult<Vec<Hit>> {
        let schema = self.schema;
        let near = |place: &str| {
            format!(
                "{} OPERATOR({schema}.<#>) {}",
                index.expression("v.embedding"),
                index.expression(place)
            )
        };
        let sql = self.statement(&near, "")?;
        let mut tx = db.write(Lock::Nothing).await?;
        let mut conn = tx.conn();
        conn.script("SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.ef_search = 200")
            .await?;
        let found = conn.all_built(ENTITY, &sql, text::hit).await?;
        tx.commit().await?;
        Ok(found)
    }
}
