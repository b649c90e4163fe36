//! What Prometheus sees: typed families in a registry of their own, no global recorder.
//!
//! The pipeline's handles are made once for each tool and instance, which also writes their counters
//! as 0, so that a rate exists before the first error.

mod handles;
pub mod names;
mod outcome;
mod process;
mod text;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use homelab_core::audit::EntryKind;
use homelab_core::call::Transport;
use homelab_core::observe::{Observation, Observer};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use handles::Counted;
pub(crate) use handles::{ServerMetrics, ToolMetrics};
pub use outcome::Outcome;
pub use text::{CLASSIC, OPENMETRICS, wants_openmetrics};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
    commit: &'static str,
    rustc: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    server: Arc<str>,
    tool: Arc<str>,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BackendRequestLabels {
    server: Arc<str>,
    operation: &'static str,
    status_class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransportLabels {
    transport: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApprovalLabels {
    decision: &'static str,
    channel: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PinLabels {
    place: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    mcp_method_name: &'static str,
    gen_ai_tool_name: Arc<str>,
    error_type: &'static str,
    network_transport: &'static str,
    mcp_protocol_version: &'static str,
}

/// What was built: shown as `homelab_mcp_build_info`.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Our version.
    pub version: &'static str,
    /// Abbreviated commit; empty if unknown.
    pub commit: &'static str,
    /// The compiler's version; empty if unknown.
    pub rustc: &'static str,
}

/// One MCP message that was served, for `mcp_server_operation_duration_seconds`.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// JSON-RPC method; one that MCP does not define is counted as [`names::OTHER`].
    pub method: &'a str,
    /// Name of the tool as the caller wrote it, for `tools/call`; one that no server has is counted
    /// as [`names::UNKNOWN`].
    pub tool: Option<&'a str>,
    /// `tool_error` for `isError`, else the JSON-RPC code; absent for a success.
    pub error_type: Option<&'static str>,
    /// Whether it came over a socket or through a pipe.
    pub transport: Transport,
    /// Protocol revision; one that we do not speak is counted as [`names::OTHER`].
    pub revision: &'a str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    result_bytes: Histograms<ServerLabels>,
    inflight: Family<ServerLabels, Gauge>,
    sessions: Family<TransportLabels, Gauge>,
    backend_up: Family<ServerLabels, Gauge>,
    backend_requests: Histograms<BackendRequestLabels>,
    backend_retries: Family<ServerLabels, Counter>,
    auth_failures: Family<ReasonLabels, Counter>,
    audit_events: Family<KindLabels, Counter>,
    audit_write_failures: Counter,
    approvals: Family<ApprovalLabels, Counter>,
    audit_pins: Family<PinLabels, Counter>,
    operations: Histograms<OperationLabels>,
    tools: ArcSwap<HashSet<Arc<str>>>,
    no_tool: Arc<str>,
    unknown_tool: Arc<str>,
}

/// Registers a family and hands it back.
fn known<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

impl Metrics {
    /// Registers every family.
    #[expect(
        clippy::too_many_lines,
        reason = "a list of families, one after the other"
    )]
    pub fn new(build: Build) -> Arc<Self> {
        let mut registry = Registry::default();
        let info = known(
            &mut registry,
            names::BUILD_INFO,
            "What this process was built from",
            Family::<BuildLabels, Gauge>::default(),
        );
        let calls = known(
            &mut registry,
            names::TOOL_CALLS,
            "Tool calls by how they ended",
            Family::default(),
        );
        let result_bytes = known(
            &mut registry,
            names::TOOL_RESULT_BYTES,
            "Size of tool answers as JSON text",
            Histograms::new_with_constructor(|| Histogram::new(names::BYTES)),
        );
        let inflight = known(
            &mut registry,
            names::INFLIGHT,
            "Tool calls that are running",
            Family::default(),
        );
        let sessions = known(
            &mut registry,
            names::SESSIONS,
            "Open client sessions",
            Family::default(),
        );
        let backend_up = known(
            &mut registry,
            names::BACKEND_UP,
            "Whether the instance's upstream answered when it was last asked",
            Family::default(),
        );
        let backend_requests = known(
            &mut registry,
            names::BACKEND_REQUEST_DURATION,
            "How long the instance's upstream took to answer a request, repetitions included",
            Histograms::new_with_constructor(|| Histogram::new(names::SECONDS)),
        );
        let backend_retries = known(
            &mut registry,
            names::BACKEND_RETRIES,
            "Repetitions of requests to the instance's upstream",
            Family::default(),
        );
        let auth_failures = known(
            &mut registry,
            names::AUTH_FAILURES,
            "Refused requests by what was wrong with their credential",
            Family::default(),
        );
        let audit_events = known(
            &mut registry,
            names::AUDIT_EVENTS,
            "Audit rows handed over by what they record",
            Family::<KindLabels, Counter>::default(),
        );
        let audit_write_failures = known(
            &mut registry,
            names::AUDIT_WRITE_FAILURES,
            "Audit rows that could not be kept",
            Counter::default(),
        );
        let approvals = known(
            &mut registry,
            names::APPROVALS,
            "Steps of held calls by what was decided and through which door",
            Family::default(),
        );
        let audit_pins = known(
            &mut registry,
            names::AUDIT_PINS,
            "Attempts to pin the audit's head elsewhere",
            Family::default(),
        );
        let operations = known(
            &mut registry,
            names::OPERATION_DURATION,
            "How long the server took to answer an MCP message",
            Histograms::new_with_constructor(|| Histogram::new(names::SECONDS)),
        );
        registry.register_collector(Box::new(process::Process::new()));

        let labels = BuildLabels {
            version: build.version,
            commit: build.commit,
            rustc: build.rustc,
        };
        info.get_or_create(&labels).set(1);
        for kind in [EntryKind::Intent, EntryKind::Outcome, EntryKind::Event] {
            let kind = kind.as_str();
            drop(audit_events.get_or_create(&KindLabels { kind }));
        }
        Arc::new(Self {
            registry,
            calls,
            result_bytes,
            inflight,
            sessions,
            backend_up,
            backend_requests,
            backend_retries,
            auth_failures,
            audit_events,
            audit_write_failures,
            approvals,
            audit_pins,
            operations,
            tools: ArcSwap::default(),
            no_tool: "".into(),
            unknown_tool: names::UNKNOWN.into(),
        })
    }

    /// The counters of one tool of one instance, all written as 0 if they are new.
    pub(crate) fn tool(&self, server: &Arc<str>, tool: &str) -> ToolMetrics {
        let tool: Arc<str> = tool.into();
        ToolMetrics::new(Outcome::ALL.map(|outcome| {
            self.calls.get_or_create_owned(&CallLabels {
                server: Arc::clone(server),
                tool: Arc::clone(&tool),
                outcome: outcome.as_str(),
            })
        }))
    }

    /// What is measured for a whole instance.
    pub(crate) fn server(self: &Arc<Self>, server: &Arc<str>) -> ServerMetrics {
        let labels = ServerLabels {
            server: Arc::clone(server),
        };
        drop(self.backend_retries.get_or_create(&labels));
        ServerMetrics::new(
            Arc::clone(self),
            Arc::clone(server),
            self.inflight.get_or_create_owned(&labels),
            self.result_bytes.get_or_create_owned(&labels),
        )
    }

    /// Counts a call of a tool that does not exist.
    pub(crate) fn unknown_tool(&self) {
        let labels = CallLabels {
            server: Arc::clone(&self.unknown_tool),
            tool: Arc::clone(&self.unknown_tool),
            outcome: Outcome::Invalid.as_str(),
        };
        self.calls.get_or_create(&labels).inc();
    }

    /// States which tools exist, under every name they can be called by, and forgets the gauges of
    /// `gone` instances: an instance that was removed must not look down for ever.
    pub(crate) fn set_known(&self, tools: HashSet<Arc<str>>, gone: &[Arc<str>]) {
        self.tools.store(Arc::new(tools));
        for server in gone {
            let labels = ServerLabels {
                server: Arc::clone(server),
            };
            self.backend_up.remove(&labels);
            self.inflight.remove(&labels);
        }
    }

    /// Records how long an MCP message took.
    pub fn operation(&self, operation: Operation<'_>, took: Duration) {
        let tool = match operation.tool {
            None => Arc::clone(&self.no_tool),
            Some(name) => {
                let known = self.tools.load().get(name).cloned();
                known.unwrap_or_else(|| Arc::clone(&self.unknown_tool))
            }
        };
        let labels = OperationLabels {
            mcp_method_name: names::method(operation.method),
            gen_ai_tool_name: tool,
            error_type: operation.error_type.unwrap_or_default(),
            network_transport: match operation.transport {
                Transport::Http | Transport::Sse | Transport::Rest => "tcp",
                Transport::Stdio | Transport::Cli | Transport::Agent => "pipe",
            },
            mcp_protocol_version: names::revision(operation.revision),
        };
        self.operations
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Counts a session as open until the guard is dropped.
    pub fn session(&self, transport: Transport) -> Counted {
        let transport = transport.as_str();
        Counted::new(
            self.sessions
                .get_or_create_owned(&TransportLabels { transport }),
        )
    }

    /// Says whether an instance's upstream answers.
    pub fn backend_up(&self, server: &Arc<str>, up: bool) {
        let labels = ServerLabels {
            server: Arc::clone(server),
        };
        self.backend_up.get_or_create(&labels).set(i64::from(up));
    }

    /// Counts a refused credential; `reason` is from a closed set.
    pub fn auth_failure(&self, reason: &'static str) {
        self.auth_failures
            .get_or_create(&ReasonLabels { reason })
            .inc();
    }

    /// Counts an audit row that was handed over.
    pub fn audit_event(&self, kind: EntryKind) {
        let kind = kind.as_str();
        self.audit_events.get_or_create(&KindLabels { kind }).inc();
    }

    /// Counts a step of a held call; both are from closed sets.
    pub(crate) fn approval(&self, decision: &'static str, channel: &'static str) {
        let labels = ApprovalLabels { decision, channel };
        self.approvals.get_or_create(&labels).inc();
    }

    /// Counts an audit row that could not be kept.
    pub fn audit_write_failure(&self) {
        self.audit_write_failures.inc();
    }

    /// Counts an attempt to pin the audit's head to one of a closed set of places.
    pub fn audit_pin(&self, place: &'static str, sent: bool) {
        let outcome = if sent { "ok" } else { "failed" };
        self.audit_pins
            .get_or_create(&PinLabels { place, outcome })
            .inc();
    }

    /// Everything as text: OpenMetrics, or the classic format. Send it as [`OPENMETRICS`] or
    /// [`CLASSIC`].
    pub fn encode(&self, openmetrics: bool) -> String {
        let mut out = String::new();
        let encoded = prometheus_client::encoding::text::encode(&mut out, &self.registry);
        debug_assert!(encoded.is_ok(), "a String takes every text");
        if openmetrics {
            out
        } else {
            text::classic(&out)
        }
    }
}

impl Observer for Metrics {
    fn observe(&self, observation: &Observation<'_>) {
        let server: Arc<str> = observation.service.into();
        let labels = BackendRequestLabels {
            server: Arc::clone(&server),
            operation: observation.operation,
            status_class: observation.outcome.status_class(),
        };
        self.backend_requests
            .get_or_create(&labels)
            .observe(observation.duration.as_secs_f64());
        if observation.retries > 0 {
            self.backend_retries
                .get_or_create(&ServerLabels { server })
                .inc_by(u64::from(observation.retries));
        }
    }
}
