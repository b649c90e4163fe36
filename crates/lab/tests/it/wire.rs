//! Plain sockets, so that the fakes are tested by something that knows none of their code.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends text, reads until the other side closes.
pub(crate) async fn exchange(to: SocketAddr, send: &str) -> String {
    let stream = TcpStream::connect(to).await.expect("a listener");
    String::from_utf8_lossy(&exchange_on(stream, send).await).into_owned()
}

/// The same on an open connection, with the answer's bytes as they are.
pub(crate) async fn exchange_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    send: &str,
) -> Vec<u8> {
    stream
        .write_all(send.as_bytes())
        .await
        .expect("an open connection");
    let mut answer = Vec::new();
    // A connection that breaks on purpose still delivered what came before.
    drop(stream.read_to_end(&mut answer).await);
    answer
}

/// A GET of HTTP/1.1 without keep-alive.
pub(crate) async fn get(to: SocketAddr, path: &str) -> String {
    exchange(
        to,
        &format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"),
    )
    .await
}

/// Any request, as text.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers
        .iter()
        .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
        .collect();
    let length = match (method, body) {
        ("GET" | "HEAD", "") => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: lab.example\r\nConnection: close\r\n{headers}{length}\r\n{body}"
    )
}

/// An answer taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// The header lines.
    pub(crate) head: String,
    /// The chunks of a chunked body; else the body as one.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = bytes.split_at(end.expect("a whole head"));
        let (head, body) = (String::from_utf8_lossy(head), &body[4..]);
        let (first, head) = head.split_once("\r\n").unwrap_or((&head, ""));
        let mut words = first.splitn(3, ' ').skip(1);
        let status = words.next().and_then(|word| word.parse().ok());
        let mut answer = Self {
            status: status.expect("a status"),
            reason: words.next().unwrap_or_default().to_owned(),
            head: head.to_owned(),
            chunks: vec![body.to_vec()],
            complete: true,
        };
        if head.contains("transfer-encoding: chunked") {
            (answer.chunks, answer.complete) = chunks(body);
        }
        answer
    }

    pub(crate) fn body(&self) -> String {
        String::from_utf8(self.chunks.concat()).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        let body = self.body();
        serde_json::from_str(&body).unwrap_or_else(|wrong| panic!("{wrong}: {body}"))
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        let body = self.body();
        let line = |line| serde_json::from_str(line).expect("a line of JSON");
        body.lines().map(line).collect()
    }
}

/// The chunks, and whether the last one came.
fn chunks(body: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut rest = body;
    let mut chunks = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (chunks, false);
        };
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return (chunks, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else {
            return (chunks, false);
        };
        chunks.push(chunk.to_vec());
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
}

/// Sends a request with these headers and takes the answer apart.
pub(crate) async fn call(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(to).await.expect("a listener");
    Answer::read(&exchange_on(stream, &request(method, path, headers, body)).await)
}
