//! Indexes of vectors, made in the background.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use homelab_core::store::StoreResult;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::db::{Arg, Db, Session};
use crate::dialect::built::{Built, Engine};
use crate::memories::ENTITY;

/// Most dimensions that an index takes as they are, and at half precision.
const FULL: usize = 2_000;
const HALF: usize = 4_000;

/// How long nothing is tried after an index was not made: another process is at it, or something is missing.
const REST: Duration = Duration::from_mins(5);

const IS_THERE: &str = "SELECT 1 FROM pg_catalog.pg_index WHERE indisvalid \
     AND indexrelid = to_regclass('homelab_mcp.' || $1)";

/// Held by the connection that makes an index: one process does it.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1) AS taken";
const MAKING: i64 = 0x686C_6162_0001_0000;

/// A graph that does not fit into the memory for it is made many times slower. In one process of the server's alone:
/// several share memory of which containers have little.
const SETTINGS: &str = "SET maintenance_work_mem TO '512MB'; \
     SET max_parallel_maintenance_workers TO 0";

/// An index over the vectors of one size.
#[derive(Debug, Clone)]
pub(super) struct Index {
    name: String,
    schema: String,
    dimensions: usize,
    kind: &'static str,
}

impl Index {
    /// Nothing for vectors that are too long for one. `schema` is the extension's, quoted.
    pub(super) fn of(schema: &str, dimensions: usize) -> Option<Self> {
        let kind = if dimensions <= FULL {
            "vector"
        } else if dimensions <= HALF {
            "halfvec"
        } else {
            return None;
        };
        Some(Self {
            name: format!("memory_vectors_near_{dimensions}"),
            schema: schema.to_owned(),
            dimensions,
            kind,
        })
    }

    /// The expression that is indexed.
    pub(super) fn expression(&self, column: &str) -> String {
        let Self { schema, kind, .. } = self;
        format!("(CAST({column} AS {schema}.{kind}({})))", self.dimensions)
    }

    /// Whether it can be used.
    pub(super) async fn is_there(&self, db: &Db) -> StoreResult<bool> {
        let mut session = db.read().await?;
        let mut conn = session.conn();
        let found = conn
            .one(ENTITY, IS_THERE, &[(&self.name).into()], |_| Ok(()))
            .await?;
        Ok(found.is_some())
    }

    /// Makes it, unless another process is at it.
    async fn make(&self, mut session: Session) -> StoreResult<bool> {
        let mut conn = session.conn();
        let lock = [Arg::from(MAKING)];
        let taken = conn
            .one(ENTITY, TRY_LOCK, &lock, |row| row.flag("taken"))
            .await?;
        if taken != Some(true) {
            return Ok(false);
        }
        conn.script(SETTINGS).await?;
        let Self {
            name,
            schema,
            kind,
            dimensions,
        } = self;
        let expression = self.expression("embedding");
        // One that was left half made.
        let drop_half = format!("DROP INDEX CONCURRENTLY IF EXISTS {name}");
        let create = format!(
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON memory_vectors \
             USING hnsw ({expression} {schema}.{kind}_ip_ops) WHERE dimensions = {dimensions}"
        );
        for sql in [drop_half, create] {
            let sql = Built::new(Engine::Postgres, &sql);
            conn.all_built(ENTITY, &sql, |_| Ok(())).await?;
        }
        Ok(true)
    }
}

/// What an [`Indexer`] is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    Making,
    Resting,
}

/// Makes one index at a time.
#[derive(Debug, Default)]
pub(super) struct Indexer {
    doing: watch::Sender<Doing>,
    task: Mutex<Option<AbortHandle>>,
}

impl Indexer {
    /// Has the index made, unless this process is at one or failed a moment ago. Searches go on meanwhile.
    pub(super) fn make(&self, db: &Db, index: Index) {
        let begins = self.doing.send_if_modified(|doing| {
            let begins = *doing == Doing::Nothing;
            if begins {
                *doing = Doing::Making;
            }
            begins
        });
        if !begins {
            return;
        }
        let (doing, db) = (self.doing.clone(), db.clone());
        let task = tokio::spawn(async move {
            let made = async { index.make(db.apart().await?).await };
            match made.await {
                Ok(true) => {
                    tracing::info!(index = %index.name, "an index of vectors was made");
                    doing.send_replace(Doing::Nothing);
                    return;
                }
                Ok(false) => tracing::debug!(index = %index.name, "another process is at an index"),
                Err(error) => {
                    tracing::warn!(%error, index = %index.name, "an index of vectors was not made");
                }
            }
            doing.send_replace(Doing::Resting);
            tokio::time::sleep(REST).await;
            doing.send_replace(Doing::Nothing);
        });
        *self.task() = Some(task.abort_handle());
    }

    /// Waits until none is being made.
    pub(super) async fn settled(&self) {
        let mut doing = self.doing.subscribe();
        let settled = doing.wait_for(|doing| *doing != Doing::Making).await;
        // The sender is ours: it does not go away.
        settled.map(drop).unwrap_or_default();
    }

    /// Waits for nothing.
    pub(super) fn close(&self) {
        if let Some(task) = self.task().take() {
            task.abort();
        }
        self.doing.send_replace(Doing::Resting);
    }

    fn task(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
