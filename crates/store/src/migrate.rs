//! Migrations: the same numbers for both engines, behind a lock, never backwards.

use homelab_core::store::{StoreError, StoreResult};

use crate::db::Conn;

/// One step of the schema.
pub(crate) struct Migration {
    /// 1, 2, 3, ….
    pub(crate) version: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }
    };
}

/// All of them, oldest first. To add one: two files of one name, one line here.
pub(crate) const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_inventory_credentials_audit"),
    migration!(2, "0002_approvals_taints_budgets"),
    migration!(3, "0003_audit_checkpoints"),
    migration!(4, "0004_ccpm"),
    migration!(5, "0005_sightings"),
    migration!(6, "0006_memories"),
    migration!(7, "0007_archives"),
    migration!(8, "0008_memory_vectors_by_owner"),
];

/// Schema version that a set of migrations leads to.
pub(crate) fn newest(migrations: &[Migration]) -> i64 {
    migrations.last().map_or(0, |last| last.version)
}

const CREATE_LIST: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (\
     version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// The schema version of the database; 0 for an empty one. `schema_migrations` must exist.
async fn version(conn: &mut Conn<'_>) -> StoreResult<i64> {
    let version = conn
        .one(
            "schema_migrations",
            "SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations",
            &[],
            |row| row.int("version"),
        )
        .await?;
    Ok(version.unwrap_or_default())
}

/// The schema version, and an error if it is newer than the migrations known here.
pub(crate) async fn checked_version(
    conn: &mut Conn<'_>,
    migrations: &[Migration],
) -> StoreResult<i64> {
    conn.script(CREATE_LIST).await?;
    let (found, known) = (version(conn).await?, newest(migrations));
    if found > known {
        return Err(StoreError::Incompatible(format!(
            "its schema is version {found}, and this program knows versions up to {known}"
        )));
    }
    Ok(found)
}

/// Applies what is missing, in the transaction at hand; the caller holds the lock.
pub(crate) async fn apply(
    conn: &mut Conn<'_>,
    migrations: &[Migration],
    now: i64,
) -> StoreResult<()> {
    let found = checked_version(conn, migrations).await?;
    for migration in migrations.iter().filter(|one| one.version > found) {
        let sql = match conn {
            Conn::Sqlite(_) | Conn::Point(_) => migration.sqlite,
            Conn::Postgres(_) => migration.postgres,
        };
        conn.script(sql).await?;
        conn.run(
            "INSERT INTO schema_migrations (version, applied_at) VALUES ($1, $2)",
            &[migration.version.into(), now.into()],
        )
        .await?;
        tracing::info!(
            version = migration.version,
            "the database schema was migrated"
        );
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One migration more, to test what happens to a database without it.
    pub(crate) const WITH_ANOTHER: &[Migration] = &[
        migration!(1, "0001_inventory_credentials_audit"),
        migration!(2, "0002_approvals_taints_budgets"),
        migration!(3, "0003_audit_checkpoints"),
        migration!(4, "0004_ccpm"),
        migration!(5, "0005_sightings"),
        migration!(6, "0006_memories"),
        migration!(7, "0007_archives"),
        migration!(8, "0008_memory_vectors_by_owner"),
        Migration {
            version: 9,
            sqlite: "ALTER TABLE settings ADD COLUMN owner TEXT",
            postgres: "ALTER TABLE settings ADD COLUMN owner TEXT",
        },
    ];

    #[test]
    fn versions_rise_from_one() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|one| one.version).collect();

        assert_eq!(versions.first(), Some(&1));
        assert!(
            versions.is_sorted_by(|one, next| one < next),
            "{versions:?}"
        );
    }
}
