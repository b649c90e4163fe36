//! A server that plays Cloudflare, and the server under test.

use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_cloudflare::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::server::{Health, Server};
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target};
use homelab_lab::cloudflare::{Cloudflare, Plan, RecordSeed, TOKEN};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// When every test takes place.
pub(crate) const NOW: &str = "2026-11-20T02:00:00Z";

/// The zone of most tests.
pub(crate) const ZONE: &str = "lab.example";

pub(crate) struct World {
    pub(crate) api: Cloudflare,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    /// Id of [`ZONE`].
    pub(crate) zone: String,
    env: Env,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// An account with one zone on the free plan, asked with a token that may do everything.
    pub(crate) async fn lab() -> Self {
        Self::on(Plan::Free).await
    }

    /// The same on another plan.
    pub(crate) async fn on(plan: Plan) -> Self {
        let now = Micros::from_rfc3339(NOW).expect("a time");
        let clock = Arc::new(ManualClock::at(now));
        let api = Cloudflare::with(Arc::clone(&clock) as _, None)
            .await
            .expect("a loopback port");
        let zone = api.add_zone(ZONE, plan);
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        let settings = json!({ "url": api.base_url(), "token": TOKEN });
        Self {
            server: kind().open("cloudflare", settings, &env),
            api,
            clock,
            zone,
            env,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let mut all = json!({ "url": self.api.base_url(), "token": TOKEN });
        for (key, value) in settings.as_object().expect("a section") {
            all[key] = value.clone();
        }
        self.server = kind().open("cloudflare", all, &self.env);
    }

    /// Puts a record there; its id.
    pub(crate) fn record(&self, kind: &str, name: &str, content: &str) -> String {
        let seed = RecordSeed::new(kind, name, content);
        self.api.add_record(&self.zone, &seed)
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        let index = self.index(tool);
        let info = &self.server.tools()[index];
        let input = Value::Object((*info.input_schema).clone());
        if let Err(error) = jsonschema::validate(&input, &args) {
            panic!("{tool} does not take {args}: {error}");
        }
        let ran = self.server.run(index, args, &context()).await?;
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
                assert_eq!(ran.mismatches, [], "{tool} did not take: {}", ran.output);
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

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        let preview = self.server.preview(self.index(tool), args);
        preview.expect("a preview").await.expect("a plan")
    }

    /// Kinds and names of what a call touches.
    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<String> {
        let targets = self.server.targets(self.index(tool), args);
        let targets: Vec<Target> = targets.expect("targets").await.expect("resolved targets");
        let named = |target: Target| format!("{} {}", target.kind, target.name.unwrap_or_default());
        targets.into_iter().map(named).collect()
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        let effect = self.server.effect(self.index(tool), args);
        effect.expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.api.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/graphql"));
        lines
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        tools
            .position(|info| info.spec.name == tool)
            .unwrap_or_else(|| panic!("no tool `{tool}`"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.api.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

fn context() -> CallContext {
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
        progress: Progress::default(),
        confirm: Confirmer::default(),
    }
}

pub(crate) fn reason(error: &ToolError) -> &str {
    error.envelope().reason.as_deref().unwrap_or_default()
}

pub(crate) fn hint(error: &ToolError) -> &str {
    error.envelope().hint.as_deref().unwrap_or_default()
}

pub(crate) fn field(error: &ToolError) -> &str {
    error.envelope().field.as_deref().unwrap_or_default()
}

/// One member of all rows of a list.
pub(crate) fn column(list: &Value, member: &str) -> Vec<Value> {
    let rows = list["items"].as_array().expect("a list");
    rows.iter().map(|row| row[member].clone()).collect()
}

async fn env(folder: &TempDir, clock: Arc<ManualClock>) -> Env {
    let path = folder.path().join("homelab.db");
    let entropy = Arc::new(SeededEntropy::new(1));
    let database = Database::open(&Place::Sqlite { path }, clock.clone(), entropy)
        .await
        .expect("a database");
    let entropy = SeededEntropy::new(2);
    let key = Keyring::generate(&entropy);
    Env {
        stores: database.stores(),
        keyring: Arc::new(Keyring::parse(&key).expect("a generated key")),
        clock,
        entropy: Arc::new(entropy),
        redactor: Redactor::default(),
        observer: Arc::new(Silent),
        shared: Shared::default(),
    }
}
