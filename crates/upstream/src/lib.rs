//! The only outbound HTTP client: limits, time-outs, retries, TLS, redaction.
//!
//! A backend keeps one [`Client`] per instance. It builds a [`Request`] in a pure function, sends
//! it, and reads the [`Response`]:
//!
//! ```no_run
//! use homelab_core::error::{ToolError, ToolResult};
//! use homelab_upstream::{Client, Request};
//!
//! #[derive(serde::Deserialize)]
//! struct Guest {
//!     name: String,
//! }
//!
//! async fn guest(client: &Client, node: &str, vmid: u32) -> ToolResult<Guest> {
//!     let request = Request::get("guest_status", "/nodes/{}/qemu/{}/status", &[&node, &vmid]);
//!     let Some(answer) = client.send(request).await?.found()? else {
//!         return Err(ToolError::not_found(format!("no guest with VMID `{vmid}`")));
//!     };
//!     Ok(answer.json()?)
//! }
//! ```
//!
//! What holds for every request:
//!
//! - one time limit over all attempts, redirects and the body; a shorter one for the connection;
//! - the body is read up to a cap; beyond it the request fails, or is cut if the caller asked so;
//! - only idempotent requests are repeated, with jitter, when no answer came or the answer was 429,
//!   502, 503 or 504; `Retry-After` is honoured as long as it is short;
//! - only `GET` and `HEAD` follow redirects, and secrets do not follow to another origin;
//! - an error names the service and the setting that fixes it, never an address's path, query or
//!   user, a header, or a secret that went with the request;
//! - dropping the future ends the request.

mod client;
mod config;
mod error;
mod multipart;
mod observe;
mod redirect;
mod request;
mod response;
mod retry;
mod stream;
mod tls;
mod transport_error;

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, Method, StatusCode, header};
pub use url::Url;

pub use client::Client;
pub use config::{ClientConfig, TlsConfig};
pub use error::{Fault, UpstreamError};
pub use multipart::Part;
pub use request::{Overflow, Request};
pub use response::Response;
pub use stream::Stream;
pub use tls::{CertificateFault, CertificateProblem, TlsInfo, client_config as tls_client_config};
