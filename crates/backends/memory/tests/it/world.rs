//! A database, a clock, and callers.

use std::sync::Arc;

use async_trait::async_trait;
use homelab_backend::{Env, Shared};
use homelab_backend_memory::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{Entropy, ManualClock, Micros, OsEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::memory::{Embedder, Purpose};
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::server::Server;
use homelab_core::tool::{Effect, Inverse, Preview};
use homelab_memory::Current;
use homelab_store::{Database, Target};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
const TODAY: &str = "2026-06-01T00:00:00Z";

/// What a server is given, over a new SQLite file.
pub(crate) struct Folder {
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    _database: Database,
    _files: TempDir,
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
            shared: Shared::default().with(Arc::new(Current::default())),
        };
        Self {
            env,
            clock,
            _database: database,
            _files: folder,
        }
    }
}

/// A server over it.
pub(crate) struct World {
    pub(crate) folder: Folder,
    pub(crate) server: Arc<dyn Server>,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(json!({})).await
    }

    /// With these settings.
    pub(crate) async fn with(settings: Value) -> Self {
        let folder = Folder::open().await;
        let server = kind().open("memory", settings, &folder.env);
        Self { folder, server }
    }

    /// Calls a tool as the pipeline does, for a key of this name: its arguments fit the input schema, its
    /// result the output schema.
    pub(crate) async fn run(&self, who: &str, tool: &str, args: Value) -> ToolResult<Value> {
        let index = self.index(tool);
        let info = &self.server.tools()[index];
        let input = Value::Object((*info.input_schema).clone());
        if let Err(error) = jsonschema::validate(&input, &args) {
            panic!("{tool} does not take {args}: {error}");
        }
        let ran = self.server.run(index, args, &context(who)).await?;
        let schema = Value::Object((*info.output_schema).clone());
        if let Err(error) = jsonschema::validate(&schema, &ran.output) {
            panic!("{tool} does not give {}: {error}", ran.output);
        }
        Ok(ran.output)
    }

    /// The result of a call that must succeed.
    pub(crate) async fn call(&self, who: &str, tool: &str, args: Value) -> Value {
        match self.run(who, tool, args).await {
            Ok(output) => output,
            Err(error) => panic!("{tool} failed for {who}: {error}"),
        }
    }

    /// The error of a call that must fail.
    pub(crate) async fn fail(&self, who: &str, tool: &str, args: Value) -> ToolError {
        match self.run(who, tool, args).await {
            Ok(output) => panic!("{tool} answered {output}"),
            Err(error) => error,
        }
    }

    /// Keeps a text; its id.
    pub(crate) async fn add(&self, who: &str, content: &str) -> String {
        let added = self
            .call(who, "add_memory", json!({ "content": content }))
            .await;
        text(&added["results"][0]["id"])
    }

    /// The texts that a search finds, best first.
    pub(crate) async fn found(&self, who: &str, query: &str) -> Vec<String> {
        let found = self
            .call(who, "search_memories", json!({ "query": query }))
            .await;
        let results = found["results"].as_array().expect("a list");
        results.iter().map(|one| text(&one["content"])).collect()
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        let effect = self.server.effect(self.index(tool), args);
        effect.expect("an effect")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let hook = self.server.inverse(self.index(tool), args)?;
        hook.await.expect("an inverse")
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        let hook = self.server.preview(self.index(tool), args);
        hook.expect("a preview").await.expect("a preview")
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        let found = tools.position(|info| info.spec.name == tool);
        found.unwrap_or_else(|| panic!("no tool `{tool}`"))
    }
}

fn context(who: &str) -> CallContext {
    let principal = Principal::new(who, who, CredentialKind::Agent, Role::Operator);
    CallContext {
        principal: Arc::new(principal),
        request_id: RequestId::new("r"),
        transport: Transport::Http,
        session: None,
        peer: None,
        deadline: None,
        cancel: CancellationToken::new(),
        progress: Progress::default(),
        confirm: Confirmer::default(),
    }
}

pub(crate) fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
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
