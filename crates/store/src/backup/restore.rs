//! Reading a backup back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::Arc;

use homelab_core::clock::{Clock, Entropy};
use homelab_core::store::{StoreError, StoreResult};

use super::{Begin, FORMAT, Line, TABLES, dump, unavailable};
use crate::database::{Database, Target};
use crate::db::{Arg, Batch, Conn, Lock, Values};
use crate::dialect::sqlite;
use crate::migrate::{MIGRATIONS, newest};
use crate::shared::Shared;
use crate::table::Table;
use crate::tidy::Grown;

/// Rows of one `INSERT`.
const ROWS: usize = 1_000;
/// Bytes of one `INSERT`, unless a single row has more: PostgreSQL takes 256 MB of JSON at once.
const BYTES: usize = 8 * 1024 * 1024;

/// Whether a restore may replace what the target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// The target must be empty.
    No,
    /// Everything in it is removed first, in the same transaction.
    Yes,
}

/// What a restore stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Rows by table; tables without rows are left out.
    pub rows: BTreeMap<String, u64>,
}

/// Restores a backup that [`Database::backup`] made on either engine into a database of either
/// engine, which is made and migrated if need be. All or nothing: the target is replaced in one
/// transaction. A call that was approved when the backup was made may have run since, so it has to
/// be asked for again. No other process should be using it: what that one keeps in memory is of before.
///
/// Fails with [`Incompatible`](StoreError::Incompatible) if the target holds rows and `overwrite`
/// does not allow it, if the backup is newer than this program, was cut short, or is none.
pub async fn restore(
    from: &Path,
    target: &Target,
    overwrite: Overwrite,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> StoreResult<Restored> {
    if sqlite::is_database(from).map_err(|error| unavailable(from, &error))? {
        // Read from a copy: opening migrates it, and leaves files beside it.
        let folder = tempfile::tempdir().map_err(|error| unavailable(from, &error))?;
        let (copy, lines) = (folder.path().join("copy.db"), folder.path().join("lines"));
        fs::copy(from, &copy).map_err(|error| unavailable(from, &error))?;
        let source = Target::Sqlite { path: copy };
        let source = Database::open(&source, Arc::clone(&clock), Arc::clone(&entropy)).await?;
        let dumped = dump(source.shared(), &lines).await;
        source.close().await;
        dumped?;
        return restore_lines(&lines, target, overwrite, clock, entropy).await;
    }
    restore_lines(from, target, overwrite, clock, entropy).await
}

async fn restore_lines(
    from: &Path,
    target: &Target,
    overwrite: Overwrite,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> StoreResult<Restored> {
    let mut lines = Lines::open(from)?;
    let Some(Line::Begin { backup }) = lines.next()? else {
        return Err(lines.refuse("it is no backup of this program"));
    };
    refuse_newer(&lines, &backup)?;
    let database = Database::open(target, clock, entropy).await?;
    let restored = load(database.shared(), lines, overwrite).await;
    database.close().await;
    restored
}

fn refuse_newer(lines: &Lines, backup: &Begin) -> StoreResult<()> {
    if backup.program != "homelab-mcp" {
        return Err(lines.refuse("it is no backup of this program"));
    }
    if backup.format > FORMAT || backup.schema > newest(MIGRATIONS) {
        return Err(lines.refuse("it was made by a newer version of this program"));
    }
    Ok(())
}

async fn load(shared: &Shared, mut lines: Lines, overwrite: Overwrite) -> StoreResult<Restored> {
    let mut tx = shared.db.write(Lock::Schema).await?;
    for lock in [
        Lock::Inventory,
        Lock::Credentials,
        Lock::Keys,
        Lock::Settings,
        Lock::LegacyAudit,
        Lock::Approvals,
        Lock::Budgets,
        Lock::Checkpoints,
        Lock::Ccpm,
        Lock::Memories,
        Lock::Archives,
    ] {
        tx.lock(lock).await?;
    }
    let mut conn = tx.conn();
    clear(&mut conn, overwrite).await?;
    let mut restored = Restored::default();
    let mut rows: Vec<Values> = Vec::with_capacity(ROWS);
    let mut filling = TABLES[0];
    let mut bytes = 0;
    let expected = loop {
        let line = lines.next()?;
        let table = match &line {
            Some(Line::Row { table, .. }) => Some(lines.table(table)?),
            _ => None,
        };
        let other = table.is_none_or(|table| table.name != filling.name);
        let full = rows.len() == ROWS || bytes + lines.length > BYTES;
        if (other || full) && !rows.is_empty() {
            conn.run(filling.insert, &[Arg::Rows(&Batch::of(&rows)?)])
                .await
                .map_err(|error| lines.misfit(error))?;
            *restored.rows.entry(filling.name.to_owned()).or_default() += rows.len() as u64;
            rows.clear();
            bytes = 0;
        }
        match (line, table) {
            (Some(Line::Row { row, .. }), Some(table)) => {
                filling = table;
                bytes += lines.length;
                rows.push(row);
            }
            (Some(Line::End { end }), _) => break end.rows,
            (None, _) => return Err(lines.refuse("it was cut short")),
            _ => return Err(lines.refuse("it has a line that does not belong there")),
        }
    };
    if restored.rows.values().sum::<u64>() != expected {
        return Err(lines.refuse("rows are missing in it"));
    }
    crate::approvals::lapse(&mut conn, shared.now()).await?;
    tx.commit().await?;
    shared.db.tidy(&[Grown::Inventory, Grown::Memories]).await;
    Ok(restored)
}

async fn clear(conn: &mut Conn<'_>, overwrite: Overwrite) -> StoreResult<()> {
    for table in TABLES.iter().rev() {
        if overwrite == Overwrite::Yes {
            conn.run(table.delete_all, &[]).await?;
        } else if conn
            .one(table.name, table.probe, &[], |_| Ok(()))
            .await?
            .is_some()
        {
            return Err(StoreError::Incompatible(format!(
                "it is not empty: {} has rows",
                table.name
            )));
        }
    }
    Ok(())
}

/// The lines of a dump, with the place for errors.
struct Lines {
    name: String,
    reader: BufReader<File>,
    at: u64,
    /// Bytes of the line that was read last.
    length: usize,
}

impl Lines {
    fn open(path: &Path) -> StoreResult<Self> {
        let file = File::open(path).map_err(|error| unavailable(path, &error))?;
        Ok(Self {
            name: path.display().to_string(),
            reader: BufReader::new(file),
            at: 0,
            length: 0,
        })
    }

    fn next(&mut self) -> StoreResult<Option<Line>> {
        let mut line = String::new();
        self.at += 1;
        match self.reader.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(length) => {
                self.length = length;
                serde_json::from_str(&line)
                    .map(Some)
                    // The parser's text may quote the row.
                    .map_err(|_| self.refuse("it has a line that is not of a backup"))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(self.refuse("it is not a backup: not text"))
            }
            Err(error) => Err(StoreError::Unavailable(format!("`{}`: {error}", self.name))),
        }
    }

    fn table(&self, name: &str) -> StoreResult<&'static Table> {
        TABLES
            .into_iter()
            .find(|table| table.name == name)
            .ok_or_else(|| self.refuse("it has rows of a table that is unknown here"))
    }

    /// A row that the tables refuse, for one because a row that it refers to was taken out.
    fn misfit(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Internal(text) => self.refuse(&format!("its rows do not fit: {text}")),
            other => other,
        }
    }

    fn refuse(&self, why: &str) -> StoreError {
        StoreError::Incompatible(format!("`{}`, line {}: {why}", self.name, self.at))
    }
}
