//! Two servers: one over a connected backend, one over a section that cannot be used.

use homelab_core::BoxFuture;
use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Facts, FactsQuery};
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
        let def = self.tools.get(tool)?;
        let own = def.effect(&self.backend, args.clone())?;
        let other = self
            .stands_for(tool, args)
            .and_then(|other| self.infos.get(other))
            .map(|other| other.spec.effect);
        Some(other.map_or(own, |other| own.max(other)))
    }

    fn stands_for(&self, tool: usize, args: Value) -> Option<usize> {
        let name = self.tools.get(tool)?.stands_for(&self.backend, args)?;
        self.infos.iter().position(|info| info.spec.name == name)
    }

    fn lacks(&self, tool: usize) -> bool {
        let info = self.infos.get(tool);
        info.is_some_and(|info| self.backend.lacks(info.spec.name))
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

    fn facts<'a>(&'a self, query: &'a FactsQuery) -> Option<BoxFuture<'a, ToolResult<Facts>>> {
        (!B::FACTS.is_empty()).then(|| -> BoxFuture<'a, ToolResult<Facts>> {
            Box::pin(async move {
                let facts = self.backend.facts(query).await;
                facts.map_err(|error| error.instance(&self.instance))
            })
        })
    }

    fn facts_tools(&self) -> &'static [&'static str] {
        B::FACTS
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
    facts_tools: &'static [&'static str],
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
            facts_tools: B::FACTS,
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

    fn facts<'a>(&'a self, _query: &'a FactsQuery) -> Option<BoxFuture<'a, ToolResult<Facts>>> {
        (!self.facts_tools.is_empty()).then(|| -> BoxFuture<'a, ToolResult<Facts>> {
            Box::pin(async { Err(self.error.clone()) })
        })
    }

    fn facts_tools(&self) -> &'static [&'static str] {
        self.facts_tools
    }
}
