//! A running lab, a database that describes it, and the server under test.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_backend_homelab::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Entity, Facts, FactsHandle, FactsSource, Gather, SourceFacts};
use homelab_core::id::RequestId;
use homelab_core::inventory::Snapshot;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::server::Server;
use homelab_core::store::{Credential, Stores};
use homelab_core::tool::{Inverse, Preview, Ran, Target};
use homelab_lab::{Lab, demo};
use homelab_memory::Current;
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-06-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: Arc<dyn Server>,
    /// What the other servers tell.
    pub(crate) told: Arc<Told>,
    /// What agents remember: nothing yet.
    pub(crate) memory: Arc<Current>,
    database: Database,
    _folder: TempDir,
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
        let folder = tempfile::tempdir().expect("a folder");
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let database = database(&folder, clock.clone()).await;
        let told = Arc::new(Told::default());
        let handle = FactsHandle::default();
        let source: Arc<dyn FactsSource> = told.clone();
        handle.connect(Arc::downgrade(&source));
        let memory = Arc::new(Current::default());
        let shared = Shared::default()
            .with(Arc::new(handle))
            .with(memory.clone());
        let env = env(database.stores(), clock.clone(), shared);
        env.stores
            .inventory
            .import(inventory(&lab))
            .await
            .expect("a consistent inventory");
        Self {
            server: kind().open("homelab", settings, &env),
            lab,
            env,
            clock,
            told,
            memory,
            database,
            _folder: folder,
        }
    }

    /// From here on, nothing can be read or written.
    pub(crate) async fn close_database(&self) {
        self.database.close().await;
    }

    pub(crate) async fn store_credential(&self, credential: Credential) {
        let stored = self.env.stores.credentials.put(credential).await;
        stored.expect("a stored credential");
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        self.run_in(tool, args, &context()).await
    }

    pub(crate) async fn run_in(
        &self,
        tool: &str,
        args: Value,
        ctx: &CallContext,
    ) -> ToolResult<Ran<Value>> {
        let index = self.index(tool);
        let info = &self.server.tools()[index];
        let input = Value::Object((*info.input_schema).clone());
        if let Err(error) = jsonschema::validate(&input, &args) {
            panic!("{tool} does not take {args}: {error}");
        }
        let ran = self.server.run(index, args, ctx).await?;
        let output = Value::Object((*info.output_schema).clone());
        if let Err(error) = jsonschema::validate(&output, &ran.output) {
            panic!("{tool} does not give {}: {error}", ran.output);
        }
        Ok(ran)
    }

    /// The result of a call that must succeed and take.
    pub(crate) async fn call(&self, tool: &str, args: Value) -> Value {
        match self.run(tool, args).await {
            Ok(ran) => {
                assert_eq!(ran.mismatches, [], "{tool} did not take");
                ran.output
            }
            Err(error) => panic!("{tool} failed: {error}"),
        }
    }

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, tool: &str, args: Value) -> ToolError {
        match self.run(tool, args).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> ToolResult<Preview> {
        let preview = self.server.preview(self.index(tool), args);
        preview.expect("a preview").await
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(self.index(tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        tools
            .position(|info| info.spec.name == tool)
            .unwrap_or_else(|| panic!("no tool `{tool}`"))
    }
}

pub(crate) fn context() -> CallContext {
    context_with(Progress::default())
}

pub(crate) fn context_with(progress: Progress) -> CallContext {
    CallContext {
        principal: Arc::new(Principal::new(
            "cli:0",
            "cli:0",
            CredentialKind::Local,
            Role::Admin,
        )),
        request_id: RequestId::new("r"),
        transport: Transport::Cli,
        session: None,
        peer: None,
        deadline: None,
        cancel: CancellationToken::new(),
        progress,
        confirm: Confirmer::default(),
    }
}

/// An administrator of this name.
pub(crate) fn context_of(who: &str) -> CallContext {
    let principal = Principal::new(who, who, CredentialKind::Agent, Role::Admin);
    CallContext {
        principal: Arc::new(principal),
        ..context()
    }
}

/// The names in a list's rows.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

pub(crate) fn hint(error: &ToolError) -> &str {
    error.envelope().hint.as_deref().unwrap_or_default()
}

async fn database(folder: &TempDir, clock: Arc<ManualClock>) -> Database {
    let path = folder.path().join("homelab.db");
    let entropy = Arc::new(SeededEntropy::new(1));
    let database = Database::open(&Place::Sqlite { path }, clock, entropy).await;
    database.expect("a database")
}

fn env(stores: Stores, clock: Arc<ManualClock>, shared: Shared) -> Env {
    let entropy = SeededEntropy::new(2);
    let key = Keyring::generate(&entropy);
    Env {
        stores,
        keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
        clock,
        entropy: Arc::new(entropy),
        redactor: Redactor::default(),
        observer: Arc::new(Silent),
        shared,
    }
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
