//! REST: probes, metrics, held calls, and every tool as `POST /api/v1/tools/<instance>/<tool>`.

mod approvals;
mod ccpm;
mod health;
mod kill_switch;
mod metrics;
mod tools;

use std::sync::Arc;

use arc_swap::ArcSwap;
use homelab_core::server::Registry;

use crate::approval::ApprovalService;
use crate::mcp::HandlerParts;

pub use ccpm::CcpmDoor;
pub use health::Readiness;
pub use metrics::MetricsAccess;

pub(crate) use approvals::routes as approvals;
pub(crate) use ccpm::routes as ccpm;
pub(crate) use health::{Ready, routes as health};
pub(crate) use kill_switch::routes as kill_switch;
pub(crate) use metrics::routes as metrics;
pub(crate) use tools::routes as tools;

/// What the routes here need.
pub(crate) struct Rest {
    pub(crate) parts: Arc<HandlerParts>,
    pub(crate) registry: Arc<ArcSwap<Registry>>,
    /// Absent where no calls are held.
    pub(crate) approvals: Option<Arc<ApprovalService>>,
    pub(crate) ready: Ready,
    /// Largest request body, bytes.
    pub(crate) max_body: usize,
}
