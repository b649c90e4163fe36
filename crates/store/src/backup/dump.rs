//! Writing a dump.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use super::{Begin, End, FORMAT, Line, TABLES, unavailable};
use crate::db::Values;
use crate::migrate::{MIGRATIONS, newest};
use crate::row::Row;
use crate::shared::Shared;
use crate::table::{Kind, Table};

/// Writes all tables as of one moment to a new file of mode 0600; a file that could not be
/// completed is removed.
pub(crate) async fn dump(shared: &Shared, to: &Path) -> StoreResult<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| unavailable(to, &error))?;
    let written = write(shared, file, to).await;
    if written.is_err() {
        // That it could not be removed adds nothing to the error at hand.
        fs::remove_file(to).unwrap_or_default();
    }
    written
}

async fn write(shared: &Shared, file: File, to: &Path) -> StoreResult<()> {
    let mut lines = Lines(BufWriter::new(file));
    let failed = |error: io::Error| unavailable(to, &error);
    lines
        .write(&Line::Begin {
            backup: Begin {
                program: "homelab-mcp".into(),
                format: FORMAT,
                schema: newest(MIGRATIONS),
                created_at: shared.now(),
            },
        })
        .map_err(failed)?;
    let mut rows = 0;
    let mut tx = shared.db.snapshot().await?;
    let mut conn = tx.conn();
    for table in TABLES {
        conn.each(table.name, table.select_all, &[], |row| {
            rows += 1;
            let line = Line::Row {
                table: table.name.into(),
                row: values(table, row)?,
            };
            lines.write(&line).map_err(failed)
        })
        .await?;
    }
    tx.commit().await?;
    lines
        .write(&Line::End { end: End { rows } })
        .map_err(failed)?;
    let file = lines
        .0
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}

struct Lines(BufWriter<File>);

impl Lines {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, line)?;
        self.0.write_all(b"\n")
    }
}

/// A row by column, without what is NULL.
fn values(table: &Table, row: Row<'_>) -> Result<Values, StoreError> {
    let mut values = Values::new();
    for (column, kind) in table.columns {
        let value = match kind {
            Kind::Text => row.maybe_text(column)?.map(Value::from),
            Kind::Int => row.maybe_int(column)?.map(Value::from),
            Kind::Flag => row.maybe_flag(column)?.map(Value::from),
        };
        if let Some(value) = value {
            values.insert((*column).to_owned(), value);
        }
    }
    Ok(values)
}
