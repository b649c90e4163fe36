//! A real engine, and the server under test.

use std::path::Path;
use std::sync::Arc;

use homelab_backend::{Env, Shared};
use homelab_backend_docker::kind;
use homelab_core::call::{CallContext, Confirmer, CredentialKind, Principal, Progress, Transport};
use homelab_core::clock::{SeededEntropy, SystemClock};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::keyring::Keyring;
use homelab_core::observe::Silent;
use homelab_core::policy::Role;
use homelab_core::redact::Redactor;
use homelab_core::server::Server;
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target};
use homelab_store::{Database, Target as Place};
use homelab_testkit::DockerEngine;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const IMAGE: &str = DockerEngine::IMAGE;

pub(crate) struct World {
    pub(crate) server: Arc<dyn Server>,
    _folder: TempDir,
}

impl World {
    /// The engine that all tests share; `None` skips the test.
    pub(crate) async fn real() -> Option<Self> {
        let engine = DockerEngine::shared()?;
        Some(Self::at(&engine.socket()).await)
    }

    /// An engine behind this socket.
    pub(crate) async fn at(socket: &Path) -> Self {
        Self::with(
            json!({ "url": format!("unix://{}", socket.display()) }),
            Shared::default(),
        )
        .await
    }

    pub(crate) async fn with(settings: Value, shared: Shared) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("homelab.db");
        let clock = Arc::new(SystemClock);
        let entropy = SeededEntropy::new(2);
        let database = Database::open(
            &Place::Sqlite { path },
            clock.clone(),
            Arc::new(SeededEntropy::new(1)),
        )
        .await;
        let env = Env {
            stores: database.expect("a database").stores(),
            keyring: Arc::new(
                Keyring::parse(&Keyring::generate(&entropy)).expect("a generated key"),
            ),
            clock,
            entropy: Arc::new(entropy),
            redactor: Redactor::default(),
            observer: Arc::new(Silent),
            shared,
        };
        Self {
            server: kind().open("docker", settings, &env),
            _folder: folder,
        }
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

    pub(crate) async fn preview(&self, tool: &str, args: Value) -> Preview {
        let preview = self.server.preview(self.index(tool), args);
        preview
            .expect("a preview")
            .await
            .unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    pub(crate) async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(self.index(tool), args);
        targets
            .expect("targets")
            .await
            .unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    pub(crate) async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// Runs a call and then what undoes it.
    pub(crate) async fn there_and_back(&self, tool: &str, args: Value) -> (Value, Value) {
        let inverse = self
            .inverse(tool, args.clone())
            .await
            .expect("something to undo");
        let there = self.call(tool, args).await;
        (there, self.call(&inverse.tool, inverse.arguments).await)
    }

    pub(crate) fn effect(&self, tool: &str, args: Value) -> Option<Effect> {
        self.server.effect(self.index(tool), args)
    }

    /// A running container that does nothing but wait.
    pub(crate) async fn sleeper(&self, name: &str) -> String {
        self.container(name, json!({ "command": ["sleep", "600"] }))
            .await
    }

    /// A container with these arguments more; returns its id.
    pub(crate) async fn container(&self, name: &str, more: Value) -> String {
        let mut args = json!({ "image": IMAGE, "name": name });
        for (key, value) in more.as_object().expect("arguments") {
            args[key] = value.clone();
        }
        let made = self.call("create_container", args).await;
        made["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn state(&self, name: &str) -> String {
        let details = self
            .call("inspect_container", json!({ "container": name }))
            .await;
        details["state"]["status"]
            .as_str()
            .expect("a state")
            .to_owned()
    }

    fn index(&self, tool: &str) -> usize {
        let mut tools = self.server.tools().iter();
        tools
            .position(|info| info.spec.name == tool)
            .unwrap_or_else(|| panic!("no tool `{tool}`"))
    }
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

/// The texts of a list.
pub(crate) fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let rows = list.as_array().expect("a list");
    rows.iter()
        .map(|row| if field.is_empty() { row } else { &row[field] })
        .map(|text| text.as_str().expect("a text"))
        .collect()
}
