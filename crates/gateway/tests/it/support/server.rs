//! A server of closures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use homelab_core::BoxFuture;
use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::facts::{Facts, FactsQuery};
use homelab_core::server::{Health, Server};
use homelab_core::tool::{Effect, Inverse, Preview, Ran, Target, ToolInfo, ToolSpec};
use serde_json::{Map, Value, json};

type Run =
    Arc<dyn Fn(Value, CallContext) -> BoxFuture<'static, ToolResult<Ran<Value>>> + Send + Sync>;
type Foresight = Arc<dyn Fn(&Value) -> Preview + Send + Sync>;
type Tell = Arc<dyn Fn(FactsQuery) -> BoxFuture<'static, ToolResult<Facts>> + Send + Sync>;
type Hook<T> = Arc<dyn Fn(&Value) -> ToolResult<T> + Send + Sync>;

/// A tool of a [`FakeServer`].
pub(crate) struct FakeTool {
    info: ToolInfo,
    run: Run,
    targets: Option<Hook<Vec<Target>>>,
    inverse: Option<Hook<Option<Inverse>>>,
    preview: Option<Foresight>,
    effect: Option<fn(&Value) -> Effect>,
    stands_for: Option<fn(&Value) -> Option<usize>>,
}

impl FakeTool {
    /// Takes any arguments and answers `{}`.
    pub(crate) fn new(spec: ToolSpec) -> Self {
        Self {
            info: ToolInfo {
                spec,
                input_schema: object(json!({ "type": "object", "properties": {} })).into(),
                output_schema: object(json!({ "type": "object" })).into(),
            },
            run: Arc::new(|_, _| Box::pin(async { Ok(ran(json!({}))) })),
            targets: None,
            inverse: None,
            preview: None,
            effect: None,
            stands_for: None,
        }
    }

    /// Takes these arguments and no others; `required` ones must be given.
    pub(crate) fn takes(mut self, properties: Value, required: &[&str]) -> Self {
        let mut schema = object(json!({ "type": "object", "additionalProperties": false }));
        schema.insert("properties".into(), properties);
        schema.insert("required".into(), json!(required));
        self.info.input_schema = schema.into();
        self
    }

    pub(crate) fn gives(mut self, schema: Value) -> Self {
        self.info.output_schema = object(schema).into();
        self
    }

    /// Answers what the closure makes of its arguments, at once.
    pub(crate) fn answers(
        self,
        answer: impl Fn(Value) -> ToolResult<Value> + Send + Sync + 'static,
    ) -> Self {
        self.runs(move |arguments, _| {
            let answer = answer(arguments).map(ran);
            Box::pin(async { answer })
        })
    }

    pub(crate) fn runs(
        mut self,
        run: impl Fn(Value, CallContext) -> BoxFuture<'static, ToolResult<Ran<Value>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.run = Arc::new(run);
        self
    }

    pub(crate) fn touches(
        mut self,
        targets: impl Fn(&Value) -> ToolResult<Vec<Target>> + Send + Sync + 'static,
    ) -> Self {
        self.targets = Some(Arc::new(targets));
        self
    }

    /// Its arguments decide what it does.
    pub(crate) fn does(mut self, effect: fn(&Value) -> Effect) -> Self {
        self.info.spec.varies = true;
        self.effect = Some(effect);
        self
    }

    /// Its arguments may do what another tool of the server does.
    pub(crate) fn stands_for(mut self, other: fn(&Value) -> Option<usize>) -> Self {
        self.stands_for = Some(other);
        self
    }

    pub(crate) fn foreseen(
        mut self,
        preview: impl Fn(&Value) -> Preview + Send + Sync + 'static,
    ) -> Self {
        self.preview = Some(Arc::new(preview));
        self
    }

    pub(crate) fn undone_by(
        mut self,
        inverse: impl Fn(&Value) -> ToolResult<Option<Inverse>> + Send + Sync + 'static,
    ) -> Self {
        self.inverse = Some(Arc::new(inverse));
        self
    }
}

/// The result of a tool that read nothing back.
pub(crate) fn ran(output: Value) -> Ran<Value> {
    Ran {
        output,
        mismatches: Vec::new(),
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

/// A server whose tools are closures; counts how often one ran.
pub(crate) struct FakeServer {
    kind: &'static str,
    instance: String,
    infos: Vec<ToolInfo>,
    tools: Vec<FakeTool>,
    concurrency: usize,
    facts_tools: &'static [&'static str],
    facts: Option<Tell>,
    lacking: Option<&'static str>,
    pub(crate) runs: Arc<AtomicU64>,
}

impl FakeServer {
    pub(crate) fn new(kind: &'static str, instance: &str, tools: Vec<FakeTool>) -> Self {
        Self {
            kind,
            instance: instance.into(),
            infos: tools.iter().map(|tool| tool.info.clone()).collect(),
            tools,
            concurrency: 16,
            facts_tools: &[],
            facts: None,
            lacking: None,
            runs: Arc::default(),
        }
    }

    /// Tells what the closure says, to whoever may call these tools.
    pub(crate) fn tells(
        mut self,
        shown_by: &'static [&'static str],
        tell: impl Fn(FactsQuery) -> BoxFuture<'static, ToolResult<Facts>> + Send + Sync + 'static,
    ) -> Self {
        self.facts_tools = shown_by;
        self.facts = Some(Arc::new(tell));
        self
    }

    /// Its upstream's version lacks what this tool needs.
    pub(crate) fn lacks(mut self, tool: &'static str) -> Self {
        self.lacking = Some(tool);
        self
    }

    pub(crate) fn one_at_a_time(mut self) -> Self {
        self.concurrency = 1;
        self
    }
}

impl Server for FakeServer {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn title(&self) -> &'static str {
        "Fake"
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
        self.runs.fetch_add(1, Ordering::SeqCst);
        (self.tools[tool].run)(args, ctx.clone())
    }

    fn lacks(&self, tool: usize) -> bool {
        self.lacking == Some(self.infos[tool].spec.name)
    }

    fn effect(&self, tool: usize, args: Value) -> Option<Effect> {
        self.tools[tool].effect.map(|effect| effect(&args))
    }

    fn stands_for(&self, tool: usize, args: Value) -> Option<usize> {
        self.tools[tool].stands_for?(&args)
    }

    fn preview(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        let preview = self.tools[tool].preview.as_ref()?(&args);
        Some(Box::pin(async { Ok(preview) }))
    }

    fn targets(&self, tool: usize, args: Value) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        let targets = self.tools[tool].targets.as_ref()?(&args);
        Some(Box::pin(async { targets }))
    }

    fn inverse(
        &self,
        tool: usize,
        args: Value,
    ) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        let inverse = self.tools[tool].inverse.as_ref()?(&args);
        Some(Box::pin(async { inverse }))
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async { Health::ok("fake") })
    }

    fn facts<'a>(&'a self, query: &'a FactsQuery) -> Option<BoxFuture<'a, ToolResult<Facts>>> {
        self.facts.as_ref().map(|tell| tell(*query))
    }

    fn facts_tools(&self) -> &'static [&'static str] {
        self.facts_tools
    }

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}
