//! What a server stands on.

use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_core::clock::{Clock, SeededEntropy};
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::redact::Redactor;
use homelab_store::{Database, Target as Place};
use tempfile::TempDir;

/// An environment and its database, before a server is there: for tests that put something into it
/// first.
pub struct Ground {
    /// What a server is given.
    pub env: Env,
    /// Where it keeps things.
    pub database: Database,
    // Declared last: it must not vanish under a database that is open.
    pub(crate) folder: Option<TempDir>,
}

impl Ground {
    /// Over a new SQLite file, in a folder that goes with it.
    pub async fn new(clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ground = Self::over(file_in(&folder), clock).await;
        ground.folder = Some(folder);
        ground
    }

    /// Over a database of the test's.
    pub async fn over(place: Place, clock: Arc<dyn Clock>) -> Self {
        let entropy = Arc::new(SeededEntropy::new(1));
        let database = Database::open(&place, Arc::clone(&clock), entropy).await;
        let database = database.expect("a database");
        let entropy = SeededEntropy::new(2);
        let key = Keyring::generate(&entropy);
        let env = Env {
            stores: database.stores(),
            keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
            clock,
            entropy: Arc::new(entropy),
            redactor: Redactor::default(),
            observer: Arc::new(Silent),
            shared: Shared::default(),
        };
        Self {
            env,
            database,
            folder: None,
        }
    }
}

/// An environment for servers that the test opens itself, with its database in a folder of the test's.
pub async fn env(folder: &TempDir, clock: Arc<dyn Clock>) -> Env {
    Ground::over(file_in(folder), clock).await.env
}

fn file_in(folder: &TempDir) -> Place {
    let path = folder.path().join("homelab.db");
    Place::Sqlite { path }
}
