//! What the integration suites of all backends share: a server in an environment of its own, called as
//! the pipeline calls it. A dev-dependency alone.
//!
//! A suite's `World` holds the stand-in of its upstream and a [`Bench`], and derefs to the latter.
//! Whatever goes wrong here is a fault of the test and panics.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "it runs in tests alone, where a panic is the report"
)]

mod answer;
mod context;
mod facts;
mod faults;
mod ground;

use std::sync::Arc;

use homelab_backend::{Env, Kind, Shared};
use homelab_core::call::CallContext;
use homelab_core::clock::{Clock, ManualClock, Micros};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::server::{Health, Server};
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target};
use homelab_store::Database;
use serde_json::Value;
use tempfile::TempDir;

pub use answer::{column, eventually, field, hint, reason, says};
pub use context::{Reports, context, context_of, context_with, reporting};
pub use facts::{Key, find, question, related};
pub use faults::{NOWHERE, Trial, all_report_failure};
pub use ground::{Ground, env};

/// The day on which tests take place.
pub const TODAY: &str = "2026-06-01T00:00:00Z";

/// A clock that stands at the beginning of [`TODAY`].
pub fn today() -> Arc<ManualClock> {
    clock_at(TODAY)
}

/// A clock that stands at a time, RFC 3339.
pub fn clock_at(time: &str) -> Arc<ManualClock> {
    let time = Micros::from_rfc3339(time).expect("a time");
    Arc::new(ManualClock::at(time))
}

/// A server under test, with its database in a folder that goes with it.
pub struct Bench {
    /// The server.
    pub server: Arc<dyn Server>,
    /// What it was given.
    pub env: Env,
    /// Its database.
    pub database: Database,
    kind: Kind,
    instance: &'static str,
    // Declared last: it must not vanish under a database that is open.
    _folder: Option<TempDir>,
}

impl Bench {
    /// Opens a server under its kind's name.
    pub async fn open(kind: Kind, settings: Value, clock: Arc<dyn Clock>) -> Self {
        Self::named(kind.name, kind, settings, clock, Shared::default()).await
    }

    /// Opens a server under another name, with what several backends share.
    pub async fn named(
        instance: &'static str,
        kind: Kind,
        settings: Value,
        clock: Arc<dyn Clock>,
        shared: Shared,
    ) -> Self {
        let mut ground = Ground::new(clock).await;
        ground.env.shared = shared;
        Self::on(ground, instance, kind, settings)
    }

    /// Opens a server on a ground that the test has prepared.
    pub fn on(ground: Ground, instance: &'static str, kind: Kind, settings: Value) -> Self {
        let Ground {
            env,
            database,
            folder,
        } = ground;
        Self {
            server: kind.open(instance, settings, &env),
            env,
            database,
            kind,
            instance,
            _folder: folder,
        }
    }

    /// Opens the server anew, with other settings.
    pub fn reopen_with(&mut self, settings: Value) {
        self.server = self.kind.open(self.instance, settings, &self.env);
    }

    /// Calls a tool as the pipeline does: its arguments fit the input schema, its result the output
    /// schema.
    ///
    /// # Errors
    /// The tool's.
    pub async fn run(&self, tool: &str, args: Value) -> ToolResult<Ran<Value>> {
        self.run_in(tool, args, &context()).await
    }

    /// The same in a context of the test's own.
    ///
    /// # Errors
    /// The tool's.
    pub async fn run_in(
        &self,
        tool: &str,
        args: Value,
        ctx: &CallContext,
    ) -> ToolResult<Ran<Value>> {
        run(&*self.server, tool, args, ctx).await
    }

    /// The result of a call that must succeed and take.
    pub async fn call(&self, tool: &str, args: Value) -> Value {
        self.call_in(tool, args, &context()).await
    }

    /// The same in a context of the test's own.
    pub async fn call_in(&self, tool: &str, args: Value, ctx: &CallContext) -> Value {
        match self.run_in(tool, args, ctx).await {
            Ok(ran) => {
                assert_eq!(ran.mismatches, [], "{tool} did not take: {}", ran.output);
                ran.output
            }
            Err(error) => panic!("{tool} failed for {}: {error}", ctx.principal.name),
        }
    }

    /// The error of a call that must fail.
    pub async fn fail(&self, tool: &str, args: Value) -> ToolError {
        self.fail_in(tool, args, &context()).await
    }

    /// The same in a context of the test's own.
    pub async fn fail_in(&self, tool: &str, args: Value, ctx: &CallContext) -> ToolError {
        match self.run_in(tool, args, ctx).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    /// The error of a call whose arguments the schema would refuse already.
    pub async fn refuse(&self, tool: &str, args: Value) -> ToolError {
        match self.server.run(self.index(tool), args, &context()).await {
            Ok(ran) => panic!("{tool} answered {}", ran.output),
            Err(error) => error,
        }
    }

    /// What a call would do, of a tool that tells it.
    ///
    /// # Errors
    /// The preview's.
    pub async fn try_preview(&self, tool: &str, args: Value) -> ToolResult<Preview> {
        let preview = self.server.preview(self.index(tool), args);
        preview.expect("a preview").await
    }

    /// What a call would do, which must be told.
    pub async fn preview(&self, tool: &str, args: Value) -> Preview {
        self.try_preview(tool, args).await.expect("a plan")
    }

    /// What a call touches, of a tool that tells it.
    pub async fn targets(&self, tool: &str, args: Value) -> Vec<Target> {
        let targets = self.server.targets(self.index(tool), args);
        targets.expect("targets").await.expect("resolved targets")
    }

    /// What would take a call back, asked before it runs, of a tool that tells it.
    pub async fn inverse(&self, tool: &str, args: Value) -> Option<Inverse> {
        let inverse = self.server.inverse(self.index(tool), args);
        inverse
            .expect("an inverse")
            .await
            .expect("a computed inverse")
    }

    /// Runs a call's inverse, which must succeed and take.
    pub async fn undo(&self, inverse: Inverse) -> Value {
        self.call(&inverse.tool, inverse.arguments).await
    }

    /// The effect of a call with these arguments.
    pub fn effect(&self, tool: &str, args: Value) -> Effect {
        let index = self.index(tool);
        let stated = self.server.tools()[index].spec.effect;
        self.server.effect(index, args).unwrap_or(stated)
    }

    /// How the server is.
    pub async fn health(&self) -> Health {
        self.server.health().await
    }

    fn index(&self, tool: &str) -> usize {
        index(&*self.server, tool)
    }
}

/// Calls a tool of a server that the test opened itself, as [`Bench::run_in`] does.
///
/// # Errors
/// The tool's.
pub async fn run(
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
