//! SQLite: one file, opened for one writer and some readers.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use homelab_core::store::{StoreError, StoreResult};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlitePool};

use crate::db::{Conn, Db, Lock, PATIENCE};
use crate::direct::{Direct, Point, Writer};
use crate::error::refused;
use crate::migrate::{self, Migration};

/// Marks a file as ours (`PRAGMA application_id`): "hlab".
const APPLICATION_ID: i64 = 0x686C_6162;
/// Connections that read; each is a thread with a page cache of up to 2 MB.
const READERS: u32 = 4;
/// How long an unused reader beyond the first is kept.
const IDLE: Duration = Duration::from_mins(1);

/// The size of the file, as `bytes`.
pub(crate) const BYTES: &str =
    "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";

/// Opens the file, made with mode 0600 if there is none, and migrates it. An older one is first
/// copied to `backups/pre-<version>.db` beside it.
pub(crate) async fn open(path: &Path, migrations: &[Migration], now: i64) -> StoreResult<Db> {
    refuse_foreign(path)
        .await
        .map_err(|error| named(path, error))?;
    create_private(path)
        .map_err(|error| unavailable(path, &format!("cannot be opened: {error}")))?;
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(
            options(path)
                .journal_mode(SqliteJournalMode::Wal)
                // What was acknowledged survives a power cut; NORMAL would not promise that.
                .synchronous(SqliteSynchronous::Full)
                // 32 MB at most: with SQLite's 2 MB an import of 100,000 records reads the pages
                // of its indexes again and again, and takes twice as long.
                .pragma("cache_size", "-32768")
                // What is deleted is overwritten: a memory that is purged, a credential that is removed.
                .pragma("secure_delete", "ON"),
        );
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .idle_timeout(IDLE)
        .max_lifetime(None)
        .connect_lazy_with(options(path).read_only(true));
    let point = Point {
        direct: Arc::new(Direct::new(path)),
        readers: readers.clone(),
    };
    let db = Db::Sqlite {
        batches: Writer::new(path, writer.clone()),
        readers,
        writer,
        point,
    };
    let migrated = async {
        wait_for_journal(&db).await?;
        migrate(&db, path, migrations, now).await
    };
    if let Err(error) = migrated.await {
        db.close().await;
        return Err(named(path, error));
    }
    Ok(db)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// Makes the writer's first connection. Tries again while another process makes its own: SQLite
/// does not wait for its turn to change the journal mode of a new file.
async fn wait_for_journal(db: &Db) -> StoreResult<()> {
    let mut left = 100;
    loop {
        let result = match db {
            Db::Sqlite { writer, .. } => writer.acquire().await.map(drop).map_err(refused),
            Db::Postgres(_) => Ok(()),
        };
        match result {
            Err(StoreError::Unavailable(_)) if left > 0 => {
                left -= 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other,
        }
    }
}

async fn migrate(db: &Db, path: &Path, migrations: &[Migration], now: i64) -> StoreResult<()> {
    let mut tx = db.write(Lock::Schema).await?;
    let mut conn = tx.conn();
    let version = migrate::checked_version(&mut conn, migrations).await?;
    if version == migrate::newest(migrations) {
        return tx.commit().await;
    }
    if version > 0 {
        // A reader sees the state before this transaction, and the lock keeps it the newest.
        let to = backup_place(path, migrate::newest(migrations))
            .map_err(|error| unavailable(path, &format!("cannot be backed up: {error}")))?;
        backup(db, &to).await?;
        tracing::info!(path = %to.display(), "the database was copied before its migration");
    }
    migrate::apply(&mut conn, migrations, now).await?;
    conn.script("PRAGMA application_id = 1751933282").await?;
    tx.commit().await
}

/// A file that has tables and not our mark belongs to another program, such as the Python server
/// whose `homelab.db` bears the same name. Looked at without writing: opening it as ours would
/// change its journal mode.
async fn refuse_foreign(path: &Path) -> StoreResult<()> {
    let empty = fs::metadata(path).is_ok_and(|meta| meta.len() == 0);
    if empty || !path.exists() {
        return Ok(());
    }
    let mut connection = options(path)
        .read_only(true)
        .connect()
        .await
        .map_err(refused)?;
    let mut conn = Conn::Sqlite(&mut connection);
    let found = conn
        .one(
            "sqlite_schema",
            "SELECT application_id, (SELECT COUNT(*) FROM sqlite_schema) AS entries \
             FROM pragma_application_id",
            &[],
            |row| Ok((row.int("application_id")?, row.int("entries")?)),
        )
        .await;
    // Nothing was written; a connection that does not close well has nothing to lose.
    connection.close().await.unwrap_or_default();
    match found {
        Ok(Some((APPLICATION_ID, _) | (_, 0))) => Ok(()),
        Ok(_) => Err(StoreError::Incompatible(
            "it was not made by this program; read it with `inventory import --from sqlite:PATH`"
                .into(),
        )),
        Err(StoreError::Internal(text)) => Err(StoreError::Incompatible(text)),
        Err(other) => Err(other),
    }
}

/// A consistent copy while others read and write; refuses to overwrite.
pub(crate) async fn backup(db: &Db, to: &Path) -> StoreResult<()> {
    let Some(text) = to.to_str() else {
        return Err(StoreError::Unavailable(
            "the path of a backup must be UTF-8 text".into(),
        ));
    };
    // SQLite takes an empty file; made here, it has mode 0600 from the start.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| unavailable(to, &format!("cannot be made: {error}")))?;
    let mut session = db.read().await?;
    let copied = session.conn().run("VACUUM INTO $1", &[text.into()]).await;
    let durable = copied.and_then(|_| {
        fs::File::open(to)
            .and_then(|file| file.sync_all())
            .map_err(|error| unavailable(to, &format!("cannot be synced: {error}")))
    });
    if durable.is_err() {
        // The half-made copy is of no use; that it could not be removed adds nothing to the error.
        fs::remove_file(to).unwrap_or_default();
    }
    durable
}

/// `SQLite 3.51.3`.
pub(crate) async fn describe(readers: &SqlitePool) -> StoreResult<String> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(readers)
        .await
        .map_err(refused)?;
    Ok(format!("SQLite {version}"))
}

/// Whether the file begins like an SQLite database.
pub(crate) fn is_database(path: &Path) -> io::Result<bool> {
    use std::io::Read as _;
    let mut magic = Vec::new();
    fs::File::open(path)?.take(16).read_to_end(&mut magic)?;
    Ok(magic == b"SQLite format 3\0")
}

/// Makes the file if there is none, and closes it to others.
fn create_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn backup_place(path: &Path, version: i64) -> io::Result<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(".")).join("backups");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let place = folder.join(format!("pre-{version}.db"));
    // Left by a migration that did not come to its end.
    if place.exists() {
        fs::remove_file(&place)?;
    }
    Ok(place)
}

fn unavailable(path: &Path, what: &str) -> StoreError {
    StoreError::Unavailable(format!("`{}` {what}", path.display()))
}

/// Says which file an error is about.
fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(text) => unavailable(path, &text),
        StoreError::Incompatible(text) => {
            StoreError::Incompatible(format!("`{}`: {text}", path.display()))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::MIGRATIONS;
    use crate::migrate::tests::WITH_ANOTHER;

    #[test]
    fn the_mark_in_the_pragma_is_the_one_that_is_looked_for() {
        assert_eq!(APPLICATION_ID, 1_751_933_282);
    }

    #[tokio::test]
    async fn the_writer_loses_nothing_and_the_last_to_leave_folds_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("homelab.db");
        let db = open(&path, MIGRATIONS, 1).await.unwrap();

        let mut tx = db.write(Lock::Nothing).await.unwrap();
        let modes = tx
            .conn()
            .one(
                "pragma",
                "SELECT synchronous, foreign_keys, journal_mode \
                 FROM pragma_synchronous, pragma_foreign_keys, pragma_journal_mode",
                &[],
                |row| {
                    let numbers = (row.int("synchronous")?, row.int("foreign_keys")?);
                    Ok((numbers, row.text("journal_mode")?))
                },
            )
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(modes, Some(((2, 1), "wal".into())));

        db.close().await;
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn an_older_database_is_copied_before_it_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("homelab.db");
        open(&path, MIGRATIONS, 1).await.unwrap().close().await;
        assert!(!folder.path().join("backups").exists());

        open(&path, WITH_ANOTHER, 2).await.unwrap().close().await;

        let copy = folder.path().join("backups/pre-9.db");
        assert!(is_database(&copy).unwrap());
        let old = open(&copy, MIGRATIONS, 3).await.unwrap();
        old.close().await;
        let new = open(&path, WITH_ANOTHER, 3).await.unwrap();
        new.close().await;
    }

    #[tokio::test]
    async fn a_newer_database_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("homelab.db");
        open(&path, WITH_ANOTHER, 1).await.unwrap().close().await;
        let before = fs::read(&path).unwrap();

        let refusal = open(&path, MIGRATIONS, 2).await.err().unwrap();

        assert!(matches!(refusal, StoreError::Incompatible(text) if text.contains("version 9")));
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
