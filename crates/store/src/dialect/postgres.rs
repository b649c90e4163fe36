//! PostgreSQL: a schema of our own in somebody's database.

use std::str::FromStr as _;
use std::time::Duration;

use homelab_core::secret::Secret;
use homelab_core::store::{StoreError, StoreResult};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool};

use crate::db::{Db, Lock};
use crate::error::refused;
use crate::migrate::{self, Migration};

/// Connections at most; a server's default limit is 100 for everyone.
const CONNECTIONS: u32 = 10;
/// How long a caller waits for one. A server that refuses connections costs all of it, since the
/// pool tries again until then.
const WAIT: Duration = Duration::from_secs(5);
/// A connection idle for longer is tried before it is used: one round trip, and a server that was
/// restarted meanwhile costs no failed call.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// `search_path` keeps us out of `public`; a backslash is one in our literals. Whoever got a lock has
/// to see what was committed by the one before: at a stricter level a transaction sees what was when
/// it began to wait. Compiling a statement takes longer than any of ours runs, and is done where the server thinks it
/// will read much. Words of memories that are not in their index yet are read by every search: the default lets 4 MB of
/// them wait there. A server that does not wait for its disk would acknowledge audit rows it may
/// lose; one that waits for its stand-bys is left at that.
const SESSION: &str = "\
    SET search_path TO homelab_mcp; \
    SET default_transaction_isolation TO 'read committed'; \
    SET standard_conforming_strings TO on; \
    SET jit TO off; \
    SET gin_pending_list_limit TO '64kB'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// The size of everything in our schema, as `bytes`.
pub(crate) const BYTES: &str = "SELECT CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS BIGINT) AS bytes \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname = 'homelab_mcp' AND c.relkind = 'r'";

/// Connection options from a URL, without naming the URL in errors: it holds a password.
pub(crate) fn options(url: &Secret) -> StoreResult<PgConnectOptions> {
    PgConnectOptions::from_str(url.expose())
        .map(|options| {
            options
                .application_name("homelab-mcp")
                .statement_cache_capacity(256)
                // Our own metrics tell what is slow; the driver's log would repeat each statement.
                .disable_statement_logging()
        })
        .map_err(|_| {
            StoreError::Unavailable(
                "its URL is not of the form `postgres://user:password@host:port/database`".into(),
            )
        })
}

/// Connects and migrates.
pub(crate) async fn open(url: &Secret, migrations: &[Migration], now: i64) -> StoreResult<Db> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(drop) })
        })
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options(url)?)
        .await
        .map_err(refused)?;
    let db = Db::Postgres(pool);
    if let Err(error) = migrate(&db, migrations, now).await {
        db.close().await;
        return Err(error);
    }
    Ok(db)
}

async fn migrate(db: &Db, migrations: &[Migration], now: i64) -> StoreResult<()> {
    let mut tx = db.write(Lock::Schema).await?;
    let mut conn = tx.conn();
    // Without the look first, a role that may not create schemas could not use a prepared one.
    let there = conn
        .one(
            "pg_namespace",
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'homelab_mcp'",
            &[],
            |_| Ok(()),
        )
        .await?;
    if there.is_none() {
        conn.script("CREATE SCHEMA homelab_mcp").await?;
    }
    migrate::apply(&mut conn, migrations, now).await?;
    tx.commit().await
}

/// `PostgreSQL 15.18`.
pub(crate) async fn describe(pool: &PgPool) -> StoreResult<String> {
    let version: String = sqlx::query_scalar("SELECT current_setting('server_version')")
        .fetch_one(pool)
        .await
        .map_err(refused)?;
    Ok(format!("PostgreSQL {version}"))
}
