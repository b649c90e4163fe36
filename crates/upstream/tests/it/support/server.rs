use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use homelab_upstream::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Writes these bytes and closes.
    Raw(Vec<u8>),
    /// Writes these bytes and then nothing, with the connection open.
    Stall(Vec<u8>),
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers: String = headers
            .iter()
            .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
            .collect();
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} \r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        Self::Raw(text.into_bytes())
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::new(200, &[("content-type", "application/json")], body)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, &[], "")
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status, &[("location", location)], "")
    }

    /// Closes without a word.
    pub(crate) fn close() -> Self {
        Self::Raw(Vec::new())
    }

    /// Says nothing.
    pub(crate) fn silence() -> Self {
        Self::Stall(Vec::new())
    }
}

/// A server on a free port of the loopback interface, gone when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: JoinHandle<()>,
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

impl Server {
    pub(crate) async fn http(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, handler).await
    }

    pub(crate) async fn https(
        tls: rustls::ServerConfig,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(TlsAcceptor::from(Arc::new(tls))), handler).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = tokio::spawn(accept(listener, tls, Arc::new(handler), Arc::clone(&seen)));
        Self {
            address,
            scheme,
            seen,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&format!("{}://{}", self.scheme, self.address)).unwrap()
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    handler: Arc<Handler>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let (tls, handler, seen) = (tls.clone(), Arc::clone(&handler), Arc::clone(&seen));
        tokio::spawn(async move {
            match tls {
                None => serve(stream, &*handler, &seen).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, &*handler, &seen).await,
                    // A client that does not trust us says so and leaves.
                    Err(_) => None,
                },
            }
        });
    }
}

/// Answers one request; `None` if the client went away.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    handler: &Handler,
    seen: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let request = read(&mut stream).await?;
    let reply = handler(&request);
    seen.lock().unwrap().push(request);
    let (bytes, stall) = match reply {
        Reply::Raw(bytes) => (bytes, false),
        Reply::Stall(bytes) => (bytes, true),
    };
    stream.write_all(&bytes).await.ok()?;
    stream.flush().await.ok()?;
    if stall {
        // Until the client has enough.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok()?;
    }
    stream.shutdown().await.ok()
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        (stream.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        method,
        target,
        headers,
        body: bytes[head_end + 4..].to_vec(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while seen.body.len() < length {
        (stream.read_buf(&mut seen.body).await.ok()? > 0).then_some(())?;
    }
    Some(seen)
}
