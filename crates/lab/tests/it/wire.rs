//! Plain sockets, so that the fakes are tested by something that knows none of their code.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends bytes, reads until the other side closes.
pub(crate) async fn exchange(to: SocketAddr, send: &str) -> String {
    let mut stream = TcpStream::connect(to).await.expect("a listener");
    stream
        .write_all(send.as_bytes())
        .await
        .expect("an open connection");
    let mut answer = Vec::new();
    // A connection that breaks on purpose still delivered what came before.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A GET of HTTP/1.1 without keep-alive.
pub(crate) async fn get(to: SocketAddr, path: &str) -> String {
    exchange(
        to,
        &format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"),
    )
    .await
}
