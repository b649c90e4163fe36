//! A running lab, a database that describes it, and the server under test.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homelab_backend::Shared;
use homelab_backend_homelab::kind;
use homelab_core::call::CallContext;
use homelab_core::clock::{ManualClock, Micros};
use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, Facts, FactsHandle, FactsSource, Gather, SourceFacts};
use homelab_core::inventory::Snapshot;
use homelab_core::store::Credential;
use homelab_harness::{Bench, today};
use homelab_lab::{Lab, demo};
use homelab_memory::Current;
use serde_json::{Value, json};

pub(crate) use homelab_harness::{TODAY, context, context_of, context_with, hint, reason};

pub(crate) struct World {
    pub(crate) lab: Lab,
    bench: Bench,
    pub(crate) clock: Arc<ManualClock>,
    /// What the other servers tell.
    pub(crate) told: Arc<Told>,
    /// What agents remember: nothing yet.
    pub(crate) memory: Arc<Current>,
}

impl World {
    /// The demo inventory on a running lab, with its credentials.
    pub(crate) async fn demo() -> Self {
        let world = Self::with(json!({}), demo::inventory_on).await;
        for credential in demo::credentials() {
            let secret = credential.password.map(homelab_core::secret::Secret::new);
            world
                .store_credential(Credential {
                    id: String::new(),
                    target_type: credential.target_type.to_owned(),
                    target_id: credential.target.to_owned(),
                    username: Some(credential.username.to_owned()),
                    password_encrypted: secret.map(|secret| world.env.keyring.encrypt(&secret)),
                    ssh_key_path: credential.ssh_key_path.map(str::to_owned),
                    auth_type: credential.auth_type.to_owned(),
                    notes: Some(credential.notes.to_owned()),
                    created_at: Micros(0),
                    updated_at: Micros(0),
                })
                .await;
        }
        world
    }

    /// An inventory and settings of the test's own.
    pub(crate) async fn of_with(inventory: Value, settings: Value) -> Self {
        let snapshot: Snapshot = serde_json::from_value(inventory).expect("an inventory");
        Self::with(settings, |_| snapshot).await
    }

    /// The demo inventory and these settings.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(settings, demo::inventory_on).await
    }

    /// An inventory of the test's own.
    pub(crate) async fn of(inventory: Value) -> Self {
        Self::of_with(inventory, json!({})).await
    }

    async fn with(settings: Value, inventory: impl FnOnce(&Lab) -> Snapshot) -> Self {
        let lab = Lab::start().await.expect("loopback ports");
        let clock = today();
        let told = Arc::new(Told::default());
        let handle = FactsHandle::default();
        let source: Arc<dyn FactsSource> = told.clone();
        handle.connect(Arc::downgrade(&source));
        let memory = Arc::new(Current::default());
        let shared = Shared::default()
            .with(Arc::new(handle))
            .with(memory.clone());
        let bench = Bench::named("homelab", kind(), settings, clock.clone(), shared).await;
        let imported = bench.env.stores.inventory.import(inventory(&lab)).await;
        imported.expect("a consistent inventory");
        Self {
            lab,
            bench,
            clock,
            told,
            memory,
        }
    }

    pub(crate) async fn store_credential(&self, credential: Credential) {
        let stored = self.env.stores.credentials.put(credential).await;
        stored.expect("a stored credential");
    }
}

impl Deref for World {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

/// The names in a list's rows.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

/// Servers that tell what a test has them know.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<SourceFacts>>);

impl Told {
    /// A server of this name knows these things, as of this day's moment.
    pub(crate) fn knows(&self, instance: &str, entities: Vec<Entity>) {
        let mut facts = Facts::default();
        for entity in entities {
            facts.add(entity);
        }
        self.answers(instance, Ok(facts));
    }

    /// A server of this name answers so.
    pub(crate) fn answers(&self, instance: &str, facts: ToolResult<Facts>) {
        let mut all = self.0.lock().expect("no panic");
        all.retain(|one| one.instance != instance);
        all.push(SourceFacts {
            instance: instance.to_owned(),
            kind: "fake",
            seen_at: Micros::from_rfc3339(TODAY).expect("a day"),
            facts: facts.map(Arc::new),
        });
        all.sort_by(|one, other| one.instance.cmp(&other.instance));
    }

    /// The caller may not know of this server any more.
    pub(crate) fn hide(&self, instance: &str) {
        let mut all = self.0.lock().expect("no panic");
        all.retain(|one| one.instance != instance);
    }
}

#[async_trait]
impl FactsSource for Told {
    async fn gather(&self, _context: &CallContext, wanted: &Gather) -> Vec<SourceFacts> {
        let all = self.0.lock().expect("no panic").clone();
        let is_wanted = |one: &SourceFacts| {
            let mut names = wanted.instances.iter().flatten();
            wanted.instances.is_none() || names.any(|name| *name == one.instance)
        };
        all.into_iter().filter(is_wanted).collect()
    }

    async fn shows(&self, context: &CallContext, kind: &str, tool: &str) -> bool {
        let is_reader = context.principal.name != "stranger";
        is_reader && (kind, tool) == ("memory", "search_memories")
    }
}
