//! Why a request was refused at the door, and how HTTP says so.
//!
//! Source: RFC 6750 §3 (the `Bearer` challenge), RFC 9110 §10.2.3 (`Retry-After`).

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use homelab_core::call::INSUFFICIENT_SCOPE;
use homelab_core::error::{Code, ToolError};
use http::{HeaderValue, StatusCode, header};
use thiserror::Error;

/// Why a request was refused at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthError {
    /// No credential was sent: 401.
    #[error("this endpoint needs an API key")]
    Missing,
    /// One was sent that opens nothing: 401. What is wrong with it (unknown, expired, revoked) is
    /// in the audit, not in the answer.
    #[error("this API key is not valid")]
    Invalid,
    /// Too many wrong ones came from this address: 429.
    #[error("too many wrong API keys from this address")]
    Limited {
        /// When the next attempt is looked at.
        retry_after: Duration,
    },
    /// The keys cannot be read: 503.
    #[error("API keys cannot be checked now: the database is not available")]
    Unavailable,
    /// The keys of a token's issuer cannot be read: 503.
    #[error("the token cannot be checked now: its issuer does not answer")]
    IssuerUnavailable,
    /// The caller is known and has no role here: 403.
    #[error("you are signed in, but have no role here")]
    NoRole,
    /// The token has none of our scopes: 403.
    #[error("the token has no scope for this server")]
    NoScope,
    /// Headers that name a user came in a way that a trusted proxy does not send them: 400.
    #[error("the request has ambiguous or unreadable headers that name its user")]
    Smuggled,
}

impl AuthError {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid => StatusCode::UNAUTHORIZED,
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::IssuerUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoRole | Self::NoScope => StatusCode::FORBIDDEN,
            Self::Smuggled => StatusCode::BAD_REQUEST,
        }
    }

    /// `WWW-Authenticate`, for a 401 of a server that accepts keys alone.
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            // No error attribute for a request that brought nothing (RFC 6750 §3.1).
            Self::Missing => Some(r#"Bearer realm="homelab-mcp""#),
            Self::Invalid => Some(
                r#"Bearer realm="homelab-mcp", error="invalid_token", error_description="the API key is unknown, expired or revoked""#,
            ),
            _ => None,
        }
    }

    /// `Retry-After`, whole seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Limited { retry_after } => Some(retry_after.as_secs().saturating_add(1)),
            Self::Unavailable => Some(1),
            Self::IssuerUnavailable => Some(10),
            _ => None,
        }
    }

    /// The same as the error envelope of every other surface.
    pub fn to_tool_error(&self) -> ToolError {
        let (code, hint) = match self {
            Self::Missing => (
                Code::PermissionDenied,
                "send `Authorization: Bearer hlab_…`; `homelab-mcp keys create` makes a key",
            ),
            Self::Invalid => (
                Code::PermissionDenied,
                "the key is unknown, expired or revoked; `homelab-mcp keys list` shows those in force",
            ),
            Self::Limited { .. } => (
                Code::RateLimited,
                "correct the key in the client's configuration",
            ),
            Self::Unavailable => (
                Code::UpstreamUnreachable,
                "run `homelab-mcp doctor` to see what is wrong with the database",
            ),
            Self::IssuerUnavailable => (
                Code::UpstreamUnreachable,
                "the server's log says which issuer, and why",
            ),
            Self::NoRole => (
                Code::PermissionDenied,
                "the server's owner gives roles to groups, in section `[auth]` of the configuration",
            ),
            Self::NoScope => (
                Code::PermissionDenied,
                "sign in again and grant one of the scopes that the challenge names",
            ),
            Self::Smuggled => (
                Code::InvalidArgument,
                "make the proxy drop such headers of its clients, in every spelling",
            ),
        };
        let error = ToolError::new(code, self.to_string()).hint(hint);
        let error = match self {
            Self::NoScope => error.reason(INSUFFICIENT_SCOPE),
            Self::NoRole => error.reason("no_role"),
            _ => error,
        };
        match self.retry_after_s() {
            Some(seconds) => error.retry_after_s(seconds),
            None => error,
        }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.to_tool_error())).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
