//! The closed set of ways in which a call can end.

use homelab_core::error::{Code, ToolError};

/// How a call ended, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Ok,
    /// The tool or its upstream refused or failed.
    ToolError,
    /// The caller may not.
    Denied,
    /// A human has to agree first.
    ApprovalRequired,
    /// The arguments, or the tool's name, were wrong.
    Invalid,
    /// It took too long.
    Timeout,
    /// The upstream did not answer, or is not configured.
    BackendDown,
    /// The caller went away.
    Cancelled,
}

impl Outcome {
    pub(super) const ALL: [Self; 8] = [
        Self::Ok,
        Self::ToolError,
        Self::Denied,
        Self::ApprovalRequired,
        Self::Invalid,
        Self::Timeout,
        Self::BackendDown,
        Self::Cancelled,
    ];

    /// The outcome as it is written in metrics and log lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::Denied => "denied",
            Self::ApprovalRequired => "approval_required",
            Self::Invalid => "invalid",
            Self::Timeout => "timeout",
            Self::BackendDown => "backend_down",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome that an error is.
    pub fn of(error: &ToolError) -> Self {
        match error.code() {
            Code::InvalidArgument => Self::Invalid,
            Code::PermissionDenied | Code::ApprovalDenied => Self::Denied,
            Code::ApprovalRequired => Self::ApprovalRequired,
            Code::Timeout if error.envelope().reason.as_deref() == Some("cancelled") => {
                Self::Cancelled
            }
            Code::Timeout => Self::Timeout,
            Code::UpstreamUnreachable | Code::NotConfigured => Self::BackendDown,
            Code::NotFound
            | Code::Conflict
            | Code::UpstreamUnauthorized
            | Code::UpstreamRejected
            | Code::RateLimited
            | Code::Internal => Self::ToolError,
        }
    }
}
