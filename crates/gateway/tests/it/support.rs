//! Fakes that the tests share: a server of closures, stores in memory, and the pipeline over them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_core::BoxFuture;
use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{
    CallContext, Caller as _, CredentialKind, Format, Principal, Progress, ToolCall, ToolReply,
    Transport,
};
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::RequestId;
use homelab_core::policy::{Grants, Pattern, Role};
use homelab_core::redact::Redactor;
use homelab_core::server::{Endpoint, Health, Registry, Server};
use homelab_core::store::{ApiKey, AuditSink, Keys, Settings, StoreError, StoreResult};
use homelab_core::tool::{Inverse, Preview, Ran, Target, ToolInfo, ToolSpec};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{
    Decide, Dispatcher, DispatcherParts, PipelineOptions, RoleDefaults,
};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

// === A server of closures ===

type Run =
    Arc<dyn Fn(Value, CallContext) -> BoxFuture<'static, ToolResult<Ran<Value>>> + Send + Sync>;
type Hook<T> = Arc<dyn Fn(&Value) -> ToolResult<T> + Send + Sync>;

/// A tool of a [`FakeServer`].
pub(crate) struct FakeTool {
    info: ToolInfo,
    run: Run,
    targets: Option<Hook<Vec<Target>>>,
    inverse: Option<Hook<Option<Inverse>>>,
}

impl FakeTool {
    /// Takes any arguments and answers `{}`.
    pub(crate) fn new(spec: ToolSpec) -> Self {
        Self {
            info: ToolInfo {
                spec,
                input_schema: Arc::new(object(json!({ "type": "object", "properties": {} }))),
                output_schema: Arc::new(object(json!({ "type": "object" }))),
            },
            run: Arc::new(|_, _| Box::pin(async { Ok(ran(json!({}))) })),
            targets: None,
            inverse: None,
        }
    }

    /// Takes these arguments and no others; `required` ones must be given.
    pub(crate) fn takes(mut self, properties: Value, required: &[&str]) -> Self {
        let mut schema = object(json!({ "type": "object", "additionalProperties": false }));
        schema.insert("properties".into(), properties);
        schema.insert("required".into(), json!(required));
        self.info.input_schema = Arc::new(schema);
        self
    }

    pub(crate) fn gives(mut self, schema: Value) -> Self {
        self.info.output_schema = Arc::new(object(schema));
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

fn object(value: Value) -> Map<String, Value> {
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
            runs: Arc::default(),
        }
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

    fn preview(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        None
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

    fn concurrency(&self) -> usize {
        self.concurrency
    }
}

// === Stores in memory ===

/// Settings that can be made to fail.
#[derive(Default)]
pub(crate) struct MemorySettings {
    values: Mutex<HashMap<String, String>>,
    pub(crate) broken: AtomicBool,
}

impl MemorySettings {
    fn checked(&self) -> StoreResult<std::sync::MutexGuard<'_, HashMap<String, String>>> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        Ok(self.values.lock().unwrap())
    }
}

#[async_trait]
impl Settings for MemorySettings {
    async fn get(&self, name: &str) -> StoreResult<Option<String>> {
        Ok(self.checked()?.get(name).cloned())
    }

    async fn set(&self, name: &str, value: &str) -> StoreResult<()> {
        self.checked()?.insert(name.into(), value.into());
        Ok(())
    }

    async fn get_or_set(&self, name: &str, value: &str) -> StoreResult<String> {
        let mut values = self.checked()?;
        Ok(values
            .entry(name.into())
            .or_insert_with(|| value.into())
            .clone())
    }
}

/// A kept row, and whether its writer waited for the disk.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) entry: AuditEntry,
    pub(crate) durable: bool,
}

/// An audit that keeps rows in order and can be made to fail for one kind of row.
#[derive(Default)]
pub(crate) struct MemoryAudit {
    rows: Mutex<Vec<Kept>>,
    broken: Mutex<Vec<EntryKind>>,
}

impl MemoryAudit {
    pub(crate) fn rows(&self) -> Vec<Kept> {
        self.rows.lock().unwrap().clone()
    }

    pub(crate) fn break_for(&self, kind: EntryKind) {
        self.broken.lock().unwrap().push(kind);
    }

    fn keep(&self, entry: AuditEntry, durable: bool) -> StoreResult<()> {
        if self.broken.lock().unwrap().contains(&entry.kind) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        self.rows.lock().unwrap().push(Kept { entry, durable });
        Ok(())
    }
}

#[async_trait]
impl AuditSink for MemoryAudit {
    async fn durable(&self, entry: AuditEntry) -> StoreResult<()> {
        self.keep(entry, true)
    }

    async fn queued(&self, entry: AuditEntry) -> StoreResult<()> {
        self.keep(entry, false)
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }
}

/// Keys that count how often they are read, and can be made to fail.
#[derive(Default)]
pub(crate) struct MemoryKeys {
    keys: Mutex<Vec<ApiKey>>,
    revision: AtomicI64,
    pub(crate) queries: AtomicU64,
    pub(crate) broken: AtomicBool,
}

impl MemoryKeys {
    fn checked(&self) -> StoreResult<std::sync::MutexGuard<'_, Vec<ApiKey>>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("disk full".into()));
        }
        Ok(self.keys.lock().unwrap())
    }
}

#[async_trait]
impl Keys for MemoryKeys {
    async fn get(&self, id: &str) -> StoreResult<Option<ApiKey>> {
        Ok(self.checked()?.iter().find(|key| key.id == id).cloned())
    }

    async fn list(&self) -> StoreResult<Vec<ApiKey>> {
        Ok(self.checked()?.clone())
    }

    async fn insert(&self, key: ApiKey) -> StoreResult<()> {
        self.checked()?.push(key);
        self.revision.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn revoke(&self, id_or_name: &str, at: Micros) -> StoreResult<bool> {
        let mut keys = self.checked()?;
        let found = keys
            .iter_mut()
            .find(|key| key.id == id_or_name || key.name == id_or_name);
        if let Some(key) = found {
            key.revoked_at = Some(at);
            self.revision.fetch_add(1, Ordering::SeqCst);
            return Ok(true);
        }
        Ok(false)
    }

    async fn insert_first(&self, new: Vec<ApiKey>) -> StoreResult<bool> {
        let mut keys = self.checked()?;
        let is_first = keys.is_empty();
        if is_first {
            keys.extend(new);
            self.revision.fetch_add(1, Ordering::SeqCst);
        }
        Ok(is_first)
    }

    async fn revision(&self) -> StoreResult<i64> {
        drop(self.checked()?);
        Ok(self.revision.load(Ordering::SeqCst))
    }
}

// === The pipeline over them ===

pub(crate) fn metrics() -> Arc<Metrics> {
    Metrics::new(Build {
        version: "0.0.0",
        commit: "",
        rustc: "",
    })
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Micros(1_700_000_000_000_000)))
}

/// The pipeline with everything around it in reach.
pub(crate) struct Bench {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) registry: Arc<ArcSwap<Registry>>,
    pub(crate) settings: Arc<MemorySettings>,
    pub(crate) audit: Arc<MemoryAudit>,
    pub(crate) redactor: Redactor,
    pub(crate) metrics: Arc<Metrics>,
}

impl Bench {
    pub(crate) fn new(servers: Vec<FakeServer>) -> Self {
        Self::with_options(servers, PipelineOptions::default())
    }

    pub(crate) fn with_options(servers: Vec<FakeServer>, options: PipelineOptions) -> Self {
        Self::made(servers, options, Arc::new(RoleDefaults))
    }

    pub(crate) fn with_policy(servers: Vec<FakeServer>, policy: Arc<dyn Decide>) -> Self {
        Self::made(servers, PipelineOptions::default(), policy)
    }

    fn made(servers: Vec<FakeServer>, options: PipelineOptions, policy: Arc<dyn Decide>) -> Self {
        let registry = Arc::new(ArcSwap::from_pointee(registry(servers)));
        let settings = Arc::new(MemorySettings::default());
        let audit = Arc::new(MemoryAudit::default());
        let redactor = Redactor::default();
        let metrics = metrics();
        let dispatcher = Dispatcher::new(DispatcherParts {
            registry: Arc::clone(&registry),
            settings: Arc::clone(&settings) as Arc<dyn Settings>,
            audit: Arc::clone(&audit) as Arc<dyn AuditSink>,
            policy,
            clock: clock(),
            entropy: Arc::new(SeededEntropy::new(1)),
            redactor: redactor.clone(),
            metrics: Arc::clone(&metrics),
            options,
        });
        Self {
            dispatcher,
            registry,
            settings,
            audit,
            redactor,
            metrics,
        }
    }

    /// Calls at `/mcp` as an operator over HTTP.
    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Result<ToolReply, ToolError> {
        self.run(call(name, arguments)).await
    }

    pub(crate) async fn run(&self, call: ToolCall) -> Result<ToolReply, ToolError> {
        self.dispatcher.call(call).await
    }

    /// Names listed at `/mcp` for this role.
    pub(crate) fn names(&self, endpoint: &Endpoint, principal: &Principal) -> Vec<String> {
        let listed = self.dispatcher.list(endpoint, principal).unwrap();
        listed.into_iter().map(|tool| tool.name).collect()
    }

    /// The one row that was kept.
    pub(crate) fn only_row(&self) -> Kept {
        let rows = self.audit.rows();
        assert_eq!(rows.len(), 1, "{rows:#?}");
        rows[0].clone()
    }
}

pub(crate) fn registry(servers: Vec<FakeServer>) -> Registry {
    let mut registry = Registry::default();
    for server in servers {
        registry.insert(Arc::new(server));
    }
    registry
}

pub(crate) fn principal(role: Role) -> Principal {
    Principal {
        name: "claude".into(),
        credential: "0123456789ab".into(),
        kind: CredentialKind::Agent,
        role,
        grants: Grants::default(),
    }
}

/// Patterns of a key, as written.
pub(crate) fn grants(allow: &[&str], deny: &[&str]) -> Grants {
    let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(*text)).collect();
    Grants {
        allow: patterns(allow),
        deny: patterns(deny),
    }
}

/// A call at `/mcp` as an operator over HTTP.
pub(crate) fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall {
        endpoint: Endpoint::All,
        name: name.into(),
        arguments: object(arguments),
        format: Format::Json,
        context: CallContext {
            principal: Arc::new(principal(Role::Operator)),
            request_id: RequestId::new("req-1"),
            transport: Transport::Http,
            session: None,
            peer: Some("192.0.2.9".into()),
            deadline: None,
            cancel: CancellationToken::new(),
            progress: Progress::default(),
        },
    }
}

/// Changes to a call.
pub(crate) trait CallExt {
    fn role(self, role: Role) -> Self;
    fn grants(self, grants: Grants) -> Self;
    fn over(self, transport: Transport) -> Self;
    fn at(self, server: &str) -> Self;
}

impl CallExt for ToolCall {
    fn role(mut self, role: Role) -> Self {
        Arc::make_mut(&mut self.context.principal).role = role;
        self
    }

    fn grants(mut self, grants: Grants) -> Self {
        Arc::make_mut(&mut self.context.principal).grants = grants;
        self
    }

    fn over(mut self, transport: Transport) -> Self {
        self.context.transport = transport;
        self
    }

    fn at(mut self, server: &str) -> Self {
        self.endpoint = Endpoint::Server(server.into());
        self
    }
}

/// A read of this name.
pub(crate) fn read(name: &'static str) -> ToolSpec {
    ToolSpec::read(name, "Title", "Says something.", "lamp:light:read")
}

/// A write of this name.
pub(crate) fn write(name: &'static str) -> ToolSpec {
    ToolSpec::write(name, "Title", "Changes something.", "lamp:light:set")
}
