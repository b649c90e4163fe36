//! The real service over a real database, with a clock that is set.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use homelab_core::clock::{
    Clock as _, Entropy as _, ManualClock, Micros, OsEntropy, SeededEntropy,
};
use homelab_core::id::uuid_v7;
use homelab_core::memory::{Embedder, Event, NewMemory, Note, Scope, Vector};
use homelab_core::secret::Secret;
use homelab_memory::embed::MiniLm;
use homelab_memory::text::{exact_tokens, hash};
use homelab_memory::{Caller, MemoryService, NewEntry, Outcome, Parts, Settings, Weights};
use homelab_store::{Database, Target};
use serde_json::json;
use tempfile::TempDir;

use super::set::{NOW, Set, Told};

/// Which database holds the memories.
#[derive(Debug, Clone)]
pub(crate) enum Where {
    /// A new file.
    Sqlite,
    /// An empty database of a server.
    Postgres(String),
}

impl Where {
    /// As a report calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Whether `--only` names it.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        match self {
            Self::Sqlite => name == "sqlite",
            Self::Postgres(_) => name == "postgres",
        }
    }
}

/// A service with its database.
pub(crate) struct Bed {
    pub(crate) service: MemoryService,
    /// Makes the vectors.
    pub(crate) embedder: Arc<dyn Embedder>,
    clock: Arc<ManualClock>,
    database: Database,
    dice: SeededEntropy,
    /// Holds the file of SQLite until the end.
    _folder: TempDir,
}

impl Bed {
    /// An empty one; its clock stands at the beginning of time.
    pub(crate) async fn new(place: &Where) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let target = match place {
            Where::Sqlite => Target::Sqlite {
                path: folder.path().join("memories.db"),
            },
            Where::Postgres(url) => Target::Postgres {
                url: Secret::new(url.clone()),
            },
        };
        let clock = Arc::new(ManualClock::at(Micros(0)));
        let entropy = Arc::new(SeededEntropy::new(7));
        let database = Database::open(&target, clock.clone(), entropy.clone()).await?;
        let mut bed = Self {
            service: MemoryService::new(Parts {
                store: database.stores().memories,
                embedder: None,
                older: Vec::new(),
                llm: None,
                clock: clock.clone(),
                entropy,
                settings: Settings::default(),
            }),
            embedder: Arc::new(MiniLm),
            clock,
            database,
            dice: SeededEntropy::new(11),
            _folder: folder,
        };
        bed.service = bed.with(Weights::default());
        Ok(bed)
    }

    /// Another service over the same database, with other weights.
    pub(crate) fn with(&self, weights: Weights) -> MemoryService {
        MemoryService::new(Parts {
            store: self.service.store().clone(),
            embedder: Some(self.embedder.clone()),
            older: Vec::new(),
            llm: None,
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(8)),
            settings: Settings {
                weights,
                ..Settings::default()
            },
        })
    }

    /// Whoever has this owner.
    pub(crate) fn caller(&self, owner: &str) -> Caller {
        self.service.owners().caller(owner, None)
    }

    /// Moves the clock; never back.
    pub(crate) fn go_to(&self, moment: Micros) {
        let seconds = (moment.0 - self.clock.now().0) / 1_000_000;
        self.clock.advance_seconds(seconds.max(0));
    }

    /// Tells one, and returns the id that the service gave it.
    pub(crate) async fn tell(
        &self,
        told: &Told,
        supersedes: Option<String>,
    ) -> anyhow::Result<String> {
        let entry = NewEntry {
            content: Some(told.text.clone()),
            user_id: Some(told.user_id.clone()),
            agent_id: Some(told.agent_id.clone()),
            category: Some(told.category.clone()),
            supersedes,
            ..NewEntry::default()
        };
        let answer = self.service.add(&self.caller(&told.owner), entry).await?;
        match answer.results.as_slice() {
            [one] if matches!(one.event, Outcome::Add | Outcome::Supersede) => Ok(one.id.clone()),
            other => bail!("{told:?}: {other:?}"),
        }
    }

    /// Tells the whole set, each at its time, and returns the set's id for each of the service's.
    pub(crate) async fn fill(&self, set: &Set) -> anyhow::Result<HashMap<String, String>> {
        let mut given: HashMap<&str, String> = HashMap::new();
        for told in &set.told {
            self.go_to(told.at);
            let supersedes = match &told.supersedes {
                None => None,
                Some(old) => Some(given.get(old.as_str()).context("an older one")?.clone()),
            };
            given.insert(&told.id, self.tell(told, supersedes).await?);
        }
        self.go_to(NOW);
        Ok(given
            .into_iter()
            .map(|(ours, theirs)| (theirs, ours.to_owned()))
            .collect())
    }

    /// What the database takes, bytes.
    pub(crate) async fn bytes(&self) -> anyhow::Result<u64> {
        Ok(self.database.bytes().await?)
    }

    /// Engine and version.
    pub(crate) async fn describe(&self) -> anyhow::Result<String> {
        Ok(self.database.describe().await?)
    }

    /// Has pgvector's index used from so many numbers on.
    pub(crate) fn index_from(&self, numbers: u32) {
        self.database.index_vectors_from(numbers);
    }

    /// Waits until no index is being made.
    pub(crate) async fn settled(&self) {
        self.database.settled().await;
    }

    /// A vector of no text.
    fn direction(&self) -> Vec<f32> {
        let mut bytes = [0_u8; MiniLm::DIMENSIONS];
        self.dice.fill(&mut bytes);
        let values = bytes.map(|byte| f32::from(byte) - 127.5);
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.map(|value| value / length).to_vec()
    }

    /// Puts many into the store at once, past what is checked and looked for when one is told. Each names its place
    /// among them as its shelf.
    /// Their vectors are made up: a million of the model's would take an hour, and comparing them takes as long.
    pub(crate) async fn pour(&self, owner: &str, texts: &[(&str, String)]) -> anyhow::Result<()> {
        let now = self.clock.now();
        let new: Vec<NewMemory> = texts
            .iter()
            .zip(0..)
            .map(|((category, text), shelf)| NewMemory {
                id: uuid_v7(&*self.clock, &OsEntropy),
                scope: Scope {
                    owner: owner.to_owned(),
                    user_id: owner.to_owned(),
                    agent_id: None,
                    run_id: None,
                },
                content: text.clone(),
                exact: exact_tokens(text),
                hash: hash(text),
                category: (*category).to_owned(),
                metadata: [("shelf".to_owned(), json!(shelf))].into_iter().collect(),
                source: None,
                importance: 0.5,
                about: Vec::new(),
                created_at: now,
                valid_from: now,
                expires_at: None,
                supersedes: None,
                vector: Some(Vector {
                    model: self.embedder.model().to_owned(),
                    values: self.direction(),
                }),
            })
            .collect();
        let note = Note {
            actor: owner.to_owned(),
            at: now,
            ..Note::default()
        };
        let store = self.service.store();
        store.add_all(&new, Event::Import, &note).await?;
        Ok(())
    }

    /// Closes the database.
    pub(crate) async fn close(self) {
        self.database.close().await;
    }
}
