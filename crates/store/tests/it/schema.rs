//! Both schemas, and who may open what.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use homelab_core::clock::{ManualClock, OsEntropy};
use homelab_core::store::StoreError;
use homelab_store::{Database, Target};
use rstest::rstest;

use crate::lab::{Engine, Lab, Place, START};

/// Table, column and whether it may be NULL, one line each.
const SQLITE_COLUMNS: &str = "\
    SELECT m.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 THEN ' not null' ELSE '' END \
    || ' ' || replace(lower(c.type), 'integer', 'bigint') \
    FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' \
    AND m.name NOT GLOB 'memory_text*' ORDER BY 1";
const POSTGRES_COLUMNS: &str = "\
    SELECT table_name || '.' || column_name \
    || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END || ' ' || data_type \
    FROM information_schema.columns WHERE table_schema = 'homelab_mcp' \
    AND column_name <> 'search' ORDER BY (table_name || '.' || column_name) COLLATE \"C\"";
const SQLITE_INDEXES: &str = "\
    SELECT tbl_name || ' ' || name FROM sqlite_schema \
    WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
const POSTGRES_INDEXES: &str = "\
    SELECT tablename || ' ' || indexname FROM pg_indexes WHERE schemaname = 'homelab_mcp' \
    AND indexname NOT LIKE '%_pkey' AND indexname <> 'memory_revisions_search' ORDER BY (tablename || ' ' || indexname) COLLATE \"C\"";
const SQLITE_FOREIGN_KEYS: &str = "\
    SELECT m.name || '.' || k.\"from\" || ' ' || k.\"table\" || ' ' || k.on_delete \
    FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) k ORDER BY 1";
const POSTGRES_FOREIGN_KEYS: &str = "\
    SELECT (k.table_name || '.' || k.column_name || ' ' || u.table_name || ' ' || r.delete_rule) \
    FROM information_schema.referential_constraints r \
    JOIN information_schema.key_column_usage k ON k.constraint_name = r.constraint_name \
    JOIN information_schema.constraint_column_usage u ON u.constraint_name = r.constraint_name \
    ORDER BY 1";

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_indexes_and_references() {
    let (Some(sqlite), Some(postgres)) = (
        Lab::open(Engine::Sqlite).await,
        Lab::open(Engine::Postgres).await,
    ) else {
        return;
    };
    let (mut sqlite, mut postgres) = (sqlite.place.raw().await, postgres.place.raw().await);

    let columns = sqlite.texts(SQLITE_COLUMNS).await;
    let indexes = sqlite.texts(SQLITE_INDEXES).await;
    let references = sqlite.texts(SQLITE_FOREIGN_KEYS).await;

    assert!(columns.len() > 150, "{columns:?}");
    assert_eq!(columns, postgres.texts(POSTGRES_COLUMNS).await);
    assert_eq!(indexes, postgres.texts(POSTGRES_INDEXES).await);
    assert_eq!(references, postgres.texts(POSTGRES_FOREIGN_KEYS).await);
}

#[tokio::test]
async fn what_is_ordered_or_looked_up_in_postgresql_is_collated_by_bytes() {
    let Some(lab) = Lab::open(Engine::Postgres).await else {
        return;
    };

    let by_locale = lab
        .place
        .raw()
        .await
        .texts(
            "SELECT DISTINCT c.relname || '.' || a.attname FROM pg_index i \
             JOIN pg_class c ON c.oid = i.indrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'homelab_mcp' \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) \
             JOIN pg_collation l ON l.oid = a.attcollation WHERE l.collname <> 'C'",
        )
        .await;

    assert_eq!(by_locale, [""; 0]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_database(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(place) = Place::new(engine) else {
        return;
    };
    let place = Arc::new(place);

    let starts: Vec<_> = (0..8)
        .map(|_| {
            let place = Arc::clone(&place);
            tokio::spawn(async move {
                let database = place.open(Arc::new(ManualClock::at(START))).await?;
                database.ping().await?;
                database.close().await;
                Ok::<_, StoreError>(())
            })
        })
        .collect();

    for start in starts {
        start.await.unwrap().unwrap();
    }
    let mut raw = place.raw().await;
    let versions = raw.texts("SELECT CAST(version AS TEXT) FROM schema_migrations ORDER BY 1");
    assert_eq!(versions.await, ["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[rstest]
#[tokio::test]
async fn a_database_of_a_newer_version_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    lab.database.close().await;
    let mut raw = lab.place.raw().await;
    raw.run("INSERT INTO schema_migrations (version, applied_at) VALUES (99, 0)")
        .await;

    let refused = lab.place.open(Arc::clone(&lab.clock)).await.unwrap_err();

    assert!(matches!(&refused, StoreError::Incompatible(text) if text.contains("version 99")));
}

#[rstest]
#[tokio::test]
async fn the_engine_says_what_it_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(lab) = Lab::open(engine).await else {
        return;
    };
    let (name, title) = match engine {
        Engine::Sqlite => ("sqlite", "SQLite 3."),
        Engine::Postgres | Engine::Pgvector => ("postgresql", "PostgreSQL 1"),
    };

    let description = lab.database.describe().await.unwrap();

    assert_eq!(lab.database.engine(), name);
    assert!(description.starts_with(title), "{description}");
    assert!(description.ends_with(", schema 8"), "{description}");
    assert!(format!("{:?}", lab.database).contains(name));
}

#[tokio::test]
async fn the_file_and_its_companions_are_closed_to_others() {
    let lab = Lab::open(Engine::Sqlite).await.unwrap();
    lab.stores.settings.set("a", "b").await.unwrap();

    let modes: Vec<_> = std::fs::read_dir(lab.place.folder.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().permissions().mode() & 0o777)
        .collect();

    assert_eq!(modes, [0o600; 3], "database, log and shared memory");
}

#[tokio::test]
async fn the_file_of_another_program_is_refused_and_not_touched() {
    let place = Place::new(Engine::Sqlite).unwrap();
    let Target::Sqlite { path } = &place.target else {
        unreachable!("it was made for SQLite")
    };
    let mut raw = place.raw().await;
    raw.run("CREATE TABLE virtual_machines (vm_id INTEGER, name TEXT)")
        .await;
    drop(raw);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = std::fs::read(path).unwrap();

    let refused = place.open(Arc::new(ManualClock::at(START))).await;

    assert!(matches!(&refused, Err(StoreError::Incompatible(text)) if text.contains("import")));
    assert_eq!(std::fs::read(path).unwrap(), before);
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_folder_that_is_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to look like one".repeat(10),
    )
    .unwrap();
    let open = |path: &std::path::Path| {
        let target = Target::Sqlite { path: path.into() };
        async move {
            let clock = Arc::new(ManualClock::at(START));
            Database::open(&target, clock, Arc::new(OsEntropy))
                .await
                .unwrap_err()
        }
    };

    let no_database = open(&text).await;
    let no_folder = open(&folder.path().join("absent/homelab.db")).await;

    assert!(matches!(&no_database, StoreError::Incompatible(text) if text.contains("notes.txt")));
    assert!(matches!(&no_folder, StoreError::Unavailable(text) if text.contains("absent")));
}

#[tokio::test]
async fn tables_in_public_are_left_alone() {
    let Some(place) = Place::new(Engine::Postgres) else {
        return;
    };
    let mut raw = place.raw().await;
    raw.run("CREATE TABLE public.devices (name TEXT); INSERT INTO public.devices VALUES ('old')")
        .await;

    let database = place.open(Arc::new(ManualClock::at(START))).await.unwrap();
    let counts = database.stores().inventory.counts().await.unwrap();

    assert_eq!(counts.records["devices"], 0);
    let tables = raw
        .texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .await;
    assert_eq!(tables, ["devices"]);
    assert_eq!(raw.texts("SELECT name FROM public.devices").await, ["old"]);
}
