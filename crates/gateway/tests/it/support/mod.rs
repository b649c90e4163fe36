//! Fakes that the tests share, and the pipeline over them.

mod approvals;
mod server;
mod stores;

use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use homelab_core::call::{
    CallContext, Caller, Confirmer, CredentialKind, Format, Principal, Progress, ToolCall,
    ToolReply, Transport,
};
use homelab_core::clock::{ManualClock, Micros, SeededEntropy};
use homelab_core::error::ToolError;
use homelab_core::id::RequestId;
use homelab_core::policy::{Decide, Grants, Pattern, Role, RoleDefaults};
use homelab_core::redact::Redactor;
use homelab_core::server::{Endpoint, Registry, Server};
use homelab_core::store::{AuditLog, AuditSink, Settings};
use homelab_core::tool::ToolSpec;
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Control, Faults};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) use approvals::{MemoryApprovals, MemorySignals, MemoryTaints};
use server::object;
pub(crate) use server::{FakeServer, FakeTool, ran};
pub(crate) use stores::{Kept, MemoryAudit, MemoryKeys, MemorySettings};

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
    pub(crate) approvals: Arc<ApprovalService>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) redactor: Redactor,
    pub(crate) metrics: Arc<Metrics>,
}

impl Bench {
    pub(crate) fn new(servers: Vec<FakeServer>) -> Self {
        Self::with_options(servers, PipelineOptions::default())
    }

    pub(crate) fn with_options(servers: Vec<FakeServer>, options: PipelineOptions) -> Self {
        Self::made(servers, options, Arc::new(RoleDefaults), false)
    }

    pub(crate) fn with_policy(servers: Vec<FakeServer>, policy: Arc<dyn Decide>) -> Self {
        Self::made(servers, PipelineOptions::default(), policy, false)
    }

    /// With the tools that follow held calls and undo changes.
    pub(crate) fn with_control(servers: Vec<FakeServer>) -> Self {
        let policy = Arc::new(RoleDefaults);
        Self::made(servers, PipelineOptions::default(), policy, true)
    }

    fn made(
        servers: Vec<FakeServer>,
        options: PipelineOptions,
        policy: Arc<dyn Decide>,
        everywhere: bool,
    ) -> Self {
        let registry = Arc::new(ArcSwap::from_pointee(registry(servers)));
        let settings = Arc::new(MemorySettings::default());
        let audit = Arc::new(MemoryAudit::default());
        let redactor = Redactor::default();
        let metrics = metrics();
        let clock = clock();
        let entropy = Arc::new(SeededEntropy::new(1));
        let approvals = ApprovalService::new(ApprovalParts {
            store: Arc::new(MemoryApprovals::default()),
            settings: Arc::clone(&settings) as Arc<dyn Settings>,
            log: Arc::clone(&audit) as Arc<dyn AuditLog>,
            signals: Arc::new(MemorySignals::default()),
            audit: Arc::clone(&audit) as Arc<dyn AuditSink>,
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: Arc::clone(&metrics),
            faults: Faults::default(),
        });
        let control = everywhere.then(|| {
            Control::new(
                Arc::clone(&approvals),
                Arc::clone(&audit) as Arc<dyn AuditLog>,
            )
        });
        let dispatcher = Dispatcher::new(DispatcherParts {
            registry: Arc::clone(&registry),
            settings: Arc::clone(&settings) as Arc<dyn Settings>,
            audit: Arc::clone(&audit) as Arc<dyn AuditSink>,
            policy,
            approvals: Arc::clone(&approvals),
            taints: Arc::new(MemoryTaints::default()),
            everywhere: control.clone().map(|control| control as Arc<dyn Server>),
            kill_file: None,
            clock: clock.clone(),
            entropy,
            redactor: redactor.clone(),
            metrics: Arc::clone(&metrics),
            options,
        });
        if let Some(control) = control {
            let caller: Weak<dyn Caller> = Arc::downgrade(&dispatcher) as _;
            control.connect(caller);
        }
        Self {
            dispatcher,
            registry,
            settings,
            audit,
            approvals,
            clock,
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
    Principal::new("claude", "0123456789ab", CredentialKind::Agent, role)
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
            confirm: Confirmer::default(),
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
