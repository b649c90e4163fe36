//! MCP over standard input and output: one client, the process that started this one.
//!
//! Nothing but protocol may be written to standard output, so logs go to standard error.

use std::sync::Arc;

use homelab_core::call::{Principal, Transport};
use homelab_core::server::Endpoint;
use rmcp::service::{QuitReason, ServerInitializeError, serve_server_with_ct};
use rmcp::transport::stdio_pipes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ids;
use crate::mcp::{Handler, HandlerParts};

/// Why serving ended other than by the client closing its end or by the shutdown token.
#[derive(Debug, Error)]
pub enum StdioError {
    /// What came first was not the start of an MCP conversation.
    #[error("the client did not start an MCP conversation: {0}")]
    Handshake(#[source] Box<ServerInitializeError>),
    /// The loop that serves messages failed.
    #[error("the message loop failed")]
    Loop,
}

/// Serves one client on standard input and output, as `principal`, until it closes standard input
/// or `parts.shutdown` is cancelled; calls in progress get a few seconds to answer.
///
/// Where standard input is no pipe (a terminal, a file), a thread keeps waiting for it after this
/// returns: end the runtime in the background then.
///
/// # Errors
/// [`StdioError`].
pub async fn serve(
    parts: Arc<HandlerParts>,
    endpoint: Endpoint,
    principal: Arc<Principal>,
) -> Result<(), StdioError> {
    let (input, output) = stdio_pipes();
    Box::pin(serve_on(parts, endpoint, principal, input, output)).await
}

/// The same over any pair of byte streams.
///
/// # Errors
/// [`StdioError`].
pub async fn serve_on(
    parts: Arc<HandlerParts>,
    endpoint: Endpoint,
    principal: Arc<Principal>,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), StdioError> {
    let _open = parts.metrics.session(Transport::Stdio);
    let session = ids::session_id(parts.entropy.as_ref());
    let shutdown = parts.shutdown.clone();
    let handler = Handler::new(parts, endpoint, Transport::Stdio)
        .for_principal(principal)
        .in_session(session);
    let service = match serve_server_with_ct(handler, (input, output), shutdown).await {
        Ok(service) => service,
        // Nobody said anything.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            return Ok(());
        }
        Err(error) => return Err(StdioError::Handshake(Box::new(error))),
    };
    match service.waiting().await {
        Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(()),
        Ok(_) | Err(_) => Err(StdioError::Loop),
    }
}
