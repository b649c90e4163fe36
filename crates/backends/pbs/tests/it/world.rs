//! A server that plays Proxmox Backup Server, and the server under test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_backend::{Env, Shared};
use homelab_backend_pbs::kind;
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
use homelab_lab::pbs::{Options, Pbs, ROOT_TOKEN, Release, SnapshotSeed};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-06-01T00:00:00Z";
pub(crate) const HOUR: i64 = 3600;

pub(crate) struct World {
    pub(crate) pbs: Pbs,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// A few backups, asked with a token that may do everything.
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

    /// The same with settings besides address and credentials; a setting of the same name wins.
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
        let pbs = Pbs::with(options).await.expect("a loopback port");
        for seed in [
            verified(snapshot("vm", "100", 50)),
            verified(snapshot("vm", "100", 26)),
            snapshot("vm", "100", 2),
            snapshot("ct", "200", 60),
            SnapshotSeed {
                ns: "home/lab".into(),
                ..snapshot("host", "nas", 1)
            },
        ] {
            pbs.add_snapshot(seed);
        }
        pbs.add_store("archive");
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        let settings = settings_of(&pbs, &settings);
        Self {
            server: kind().open("pbs", settings, &env),
            pbs,
            clock,
            env,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.pbs, settings);
        self.server = kind().open("pbs", settings, &self.env);
    }

    /// Asks with a token that has these privileges alone.
    pub(crate) fn as_token(&mut self, path: &str, privileges: &[&str]) {
        self.pbs.add_token("root@pam!small", "small-secret");
        self.pbs.grant("root@pam!small", path, privileges);
        self.reopen(&json!({ "token_id": "root@pam!small", "token_secret": "small-secret" }));
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

    /// The error of a call whose arguments the schema would refuse already.
    pub(crate) async fn refuse(&self, tool: &str, args: Value) -> ToolError {
        let index = index(&*self.server, tool);
        match self.server.run(index, args, &context()).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    pub(crate) async fn try_preview(&self, tool: &str, args: Value) -> ToolResult<Preview> {
        let preview = self.server.preview(index(&*self.server, tool), args);
        preview.expect("a preview").await
    }

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        self.try_preview(tool, args).await.expect("a plan")
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
        self.server
            .effect(index(&*self.server, tool), args)
            .expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something; a dry run is not told from a prune.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.pbs.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/access/ticket"));
        lines
    }

    /// The bodies of the requests to a path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let requests = self.pbs.log().all();
        let to_path = requests.iter().filter(|one| one.path.ends_with(path));
        to_path
            .map(|one| serde_json::from_slice(&one.body).expect("JSON"))
            .collect()
    }

    /// Names of the tools that are not listed, as far as the version is known.
    pub(crate) fn lacking(&self) -> Vec<&str> {
        let tools = self.server.tools().iter().enumerate();
        let lacking = tools.filter(|(index, _)| self.server.lacks(*index));
        lacking.map(|(_, info)| info.spec.name).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let unexpected = self.pbs.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

pub(crate) fn snapshot(kind: &str, id: &str, hours: i64) -> SnapshotSeed {
    SnapshotSeed::new("main", kind, id, hours * HOUR)
}

pub(crate) fn verified(seed: SnapshotSeed) -> SnapshotSeed {
    SnapshotSeed {
        verified: Some(true),
        ..seed
    }
}

/// The name of a backup so many hours old.
pub(crate) fn name(group: &str, hours: i64) -> String {
    let today = Micros::from_rfc3339(TODAY).expect("a day");
    format!("{group}/{}", today.plus_seconds(-hours * HOUR))
}

/// Address and root's token, unless the settings say otherwise. A task is looked at often.
fn settings_of(pbs: &Pbs, settings: &Value) -> Value {
    let (id, secret) = ROOT_TOKEN;
    let mut all = json!({ "url": pbs.url(), "task_poll_ms": 10, "task_wait_s": 20 });
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

/// Whether one of the lines has the text.
pub(crate) fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
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

/// An environment of its own, without a server.
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
        shared: Shared::default(),
    }
}
