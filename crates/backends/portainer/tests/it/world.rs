//! A server that plays Portainer with two engines behind it, and the server under test.

use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_portainer::kind;
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
use homelab_lab::docker::Docker;
use homelab_lab::portainer::{ADMIN_KEY, Portainer};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-12-01T00:00:00Z";

/// A small compose file.
pub(crate) const BLOG: &str =
    "services:\n  web:\n    image: lab/web:1\n  db:\n    image: lab/db:1\n";

pub(crate) struct World {
    pub(crate) portainer: Portainer,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) env: Env,
    /// Ids of the environments `local` and `nas`.
    pub(crate) local: u64,
    pub(crate) nas: u64,
    _engines: [Docker; 2],
    _folder: TempDir,
}

impl World {
    /// Two engines without stacks.
    pub(crate) async fn lab() -> Self {
        Self::configured(json!({})).await
    }

    /// The same with settings besides address and token; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let clock = Arc::new(ManualClock::at(today));
        let portainer = Portainer::with(clock.clone(), None)
            .await
            .expect("a loopback port");
        let engines = [
            Docker::start().await.expect("a loopback port"),
            Docker::start().await.expect("a loopback port"),
        ];
        let local = portainer.add_environment("local", &engines[0]);
        let nas = portainer.add_environment("nas", &engines[1]);
        let folder = tempfile::tempdir().expect("a folder");
        let env = env(&folder, clock.clone()).await;
        let settings = settings_of(&portainer.url(), &settings);
        Self {
            server: kind().open("portainer", settings, &env),
            portainer,
            clock,
            env,
            local,
            nas,
            _engines: engines,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.portainer.url(), settings);
        self.server = kind().open("portainer", settings, &self.env);
    }

    /// Deploys the small compose file.
    pub(crate) async fn blog(&self) -> Value {
        let args = json!({ "name": "blog", "endpoint": "local", "stack_file": BLOG, "env": [{ "name": "PASSWORD", "value": "tell-nobody" }] });
        self.call("deploy_stack", args).await
    }

    /// `METHOD path` of the requests that change something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let mut lines = self.portainer.log().lines();
        lines.retain(|line| !line.starts_with("GET "));
        lines
    }

    /// The body of the last request to a path.
    pub(crate) fn body(&self, path: &str) -> Value {
        let requests = self.portainer.log().all();
        let last = requests
            .iter()
            .rev()
            .find(|one| one.path.ends_with(path) && !one.body.is_empty());
        serde_json::from_slice(&last.expect("a request").body).expect("JSON")
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    pub(crate) async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, &context()).await
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
        self.server
            .effect(index(&*self.server, tool), args)
            .expect("fitting arguments")
    }

    pub(crate) async fn health(&self) -> Health {
        self.server.health().await
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
        let unexpected = self.portainer.log().unexpected();
        if !std::thread::panicking() {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Address and the administrator's token, unless the settings say otherwise. Deployments are looked
/// at often.
fn settings_of(url: &str, settings: &Value) -> Value {
    let mut all =
        json!({ "url": url, "api_key": ADMIN_KEY, "deploy_poll_ms": 10, "deploy_timeout_s": 30 });
    for (key, value) in settings.as_object().expect("a section") {
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

/// Whether one of the lines has the text.
pub(crate) fn says(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
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
