//! Answers: a record with its version, or an error, in the contract's form.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use homelab_ccpm::Done;
use homelab_core::call::INSUFFICIENT_SCOPE;
use homelab_core::ccpm::{CcpmCode, CcpmError, CcpmResult};
use homelab_core::error::{Envelope, ToolError};
use homelab_core::id::RequestId;
use homelab_core::policy::Scope;
use http::header::{CONTENT_LENGTH, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::code_of;
use super::operations::Operation;
use crate::transport::{BeyondScope, reply};

static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Errors that other layers made are no longer than this.
const LONGEST: usize = 64 * 1024;

/// A success on its way out.
pub(crate) struct Reply {
    body: Value,
    version: Option<i64>,
    is_created: bool,
    is_replayed: bool,
    /// Works, but not well (503).
    is_degraded: bool,
}

impl Reply {
    /// Something that was read.
    pub(super) fn read(value: &impl Serialize) -> CcpmResult<Self> {
        let body = serde_json::to_value(value).map_err(|_| {
            CcpmError::new(
                CcpmCode::Internal,
                "the answer could not be written as JSON",
            )
        })?;
        Ok(Self {
            body,
            version: None,
            is_created: false,
            is_replayed: false,
            is_degraded: false,
        })
    }

    /// Something that was changed.
    pub(super) fn done<T: Serialize>(done: &Done<T>) -> CcpmResult<Self> {
        Ok(Self {
            is_created: done.created,
            is_replayed: done.replayed,
            ..Self::read(&done.value)?
        })
    }

    /// The same with its version.
    pub(super) fn versioned(mut self) -> Self {
        self.version = self.body.get("version").and_then(Value::as_i64);
        self
    }

    /// The same, where the service does not work as it should.
    pub(super) fn degraded(mut self, is_degraded: bool) -> Self {
        self.is_degraded = is_degraded;
        self
    }

    pub(super) fn response(self, operation: &Operation) -> Response {
        let status = if self.is_degraded {
            StatusCode::SERVICE_UNAVAILABLE
        } else if self.is_created && operation.success.contains(&201) {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let mut response = reply::json(status, &self.body);
        let headers = response.headers_mut();
        if let Some(version) = self.version
            && let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\""))
        {
            headers.insert(ETAG, tag);
        }
        if self.is_replayed {
            headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
        }
        mark(&mut response);
        response
    }
}

/// In the extensions of an answer that has the contract's form already.
#[derive(Clone, Copy)]
struct InForm;

fn mark(response: &mut Response) {
    response.extensions_mut().insert(InForm);
}

/// An error of the service.
pub(super) fn failed(error: &CcpmError, id: &RequestId) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = error_body(
        status,
        error.code(),
        &error.text(),
        error.details(),
        error.is_retryable(),
        id.as_str(),
    );
    let wait = match error.retry_after_s() {
        None if matches!(status.as_u16(), 429 | 503) => Some(1),
        wait => wait,
    };
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// A refusal of the pipeline.
pub(super) fn refused(error: &ToolError, id: &RequestId) -> Response {
    let mut response = failed(&in_contract(error.envelope()), id);
    if error.envelope().reason.as_deref() == Some(INSUFFICIENT_SCOPE) {
        response.extensions_mut().insert(BeyondScope {
            needed: Scope::Write,
            recorded: true,
        });
    }
    response
}

fn in_contract(envelope: &Envelope) -> CcpmError {
    let mut error = CcpmError::new(code_of(envelope.code), envelope.message.clone())
        .retryable(envelope.retryable);
    if let Some(hint) = &envelope.hint {
        error = error.hint(hint.clone());
    }
    if let Some(field) = &envelope.field {
        error = error.detail("field", field);
    }
    if let Some(reason) = &envelope.reason {
        error = error.detail("reason", reason);
    }
    if let Some(seconds) = envelope.retry_after_s {
        error = error.detail("retry_after_s", seconds);
    }
    error
}

fn error_body(
    status: StatusCode,
    code: CcpmCode,
    message: &str,
    details: &Map<String, Value>,
    retryable: bool,
    request_id: &str,
) -> Response {
    let body = json!({ "error": {
        "code": code,
        "message": message,
        "details": details,
        "retryable": retryable,
        "request_id": request_id,
    } });
    let mut response = reply::json(status, &body);
    mark(&mut response);
    response
}

/// The path is served, but not with this method; the header `Allow` says with which.
pub(super) async fn wrong_method(request: Request) -> Response {
    let error = CcpmError::new(
        CcpmCode::BadRequest,
        "this path does not take this HTTP method",
    )
    .hint("the header `Allow` says which ones")
    .with_status(405);
    let id = request.extensions().get::<RequestId>();
    failed(&error, id.unwrap_or(&RequestId::new("")))
}

/// Brings errors of the layers in between, such as a missing key, into the contract's form.
pub(super) async fn in_the_contracts_form(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let status = response.status();
    if response.extensions().get::<InForm>().is_some() || status.as_u16() < 400 {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST).await.unwrap_or_default();
    let error = match serde_json::from_slice::<Envelope>(&body) {
        Ok(envelope) => in_contract(&envelope),
        Err(_) => CcpmError::new(CcpmCode::BadRequest, "the request cannot be served"),
    };
    let code = if status == StatusCode::UNAUTHORIZED {
        CcpmCode::Unauthorized
    } else {
        error.code()
    };
    let id = id.unwrap_or_else(|| RequestId::new(""));
    let made = error_body(
        status,
        code,
        &error.text(),
        error.details(),
        error.is_retryable(),
        id.as_str(),
    );
    let (made, body) = made.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(made.headers);
    parts.extensions.extend(made.extensions);
    if status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        parts.headers.entry(WWW_AUTHENTICATE).or_insert(bearer);
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        parts.headers.insert(REQUEST_ID.clone(), id);
    }
    Response::from_parts(parts, Body::new(body))
}
