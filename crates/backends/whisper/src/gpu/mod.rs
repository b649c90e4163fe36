//! Graphics cards of a host: what its vendor's tool prints, read into fields.

mod amd;
mod nvidia;
mod report;

use homelab_core::error::{Code, ToolError, ToolResult};

pub(crate) use report::GpuReport;

/// What a vendor's tool printed, and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct Printed {
    /// Exit status; absent where a signal ended it.
    pub(crate) status: Option<u32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs one command, given as its words, on the host that is looked at.
pub(crate) trait Runner: Sync {
    fn run(&self, words: &[&str]) -> impl Future<Output = ToolResult<Printed>> + Send;
}

/// Exit status of a shell that finds no such program.
const NO_PROGRAM: u32 = 127;

/// Looks at all cards of a host: NVIDIA's tool first, then AMD's.
///
/// # Errors
/// `no_gpu_tools`, `driver_not_loaded`, `no_gpu`, `gpu_lost`, `gpu_query_failed`,
/// `unexpected_answer`; and those of the connection.
pub(crate) async fn look(runner: &impl Runner, processes: bool) -> ToolResult<GpuReport> {
    if let Some(report) = nvidia::look(runner, processes).await? {
        return Ok(report);
    }
    if let Some(report) = amd::look(runner).await? {
        return Ok(report);
    }
    Err(ToolError::new(
        Code::NotConfigured,
        "the host has neither `nvidia-smi` nor `rocm-smi`",
    )
    .reason("no_gpu_tools")
    .hint("install the tools of the card's vendor there, and check that they are on the PATH of non-interactive shells"))
}

/// What a tool printed is not what it is known to print.
fn unexpected(tool: &str, what: &str) -> ToolError {
    ToolError::new(
        Code::UpstreamRejected,
        format!("`{tool}` printed something that cannot be read: {what}"),
    )
    .reason("unexpected_answer")
    .hint("run it by hand there; its version may be newer or older than those known")
}
