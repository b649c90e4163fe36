//! The database as the program sees it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_core::audit::{AuditKey, Fault};
use homelab_core::clock::{Clock, Entropy};
use homelab_core::secret::Secret;
use homelab_core::store::{Signals, StoreResult, Stores};

use crate::approvals::ApprovalStore;
use crate::archives::ArchiveStore;
use crate::audit::{AuditKeys, AuditStore, AuditTrail};
use crate::backup;
use crate::budgets::BudgetStore;
use crate::ccpm::CcpmStore;
use crate::credentials::CredentialStore;
use crate::db::Db;
use crate::dialect::{postgres, sqlite};
use crate::inventory::InventoryStore;
use crate::keys::KeyStore;
use crate::memories::{Frequencies, Growth, MemoryStore, Shelves, Space};
use crate::migrate::{MIGRATIONS, newest};
use crate::settings::SettingStore;
use crate::shared::Shared;
use crate::sightings::SightingStore;
use crate::signals::Hub;
use crate::taints::TaintStore;

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Target {
    /// A file of our own, made with mode 0600 if there is none; its folder must exist.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A PostgreSQL database, version 15 or later, in which we keep to the schema `homelab_mcp`.
    Postgres {
        /// `postgres://user:password@host:port/database`, with `sslmode` and the like as query.
        url: Secret,
    },
}

/// An open database; clones share its connections.
#[derive(Clone)]
pub struct Database {
    shared: Shared,
    shelves: Arc<Shelves>,
    space: Arc<Space>,
    frequencies: Arc<Frequencies>,
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Database")
            .field(&self.engine())
            .finish()
    }
}

impl Database {
    /// Connects, and migrates behind a lock, so that several processes may start together. An
    /// SQLite file of an older schema is copied to `backups/pre-<version>.db` beside it first.
    ///
    /// Fails with [`Incompatible`](homelab_core::store::StoreError::Incompatible), with nothing
    /// changed, if the schema is newer than this program, or the file is another program's.
    pub async fn open(
        target: &Target,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> StoreResult<Self> {
        let now = clock.now().0;
        let db = match target {
            Target::Sqlite { path } => sqlite::open(path, MIGRATIONS, now).await?,
            Target::Postgres { url } => postgres::open(url, MIGRATIONS, now).await?,
        };
        let space = match Space::prepare(&db).await {
            Ok(space) => space,
            Err(error) => {
                db.close().await;
                return Err(error);
            }
        };
        let hub = Arc::new(Hub::new(db.clone()));
        Ok(Self {
            shared: Shared {
                db,
                clock,
                entropy,
                hub,
            },
            shelves: Arc::default(),
            space: Arc::new(space),
            frequencies: Arc::default(),
        })
    }

    /// The stores on it.
    pub fn stores(&self) -> Stores {
        let shared = || self.shared.clone();
        Stores {
            inventory: Arc::new(InventoryStore(shared())),
            sightings: Arc::new(SightingStore(shared())),
            credentials: Arc::new(CredentialStore(shared())),
            archives: Arc::new(ArchiveStore(shared())),
            keys: Arc::new(KeyStore(shared())),
            settings: Arc::new(SettingStore(shared())),
            audit: Arc::new(AuditStore(shared())),
            approvals: Arc::new(ApprovalStore(shared())),
            taints: Arc::new(TaintStore(shared())),
            budgets: Arc::new(BudgetStore(shared())),
            ccpm: Arc::new(CcpmStore(shared())),
            memories: Arc::new(MemoryStore {
                shared: shared(),
                shelves: Arc::clone(&self.shelves),
                space: Arc::clone(&self.space),
                frequencies: Arc::clone(&self.frequencies),
                growth: Growth::default(),
            }),
            signals: Arc::clone(&self.shared.hub) as Arc<dyn Signals>,
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> StoreResult<()> {
        let mut session = self.shared.db.read().await?;
        session.conn().run("SELECT 1", &[]).await.map(drop)
    }

    /// `sqlite` or `postgresql`.
    pub fn engine(&self) -> &'static str {
        match self.shared.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgresql",
        }
    }

    /// Engine, version and schema in one line, such as `SQLite 3.51.3, schema 2`.
    pub async fn describe(&self) -> StoreResult<String> {
        let engine = match &self.shared.db {
            Db::Sqlite { readers, .. } => sqlite::describe(readers).await?,
            Db::Postgres(pool) => postgres::describe(pool).await?,
        };
        Ok(format!("{engine}, schema {}", newest(MIGRATIONS)))
    }

    /// What its tables and indexes take on disk, bytes; without SQLite's log, which is folded into them.
    pub async fn bytes(&self) -> StoreResult<u64> {
        let sql = match self.shared.db {
            Db::Sqlite { .. } => sqlite::BYTES,
            Db::Postgres(_) => postgres::BYTES,
        };
        let mut session = self.shared.db.read().await?;
        let mut conn = session.conn();
        let bytes = conn
            .one("schema", sql, &[], |row| row.count("bytes"))
            .await?;
        Ok(bytes.unwrap_or_default())
    }

    /// Verifies all audit chains as of one moment, while processes go on writing them: how many
    /// rows were read, and what is wrong. Signatures are looked at by [`AuditTrail::verify`].
    pub async fn verify_audit(&self, key: AuditKey) -> StoreResult<(u64, Vec<Fault>)> {
        let found = crate::audit::verify(&self.shared, key, None, &[]).await?;
        Ok((found.rows, found.faults))
    }

    /// Signing, verifying with signatures, exporting and archiving the audit.
    pub fn audit(&self, keys: AuditKeys) -> AuditTrail {
        AuditTrail::new(self.shared.clone(), keys)
    }

    /// Writes a consistent copy while the database is in use; the file is made with mode 0600 and
    /// must not exist. SQLite gives a database file (`VACUUM INTO`), PostgreSQL JSON lines with our
    /// tables as of one moment. [`restore`](crate::restore) reads both, into either engine.
    pub async fn backup(&self, to: &Path) -> StoreResult<()> {
        match &self.shared.db {
            Db::Sqlite { .. } => sqlite::backup(&self.shared.db, to).await,
            Db::Postgres(_) => backup::dump(&self.shared, to).await,
        }
    }

    /// Has pgvector's index used, and made if there is none, where a search would compare at least so many numbers
    /// (revisions times dimensions). For measuring: the default is where the index begins to be quicker.
    pub fn index_vectors_from(&self, numbers: u32) {
        self.space.index_from(numbers.into());
    }

    /// Waits until no index of vectors is being made, which a search has begun.
    pub async fn settled(&self) {
        self.space.settled().await;
    }

    /// Ends all connections; waits for statements that still run, but for the making of an index, which the server
    /// brings to its end. Whoever waits for news goes on.
    pub async fn close(&self) {
        self.space.close();
        self.shared.hub.close().await;
        self.shared.db.close().await;
    }

    /// The parts, for restoring.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}
