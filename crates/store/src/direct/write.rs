//! Batches of rows, written on a thread of their own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use homelab_core::store::{StoreError, StoreResult};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use sqlx::SqlitePool;

use super::{Plan, bind};
use crate::db::{Arg, PATIENCE};
use crate::error::{refused, refused_directly};

/// Writes many rows of one kind at once, such as the audit's: their statement is prepared once and
/// each value bound as it is. As one JSON text that SQLite takes apart again (which is what serves
/// both engines) a row costs several times as much, and every call of a tool leaves one.
#[derive(Clone)]
pub(crate) struct Writer {
    path: PathBuf,
    connection: Arc<Mutex<Option<Connection>>>,
    /// Of one connection, which is taken along while this one writes: within the process, writers
    /// wait in one queue.
    turns: SqlitePool,
}

/// An open transaction.
pub(crate) struct Batch<'c>(Transaction<'c>);

impl Writer {
    /// Opens nothing yet. `turns` is the pool of the one connection that writes otherwise.
    pub(crate) fn new(path: &Path, turns: SqlitePool) -> Self {
        Self {
            path: path.to_owned(),
            connection: Arc::default(),
            turns,
        }
    }

    /// Runs `work` in a transaction and makes what it did durable. An attempt that is given up from
    /// outside may have its effect all the same.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Batch<'_>) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let _turn = self.turns.acquire().await.map_err(refused)?;
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.write_here(work))
            .await
            .unwrap_or_else(|error| Err(StoreError::Internal(error.to_string())))
    }

    fn write_here<T>(&self, work: impl FnOnce(&Batch<'_>) -> StoreResult<T>) -> StoreResult<T> {
        let mut place = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Put back only after it did its work; after an error the next one is new.
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => open(&self.path).map_err(refused_directly)?,
        };
        let done = in_transaction(&mut connection, work)?;
        *place = Some(connection);
        Ok(done)
    }

    /// Ends the connection, after what it is writing.
    pub(crate) async fn close(&self) {
        let connection = Arc::clone(&self.connection);
        let closed = tokio::task::spawn_blocking(move || {
            let mut place = connection.lock().unwrap_or_else(PoisonError::into_inner);
            drop(place.take());
        });
        // It neither panics nor is it aborted.
        closed.await.unwrap_or_default();
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Batch<'_>) -> StoreResult<T>,
) -> StoreResult<T> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(refused_directly)?;
    let batch = Batch(tx);
    let done = work(&batch)?;
    batch.0.commit().map_err(refused_directly)?;
    Ok(done)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // As for the other writer: what was acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

impl Batch<'_> {
    /// Runs a statement; how many rows it touched.
    pub(crate) fn run(&self, sql: &'static str, args: &[Arg<'_>]) -> StoreResult<usize> {
        let run = || {
            let mut statement = self.0.prepare_cached(sql)?;
            let plan = Plan::of(sql, &statement);
            bind(&mut statement, &plan, args)?;
            statement.raw_execute()
        };
        run().map_err(refused_directly)
    }

    /// Inserts all rows; the statement has a parameter for each cell.
    pub(crate) fn insert(&self, sql: &'static str, rows: &FlatRows) -> StoreResult<()> {
        let insert = || {
            let mut statement = self.0.prepare_cached(sql)?;
            let mut start = 0;
            for row in rows.cells.chunks(rows.width) {
                for (index, cell) in row.iter().enumerate() {
                    let parameter = index + 1;
                    match *cell {
                        Flat::Null => statement.raw_bind_parameter(parameter, None::<i64>)?,
                        Flat::Int(number) => statement.raw_bind_parameter(parameter, number)?,
                        Flat::Text { end } => {
                            let text = rows.text.get(start..end).unwrap_or_default();
                            statement.raw_bind_parameter(parameter, text)?;
                            start = end;
                        }
                    }
                }
                statement.raw_execute()?;
            }
            Ok(())
        };
        insert().map_err(refused_directly)
    }
}

/// A value of a row.
#[derive(Clone, Copy)]
pub(crate) enum Cell<'a> {
    /// TEXT.
    Text(Option<&'a str>),
    /// BIGINT.
    Int(Option<i64>),
}

/// Rows that belong to nobody else: all their texts one after the other, so that copying a batch
/// takes two allocations and not a dozen for each row.
pub(crate) struct FlatRows {
    width: usize,
    text: String,
    cells: Vec<Flat>,
}

#[derive(Clone, Copy)]
enum Flat {
    Null,
    Int(i64),
    /// Begins where the text before it ends.
    Text {
        end: usize,
    },
}

impl FlatRows {
    /// For so many rows of so many columns, one at least.
    pub(crate) fn with_room(rows: usize, columns: usize) -> Self {
        Self {
            width: columns.max(1),
            text: String::with_capacity(rows * 512),
            cells: Vec::with_capacity(rows * columns),
        }
    }

    /// Adds a row, whose cells must be as many as there are columns.
    pub(crate) fn push<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        for cell in cells {
            self.cells.push(match cell {
                Cell::Text(None) | Cell::Int(None) => Flat::Null,
                Cell::Int(Some(number)) => Flat::Int(number),
                Cell::Text(Some(text)) => {
                    self.text.push_str(text);
                    Flat::Text {
                        end: self.text.len(),
                    }
                }
            });
        }
    }
}
