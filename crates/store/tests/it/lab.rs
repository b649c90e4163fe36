//! A database of each engine for one test.

use std::sync::Arc;

use homelab_core::clock::{ManualClock, Micros, OsEntropy};
use homelab_core::secret::Secret;
use homelab_core::store::{StoreResult, Stores};
use homelab_store::{Database, Target};
use homelab_testkit::Postgres;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Which engine a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    /// PostgreSQL with the extension pgvector.
    Pgvector,
}

/// When every test begins.
pub(crate) const START: Micros = Micros(1_750_000_000_000_000);

/// An empty place for a database.
pub(crate) struct Place {
    pub(crate) target: Target,
    pub(crate) folder: TempDir,
}

impl Place {
    /// Nothing where PostgreSQL is asked for and not installed; the test is skipped then.
    pub(crate) fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let target = match engine {
            Engine::Sqlite => Target::Sqlite {
                path: folder.path().join("homelab.db"),
            },
            Engine::Postgres => Target::Postgres {
                url: Secret::new(Postgres::shared()?.fresh_database().unwrap()),
            },
            Engine::Pgvector => Target::Postgres {
                url: Secret::new(Postgres::shared_with_vector()?.fresh_database().unwrap()),
            },
        };
        Some(Self { target, folder })
    }

    /// What the legacy reader takes.
    pub(crate) fn source(&self) -> String {
        match &self.target {
            Target::Sqlite { path } => format!("sqlite:{}", path.display()),
            Target::Postgres { url } => url.expose().to_owned(),
        }
    }

    pub(crate) async fn open(&self, clock: Arc<ManualClock>) -> StoreResult<Database> {
        Database::open(&self.target, clock, Arc::new(OsEntropy)).await
    }

    /// A connection past our code.
    pub(crate) async fn raw(&self) -> Raw {
        match &self.target {
            Target::Sqlite { path } => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true);
                Raw::Sqlite(options.connect().await.unwrap())
            }
            Target::Postgres { url } => {
                let mut raw = PgConnection::connect(url.expose()).await.unwrap();
                sqlx::raw_sql("SET search_path TO homelab_mcp, public")
                    .execute(&mut raw)
                    .await
                    .unwrap();
                Raw::Postgres(raw)
            }
        }
    }
}

/// Any SQL, for looking and tampering.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub(crate) async fn run(&mut self, sql: &str) -> u64 {
        let sql = sqlx::AssertSqlSafe(sql);
        match self {
            Self::Sqlite(raw) => {
                let done = sqlx::raw_sql(sql).execute(raw).await.unwrap();
                done.rows_affected()
            }
            Self::Postgres(raw) => {
                let done = sqlx::raw_sql(sql).execute(raw).await.unwrap();
                done.rows_affected()
            }
        }
    }

    /// The texts of one column.
    pub(crate) async fn texts(&mut self, sql: &'static str) -> Vec<String> {
        match self {
            Self::Sqlite(raw) => sqlx::query_scalar(sql).fetch_all(raw).await.unwrap(),
            Self::Postgres(raw) => sqlx::query_scalar(sql).fetch_all(raw).await.unwrap(),
        }
    }
}

/// An open database with everything a story needs.
pub(crate) struct Lab {
    pub(crate) database: Database,
    pub(crate) stores: Stores,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) place: Place,
}

impl Lab {
    pub(crate) async fn open(engine: Engine) -> Option<Self> {
        let place = Place::new(engine)?;
        let clock = Arc::new(ManualClock::at(START));
        let database = place.open(Arc::clone(&clock)).await.unwrap();
        Some(Self {
            stores: database.stores(),
            database,
            clock,
            place,
        })
    }
}
