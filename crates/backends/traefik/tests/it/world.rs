//! A server that plays Traefik, and the server under test.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_traefik::kind;
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
use homelab_lab::traefik::{Protocol, Traefik};
use homelab_store::{Database, Target as Place};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The day on which every test takes place.
pub(crate) const TODAY: &str = "2026-12-01T00:00:00Z";

pub(crate) struct World {
    pub(crate) traefik: Traefik,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) env: Env,
    pub(crate) directory: PathBuf,
    /// Some requests are outside the contract on purpose.
    pub(crate) lenient: bool,
    _folder: TempDir,
}

impl World {
    /// A proxy with a container behind it, and an empty directory that it watches.
    pub(crate) async fn lab() -> Self {
        Self::configured(json!({})).await
    }

    /// The same with settings besides address and directory; a setting of the same name wins.
    pub(crate) async fn configured(settings: Value) -> Self {
        let traefik = Traefik::start().await.expect("a loopback port");
        let router = json!({
            "entryPoints": ["websecure"], "service": "blog", "rule": "Host(`blog.lab.example`)",
            "middlewares": ["auth@docker"], "tls": { "certResolver": "lab" },
        });
        traefik.add_router(Protocol::Http, "blog@docker", router);
        let service = json!({ "loadBalancer": {
            "servers": [{ "url": "http://192.0.2.40:2368" }, { "url": "http://192.0.2.41:2368" }],
            "healthCheck": { "path": "/", "interval": "30s", "timeout": "5s" },
        } });
        traefik.add_service(Protocol::Http, "blog@docker", service);
        let auth = json!({ "basicAuth": { "users": ["ops:$2y$05$tell-nobody"] } });
        traefik.add_middleware(Protocol::Http, "auth@docker", auth);
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("dynamic");
        std::fs::create_dir(&directory).expect("a directory");
        traefik.watch(&directory);
        let today = Micros::from_rfc3339(TODAY).expect("a day");
        let env = env(&folder, Arc::new(ManualClock::at(today))).await;
        let settings = settings_of(&traefik.url(), &directory, &settings);
        Self {
            server: kind().open("traefik", settings, &env),
            traefik,
            env,
            directory,
            lenient: false,
            _folder: folder,
        }
    }

    /// Opens the server anew with other settings.
    pub(crate) fn reopen(&mut self, settings: &Value) {
        let settings = settings_of(&self.traefik.url(), &self.directory, settings);
        self.server = kind().open("traefik", settings, &self.env);
    }

    /// Writes a file as somebody else would.
    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).expect("a written file");
    }

    /// The text of a file.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.directory.join(name)).ok()
    }

    /// The files that are there, our lock aside.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.directory).expect("a directory");
        let names = entries.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        });
        let mut names: Vec<String> = names.filter(|name| name != ".homelab-mcp.lock").collect();
        names.sort();
        names
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
        let unexpected = self.traefik.log().unexpected();
        if !std::thread::panicking() && !self.lenient {
            assert_eq!(unexpected, [""; 0], "outside the contract");
        }
    }
}

/// Address and directory, unless the settings say otherwise. Changes are looked at often.
fn settings_of(url: &str, directory: &Path, settings: &Value) -> Value {
    let mut all =
        json!({ "url": url, "directory": directory, "apply_poll_ms": 10, "apply_timeout_s": 1 });
    for (key, value) in settings.as_object().expect("a section") {
        if value.is_null() {
            all.as_object_mut().expect("a section").remove(key);
        } else {
            all[key] = value.clone();
        }
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
