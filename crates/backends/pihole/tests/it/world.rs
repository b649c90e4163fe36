//! Servers that play Pi-hole, and the server under test.

use std::sync::{Arc, Mutex};

use homelab_backend::{Env, Shared};
use homelab_backend_pihole::kind;
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
use homelab_lab::pihole::{Options, PASSWORD, Pihole};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-06-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) pihole: Pihole,
    /// The replica, where there is one.
    pub(crate) second: Option<Pihole>,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// One Pi-hole without rules and lists.
    pub(crate) async fn lab() -> Self {
        Self::with(Options::default(), json!({})).await
    }

    /// The same with settings besides address and password; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        Self::with(Options::default(), settings).await
    }

    /// Two that are kept in step.
    pub(crate) async fn pair() -> Self {
        let mut world = Self::lab().await;
        let options = Options {
            clock: world.clock.clone(),
            ..Options::default()
        };
        let second = Pihole::with(options).await.expect("a loopback port");
        let replicas = json!([{ "name": "pihole-2", "url": second.url() }]);
        world.second = Some(second);
        world.reopen(&json!({ "replicas": replicas }));
        world
    }

    pub(crate) async fn with(options: Options, settings: Value) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let options = Options {
            clock: clock.clone(),
            ..options
        };
        let pihole = Pihole::with(options).await.expect("a loopback port");
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        Self {
            server: kind().open("pihole", settings_of(&pihole, &settings), &env),
            pihole,
            second: None,
            clock,
            env,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.pihole, settings);
        self.server = kind().open("pihole", settings, &self.env);
    }

    pub(crate) fn second(&self) -> &Pihole {
        self.second.as_ref().expect("a replica")
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, &context(Progress::default())).await
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

    /// What the first Pi-hole answered to a call that must succeed and take.
    pub(crate) async fn first(&self, tool: &str, args: Value) -> Value {
        self.call(tool, args).await["hosts"][0]["result"].clone()
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
        let ctx = context(Progress::default());
        match self.server.run(index, args, &ctx).await {
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

    /// Runs a call, then what was computed to undo it before it ran; both must take.
    pub(crate) async fn there_and_back(&self, tool: &str, args: Value) {
        let inverse = self.inverse(tool, args.clone()).await;
        let inverse = inverse.unwrap_or_else(|| panic!("{tool} has no inverse for {args}"));
        self.call(tool, args).await;
        self.call(&inverse.tool, without_nulls(inverse.arguments))
            .await;
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Effect {
        self.server
            .effect(index(&*self.server, tool), args)
            .expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
    }

    /// `METHOD path` of the requests that change something, without logins.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.pihole.log().lines();
        lines.retain(|line| !line.starts_with("GET ") && !line.ends_with("/api/auth"));
        lines
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.lenient {
            return;
        }
        let servers = std::iter::once(&self.pihole).chain(&self.second);
        for pihole in servers {
            assert_eq!(pihole.log().unexpected(), [""; 0], "outside the contract");
        }
    }
}

/// As the pipeline passes the arguments of an inverse on.
fn without_nulls(mut args: Value) -> Value {
    if let Some(fields) = args.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    args
}

/// Address and password, unless the settings say otherwise. After a restart it is asked at once.
pub(crate) fn settings_of(pihole: &Pihole, settings: &Value) -> Value {
    let mut all = json!({ "url": pihole.url(), "password": PASSWORD, "restart_wait_ms": 10 });
    for (key, value) in settings.as_object().expect("a section") {
        all[key] = value.clone();
    }
    without_nulls(all)
}

async fn run(
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

fn context(progress: Progress) -> CallContext {
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

/// A context that keeps the messages of its progress.
pub(crate) fn reporting() -> (CallContext, Arc<Mutex<Vec<String>>>) {
    let reports = Arc::<Mutex<Vec<String>>>::default();
    let sink = Arc::clone(&reports);
    let progress = Progress::to(move |update| {
        let message = update.message.unwrap_or_default();
        sink.lock().expect("no panic").push(message);
    });
    (context(progress), reports)
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
