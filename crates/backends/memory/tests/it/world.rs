//! A database, a clock, and callers.

use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_core::clock::{Entropy, ManualClock, Micros, OsEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::keyring::Keyring;
use homelab_core::memory::{Embedder, Purpose};
use homelab_core::observe::Silent;
use homelab_core::redact::Redactor;
use homelab_store::{Database, Target};
use tempfile::TempDir;

/// The day on which every test takes place.
const TODAY: &str = "2026-06-01T00:00:00Z";

/// What a server is given, over a new SQLite file.
pub(crate) struct Folder {
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    _database: Database,
    _folder: TempDir,
}

impl Folder {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::Sqlite {
            path: folder.path().join("homelab.db"),
        };
        let clock = Arc::new(ManualClock::at(Micros::from_rfc3339(TODAY).expect("a day")));
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let database = Database::open(&target, clock.clone(), entropy.clone()).await;
        let database = database.expect("a database");
        let key = Keyring::generate(&OsEntropy);
        let env = Env {
            stores: database.stores(),
            keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
            clock: clock.clone(),
            entropy,
            redactor: Redactor::default(),
            observer: Arc::new(Silent),
            shared: Shared::default(),
        };
        Self {
            env,
            clock,
            _database: database,
            _folder: folder,
        }
    }
}

/// A model that knows nothing but its name.
pub(crate) struct Numbered(pub(crate) &'static str);

#[async_trait]
impl Embedder for Numbered {
    fn model(&self) -> &str {
        self.0
    }

    fn is_remote(&self) -> bool {
        false
    }

    async fn embed(&self, texts: &[&str], _: Purpose) -> ToolResult<Vec<Vec<f32>>> {
        Ok(vec![vec![1.0, 0.0]; texts.len()])
    }
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}
