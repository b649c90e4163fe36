//! Byte streams to engines: a Unix socket, a port with or without TLS, a command over SSH.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use homelab_core::error::{Code, ToolError};
use homelab_ssh::{HostStream, Hosts};
use homelab_upstream::{ClientConfig, tls_client_config};
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use rustls::{SignatureScheme, crypto::aws_lc_rs};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::Endpoint;
use super::error::{Fault, connecting};
use crate::config::HostConfig;

/// What is run on a host behind SSH: the engine's socket as its input and output.
const DIAL: &str = "docker system dial-stdio";

/// How to reach one engine.
pub(crate) struct Connector {
    endpoint: Endpoint,
    tls: Option<TlsConnector>,
    hosts: Option<Arc<Hosts>>,
    limit: Duration,
}

impl Connector {
    /// Reads the certificates that the settings name; opens nothing.
    pub(crate) fn new(
        endpoint: Endpoint,
        host: &HostConfig,
        settings: &str,
        hosts: Option<Arc<Hosts>>,
        limit: Duration,
    ) -> Result<Self, ToolError> {
        let tls = match &endpoint {
            Endpoint::Tcp { tls: true, .. } => Some(TlsConnector::from(tls(host, settings)?)),
            _ => None,
        };
        Ok(Self {
            endpoint,
            tls,
            hosts,
            limit,
        })
    }

    /// Opens a connection, within the limit.
    pub(crate) async fn connect(&self) -> Result<Stream, Fault> {
        tokio::time::timeout(self.limit, self.open())
            .await
            .unwrap_or(Err(Fault::ConnectTimeout(self.limit)))
    }

    async fn open(&self) -> Result<Stream, Fault> {
        let failed = |error: io::Error| connecting(&error, &self.endpoint);
        match &self.endpoint {
            Endpoint::Unix(path) => UnixStream::connect(path)
                .await
                .map(Stream::Unix)
                .map_err(failed),
            Endpoint::Tcp { host, port, .. } => {
                let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), *port))
                    .await
                    .map_err(|_| Fault::Dns)?
                    .collect();
                let stream = TcpStream::connect(&*addresses).await.map_err(failed)?;
                // Small requests, small answers; where it fails, they are only slower.
                stream.set_nodelay(true).unwrap_or_default();
                let Some(tls) = &self.tls else {
                    return Ok(Stream::Tcp(stream));
                };
                let name = ServerName::try_from(host.clone()).map_err(|_| Fault::Dns)?;
                let stream = tls.connect(name, stream).await.map_err(failed)?;
                Ok(Stream::Tls(Box::new(stream)))
            }
            Endpoint::Ssh(name) => {
                let Some(hosts) = &self.hosts else {
                    let text = format!(
                        "no SSH hosts are configured, and `{}` names one",
                        self.endpoint
                    );
                    return Err(Fault::Ssh(Box::new(
                        ToolError::new(Code::NotConfigured, text)
                            .reason("setting_missing")
                            .field(format!("ssh.hosts.{name}"))
                            .hint(format!("add the table `[ssh.hosts.{name}]`")),
                    )));
                };
                // Which host of ours it is says the engine's name; what the other crate calls an
                // argument is a setting here.
                let stream = async { hosts.host(Some(name))?.stream(DIAL).await }.await;
                let stream = stream.map_err(|error| Fault::Ssh(Box::new(error)))?;
                Ok(Stream::Ssh(Box::new(Tapped {
                    stream,
                    last_words: LastWords::default(),
                })))
            }
        }
    }
}

fn tls(host: &HostConfig, settings: &str) -> Result<Arc<rustls::ClientConfig>, ToolError> {
    let mut about = ClientConfig::new("docker");
    settings.clone_into(&mut about.settings);
    about.tls = host.tls.clone();
    let mut config = tls_client_config(&about)?;
    if let (Some(chain), Some(key)) = (&host.client_certificate_file, &host.client_key_file) {
        let wrong = |setting: &str, path: &std::path::Path, what: &str| {
            ToolError::new(Code::NotConfigured, format!("`{}` {what}", path.display()))
                .reason("setting_invalid")
                .field(format!("{settings}.{setting}"))
        };
        let chain: Vec<_> = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect)
            .ok()
            .filter(|chain: &Vec<_>| !chain.is_empty())
            .ok_or_else(|| {
                wrong(
                    "client_certificate_file",
                    chain,
                    "is no readable PEM file with a certificate",
                )
            })?;
        let unusable = || {
            wrong(
                "client_key_file",
                key,
                "is no readable PEM file with a private key",
            )
        };
        let der = PrivateKeyDer::from_pem_file(key).map_err(|_| unusable())?;
        let key = aws_lc_rs::sign::any_supported_type(&der).map_err(|_| unusable())?;
        config.client_auth_cert_resolver = Arc::new(Shown(Arc::new(CertifiedKey::new(chain, key))));
    }
    Ok(Arc::new(config))
}

/// Our certificate, shown to whoever asks for one.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0
            .key
            .choose_scheme(schemes)
            .map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// An open connection.
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Ssh(Box<Tapped>),
}

impl Stream {
    /// Where the far end's last words will be found, for streams that have some.
    pub(crate) fn last_words(&self) -> Option<LastWords> {
        match self {
            Self::Ssh(tapped) => Some(tapped.last_words.clone()),
            _ => None,
        }
    }
}

/// What the command behind SSH wrote to standard error, once its output has ended.
#[derive(Clone, Default)]
pub(crate) struct LastWords(Arc<Mutex<Option<String>>>);

impl LastWords {
    /// The words, if there are any by now.
    pub(crate) fn get(&self) -> Option<String> {
        let words = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        words
            .map(|words| words.trim().to_owned())
            .filter(|words| !words.is_empty())
    }

    fn set(&self, words: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }
}

/// A stream over SSH that keeps the far end's last words.
pub(crate) struct Tapped {
    stream: HostStream,
    last_words: LastWords,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let ended = matches!(&read, Poll::Ready(Ok(())) if buffer.filled().len() == before);
        if ended || matches!(&read, Poll::Ready(Err(_))) {
            self.last_words.set(self.stream.stderr());
        }
        read
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The same call on whichever stream it is.
macro_rules! forward {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Unix($inner) => $call,
            Stream::Tcp($inner) => $call,
            Stream::Tls($inner) => $call,
            Stream::Ssh($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), inner => Pin::new(inner).poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        forward!(self.get_mut(), inner => Pin::new(inner).poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), inner => Pin::new(inner).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        forward!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(context))
    }
}
