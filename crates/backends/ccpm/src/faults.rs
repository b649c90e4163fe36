//! Errors, from what another service answers to what a tool tells.

use homelab_core::ccpm::{CcpmCode, CcpmError, CcpmResult, Choice as _};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::render::printable;
use homelab_upstream::{Response, UpstreamError};
use serde_json::{Map, Value};

/// Characters kept of another service's text.
const LONGEST: usize = 400;
/// Members of `details` by which errors of the way there are told from those of the service.
const UPSTREAM_STATUS: &str = "upstream_status";
const TOOL_CODE: &str = "tool_code";
const REASON: &str = "reason";

/// The result of an operation as a tool tells it.
pub(crate) fn ok<T>(result: CcpmResult<T>) -> ToolResult<T> {
    result.map_err(told)
}

/// The error of an operation as a tool tells it.
pub(crate) fn told(error: CcpmError) -> ToolError {
    let details = error.details().clone();
    let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = details.get(UPSTREAM_STATUS).and_then(Value::as_u64);
    let is_foreign_fault = status.is_some_and(|status| status >= 500);
    let mut tool = ToolError::from(error);
    let code = match text(TOOL_CODE).as_deref() {
        Some("timeout") => Some(Code::Timeout),
        Some("upstream_rejected") => Some(Code::UpstreamRejected),
        Some("upstream_unauthorized") => Some(Code::UpstreamUnauthorized),
        Some("not_configured") => Some(Code::NotConfigured),
        _ if is_foreign_fault => Some(Code::UpstreamRejected),
        _ => None,
    };
    if let Some(code) = code {
        let mut envelope = tool.envelope().clone();
        envelope.code = code;
        tool = envelope.into();
    }
    if let Some(reason) = text(REASON) {
        tool = tool.reason(reason);
    }
    match status.and_then(|status| u16::try_from(status).ok()) {
        Some(status) => tool.upstream_status(status),
        None => tool,
    }
}

/// A request that brought no answer that can be used.
pub(crate) fn unanswered(error: UpstreamError) -> CcpmError {
    let status = error.status();
    let tool = ToolError::from(error);
    let envelope = tool.envelope();
    let mut failed = CcpmError::new(CcpmCode::Unavailable, envelope.message.clone())
        .retryable(envelope.retryable)
        .detail(TOOL_CODE, envelope.code);
    if let Some(hint) = &envelope.hint {
        failed = failed.hint(hint.clone());
    }
    if let Some(reason) = &envelope.reason {
        failed = failed.detail(REASON, reason);
    }
    if let Some(status) = status {
        failed = failed.with_status(status).detail(UPSTREAM_STATUS, status);
    }
    failed
}

/// An answer that is no success, in the contract's form or any other.
pub(crate) fn refused(response: Response) -> CcpmError {
    let status = response.status.as_u16();
    let retry_after = response
        .headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let in_form = serde_json::from_slice::<Value>(&response.body)
        .ok()
        .and_then(|body| in_contract(&body));
    let error = if let Some(error) = in_form {
        error
    } else {
        // The client knows where other services put their text, and cleans it.
        let text = match response.checked() {
            Ok(_) => "the answer is no success".to_owned(),
            Err(error) => ToolError::from(error).envelope().message.clone(),
        };
        CcpmError::new(code_of(status), text).retryable(matches!(status, 429 | 502..=504))
    };
    let mut error = error.with_status(status).detail(UPSTREAM_STATUS, status);
    if let Some(seconds) = retry_after {
        error = error.detail("retry_after_s", seconds);
    }
    error
}

fn in_contract(body: &Value) -> Option<CcpmError> {
    let error = body.get("error")?.as_object()?;
    let code = error.get("code")?.as_str()?;
    let message: String = printable(error.get("message")?.as_str()?)
        .chars()
        .take(LONGEST)
        .collect();
    let code = CcpmCode::parse(code)?;
    let details: Map<String, Value> = error
        .get("details")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
        .into_iter()
        // Ours alone: another service does not decide which code a tool has.
        .filter(|(name, _)| ![TOOL_CODE, UPSTREAM_STATUS, REASON].contains(&name.as_str()))
        .collect();
    let retryable = error.get("retryable").and_then(Value::as_bool);
    let failed = CcpmError::new(code, message).with_details(details);
    Some(match retryable {
        Some(retryable) => failed.retryable(retryable),
        None => failed,
    })
}

fn code_of(status: u16) -> CcpmCode {
    match status {
        401 => CcpmCode::Unauthorized,
        403 => CcpmCode::Forbidden,
        404 | 410 => CcpmCode::NotFound,
        409 | 412 => CcpmCode::Conflict,
        413 => CcpmCode::PayloadTooLarge,
        415 => CcpmCode::UnsupportedMediaType,
        422 => CcpmCode::ValidationFailed,
        429 => CcpmCode::RateLimited,
        500..=599 => CcpmCode::Unavailable,
        _ => CcpmCode::BadRequest,
    }
}

/// What the contract has no path for.
pub(crate) fn not_offered(what: &str) -> CcpmError {
    CcpmError::new(
        CcpmCode::Conflict,
        format!("the other service has no way to {what}"),
    )
    .with_status(501)
    .detail(TOOL_CODE, "upstream_rejected")
    .detail(REASON, "not_offered")
}
