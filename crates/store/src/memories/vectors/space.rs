//! Where vectors are compared: in this process, or by PostgreSQL's extension `vector` (pgvector).
//!
//! With the extension each row holds its vector once more, as the extension's type. Up to [`LARGE`] revisions
//! everything is compared, which is exact; above that an HNSW index is made and used, by iterative scans, so that
//! conditions leave as many rows as were asked for. Where such a scan gives up, everything is compared after all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use homelab_core::memory::{Hit, MemoryQuery, Vector};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use super::code::Coded;
use super::nearest::standing;
use crate::db::{Arg, Batch, Conn, Db, Lock};
use crate::dialect::built::{Built, Engine};
use crate::memories::{ENTITY, conditions, text};
use crate::shared::Shared;
use crate::table::insert;

/// Revisions of an owner from which an index is worth its while.
const LARGE: i64 = 50_000;
/// Most dimensions that an index takes as they are, and at half precision.
const FULL: usize = 2_000;
const HALF: usize = 4_000;
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

const IS_INDEXED: &str = "SELECT 1 FROM pg_catalog.pg_index WHERE indisvalid \
     AND indexrelid = to_regclass('homelab_mcp.' || $1)";

const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1) AS taken";

/// Held while an index is made: one process does it.
const BUILDING: i64 = 0x686C_6162_0001_0000;

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
    schema: String,
    /// See [`LARGE`].
    large: i64,
    /// Whether this process has an index made.
    builds: Arc<AtomicBool>,
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
            large: LARGE,
            builds: Arc::default(),
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

    /// The nearest, where the database finds them.
    pub(super) async fn nearest(
        &self,
        shared: &Shared,
        query: &MemoryQuery,
        vector: &Vector,
        most: u32,
    ) -> StoreResult<Option<Vec<Hit>>> {
        let Self::Extension(extension) = self else {
            return Ok(None);
        };
        let owners = standing(shared, &query.visible).await?;
        let revisions: i64 = owners.iter().map(|owner| owner.last).sum();
        if owners.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let range = text::range(&owners);
        let ask = Ask {
            extension,
            query,
            vector,
            range,
            most,
        };
        if revisions > extension.large
            && let Some(index) = Index::of(vector.values.len())
        {
            if extension.is_indexed(&shared.db, &index).await? {
                let found = ask.by_index(&shared.db, &index).await?;
                if found.len() >= most as usize {
                    return Ok(Some(found));
                }
            } else {
                extension.build(&shared.db, index);
            }
        }
        ask.exactly(&shared.db).await.map(Some)
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

/// An index over the vectors of one size.
#[derive(Debug, Clone)]
struct Index {
    name: String,
    dimensions: usize,
    kind: &'static str,
}

impl Index {
    fn of(dimensions: usize) -> Option<Self> {
        let kind = if dimensions <= FULL {
            "vector"
        } else if dimensions <= HALF {
            "halfvec"
        } else {
            return None;
        };
        Some(Self {
            name: format!("memory_vectors_near_{dimensions}"),
            dimensions,
            kind,
        })
    }

    /// The expression that is indexed.
    fn expression(&self, schema: &str, column: &str) -> String {
        format!(
            "(CAST({column} AS {schema}.{}({})))",
            self.kind, self.dimensions
        )
    }
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

    async fn is_indexed(&self, db: &Db, index: &Index) -> StoreResult<bool> {
        let mut session = db.read().await?;
        let mut conn = session.conn();
        let found = conn
            .one(ENTITY, IS_INDEXED, &[(&index.name).into()], |_| Ok(()))
            .await?;
        Ok(found.is_some())
    }

    /// Has the index made, unless this process is at it; searches go on meanwhile.
    fn build(&self, db: &Db, index: Index) {
        if self.builds.swap(true, Ordering::SeqCst) {
            return;
        }
        let (this, db) = (self.clone(), db.clone());
        tokio::spawn(async move {
            match this.build_now(&db, &index).await {
                Ok(()) => tracing::info!(index = %index.name, "an index of vectors was made"),
                Err(error) => {
                    tracing::warn!(%error, index = %index.name, "an index of vectors was not made");
                }
            }
            this.builds.store(false, Ordering::SeqCst);
        });
    }

    async fn build_now(&self, db: &Db, index: &Index) -> StoreResult<()> {
        let mut session = db.read().await?;
        let mut conn = session.conn();
        let lock = [Arg::from(BUILDING)];
        let taken = conn
            .one(ENTITY, TRY_LOCK, &lock, |row| row.flag("taken"))
            .await?;
        if taken != Some(true) {
            return Ok(());
        }
        let built = self.build_alone(&mut conn, index).await;
        conn.run("SELECT pg_advisory_unlock($1)", &lock).await?;
        built
    }

    /// No transaction may be open, nor another process at it.
    async fn build_alone(&self, conn: &mut Conn<'_>, index: &Index) -> StoreResult<()> {
        let Index {
            name,
            kind,
            dimensions,
        } = index;
        let schema = &self.schema;
        let expression = index.expression(schema, "embedding");
        // One that was left half made.
        let drop_half = Built::new(
            Engine::Postgres,
            &format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"),
        );
        let create = Built::new(
            Engine::Postgres,
            &format!(
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON memory_vectors \
                 USING hnsw ({expression} {schema}.{kind}_ip_ops) WHERE dimensions = {dimensions}"
            ),
        );
        for sql in [drop_half, create] {
            conn.all_built(ENTITY, &sql, |_| Ok(())).await?;
        }
        Ok(())
    }
}

/// One question.
struct Ask<'a> {
    extension: &'a Extension,
    query: &'a MemoryQuery,
    vector: &'a Vector,
    range: [i64; 2],
    most: u32,
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

    async fn exactly(&self, db: &Db) -> StoreResult<Vec<Hit>> {
        let schema = &self.extension.schema;
        let near = |place: &str| {
            format!("v.embedding OPERATOR({schema}.<#>) CAST({place} AS {schema}.vector)")
        };
        let sql = self.statement(&near, ", r.number DESC")?;
        let mut session = db.read().await?;
        session.conn().all_built(ENTITY, &sql, text::hit).await
    }

    async fn by_index(&self, db: &Db, index: &Index) -> StoreResult<Vec<Hit>> {
        let schema = &self.extension.schema;
        let near = |place: &str| {
            format!(
                "{} OPERATOR({schema}.<#>) {}",
                index.expression(schema, "v.embedding"),
                index.expression(schema, place)
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
