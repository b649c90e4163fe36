//! What the targets share: one server with one tool, behind the real pipeline and transports.

#[path = "../../crates/gateway/tests/it/support/approvals.rs"]
mod approvals;
mod stores;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use homelab_core::BoxFuture;
use homelab_core::call::{CallContext, CredentialKind, Principal};
use homelab_core::clock::{ManualClock, SeededEntropy};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::net::{Cidr, Ip, Mac};
use homelab_core::policy::{Role, RoleDefaults};
use homelab_core::redact::Redactor;
use homelab_core::server::{Health, Registry, Server};
use homelab_core::tool::{Inverse, Preview, Ran, Target, ToolDef, ToolInfo, tool};
use homelab_core::tools;
use homelab_gateway::approval::{ApprovalParts, ApprovalService, Faults};
use homelab_gateway::auth::{AuthParts, Authenticator, WithoutKey};
use homelab_gateway::mcp::{HandlerParts, Sealer, ToolListChanges};
use homelab_gateway::metrics::{Build, Metrics};
use homelab_gateway::pipeline::{Dispatcher, DispatcherParts, PipelineOptions};
use homelab_gateway::transport::http::{HttpOptions, HttpParts, router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// The instance, and only one.
pub const SERVER: &str = "bench";
/// Its tool, as it is listed at `/mcp`.
pub const TOOL: &str = "bench_echo";

/// Arguments of every shape that tools have.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// A word.
    #[schemars(length(min = 1, max = 40))]
    name: String,
    /// A choice.
    #[serde(default)]
    level: Level,
    /// A number within bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// A number without bounds.
    #[serde(default)]
    offset: i64,
    /// A fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    /// Yes or no.
    #[serde(default)]
    force: bool,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<Ip>,
    /// A hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<Mac>,
    /// A network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<Cidr>,
    /// A list.
    #[serde(default)]
    #[schemars(length(max = 5))]
    tags: Vec<String>,
    /// A list of objects.
    #[serde(default)]
    parts: Vec<Part>,
}

/// A choice.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// The least.
    #[default]
    Low,
    /// The most.
    High,
}

/// An object inside.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Part {
    /// A number.
    #[schemars(range(max = 100))]
    count: u8,
    /// A text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What was understood.
#[derive(Serialize, JsonSchema)]
pub struct Echoed {
    arguments: Echo,
}

/// Returns its arguments as they were understood.
#[tool(read, permission = "bench:text:read")]
async fn echo(_bench: &(), args: Echo) -> ToolResult<Echoed> {
    Ok(Echoed { arguments: args })
}

struct Bench {
    tools: Vec<ToolDef<()>>,
    infos: Vec<ToolInfo>,
}

impl Server for Bench {
    fn kind(&self) -> &'static str {
        SERVER
    }

    fn instance(&self) -> &str {
        SERVER
    }

    fn title(&self) -> &'static str {
        "Bench"
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
        self.tools[tool].run(&(), args, ctx)
    }

    fn preview(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Preview>>> {
        None
    }

    fn targets(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Vec<Target>>>> {
        None
    }

    fn inverse(&self, _: usize, _: Value) -> Option<BoxFuture<'_, ToolResult<Option<Inverse>>>> {
        None
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async { Health::ok("it is there") })
    }
}

/// Everything behind the doors, made anew for each input, so that none depends on those before.
pub struct Fixture {
    /// The call pipeline.
    pub dispatcher: Arc<Dispatcher>,
    /// What the transports share.
    pub handler: Arc<HandlerParts>,
    registry: Arc<ArcSwap<Registry>>,
    approvals: Arc<ApprovalService>,
}

impl Fixture {
    /// With nothing called yet.
    pub fn new() -> Self {
        let tools: Vec<ToolDef<()>> = tools![echo];
        let infos = tools.iter().map(|tool| tool.info.clone()).collect();
        let mut registry = Registry::default();
        registry.insert(Arc::new(Bench { tools, infos }));
        let registry = Arc::new(ArcSwap::from_pointee(registry));
        let metrics = Metrics::new(Build {
            version: "0",
            commit: "",
            rustc: "",
        });
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::new(1));
        let held = ApprovalService::new(ApprovalParts {
            store: Arc::new(approvals::MemoryApprovals::default()),
            settings: Arc::new(stores::NoSettings),
            log: Arc::new(stores::NoAudit),
            signals: Arc::new(approvals::MemorySignals::default()),
            audit: Arc::new(stores::NoAudit),
            clock: clock.clone(),
            entropy: entropy.clone(),
            metrics: metrics.clone(),
            faults: Faults::default(),
        });
        let dispatcher = Dispatcher::new(DispatcherParts {
            registry: registry.clone(),
            settings: Arc::new(stores::NoSettings),
            audit: Arc::new(stores::NoAudit),
            policy: Arc::new(RoleDefaults),
            approvals: held.clone(),
            taints: Arc::new(approvals::MemoryTaints::default()),
            everywhere: None,
            kill_file: None,
            clock: clock.clone(),
            entropy: entropy.clone(),
            redactor: Redactor::default(),
            metrics: metrics.clone(),
            options: PipelineOptions::default(),
        });
        let handler = Arc::new(HandlerParts {
            caller: dispatcher.clone(),
            metrics,
            changes: ToolListChanges::default(),
            clock,
            entropy,
            shutdown: CancellationToken::new(),
            sealer: Sealer::new([7; 32]),
            output_schemas_in_aggregate: true,
        });
        Self {
            dispatcher,
            handler,
            registry,
            approvals: held,
        }
    }

    /// The HTTP door, open to everybody.
    pub fn router(&self) -> axum::Router {
        router(HttpParts {
            handler: self.handler.clone(),
            authenticator: Authenticator::new(AuthParts {
                keys: Arc::new(stores::NoKeys),
                audit: Arc::new(stores::NoAudit),
                clock: self.handler.clock.clone(),
                entropy: self.handler.entropy.clone(),
                metrics: self.handler.metrics.clone(),
                without_key: WithoutKey::Is(Role::Operator),
            }),
            registry: self.registry.clone(),
            approvals: Some(self.approvals.clone()),
            ccpm: None,
            ready: Arc::new(stores::Ready),
            options: HttpOptions::default(),
        })
    }
}

impl Default for Fixture {
    fn default() -> Self {
        Self::new()
    }
}

/// A caller with every right.
pub fn principal() -> Arc<Principal> {
    Arc::new(Principal::new(
        "fuzz",
        "fuzz",
        CredentialKind::Local,
        Role::Admin,
    ))
}

/// Runs to the end, on time that passes at once while everybody waits; panics if the end does not
/// come.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(3600), work)
            .await
            .expect("an end within an hour")
    })
}

/// The error of a call that has to be the caller's fault.
pub fn blame_the_caller(error: &ToolError) {
    use homelab_core::error::Code;
    assert!(
        matches!(error.code(), Code::InvalidArgument | Code::NotFound),
        "{error:?}"
    );
}
