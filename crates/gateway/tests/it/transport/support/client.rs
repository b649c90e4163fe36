//! An HTTP client that adds nothing of its own, and reads answers as they come.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// One connection. Dropping it closes it.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The messages of an answer that is an event stream.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .filter(|data| !data.trim().is_empty())
            .map(|data| serde_json::from_str(data.trim()).unwrap())
            .collect()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(stream, address).await
    }

    /// Over a stream that leads to the address.
    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        address: SocketAddr,
    ) -> Self {
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move {
            connection.await.ok();
        });
        Self {
            sender,
            address,
            connection,
        }
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn open(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let (mut parts, body) = request.into_parts();
        if !parts.headers.contains_key(HOST) {
            let host = self.address.to_string().parse().unwrap();
            parts.headers.insert(HOST, host);
        }
        let request = Request::from_parts(parts, body);
        // The end of the last answer may not have been noticed yet.
        self.sender.ready().await.expect("an open connection");
        timeout(LONG, self.sender.send_request(request))
            .await
            .expect("an answer in time")
            .expect("an answer")
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let (parts, body) = self.open(request).await.into_parts();
        let body = timeout(LONG, body.collect())
            .await
            .expect("an end in time")
            .expect("a whole body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        }
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    Client::connect(address).await.send(request).await
}

/// A GET.
pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    request(Method::GET, path, &[], Bytes::new())
}

/// A request with these headers and no others.
pub(crate) fn request(
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// The same request with one more header.
pub(crate) fn with(
    mut request: Request<Full<Bytes>>,
    name: &'static str,
    value: &str,
) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

/// A POST of a message, as a client of any revision sends it.
pub(crate) fn post(path: &str, message: &Value) -> Request<Full<Bytes>> {
    post_bytes(path, message.to_string())
}

/// A POST of bytes that should be a message.
pub(crate) fn post_bytes(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    request(
        Method::POST,
        path,
        &[
            (CONTENT_TYPE.as_str(), "application/json"),
            (ACCEPT.as_str(), "application/json, text/event-stream"),
        ],
        body,
    )
}

/// The metadata of every request of the 2026-07-28 revision.
pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    })
}

/// A request of the 2026-07-28 revision.
pub(crate) fn modern(path: &str, method: &str, mut params: Value) -> Request<Full<Bytes>> {
    let given = params.get("_meta").cloned();
    let mut whole = meta();
    if let (Some(Value::Object(given)), Value::Object(whole)) = (given, &mut whole) {
        whole.extend(given);
    }
    params["_meta"] = whole;
    let name = params
        .get("name")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut request = with(post(path, &message), "mcp-protocol-version", "2026-07-28");
    request = with(request, "mcp-method", method);
    match name {
        Some(name) => with(request, "mcp-name", &name),
        None => request,
    }
}

/// A tool call of the 2026-07-28 revision.
#[expect(clippy::needless_pass_by_value, reason = "reads best with json!")]
pub(crate) fn call(path: &str, tool: &str, arguments: Value) -> Request<Full<Bytes>> {
    modern(
        path,
        "tools/call",
        json!({ "name": tool, "arguments": arguments }),
    )
}

/// The opening of a session.
pub(crate) fn initialize(revision: &str) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        },
    })
}

/// A request inside a session.
pub(crate) fn legacy(id: u32, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Reads an event stream until it has `wanted` in it.
pub(crate) async fn read_until(body: &mut Incoming, wanted: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(wanted) {
            let frame = body.frame().await.expect("more of the stream").unwrap();
            if let Ok(data) = frame.into_data() {
                read.push_str(std::str::from_utf8(&data).unwrap());
            }
        }
    };
    let in_time = timeout(LONG, reading).await.is_ok();
    assert!(in_time, "no {wanted:?} in {read:?}");
    read
}
