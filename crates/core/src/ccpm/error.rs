//! The errors of the contract: a closed list of codes, each with its HTTP status.

use std::fmt;

use serde_json::{Map, Value};

use super::choice::choice;
use crate::error::{Code, ToolError};
use crate::store::StoreError;

/// What an operation of the contract answers.
pub type CcpmResult<T> = Result<T, CcpmError>;

choice! {
    /// The closed list of error codes.
    CcpmCode {
        /// The request cannot be read: no JSON, a foreign cursor, no UUID.
        BadRequest = "bad_request",
        /// A field is missing, unknown or out of bounds; `details.field` names it.
        ValidationFailed = "validation_failed",
        /// No token, or a bad one.
        Unauthorized = "unauthorized",
        /// The caller may not do this.
        Forbidden = "forbidden",
        /// There is no such thing.
        NotFound = "not_found",
        /// There is no such agent; `details.candidates` are names like it.
        AgentNotFound = "agent_not_found",
        /// Several agents have this name.
        AgentAmbiguous = "agent_ambiguous",
        /// The agent is disabled and receives nothing.
        AgentInactive = "agent_inactive",
        /// The state of things does not fit the request.
        Conflict = "conflict",
        /// A task cannot go from `details.current` there, only to `details.allowed`.
        IllegalTransition = "illegal_transition",
        /// It changed meanwhile; `details.current` is its version.
        VersionConflict = "version_conflict",
        /// The key was used for another request.
        IdempotencyConflict = "idempotency_conflict",
        /// The message was completed already, with another answer.
        AlreadyCompleted = "already_completed",
        /// The session has ended.
        SessionClosed = "session_closed",
        /// The body, or what is kept with it, is too large.
        PayloadTooLarge = "payload_too_large",
        /// The body is no JSON by its type.
        UnsupportedMediaType = "unsupported_media_type",
        /// Too many requests; `details.retry_after_s` says when to come back.
        RateLimited = "rate_limited",
        /// A fault of ours.
        Internal = "internal",
        /// Storage, or the other service, cannot be reached.
        Unavailable = "unavailable",
    }
}

impl CcpmCode {
    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::ValidationFailed => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound | Self::AgentNotFound => 404,
            Self::AgentAmbiguous
            | Self::AgentInactive
            | Self::Conflict
            | Self::VersionConflict
            | Self::IdempotencyConflict
            | Self::AlreadyCompleted
            | Self::SessionClosed => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IllegalTransition => 422,
            Self::RateLimited => 429,
            Self::Internal | Self::Foreign(_) => 500,
            Self::Unavailable => 503,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Inner {
    code: CcpmCode,
    status: u16,
    message: String,
    hint: Option<String>,
    details: Map<String, Value>,
    retryable: bool,
    cause: Option<String>,
}

/// A failed operation; boxed, so that `Result`s stay small.
#[derive(Debug, Clone, PartialEq)]
pub struct CcpmError(Box<Inner>);

impl CcpmError {
    /// An error with the code's status; `message` says what happened: lower case, values in
    /// backticks, no full stop.
    pub fn new(code: CcpmCode, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            status: code.status(),
            message: message.into(),
            hint: None,
            details: Map::new(),
            retryable: matches!(code, CcpmCode::RateLimited | CcpmCode::Unavailable),
            cause: None,
        }))
    }

    /// `validation_failed` on `field`.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(CcpmCode::ValidationFailed, message).detail("field", field)
    }

    /// `not_found` for something of a kind, such as `task`.
    pub fn not_found(kind: &str, id: &str) -> Self {
        Self::new(CcpmCode::NotFound, format!("there is no {kind} `{id}`"))
    }

    /// Adds the next action.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a member of `details`; left out if it is no JSON.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl serde::Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.0.details.insert(name.to_owned(), value);
        }
        self
    }

    /// Replaces `details`, for errors that another service sent.
    #[must_use]
    pub fn with_details(mut self, details: Map<String, Value>) -> Self {
        self.0.details = details;
        self
    }

    /// Replaces the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Overrides whether a retry makes sense.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// Adds what is for the log alone.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// What is for the log alone; callers never see it.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The code.
    pub fn code(&self) -> CcpmCode {
        self.0.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What happened and what to do next, in one text: the contract's `message`.
    pub fn text(&self) -> String {
        match &self.0.hint {
            Some(hint) => format!("{}; {hint}", self.0.message),
            None => self.0.message.clone(),
        }
    }

    /// Facts for programs.
    pub fn details(&self) -> &Map<String, Value> {
        &self.0.details
    }

    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Seconds to wait before repeating.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.0.details.get("retry_after_s").and_then(Value::as_u64)
    }
}

impl fmt::Display for CcpmError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0.code, self.text())
    }
}

impl std::error::Error for CcpmError {}

impl From<StoreError> for CcpmError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { field, value, .. } => Self::new(
                CcpmCode::Conflict,
                format!("something with this {field} exists already: `{value}`"),
            )
            .detail("field", field),
            StoreError::Invalid { field, detail, .. } => Self::invalid(field, detail.clone()),
            StoreError::Unavailable(_) => {
                Self::new(CcpmCode::Unavailable, "the database is not available")
                    .hint("try again in a moment")
                    .caused_by(&error)
            }
            // The text may quote what is stored, so it goes to the log alone.
            _ => Self::new(CcpmCode::Internal, "the database refused")
                .hint("find the request id in the log")
                .caused_by(&error),
        }
    }
}

impl From<CcpmError> for ToolError {
    fn from(error: CcpmError) -> Self {
        let code = match error.code() {
            CcpmCode::BadRequest
            | CcpmCode::ValidationFailed
            | CcpmCode::AgentAmbiguous
            | CcpmCode::PayloadTooLarge => Code::InvalidArgument,
            CcpmCode::Unauthorized => Code::UpstreamUnauthorized,
            CcpmCode::Forbidden => Code::PermissionDenied,
            CcpmCode::NotFound | CcpmCode::AgentNotFound => Code::NotFound,
            CcpmCode::AgentInactive
            | CcpmCode::Conflict
            | CcpmCode::IllegalTransition
            | CcpmCode::VersionConflict
            | CcpmCode::IdempotencyConflict
            | CcpmCode::AlreadyCompleted
            | CcpmCode::SessionClosed => Code::Conflict,
            CcpmCode::RateLimited => Code::RateLimited,
            CcpmCode::Unavailable => Code::UpstreamUnreachable,
            CcpmCode::UnsupportedMediaType | CcpmCode::Foreign(_) => Code::UpstreamRejected,
            CcpmCode::Internal => Code::Internal,
        };
        let inner = *error.0;
        let mut tool = Self::new(code, inner.message).retryable(inner.retryable);
        if let Some(reason) = reason(inner.code) {
            tool = tool.reason(reason);
        }
        if let Some(hint) = inner.hint {
            tool = tool.hint(hint);
        }
        if let Some(Value::String(field)) = inner.details.get("field") {
            tool = tool.field(field.clone());
        }
        if let Some(seconds) = inner.details.get("retry_after_s").and_then(Value::as_u64) {
            tool = tool.retry_after_s(seconds);
        }
        tool
    }
}

/// The sub-code of a [`ToolError`], where its code alone does not say it.
fn reason(code: CcpmCode) -> Option<&'static str> {
    Some(match code {
        CcpmCode::AgentNotFound => "agent_not_found",
        CcpmCode::AgentAmbiguous => "agent_ambiguous",
        CcpmCode::AgentInactive => "agent_inactive",
        CcpmCode::IllegalTransition => "illegal_transition",
        CcpmCode::VersionConflict => "version_conflict",
        CcpmCode::IdempotencyConflict => "idempotency_conflict",
        CcpmCode::AlreadyCompleted => "already_completed",
        CcpmCode::SessionClosed => "session_closed",
        CcpmCode::PayloadTooLarge => "payload_too_large",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status_and_a_tool_error() {
        for code in CcpmCode::ALL {
            let error = CcpmError::new(*code, "it failed").hint("do this");

            assert!((400..=503).contains(&error.status()), "{code}");
            assert_eq!(error.text(), "it failed; do this");
            let tool = ToolError::from(error);
            assert_eq!(tool.envelope().message, "it failed");
            assert_eq!(tool.envelope().hint.as_deref(), Some("do this"));
        }
    }

    #[test]
    fn a_busy_database_may_be_asked_again() {
        let error = CcpmError::from(StoreError::Unavailable("locked".into()));

        assert_eq!((error.status(), error.is_retryable()), (503, true));
        assert!(!error.text().contains("locked"));
    }
}
