//! Graphics cards of a host.

use homelab_core::call::CallContext;
use homelab_core::error::ToolResult;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{HostRunner, Whisper};
use crate::gpu::{GpuReport, look};

/// Which host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GpuStatus {
    /// Name of the host in `[ssh.hosts]`; default: the default host.
    #[schemars(length(min = 1, max = 64))]
    host: Option<String>,
    /// Also list what computes on the cards.
    #[serde(default)]
    processes: bool,
}

/// The cards of a host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostGpus {
    /// Where they are.
    host: String,
    #[serde(flatten)]
    report: GpuReport,
}

/// Show the graphics cards of a remote host: load, memory, temperature, power, clocks, MIG instances, and optionally what computes on them.
#[tool(
    read,
    open_world,
    permission = "whisper:gpu:read",
    title = "GPU status",
    timeout = 90,
    untrusted("processes.*.program")
)]
pub(crate) async fn whisper_gpu_status(
    whisper: &Whisper,
    args: GpuStatus,
    ctx: &CallContext,
) -> ToolResult<HostGpus> {
    let host = whisper.host(args.host.as_deref())?;
    let runner = HostRunner {
        host: &host,
        cancel: &ctx.cancel,
    };
    let report = look(&runner, args.processes).await?;
    Ok(HostGpus {
        host: host.name().to_owned(),
        report,
    })
}
