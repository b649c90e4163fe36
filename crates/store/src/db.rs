//! One door to both engines: pools, transactions, and statements whose text is the same for both.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use homelab_core::store::{StoreError, StoreResult, Topic};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::pool::PoolConnection;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};

use crate::dialect::built::{Built, Engine};
use crate::direct::{Point, Writer};
use crate::error::refused;
use crate::row::{Cells, Row};

/// How long a caller waits for a connection, and SQLite for another process's lock. An import of
/// 100,000 records holds the lock for several seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A row on its way into a table, by column; absent is NULL.
pub(crate) type Values = Map<String, Value>;

/// The pools of one database.
#[derive(Clone)]
pub(crate) enum Db {
    /// Readers, and the one connection that writes: SQLite has one writer at a time anyway, and
    /// waiting for it in a queue is fairer and quicker than its busy loop.
    Sqlite {
        /// Opened read-only.
        readers: SqlitePool,
        /// Of one connection.
        writer: SqlitePool,
        /// For reads of a few rows.
        point: Point,
        /// For batches of rows.
        batches: Writer,
    },
    /// All connections alike.
    Postgres(PgPool),
}

/// What a PostgreSQL transaction takes a lock for; SQLite has one lock for everything.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    /// Migrations, restore.
    Schema,
    /// The inventory's tables.
    Inventory,
    /// Credentials.
    Credentials,
    /// API keys.
    Keys,
    /// Settings.
    Settings,
    /// Rows of older systems in the audit.
    LegacyAudit,
    /// Held calls.
    Approvals,
    /// Uses of budgets.
    Budgets,
    /// The list of signed checkpoints of the audit.
    Checkpoints,
    /// What agents share.
    Ccpm,
    /// What agents learned.
    Memories,
    /// Archives that servers gave out.
    Archives,
    /// None: the transaction's statements are enough for themselves.
    Nothing,
}

impl Lock {
    /// Key of the advisory lock; the high half keeps clear of other programs in one database.
    const fn key(self) -> i64 {
        0x686C_6162_0000_0000 | self as i64
    }
}

/// A pooled connection.
pub(crate) enum Session {
    /// Of SQLite.
    Sqlite(PoolConnection<Sqlite>),
    /// Of SQLite, for point reads.
    Point(Point),
    /// Of PostgreSQL.
    Postgres(PoolConnection<Postgres>),
    /// Of PostgreSQL, and no pool's.
    Apart(Box<PgConnection>),
}

/// An open transaction; rolled back if dropped.
pub(crate) enum Tx {
    /// Of SQLite.
    Sqlite(Transaction<'static, Sqlite>),
    /// Of PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

/// A borrowed connection, in a transaction or not.
pub(crate) enum Conn<'c> {
    /// Of SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// Of SQLite, for point reads: taken from the pool where it comes to that.
    Point(&'c Point),
    /// Of PostgreSQL.
    Postgres(&'c mut PgConnection),
}

/// A value bound to `$1`, `$2`, ….
#[derive(Clone, Copy)]
pub(crate) enum Arg<'a> {
    /// TEXT.
    Text(Option<&'a str>),
    /// BIGINT.
    Int(i64),
    /// Many rows at once, read in SQL with `jsonb_each($n)`, which both engines have, as columns
    /// `key` and `value`.
    Rows(&'a Batch),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Rows as one JSON text, `{"0": row, "1": row, …}`: an object, because only of objects do both
/// engines give the members by one function.
pub(crate) struct Batch(Box<RawValue>);

impl Batch {
    /// Writes the rows out; each must be an object of columns.
    pub(crate) fn of<T: Serialize>(rows: &[T]) -> StoreResult<Self> {
        serde_json::value::to_raw_value(&Members(rows))
            .map(Self)
            .map_err(|error| StoreError::Internal(format!("rows are no JSON: {error}")))
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether any text in it may hold a NUL character, which PostgreSQL has no place for. The
    /// spelling may also come from a text that holds a backslash; rare enough to look twice.
    pub(crate) fn may_hold_nul(&self) -> bool {
        self.0.get().contains("\\u0000")
    }
}

struct Members<'a, T>(&'a [T]);

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for (index, row) in self.0.iter().enumerate() {
            members.serialize_entry(&index, row)?;
        }
        members.end()
    }
}

/// Runs the same expression on either engine's connection; expanded once per driver, so that
/// types are resolved for each.
macro_rules! on {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            Conn::Sqlite($c) => $body,
            Conn::Point(point) => {
                let $c = &mut point.readers.acquire().await.map_err(refused)?;
                $body
            }
            Conn::Postgres($c) => $body,
        }
    };
}

/// A statement with its arguments bound, for whichever driver runs it.
macro_rules! statement {
    ($sql:expr, $args:expr) => {{
        let mut query = sqlx::query($sql);
        for arg in $args {
            query = match *arg {
                Arg::Text(text) => query.bind(text),
                Arg::Int(number) => query.bind(number),
                Arg::Rows(rows) => query.bind(Json(&*rows.0)),
            };
        }
        query
    }};
}

impl Conn<'_> {
    /// Runs a statement; how many rows it touched.
    pub(crate) async fn run(&mut self, sql: &'static str, args: &[Arg<'_>]) -> StoreResult<u64> {
        on!(self, c => statement!(sql, args)
            .execute(&mut **c)
            .await
            .map(|done| done.rows_affected())
            .map_err(refused))
    }

    /// Runs statements that take no arguments.
    pub(crate) async fn script(&mut self, sql: &'static str) -> StoreResult<()> {
        on!(self, c => sqlx::raw_sql(sql).execute(&mut **c).await.map(drop).map_err(refused))
    }

    /// The first row, if any. `entity` is the table that errors name.
    pub(crate) async fn one<T>(
        &mut self,
        entity: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        if let Conn::Point(point) = self
            && let Some(found) = point.direct.all(entity, sql, args, &read)
        {
            return found.map(|rows| rows.into_iter().next());
        }
        // Boxed, so that point reads do not carry the drivers' state around.
        Box::pin(async {
            on!(self, c => {
                let row = statement!(sql, args).fetch_optional(&mut **c).await.map_err(refused)?;
                row.map(|row| read(Row::new(entity, &row as &dyn Cells))).transpose()
            })
        })
        .await
    }

    /// All rows, turned into `T` as they arrive.
    pub(crate) async fn all<T>(
        &mut self,
        entity: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        if let Conn::Point(point) = self
            && let Some(found) = point.direct.all(entity, sql, args, &read)
        {
            return found;
        }
        let mut found = Vec::new();
        let take = |row: Row<'_>| {
            found.push(read(row)?);
            Ok(())
        };
        Box::pin(self.each(entity, sql, args, take)).await?;
        Ok(found)
    }

    /// All rows of a statement that was put together; see [`crate::dialect::built`].
    pub(crate) async fn all_built<T>(
        &mut self,
        entity: &'static str,
        built: &Built,
        read: impl Fn(Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let args = built.args();
        let mut found = Vec::new();
        on!(self, c => {
            let statement = statement!(built.sql(), &args).persistent(built.is_kept());
            let mut rows = statement.fetch(&mut **c);
            while let Some(row) = rows.try_next().await.map_err(refused)? {
                found.push(read(Row::new(entity, &row as &dyn Cells))?);
            }
        });
        Ok(found)
    }

    /// Hands each row over as it arrives; none is kept.
    pub(crate) async fn each(
        &mut self,
        entity: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
        mut take: impl FnMut(Row<'_>) -> StoreResult<()>,
    ) -> StoreResult<()> {
        on!(self, c => {
            let mut rows = statement!(sql, args).fetch(&mut **c);
            while let Some(row) = rows.try_next().await.map_err(refused)? {
                take(Row::new(entity, &row as &dyn Cells))?;
            }
        });
        Ok(())
    }
}

impl Session {
    /// The connection.
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(connection) => Conn::Sqlite(connection),
            Self::Point(point) => Conn::Point(point),
            Self::Postgres(connection) => Conn::Postgres(connection),
            Self::Apart(connection) => Conn::Postgres(connection),
        }
    }
}

impl Tx {
    /// The connection.
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Self::Sqlite(transaction) => Conn::Sqlite(transaction),
            Self::Postgres(transaction) => Conn::Postgres(transaction),
        }
    }

    /// Takes one more lock, until the end of the transaction.
    pub(crate) async fn lock(&mut self, lock: Lock) -> StoreResult<()> {
        if let Self::Postgres(_) = self {
            self.conn()
                .run("SELECT pg_advisory_xact_lock($1)", &[lock.key().into()])
                .await?;
        }
        Ok(())
    }

    /// Has the commit tell other processes that something of the topic changed; on SQLite they see
    /// it by themselves.
    pub(crate) async fn announce(&mut self, topic: Topic) -> StoreResult<()> {
        if let Self::Postgres(_) = self {
            self.conn()
                .run("SELECT pg_notify($1, '')", &[topic.as_str().into()])
                .await?;
        }
        Ok(())
    }

    /// Makes its changes durable.
    pub(crate) async fn commit(self) -> StoreResult<()> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(refused)
    }
}

impl Db {
    /// Which engine it is.
    pub(crate) const fn engine(&self) -> Engine {
        match self {
            Self::Sqlite { .. } => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// For statements that find a few rows by an index; see [`crate::direct`].
    pub(crate) async fn point(&self) -> StoreResult<Session> {
        match self {
            Self::Sqlite { point, .. } => Ok(Session::Point(point.clone())),
            Self::Postgres(_) => self.read().await,
        }
    }

    /// A connection to read one statement's worth with, however long that takes.
    pub(crate) async fn read(&self) -> StoreResult<Session> {
        match self {
            Self::Sqlite { readers, .. } => readers.acquire().await.map(Session::Sqlite),
            Self::Postgres(pool) => pool.acquire().await.map(Session::Postgres),
        }
        .map_err(refused)
    }

    /// A connection of one's own, for settings and for a statement that nobody waits for: closing the database does not
    /// wait for it either. SQLite has none.
    pub(crate) async fn apart(&self) -> StoreResult<Session> {
        match self.read().await? {
            Session::Postgres(connection) => Ok(Session::Apart(Box::new(connection.detach()))),
            other => Ok(other),
        }
    }

    /// A transaction whose reads all see one state.
    pub(crate) async fn snapshot(&self) -> StoreResult<Tx> {
        match self {
            Self::Sqlite { readers, .. } => readers.begin().await.map(Tx::Sqlite),
            Self::Postgres(pool) => pool
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await
                .map(Tx::Postgres),
        }
        .map_err(refused)
    }

    /// A transaction that writes. SQLite's is immediate: one that reads first and writes later
    /// fails at once if another process wrote in between.
    pub(crate) async fn write(&self, lock: Lock) -> StoreResult<Tx> {
        match self {
            Self::Sqlite { writer, .. } => writer
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map(Tx::Sqlite)
                .map_err(refused),
            Self::Postgres(pool) => {
                let mut tx = Tx::Postgres(pool.begin().await.map_err(refused)?);
                if !matches!(lock, Lock::Nothing) {
                    tx.lock(lock).await?;
                }
                Ok(tx)
            }
        }
    }

    /// Ends all connections. The writer goes last: the last one to leave folds the write-ahead log
    /// into SQLite's file, which a reader cannot.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite {
                readers,
                writer,
                point,
                batches,
            } => {
                point.direct.close().await;
                readers.close().await;
                batches.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
