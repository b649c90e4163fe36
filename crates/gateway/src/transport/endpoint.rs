//! One Streamable HTTP endpoint: `/mcp`, or `/servers/<name>/mcp`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use homelab_core::error::{Code, ToolError};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method, StatusCode, request};
use http_body_util::{BodyExt as _, Full};
use rmcp::model::RequestId as MessageId;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, ServerHandler};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::edge::Identity;
use super::sessions::Sessions;
use super::step_up::StepUp;
use super::{body, reply};
use crate::mcp::DirectCalls;

static SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) static PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The first revision without sessions. Revisions are dates, so they compare as text.
pub(super) const SESSIONLESS: &str = "2026-07-28";

/// What an endpoint needs to know.
#[derive(Clone)]
pub(crate) struct EndpointOptions {
    /// Largest request body, bytes.
    pub(crate) max_body: usize,
    /// Ends streams that would otherwise last for ever.
    pub(crate) shutdown: CancellationToken,
}

/// Serves one endpoint in both eras of the protocol.
pub(crate) struct McpEndpoint<H> {
    service: StreamableHttpService<H, Sessions>,
    sessions: Arc<Sessions>,
    direct: Option<DirectCalls>,
    step_up: StepUp,
    options: EndpointOptions,
}

impl<H: ServerHandler> McpEndpoint<H> {
    /// `make` gives the handler of a session, or of one request where there are no sessions.
    pub(crate) fn new(
        make: impl Fn() -> H + Send + Sync + 'static,
        sessions: Arc<Sessions>,
        direct: Option<DirectCalls>,
        step_up: StepUp,
        options: EndpointOptions,
    ) -> Self {
        // Hosts, origins and sizes are checked before a request gets here, for all routes alike.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_json_response(true)
            .with_max_request_body_bytes(options.max_body);
        Self {
            service: StreamableHttpService::new(move || Ok(make()), sessions.clone(), config),
            sessions,
            direct,
            step_up,
            options,
        }
    }

    /// Answers one request, which [`authenticate`](super::edge::authenticate) has let pass.
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let Some(identity) = Identity::of(&parts.extensions) else {
            return reply::no_caller();
        };
        if parts.method != Method::POST {
            return self.stream_or_delete(parts, &identity).await;
        }
        let may_be_direct = DirectCalls::may_take(&parts.headers);
        let is_json = is_json(&parts.headers);
        let body = match body::read(body, self.options.max_body).await {
            Ok(body) => body,
            Err(unread) => return unread.response(),
        };
        if let Some(refusal) = self.step_up.needed(&identity, &parts.headers, &body) {
            return refusal;
        }
        if may_be_direct
            && let Some(direct) = &self.direct
            && let Some(call) = direct.take(&parts.headers, &body)
        {
            return direct.run(call, identity).await.map(Body::new);
        }
        let session = match self.session_of(&mut parts.headers, &identity) {
            Ok(session) => session,
            Err(NoSuchSession) => return reply::no_such_session(),
        };
        let request = http::Request::from_parts(parts, Full::new(body.clone()));
        let response = self.service.handle(request).await.map(Body::new);
        if session.is_none()
            && let Some(opened) = text(response.headers(), &SESSION_ID)
        {
            let opened = opened.to_owned();
            self.sessions
                .bind(&opened, &identity.principal.credential)
                .await;
        }
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && is_json {
            return unreadable(&body);
        }
        self.finish(response, session.as_deref(), &identity).await
    }

    async fn stream_or_delete(&self, mut parts: request::Parts, identity: &Identity) -> Response {
        let session = match self.session_of(&mut parts.headers, identity) {
            Ok(session) => session,
            Err(NoSuchSession) => return reply::no_such_session(),
        };
        let endless = parts.method == Method::GET;
        let request = http::Request::from_parts(parts, Full::new(Bytes::new()));
        let response = self.service.handle(request).await.map(Body::new);
        if endless && response.status() == StatusCode::OK {
            return response.map(|body| until(body, &self.options.shutdown));
        }
        self.finish(response, session.as_deref(), identity).await
    }

    /// The session that a request of the older revisions names. One that is unknown or somebody
    /// else's is refused; the newer revisions have none, and the header means nothing there.
    fn session_of(
        &self,
        headers: &mut HeaderMap,
        identity: &Identity,
    ) -> Result<Option<String>, NoSuchSession> {
        let sessionless =
            text(headers, &PROTOCOL_VERSION).is_some_and(|version| version >= SESSIONLESS);
        if sessionless {
            headers.remove(&SESSION_ID);
            return Ok(None);
        }
        if !headers.contains_key(&SESSION_ID) {
            return Ok(None);
        }
        match text(headers, &SESSION_ID) {
            Some(id) if self.sessions.belongs(id, &identity.principal.credential) => {
                Ok(Some(id.to_owned()))
            }
            _ => Err(NoSuchSession),
        }
    }

    /// The SDK refuses in plain text; clients and people get JSON.
    async fn finish(
        &self,
        response: Response,
        session: Option<&str>,
        identity: &Identity,
    ) -> Response {
        let status = response.status();
        if status.is_success() || is_json(response.headers()) {
            return response;
        }
        // It ended while this request was on its way.
        if status.is_server_error()
            && session.is_some_and(|id| !self.sessions.belongs(id, &identity.principal.credential))
        {
            return reply::no_such_session();
        }
        let headers = response.headers().clone();
        let text = response.into_body().collect().await;
        let text = text
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut refusal = reply::refusal(status, &in_our_words(status, &text));
        for (name, value) in &headers {
            refusal
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
        refusal
    }
}

/// Unknown, or somebody else's.
struct NoSuchSession;

fn in_our_words(status: StatusCode, text: &str) -> ToolError {
    // "Not Found: Session not found" says the status twice.
    let message = text.split_once(": ").map_or(text, |(_, message)| message);
    match status {
        StatusCode::NOT_FOUND => ToolError::not_found(message.to_lowercase()),
        status if status.is_server_error() => {
            tracing::error!(http.status = status.as_u16(), "{text}");
            ToolError::internal("the protocol layer failed")
        }
        _ => ToolError::new(Code::InvalidArgument, message),
    }
}

/// What is wrong with a body that is not a message, as JSON-RPC 2.0 §5.1 says it.
pub(super) fn unreadable(body: &[u8]) -> Response {
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => {
            let error = ErrorData::parse_error(format!("the body is not JSON: {error}"), None);
            return reply::rpc_error(StatusCode::BAD_REQUEST, None, error);
        }
    };
    let Value::Object(message) = value else {
        let what = "the body is not one JSON-RPC message; batches are not part of MCP";
        let error = ErrorData::invalid_request(what, None);
        return reply::rpc_error(StatusCode::BAD_REQUEST, None, error);
    };
    let id = message
        .get("id")
        .and_then(|id| serde_json::from_value::<MessageId>(id.clone()).ok());
    let what = if message.get("jsonrpc") != Some(&Value::from("2.0")) {
        "`jsonrpc` is not \"2.0\""
    } else if message.contains_key("id") && id.is_none() {
        "`id` is neither a string nor a whole number"
    } else {
        "the body is no JSON-RPC request, notification or response of MCP"
    };
    let error = ErrorData::invalid_request(what, None);
    reply::rpc_error(StatusCode::BAD_REQUEST, id, error)
}

/// The stream, until we stop; it would keep the connection open for ever.
fn until(body: Body, shutdown: &CancellationToken) -> Body {
    let stopped = shutdown.clone().cancelled_owned();
    Body::from_stream(body.into_data_stream().take_until(stopped))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, &CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"))
}
