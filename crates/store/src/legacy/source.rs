//! The older database itself: opened for reading, its rows as JSON objects.

use std::path::Path;
use std::time::Duration;

use homelab_core::secret::Secret;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteValueRef};
use sqlx::{
    Column as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _,
    Sqlite, SqliteConnection, TypeInfo as _, ValueRef as _,
};

use super::LegacyError;
use crate::db::Values;
use crate::dialect;

/// A table that may be there, with the statement that reads it from each engine.
pub(super) struct Wanted {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! wanted {
    ($($list:ident: $($table:literal),+;)*) => { $(
        pub(super) const $list: &[Wanted] = &[$(Wanted {
            name: $table,
            sqlite: concat!("SELECT * FROM ", $table),
            postgres: concat!("SELECT row_to_json(t)::text FROM public.", $table, " t"),
        }),+];
    )* };
}

// The first name is the one that the old server's notes give.
wanted! {
    PROXMOX_HOSTS: "proxmox_hosts", "hosts";
    VIRTUAL_MACHINES: "virtual_machines", "vms";
    DEVICES: "devices";
    TEST_EQUIPMENT: "test_equipment", "scpi_equipment", "scpi_devices";
    SERVICES: "services";
    NETWORKS: "networks", "vlans";
    NETWORK_CONFIG: "network_config", "ip_allocations";
    FIREWALL_RULES: "firewall_rules";
    CREDENTIALS: "credentials";
    AUDIT_LOG: "audit_log";
}

/// An open source, in a transaction that cannot write.
pub(super) enum Source {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Source {
    /// Opens `sqlite:PATH`, a path, or `postgres://…`.
    pub(super) async fn open(source: &str) -> Result<Self, LegacyError> {
        if source.starts_with("postgres://") || source.starts_with("postgresql://") {
            return Self::open_postgres(source).await;
        }
        let path = source.strip_prefix("sqlite:").unwrap_or(source);
        let path = path.strip_prefix("//").unwrap_or(path);
        Self::open_sqlite(Path::new(path)).await
    }

    /// Opened with `mode=ro`: what is still in the write-ahead log is read too, which `immutable`
    /// would miss, and the log is not folded into the file when we leave.
    async fn open_sqlite(path: &Path) -> Result<Self, LegacyError> {
        if !path.is_file() {
            return Err(LegacyError::Missing(path.display().to_string()));
        }
        let unavailable = |error: sqlx::Error| {
            let hint = "; if its folder is read-only, copy the file and its `-wal` file elsewhere";
            LegacyError::Unavailable(format!("{error}{hint}"))
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .connect()
            .await
            .map_err(unavailable)?;
        connection.execute("BEGIN").await.map_err(unavailable)?;
        Ok(Self::Sqlite(Box::new(connection)))
    }

    async fn open_postgres(url: &str) -> Result<Self, LegacyError> {
        let unavailable =
            |error: &dyn std::fmt::Display| LegacyError::Unavailable(error.to_string());
        let options =
            dialect::postgres::options(&Secret::new(url)).map_err(|error| unavailable(&error))?;
        let mut connection = options
            .connect()
            .await
            .map_err(|error| unavailable(&error))?;
        connection
            .execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(Self::Postgres(Box::new(connection)))
    }

    /// Whether the table, or a view of its name, is there.
    pub(super) async fn has(&mut self, table: &Wanted) -> Result<bool, LegacyError> {
        let found = match self {
            Self::Sqlite(connection) => sqlx::query(
                "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = $1 \
                 COLLATE NOCASE",
            )
            .bind(table.name)
            .fetch_optional(&mut **connection)
            .await
            .map(|row| row.is_some()),
            Self::Postgres(connection) => sqlx::query(
                "SELECT 1 FROM information_schema.tables \
                 WHERE table_schema = 'public' AND table_name = $1",
            )
            .bind(table.name)
            .fetch_optional(&mut **connection)
            .await
            .map(|row| row.is_some()),
        };
        found.map_err(|error| unreadable(table, &error))
    }

    /// All rows; column names in lower case.
    pub(super) async fn rows(&mut self, table: &Wanted) -> Result<Vec<Values>, LegacyError> {
        match self {
            Self::Sqlite(connection) => sqlx::query(table.sqlite)
                .fetch_all(&mut **connection)
                .await
                .map_err(|error| unreadable(table, &error))?
                .iter()
                .map(|row| sqlite_values(row).map_err(|error| unreadable(table, &error)))
                .collect(),
            Self::Postgres(connection) => {
                let rows: Vec<String> = sqlx::query_scalar(table.postgres)
                    .fetch_all(&mut **connection)
                    .await
                    .map_err(|error| unreadable(table, &error))?;
                rows.iter()
                    .map(|row| serde_json::from_str(row).map_err(|error| unreadable(table, &error)))
                    .collect()
            }
        }
    }

    pub(super) async fn close(self) {
        // Everything was read; nothing can be lost by a connection that does not close well.
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap_or_default(),
            Self::Postgres(connection) => connection.close().await.unwrap_or_default(),
        }
    }
}

fn unreadable(table: &Wanted, error: &dyn std::fmt::Display) -> LegacyError {
    LegacyError::Unreadable {
        table: table.name,
        detail: error.to_string(),
    }
}

/// SQLite's columns hold whatever was put in, so each cell is read as what it is.
fn sqlite_values(row: &SqliteRow) -> Result<Values, sqlx::Error> {
    row.columns()
        .iter()
        .map(|column| {
            let cell = row.try_get_raw(column.ordinal())?;
            let value = sqlite_value(cell).map_err(sqlx::Error::Decode)?;
            Ok((column.name().to_ascii_lowercase(), value))
        })
        .collect()
}

fn sqlite_value(cell: SqliteValueRef<'_>) -> Result<Value, sqlx::error::BoxDynError> {
    if cell.is_null() {
        return Ok(Value::Null);
    }
    let kind = cell.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" | "INT4" | "INT8" | "BOOLEAN" => {
            <i64 as sqlx::Decode<'_, Sqlite>>::decode(cell)?.into()
        }
        "REAL" => <f64 as sqlx::Decode<'_, Sqlite>>::decode(cell)?.into(),
        _ => {
            let bytes = <&[u8] as sqlx::Decode<'_, Sqlite>>::decode(cell)?;
            String::from_utf8(bytes.to_vec())
                .unwrap_or_else(|_| hex::encode(bytes))
                .into()
        }
    })
}
