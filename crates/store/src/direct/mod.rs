//! SQLite without a pool in between: point reads on the caller's own thread, and the audit's batches.
//!
//! A statement through the pool crosses to the connection's thread and back, which costs several
//! times what one indexed row does. So statements that touch a handful of rows by an index run here
//! instead, where the file is in the cache and the answer a matter of microseconds; everything that
//! may scan stays with the pool, so that no thread of the runtime is held up.
//!
//! This is an attempt only: whatever goes wrong (a lock, a file that is gone) is left to the pool,
//! which waits or says what is the matter. A connection is lent for one statement, never across an
//! `await`.

mod write;

use std::cell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homelab_core::store::StoreResult;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use sqlx::SqlitePool;
use tokio::sync::Notify;

use crate::db::Arg;
use crate::row::{Cells, Row};

pub(crate) use write::{Cell, FlatRows, Writer};

/// Connections at most; with all of them lent, the pool is asked.
const MOST: usize = 8;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 64;

/// Where point reads go: here, else to the pool.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) direct: Arc<Direct>,
    pub(crate) readers: SqlitePool,
}

/// Read-only connections to one file.
pub(crate) struct Direct {
    path: PathBuf,
    stack: Mutex<Stack>,
    returned: Notify,
}

#[derive(Default)]
struct Stack {
    idle: Vec<Reader>,
    lent: usize,
    closed: bool,
}

/// A connection and what is known of its statements.
struct Reader {
    connection: Connection,
    plans: Vec<Plan>,
}

/// What preparing a statement found out about it.
struct Plan {
    sql: &'static str,
    /// Which argument each parameter is: SQLite numbers `$1`, `$2`, … as they occur in the text.
    parameters: Vec<usize>,
    columns: Vec<String>,
}

impl Direct {
    /// Opens nothing yet.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            stack: Mutex::default(),
            returned: Notify::new(),
        }
    }

    /// All rows of a statement; `None` if it has to be asked elsewhere.
    pub(crate) fn all<T>(
        &self,
        entity: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
        mut read: impl FnMut(Row<'_>) -> StoreResult<T>,
    ) -> Option<StoreResult<Vec<T>>> {
        let mut lent = self.lend()?;
        let found = lent.reader.as_mut()?.all(entity, sql, args, &mut read);
        found
            .inspect_err(|error| {
                tracing::debug!(%error, "a read goes to the pool");
                // Whatever is wrong with it, the next one is new.
                lent.reader = None;
            })
            .ok()
    }

    /// Ends all connections, and waits for the statements that still run.
    pub(crate) async fn close(&self) {
        loop {
            let returned = self.returned.notified();
            {
                let mut stack = self.stack();
                stack.closed = true;
                stack.idle.clear();
                if stack.lent == 0 {
                    return;
                }
            }
            returned.await;
        }
    }

    fn lend(&self) -> Option<Lent<'_>> {
        let mut stack = self.stack();
        if stack.closed || stack.lent >= MOST {
            return None;
        }
        stack.lent += 1;
        let reader = stack.idle.pop();
        drop(stack);
        // From here on it is given back, whatever happens.
        let mut lent = Lent {
            direct: self,
            reader,
        };
        if lent.reader.is_none() {
            lent.reader = Reader::open(&self.path)
                .inspect_err(|error| tracing::debug!(%error, "no connection for point reads"))
                .ok();
        }
        Some(lent)
    }

    fn stack(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns its connection when it is dropped.
struct Lent<'a> {
    direct: &'a Direct,
    reader: Option<Reader>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut reader = self.reader.take();
        let mut stack = self.direct.stack();
        stack.lent -= 1;
        if !stack.closed {
            stack.idle.extend(reader.take());
            return;
        }
        drop(stack);
        // Closed before those who wait for it go on to close the writer.
        drop(reader);
        self.direct.returned.notify_waiters();
    }
}

impl Reader {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // Waiting is for the pool's threads.
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Plans do not depend on bound values. Otherwise SQLite prepares a statement such as
        // "… LIMIT $2" anew each time it runs, which takes five times as long as running it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self {
            connection,
            plans: Vec::new(),
        })
    }

    /// The outer error is the database's, the inner one a row's.
    fn all<T>(
        &mut self,
        entity: &'static str,
        sql: &'static str,
        args: &[Arg<'_>],
        read: &mut impl FnMut(Row<'_>) -> StoreResult<T>,
    ) -> rusqlite::Result<StoreResult<Vec<T>>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let known = self.plans.iter().position(|plan| plan.is_of(sql));
        let plan = if let Some(at) = known {
            &self.plans[at]
        } else {
            self.plans.push(Plan::of(sql, &statement));
            &self.plans[self.plans.len() - 1]
        };
        bind(&mut statement, plan, args)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = Found {
                row,
                columns: &plan.columns,
                next: cell::Cell::new(0),
            };
            match read(Row::new(entity, &cells)) {
                Ok(one) => found.push(one),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(found))
    }
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    plan: &Plan,
    args: &[Arg<'_>],
) -> rusqlite::Result<()> {
    for (index, argument) in plan.parameters.iter().enumerate() {
        let parameter = index + 1;
        match args.get(*argument) {
            Some(Arg::Text(text)) => statement.raw_bind_parameter(parameter, text)?,
            Some(Arg::Int(number)) => statement.raw_bind_parameter(parameter, number)?,
            Some(Arg::Rows(rows)) => statement.raw_bind_parameter(parameter, rows.text())?,
            None => {
                return Err(rusqlite::Error::InvalidParameterCount(
                    parameter,
                    args.len(),
                ));
            }
        }
    }
    Ok(())
}

impl Plan {
    fn of(sql: &'static str, statement: &rusqlite::Statement<'_>) -> Self {
        let parameters = (1..=statement.parameter_count())
            .map(|index| {
                let number = statement
                    .parameter_name(index)
                    .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
                // A parameter of another spelling finds no argument, which is an error.
                number.map_or(usize::MAX, |number| number.wrapping_sub(1))
            })
            .collect();
        let columns = statement.column_names();
        Self {
            sql,
            parameters,
            columns: columns.into_iter().map(str::to_owned).collect(),
        }
    }

    /// By address: the texts are literals.
    fn is_of(&self, sql: &'static str) -> bool {
        std::ptr::eq(self.sql, sql)
    }
}

/// A row where the statement stands.
struct Found<'a> {
    row: &'a rusqlite::Row<'a>,
    columns: &'a [String],
    /// Where the next column is likely to be: most are read in the order of the statement.
    next: cell::Cell<usize>,
}

impl Found<'_> {
    fn cell(&self, column: &str) -> Result<ValueRef<'_>, String> {
        let likely = self.next.get();
        let (before, from) = self.columns.split_at(likely.min(self.columns.len()));
        let ahead = from.iter().position(|name| name == column);
        let at = ahead.map(|at| likely + at);
        let at = at.or_else(|| before.iter().position(|name| name == column));
        let at = at.ok_or_else(|| format!("no column `{column}`"))?;
        self.next.set(at + 1);
        self.row.get_ref(at).map_err(|error| error.to_string())
    }
}

impl Cells for Found<'_> {
    fn text(&self, column: &str) -> Result<Option<&str>, String> {
        match self.cell(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(error) => Err(error.to_string()),
            },
            other => Err(format!("{} instead of a text", other.data_type())),
        }
    }

    fn int(&self, column: &str) -> Result<Option<i64>, String> {
        match self.cell(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            other => Err(format!("{} instead of a number", other.data_type())),
        }
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, String> {
        Ok(self.int(column)?.map(|number| number != 0))
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::store::StoreError;

    use super::*;
    use crate::db::{Db, Lock};
    use crate::dialect::sqlite;
    use crate::migrate::MIGRATIONS;

    /// The second parameter occurs first: SQLite numbers parameters by occurrence.
    const SELECT: &str = "SELECT value, updated_at FROM settings WHERE updated_at < $2 \
                          AND name = $1 LIMIT $3";

    async fn database() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = sqlite::open(&folder.path().join("homelab.db"), MIGRATIONS, 1)
            .await
            .unwrap();
        let mut tx = db.write(Lock::Settings).await.unwrap();
        tx.conn()
            .run(
                "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3)",
                &["a".into(), "one".into(), 7.into()],
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        (folder, db)
    }

    fn point(db: &Db) -> &Point {
        let Db::Sqlite { point, .. } = db else {
            panic!("this is SQLite")
        };
        point
    }

    async fn read(db: &Db) -> StoreResult<Option<(String, i64)>> {
        let mut session = db.point().await?;
        session
            .conn()
            .one(
                "settings",
                SELECT,
                &["a".into(), 10.into(), 1.into()],
                // In another order than the statement's.
                |row| {
                    let at = row.int("updated_at")?;
                    Ok((row.text("value")?, at))
                },
            )
            .await
    }

    #[tokio::test]
    async fn arguments_go_by_number_and_columns_by_name() {
        let (_folder, db) = database().await;

        for _ in 0..3 {
            assert_eq!(read(&db).await.unwrap(), Some(("one".into(), 7)));
        }

        assert_eq!(point(&db).direct.stack().idle.len(), 1);
        db.close().await;
    }

    #[tokio::test]
    async fn what_cannot_be_read_here_is_asked_of_the_pool() {
        let (_folder, db) = database().await;
        point(&db).direct.close().await;

        assert_eq!(read(&db).await.unwrap(), Some(("one".into(), 7)));

        db.close().await;
    }

    #[tokio::test]
    async fn an_error_is_the_one_of_the_pool() {
        let (_folder, db) = database().await;
        let mut session = db.point().await.unwrap();

        let error = session
            .conn()
            .one("settings", "SELECT value FROM nowhere", &[], |_| Ok(()))
            .await
            .unwrap_err();
        let corrupt = session
            .conn()
            .one("settings", "SELECT value FROM settings", &[], |row| {
                row.int("value")
            })
            .await
            .unwrap_err();

        assert!(
            matches!(&error, StoreError::Internal(text) if text == "no such table: nowhere"),
            "{error:?}"
        );
        assert!(
            matches!(&corrupt, StoreError::Corrupt { entity, .. } if *entity == "settings"),
            "{corrupt:?}"
        );
        drop(session);
        db.close().await;
    }

    #[tokio::test]
    async fn a_statement_is_prepared_once_whatever_is_bound() {
        let (_folder, db) = database().await;
        for _ in 0..3 {
            read(&db).await.unwrap();
        }

        let stack = point(&db).direct.stack();
        let statement = stack.idle[0].connection.prepare_cached(SELECT).unwrap();
        let anew = statement.get_status(rusqlite::StatementStatus::RePrepare);

        assert_eq!(anew, 0);
    }
}
