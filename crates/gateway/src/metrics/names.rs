//! Every metric's name, and the closed sets that its labels come from.
//!
//! Nothing a caller wrote becomes a label: tools, methods and protocol revisions that we do not
//! know are counted under one name, so that no client can fill the memory of a Prometheus.

pub(super) const BUILD_INFO: &str = "homelab_mcp_build_info";
// Without `_total`: the text formats add it to counters.
pub(super) const TOOL_CALLS: &str = "homelab_mcp_tool_calls";
pub(super) const TOOL_RESULT_BYTES: &str = "homelab_mcp_tool_result_bytes";
pub(super) const INFLIGHT: &str = "homelab_mcp_inflight_requests";
pub(super) const SESSIONS: &str = "homelab_mcp_sessions";
pub(super) const BACKEND_UP: &str = "homelab_mcp_backend_up";
pub(super) const BACKEND_REQUEST_DURATION: &str = "homelab_mcp_backend_request_duration_seconds";
pub(super) const BACKEND_RETRIES: &str = "homelab_mcp_backend_retries";
pub(super) const AUTH_FAILURES: &str = "homelab_mcp_auth_failures";
pub(super) const AUDIT_EVENTS: &str = "homelab_mcp_audit_events";
pub(super) const AUDIT_WRITE_FAILURES: &str = "homelab_mcp_audit_write_failures";
pub(super) const APPROVALS: &str = "homelab_mcp_approvals";
pub(super) const AUDIT_PINS: &str = "homelab_mcp_audit_pins";
pub(super) const OPERATION_DURATION: &str = "mcp_server_operation_duration_seconds";

/// Stands for every tool that does not exist.
pub const UNKNOWN: &str = "_unknown";
/// Stands for every method and protocol revision outside the lists below.
pub const OTHER: &str = "_other";

/// Buckets that the OpenTelemetry conventions for MCP recommend, seconds.
pub(super) const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];
/// From a short sentence to the longest answer that is ever given.
pub(super) const BYTES: [f64; 8] = [
    256.0, 1_024.0, 4_096.0, 8_192.0, 16_384.0, 32_768.0, 65_536.0, 131_072.0,
];

const METHODS: [&str; 22] = [
    "tools/call",
    "tools/list",
    "initialize",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "server/discover",
    "subscriptions/listen",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
];

const REVISIONS: [&str; 5] = [
    "2026-07-28",
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "2024-11-05",
];

/// The method as a label.
pub(super) fn method(name: &str) -> &'static str {
    known(&METHODS, name)
}

/// The protocol revision as a label.
pub(super) fn revision(name: &str) -> &'static str {
    known(&REVISIONS, name)
}

fn known(list: &[&'static str], name: &str) -> &'static str {
    list.iter()
        .copied()
        .find(|one| *one == name)
        .unwrap_or(OTHER)
}
