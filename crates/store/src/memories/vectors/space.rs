//! Where vectors are compared: in this process, or by PostgreSQL's extension `vector` (pgvector).
//!
//! With the extension each row holds its vector once more, as the extension's type. Up to [`LARGE`] this process
//! compares everything, which is exact and quicker than asking the server (100,000 vectors of 128 dimensions: 1 ms of
//! CPU time here, 15 ms there, by an index); above that an HNSW index is made and used, by iterative scans, so that
//! conditions leave as many rows as were asked for. Where such a scan gives up, the server compares everything after all.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use homelab_core::memory::{Hit, MemoryQuery, Vector};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use super::ask::Ask;
use super::code::Coded;
use super::index::{Index, Indexer};
use super::shelf::{BOUND, Standing};
use crate::db::{Arg, Batch, Conn, Db, Lock};
use crate::dialect::built::{Built, Engine};
use crate::memories::{ENTITY, text};
use crate::shared::Shared;
use crate::table::insert;

/// Numbers (revisions times dimensions) from which an index is used: a million revisions of 128 dimensions. Comparing so
/// many takes this process about ten milliseconds, less than the index takes, but a byte of memory for each.
const LARGE: i64 = 128_000_000;
/// Rows that get their vectors at once.
const ROWS: i64 = 1_000;

const PUT: &str = concat!(
    insert!(
        "memory_vectors", int "number", text "model", int "dimensions", text "vector", int "change"
    ),
    " ON CONFLICT (number, model) DO UPDATE SET dimensions = excluded.dimensions, \
     vector = excluded.vector, change = excluded.change"
);

const COPY: &str = "INSERT INTO memory_vectors (number, model, dimensions, vector, change) \
     SELECT $2, model, dimensions, vector, $3 FROM memory_vectors WHERE number = $1";

const FOUND: &str = "SELECT e.extversion AS version, n.nspname AS schema FROM pg_catalog.pg_extension e \
     JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'";

const OFFERED: &str = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'vector'";

const COLUMN: &str = "SELECT 1 FROM pg_catalog.pg_attribute WHERE attname = 'embedding' \
     AND attrelid = CAST('homelab_mcp.memory_vectors' AS REGCLASS) AND NOT attisdropped";

const WITHOUT: &str = "SELECT number, model, vector FROM memory_vectors \
     WHERE embedding IS NULL ORDER BY number, model LIMIT $1";

/// Where they are compared.
#[derive(Debug, Clone, Default)]
pub(crate) enum Space {
    /// In this process.
    #[default]
    Here,
    /// By the extension.
    Extension(Extension),
}

/// The extension as it is installed.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// Its schema, quoted.
    pub(super) schema: String,
    /// See [`LARGE`].
    large: Arc<AtomicI64>,
    /// Makes indexes.
    indexer: Arc<Indexer>,
}

impl Space {
    /// Looks what the database offers, and takes it: the extension is created where that is allowed, and rows that
    /// came without its type are completed.
    pub(crate) async fn prepare(db: &Db) -> StoreResult<Self> {
        if db.engine() == Engine::Sqlite {
            return Ok(Self::Here);
        }
        let Some((version, schema)) = installed(db).await? else {
            return Ok(Self::Here);
        };
        match rank(&version) {
            old if old < [0, 8, 0] => {
                tracing::warn!(%version, "pgvector is older than 0.8.0 and is not used: update it");
                return Ok(Self::Here);
            }
            old if old < [0, 8, 3] => tracing::warn!(
                %version,
                "pgvector before 0.8.3 may damage its indexes: update it, then `ALTER EXTENSION vector UPDATE`"
            ),
            _ => {}
        }
        let extension = Extension {
            schema: format!("\"{}\"", schema.replace('"', "\"\"")),
            large: Arc::new(AtomicI64::new(LARGE)),
            indexer: Arc::default(),
        };
        extension.complete(db).await?;
        Ok(Self::Extension(extension))
    }

    /// Stores rows of [`super::coded`].
    pub(in crate::memories) async fn put(
        &self,
        conn: &mut Conn<'_>,
        rows: &[Value],
    ) -> StoreResult<()> {
        let rows = Batch::of(rows)?;
        let Self::Extension(extension) = self else {
            return conn.run(PUT, &[Arg::Rows(&rows)]).await.map(drop);
        };
        let mut sql = Built::new(
            Engine::Postgres,
            "INSERT INTO memory_vectors (number, model, dimensions, vector, change, embedding) \
             SELECT CAST(value->>'number' AS BIGINT), value->>'model', \
             CAST(value->>'dimensions' AS BIGINT), value->>'vector', \
             CAST(value->>'change' AS BIGINT), CAST(value->>'embedding' AS ",
        );
        sql.push(&extension.schema)
            .push(".vector) FROM jsonb_each(")
            .rows(rows)
            .push(
                ") WHERE TRUE ON CONFLICT (number, model) DO UPDATE SET \
                 dimensions = excluded.dimensions, vector = excluded.vector, \
                 change = excluded.change, embedding = excluded.embedding",
            );
        conn.all_built(ENTITY, &sql, |_| Ok(())).await.map(drop)
    }

    /// Gives a revision the vectors of another one.
    pub(in crate::memories) async fn copy(
        &self,
        conn: &mut Conn<'_>,
        from: i64,
        to: i64,
        change: i64,
    ) -> StoreResult<()> {
        conn.run(COPY, &[from.into(), to.into(), change.into()])
            .await?;
        if let Self::Extension(_) = self {
            let mut sql = Built::new(
                Engine::Postgres,
                "UPDATE memory_vectors v SET embedding = o.embedding FROM memory_vectors o \
                 WHERE o.model = v.model AND o.number = ",
            );
            sql.int(from).push(" AND v.number = ").int(to);
            conn.all_built(ENTITY, &sql, |_| Ok(())).await?;
        }
        Ok(())
    }

    /// The nearest, where the database finds them; nothing where this process has to.
    pub(super) async fn nearest(
        &self,
        shared: &Shared,
        owners: &[Standing],
        query: &MemoryQuery,
        vector: &Vector,
        most: u32,
    ) -> StoreResult<Option<Vec<Hit>>> {
        let Self::Extension(extension) = self else {
            return Ok(None);
        };
        let revisions: i64 = owners.iter().map(|owner| owner.last).sum();
        let numbers = revisions.saturating_mul(i64::try_from(vector.values.len()).unwrap_or(1));
        if numbers < extension.large.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let ask = Ask {
            schema: &extension.schema,
            query,
            vector,
            range: text::range(owners),
            most,
        };
        if let Some(index) = Index::of(&extension.schema, vector.values.len()) {
            if index.is_there(&shared.db).await? {
                let found = ask.by_index(&shared.db, &index).await?;
                if found.len() >= most as usize {
                    return Ok(Some(found));
                }
                return ask.exactly(&shared.db).await.map(Some);
            }
            extension.indexer.make(&shared.db, index);
        }
        // Until there is one, this process is quicker; what it cannot hold it would read anew for each search.
        if usize::try_from(numbers).is_ok_and(|numbers| numbers <= BOUND) {
            return Ok(None);
        }
        ask.exactly(&shared.db).await.map(Some)
    }

    /// Has an index made and used from so many numbers on.
    pub(crate) fn index_from(&self, numbers: i64) {
        if let Self::Extension(extension) = self {
            extension.large.store(numbers, Ordering::Relaxed);
        }
    }

    /// Waits until no index is being made.
    pub(crate) async fn settled(&self) {
        if let Self::Extension(extension) = self {
            extension.indexer.settled().await;
        }
    }

    /// Lets an index that is being made be; the server brings it to its end.
    pub(crate) fn close(&self) {
        if let Self::Extension(extension) = self {
            extension.indexer.close();
        }
    }
}

/// The extension's version and schema; created if it is offered and may be.
async fn installed(db: &Db) -> StoreResult<Option<(String, String)>> {
    let mut session = db.read().await?;
    let mut conn = session.conn();
    let read = |row: crate::row::Row<'_>| Ok((row.text("version")?, row.text("schema")?));
    if let Some(found) = conn.one(ENTITY, FOUND, &[], read).await? {
        return Ok(Some(found));
    }
    if conn.one(ENTITY, OFFERED, &[], |_| Ok(())).await?.is_none() {
        return Ok(None);
    }
    // Another process may be quicker, or the role may not: what counts is what is there then.
    if let Err(error) = conn
        .script("CREATE EXTENSION IF NOT EXISTS vector SCHEMA homelab_mcp")
        .await
    {
        tracing::info!(
            %error,
            "pgvector is there and not enabled: `CREATE EXTENSION vector` as a superuser makes large memories faster"
        );
    }
    conn.one(ENTITY, FOUND, &[], read).await
}

/// A version's first three numbers.
fn rank(version: &str) -> [u32; 3] {
    let mut rank = [0; 3];
    for (place, part) in rank.iter_mut().zip(version.split('.')) {
        *place = part.parse().unwrap_or_default();
    }
    rank
}

impl Extension {
    /// Gives every row the extension's type: those of older versions, and of restored backups.
    async fn complete(&self, db: &Db) -> StoreResult<()> {
        let mut session = db.read().await?;
        let column = session.conn().one(ENTITY, COLUMN, &[], |_| Ok(())).await?;
        drop(session);
        if column.is_none() {
            let mut tx = db.write(Lock::Schema).await?;
            let mut sql = Built::new(
                Engine::Postgres,
                "ALTER TABLE memory_vectors ADD COLUMN IF NOT EXISTS embedding ",
            );
            sql.push(&self.schema).push(".vector");
            tx.conn().all_built(ENTITY, &sql, |_| Ok(())).await?;
            tx.commit().await?;
        }
        loop {
            let mut tx = db.write(Lock::Memories).await?;
            let mut conn = tx.conn();
            let limit = [Arg::from(ROWS)];
            let rows = conn.all(ENTITY, WITHOUT, &limit, |row| {
                let text = row.text("vector")?;
                let coded = Coded::read(&text).ok_or_else(|| StoreError::Corrupt {
                    entity: ENTITY,
                    detail: "column `vector` holds no vector".into(),
                })?;
                Ok(serde_json::json!({
                    "number": row.int("number")?,
                    "model": row.text("model")?,
                    "embedding": coded.list(),
                }))
            });
            let rows = rows.await?;
            if rows.is_empty() {
                return tx.commit().await;
            }
            let mut sql = Built::new(
                Engine::Postgres,
                "UPDATE memory_vectors v SET embedding = CAST(n.value->>'embedding' AS ",
            );
            sql.push(&self.schema)
                .push(".vector) FROM jsonb_each(")
                .rows(Batch::of(&rows)?)
                .push(
                    ") n WHERE v.number = CAST(n.value->>'number' AS BIGINT) \
                     AND v.model = n.value->>'model'",
                );
            conn.all_built(ENTITY, &sql, |_| Ok(())).await?;
            tx.commit().await?;
        }
    }
}
