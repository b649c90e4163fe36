//! The one error a tool call can end with, rendered the same on every surface.
//!
//! Libraries keep their own small `thiserror` enums and turn them into a [`ToolError`] where a tool
//! hands its answer back. The caller reads `message` and `hint`; programs read `code`, `reason`,
//! `retryable` and `field`. Nothing in here may hold a secret or a stack trace.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a tool returns.
pub type ToolResult<T> = Result<T, ToolError>;

/// The closed list of error codes; each has a page under `docs/reference/errors/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// An argument is missing, unknown, of the wrong type or out of bounds; `field` names it.
    InvalidArgument,
    /// The named thing does not exist, or the caller may not know that it does.
    NotFound,
    /// The caller's role or key does not allow this.
    PermissionDenied,
    /// A human has to agree first; `approval_id` names the pending approval.
    ApprovalRequired,
    /// A human refused, or the approval expired.
    ApprovalDenied,
    /// The state of the world does not fit the request (exists already, changed meanwhile).
    Conflict,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream refused our credentials.
    UpstreamUnauthorized,
    /// The upstream understood and refused, or answered something we cannot use.
    UpstreamRejected,
    /// The call took longer than its limit; its effect may or may not have happened.
    Timeout,
    /// Too many calls; `retry_after_s` says when to come back.
    RateLimited,
    /// The server is not configured; `hint` names the setting.
    NotConfigured,
    /// A fault of ours; `request_id` finds it in the log.
    Internal,
}

impl Code {
    /// Every code, in documentation order.
    pub const ALL: [Self; 13] = [
        Self::InvalidArgument,
        Self::NotFound,
        Self::PermissionDenied,
        Self::ApprovalRequired,
        Self::ApprovalDenied,
        Self::Conflict,
        Self::UpstreamUnreachable,
        Self::UpstreamUnauthorized,
        Self::UpstreamRejected,
        Self::Timeout,
        Self::RateLimited,
        Self::NotConfigured,
        Self::Internal,
    ];

    /// The code as it is written in answers, metrics and audit rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::NotFound => "not_found",
            Self::PermissionDenied => "permission_denied",
            Self::ApprovalRequired => "approval_required",
            Self::ApprovalDenied => "approval_denied",
            Self::Conflict => "conflict",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamUnauthorized => "upstream_unauthorized",
            Self::UpstreamRejected => "upstream_rejected",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::NotConfigured => "not_configured",
            Self::Internal => "internal",
        }
    }

    /// Whether repeating the same call may succeed without anybody changing anything.
    const fn retryable_by_default(self) -> bool {
        matches!(
            self,
            Self::UpstreamUnreachable | Self::Timeout | Self::RateLimited
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The error envelope as it is sent: `{code, reason?, message, hint?, retryable, …}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// One of the closed list.
    pub code: Code,
    /// A documented sub-code of the server that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// What happened, in one sentence: lower case, values in backticks, no full stop.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// Seconds to wait before repeating.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// JSON path of the argument or setting at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The instance that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The HTTP status (or like) that the upstream answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// The pending approval, for [`Code::ApprovalRequired`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// The request's id, set by the call pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A failed tool call; a boxed [`Envelope`] with a builder, so that `Result`s stay small.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolError(Box<Envelope>);

impl ToolError {
    /// An error with the code's default for `retryable`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Envelope {
            code,
            reason: None,
            message: message.into(),
            hint: None,
            retryable: code.retryable_by_default(),
            retry_after_s: None,
            field: None,
            instance: None,
            upstream_status: None,
            approval_id: None,
            request_id: None,
        }))
    }

    /// [`Code::InvalidArgument`] for the argument at `field` (a JSON path such as `tags[0]`).
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(Code::InvalidArgument, message);
        error.0.field = Some(field.into());
        error
    }

    /// [`Code::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// [`Code::Internal`]; `message` must not repeat the cause's text, which belongs in the log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Adds the next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a documented sub-code.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Names the argument or setting at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Overrides whether a retry makes sense.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Says when to come back; implies retryable.
    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self.0.retryable = true;
        self
    }

    /// Adds the upstream's status.
    #[must_use]
    pub fn upstream_status(mut self, status: u16) -> Self {
        self.0.upstream_status = Some(status);
        self
    }

    /// Names the instance, unless one is named already.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.0.instance.get_or_insert_with(|| instance.into());
        self
    }

    /// Adds the pending approval's id.
    #[must_use]
    pub fn approval_id(mut self, id: impl Into<String>) -> Self {
        self.0.approval_id = Some(id.into());
        self
    }

    /// Adds the request's id.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// The error's code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The envelope as it is sent.
    pub fn envelope(&self) -> &Envelope {
        &self.0
    }

    /// Rewrites `message` and `hint` in place, for redaction.
    pub fn map_text(&mut self, mut rewrite: impl FnMut(&str) -> Option<String>) {
        if let Some(message) = rewrite(&self.0.message) {
            self.0.message = message;
        }
        if let Some(hint) = self.0.hint.as_deref().and_then(&mut rewrite) {
            self.0.hint = Some(hint);
        }
    }
}

impl From<Envelope> for ToolError {
    fn from(envelope: Envelope) -> Self {
        Self(Box::new(envelope))
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0.code, self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(formatter, "\n\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ToolError {}

impl Serialize for ToolError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
