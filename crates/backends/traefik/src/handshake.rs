//! A TLS handshake, to see the certificate that clients of a host see. Nothing is trusted and
//! nothing is sent after it.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};
use homelab_upstream::{ClientConfig, TlsConfig, tls_client_config};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::x509::{CertificateRow, Source};

/// Connection and handshake together.
const LIMIT: Duration = Duration::from_secs(8);

/// Makes handshakes.
#[derive(Clone)]
pub(crate) struct Handshakes(TlsConnector);

impl Handshakes {
    pub(crate) fn new(instance: &str) -> ToolResult<Self> {
        // Whatever is shown is what is wanted: nothing that comes over it is believed.
        let config = tls_client_config(&ClientConfig {
            tls: TlsConfig {
                insecure: true,
                ..TlsConfig::default()
            },
            ..ClientConfig::new(instance)
        })?;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// The certificate that a client sees who asks for `host` at this address.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) async fn with(
        &self,
        address: &str,
        port: u16,
        host: &str,
        now: Micros,
    ) -> Result<CertificateRow, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("`{host}` is not a name that can be asked for"))?;
        let shake = async {
            let socket = TcpStream::connect((address, port)).await.map_err(|error| {
                format!("no connection to `{address}:{port}`: {}", error.kind())
            })?;
            let stream = self
                .0
                .connect(name, socket)
                .await
                .map_err(|error| format!("no TLS handshake: {error}"))?;
            let (_, connection) = stream.get_ref();
            let first = connection
                .peer_certificates()
                .and_then(|chain| chain.first())
                .ok_or("no certificate was shown")?;
            CertificateRow::read(first, Source::Handshake, now)
                .ok_or_else(|| "what was shown cannot be read".to_owned())
        };
        match timeout(LIMIT, shake).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer from `{address}:{port}` in time")),
        }
    }
}

/// Refuses an address that settings and upstream do not give.
pub(crate) fn no_address() -> ToolError {
    ToolError::new(
        homelab_core::error::Code::NotConfigured,
        "the address that clients connect to is not known",
    )
    .reason("setting_missing")
    .field("tls_address")
    .hint("set `tls_address` to host and port of the entry point for HTTPS")
}
