//! A cluster that plays Proxmox, and the server under test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_backend::Env;
use homelab_backend_proxmox::kind;
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
use homelab_lab::proxmox::{GuestSeed, Options, Proxmox, ROOT_TOKEN, Release};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-06-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) cluster: Proxmox,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    _folder: TempDir,
}

impl World {
    /// Two nodes with a few guests, asked with a token that may do everything.
    pub(crate) async fn lab() -> Self {
        Self::with(Options::default(), json!({})).await
    }

    /// The same in another release.
    pub(crate) async fn release(release: Release) -> Self {
        let options = Options {
            release,
            ..Options::default()
        };
        Self::with(options, json!({})).await
    }

    /// The same with settings besides hosts and credentials; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(Options::default(), settings).await
    }

    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let cluster = Proxmox::with(options).await.expect("loopback ports");
        cluster
            .add_guest(GuestSeed::machine(100, "web", "pve1").with(json!({ "tags": "prod;web" })));
        cluster.add_guest(GuestSeed::machine(101, "build", "pve2").stopped());
        cluster.add_guest(GuestSeed::container(200, "dns", "pve2"));
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        let settings = settings_of(&cluster, &settings);
        Self {
            server: kind().open("pve", settings, &env),
            cluster,
            clock,
            env,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.cluster, settings);
        self.server = kind().open("pve", settings, &self.env);
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, &context()).await
    }

    pub(crate) async fn run_in(
        &self,
        tool: &str,
        args: Value,
        ctx: &CallContext,
    ) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, ctx).await
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
        let preview = self.server.preview(index(&*self.server, tool), args);
        preview.expect("a preview").await.expect("a plan")
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(index(&*self.server, tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(index(&*self.server, tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    /// Runs a call's inverse, which must succeed and take.
    pub(crate) async fn undo(&self, inverse: Inverse) -> Value {
        self.call(&inverse.tool, inverse.arguments).await
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        let index = index(&*self.server, tool);
        let stated = self.server.tools()[index].spec.effect;
        self.server.effect(index, args).unwrap_or(stated)
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.cluster.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/access/ticket"));
        lines
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.cluster.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Hosts and root's token, unless the settings say otherwise. A task is looked at often.
fn settings_of(cluster: &Proxmox, settings: &Value) -> Value {
    let (id, secret) = ROOT_TOKEN;
    let mut all = json!({ "hosts": [cluster.url()], "task_poll_ms": 10, "task_wait_s": 20 });
    let own = settings.as_object().expect("a section");
    if !own.contains_key("username") && !own.contains_key("token_id") {
        all["token_id"] = id.into();
        all["token_secret"] = secret.into();
    }
    for (key, value) in own {
        all[key] = value.clone();
    }
    all
}

/// Calls a tool as the pipeline does.
pub(crate) async fn run(
    server: &dyn Server,
    tool: &str,
    args: Value,
    ctx: &CallContext,
) -> ToolResult<Ran<Value>> {
    let index = index(server, tool);
    let info = &server.tools()[index];
    let input = Value::Object((*info.input_schema).clone());
    if let Err(error) = jsonschema::validate(&input, &args) {
        panic!("{tool} does not take {args}: {error}");
    }
    let ran = server.run(index, args, ctx).await?;
    let output = Value::Object((*info.output_schema).clone());
    if let Err(error) = jsonschema::validate(&output, &ran.output) {
        panic!("{tool} does not give {}: {error}", ran.output);
    }
    Ok(ran)
}

fn index(server: &dyn Server, tool: &str) -> usize {
    let mut tools = server.tools().iter();
    tools
        .position(|info| info.spec.name == tool)
        .unwrap_or_else(|| panic!("no tool `{tool}`"))
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

/// Reports of progress as they came: value, total, message.
pub(crate) type Reports = Arc<Mutex<Vec<(f64, Option<f64>, String)>>>;

/// A context that keeps its progress.
pub(crate) fn reporting() -> (CallContext, Reports) {
    let reports = Reports::default();
    let sink = Arc::clone(&reports);
    let progress = Progress::to(move |update| {
        sink.lock().expect("no panic").push((
            update.progress,
            update.total,
            update.message.unwrap_or_default(),
        ));
    });
    (context_with(progress), reports)
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

/// Runs with a real clock until `what` holds; fails after a while.
pub(crate) async fn eventually(what: impl Fn() -> bool) {
    let all = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("it to happen");
}

/// An environment of its own, without a cluster.
pub(crate) async fn env(folder: &TempDir, clock: Arc<ManualClock>) -> Env {
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
        shared: homelab_backend::Shared::default(),
    }
}
