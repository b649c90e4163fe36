//! Two servers: one over a connected backend, one over a section that cannot be used.

use homelab_core::BoxFuture;
use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::server::{Health, Server};
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target, ToolDef, ToolInfo};
use serde_json::Value;

use crate::Backend;

/// A connected backend as a [`Server`].
pub(crate) struct Adaptor<B> {
    instance: String,
    backend: B,
    tools: Vec<ToolDef<B>>,
    infos: Vec<ToolInfo>,
}

impl<B: Backend> Adaptor<B> {
    pub(crate) fn new(instance: &str, backend: B) -> Self {
        let tools = B::tools();
        Self {
            instance: instance.to_owned(),
            backend,
            infos: tools.iter().map(|tool| tool.info.clone()).collect(),
            tools,
        }
    }
}

impl<B: Backend> Server for Adaptor<B> {
    fn kind(&self) -> &'static str {
        B::KIND
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn title(&self) -> &'static str {
        B::TITLE
    }

    fn tools(&self) -> &[ToolInfo] {
        &self.infos
    }

    fn run<'a>(
        &'a self,
        tool: usize,
        args: Value,
        ctx: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>> {
        Box::pin(async move {
            let tool = self
                .tools
                .get(tool)
                .ok_or_else(|| ToolError::internal("no tool of this number"))?;
            tool.run(&self.backend, args, ctx)
                .await
                .map_err(|error| error.instance(&self.instance))
        })
    }

    fn effect(&self, tool: usize, args: Value) -> Option<Effect> {
        self.tools.get(tool)?.effect(&self.backend, args)
    }

    fn preview(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        self.tools.get(tool)?.preview(&self.backend, args)
    }

    fn targets(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        self.tools.get(tool)?.targets(&self.backend, args)
    }

    fn inverse(
        &self,
        tool: usize,
        args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        self.tools.get(tool)?.inverse(&self.backend, args)
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(self.backend.health())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.backend.close())
    }

    fn concurrency(&self) -> usize {
        B::CONCURRENCY
    }
}

/// An instance whose section cannot be used: its tools stay listed, so that the other servers'
/// clients see no change, and each call says at once which setting to correct.
pub(crate) struct Unconfigured {
    kind: &'static str,
    title: &'static str,
    instance: String,
    infos: Vec<ToolInfo>,
    error: ToolError,
}

impl Unconfigured {
    /// `error` names its setting within the section; here it gets the section's name too.
    pub(crate) fn new<B: Backend>(instance: &str, error: &ToolError) -> Self {
        let mut envelope = error.envelope().clone();
        envelope.field = Some(match envelope.field.as_deref() {
            None | Some("") => format!("servers.{instance}"),
            // The HTTP client knows its section.
            Some(key) if key.starts_with("servers.") => key.to_owned(),
            Some(key) => format!("servers.{instance}.{key}"),
        });
        envelope.instance = Some(instance.to_owned());
        Self {
            kind: B::KIND,
            title: B::TITLE,
            instance: instance.to_owned(),
            infos: B::tools().into_iter().map(|tool| tool.info).collect(),
            error: envelope.into(),
        }
    }
}

impl Server for Unconfigured {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn tools(&self) -> &[ToolInfo] {
        &self.infos
    }

    fn run<'a>(
        &'a self,
        _tool: usize,
        _args: Value,
        _ctx: &'a CallContext,
    ) -> BoxFuture<'a, ToolResult<Ran<Value>>> {
        Box::pin(async { Err(self.error.clone()) })
    }

    // The three hooks answer too: a rule about protected objects must not take a missing answer
    // for "touches nothing".
    fn preview(&self, _tool: usize, _args: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        Some(Box::pin(async { Err(self.error.clone()) }))
    }

    fn targets(
        &self,
        _tool: usize,
        _args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        Some(Box::pin(async { Err(self.error.clone()) }))
    }

    fn inverse(
        &self,
        _tool: usize,
        _args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        Some(Box::pin(async { Err(self.error.clone()) }))
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async {
            let envelope = self.error.envelope();
            let hint = envelope
                .hint
                .clone()
                .or_else(|| envelope.field.clone())
                .unwrap_or_default();
            Health::down(envelope.message.clone(), hint)
        })
    }
}
