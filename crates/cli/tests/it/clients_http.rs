//! HTTP/1.1 and MCP by hand over a blocking socket, so that a test decides every byte and sees every
//! byte that comes back.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for the next byte of an answer; nothing a test asks for takes that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON-RPC message: the body, or the last event of a stream that has one.
    pub(crate) fn message(&self) -> Option<Value> {
        let text = self.text();
        if self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
        {
            return text
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .filter_map(|data| serde_json::from_str(data.trim()).ok())
                .next_back();
        }
        serde_json::from_str(&text).ok()
    }
}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends these bytes and nothing else.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a request with `Host`, `Content-Length` and the given headers.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let mut bytes = Vec::with_capacity(body.len() + 1_024);
        write!(
            bytes,
            "{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n",
            body.len()
        )?;
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            bytes.extend_from_slice(b"Host: localhost\r\n");
        }
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.send(&bytes)?;
        self.receive()
    }

    /// Reads one whole answer.
    pub(crate) fn receive(&mut self) -> io::Result<Response> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| invalid(&format!("no status line: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid(&line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| invalid(length))?;
            response.body.resize(length, 0);
            self.stream.read_exact(&mut response.body)?;
        } else if response.header("transfer-encoding").is_some() {
            self.chunks(&mut response.body)?;
        } else if status != 202 && status != 204 {
            self.stream.read_to_end(&mut response.body)?;
        }
        Ok(response)
    }

    /// Whether the other side closes, or resets, before the patience ends; what it says first is
    /// thrown away.
    pub(crate) fn is_closed_by_peer(&mut self) -> bool {
        let mut waste = [0; 4096];
        loop {
            match self.stream.read(&mut waste) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    );
                }
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let size = self.line()?;
            let size = u64::from_str_radix(&size, 16).map_err(|_| invalid(&size))?;
            (&mut self.stream).take(size).read_to_end(body)?;
            self.line()?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// A modern (2026-07-28) request for a tool, and the headers that go with it.
pub(crate) fn tool_request(id: u64, tool: &str, arguments: &Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "by-hand", "version": "1"},
            },
        },
    })
}

/// Headers of a modern `tools/call`.
pub(crate) fn tool_headers<'a>(tool: &'a str, bearer: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", tool),
        ("Authorization", bearer),
    ]
}

/// A modern client on one connection.
pub(crate) struct McpConnection {
    connection: Connection,
    bearer: String,
    next_id: u64,
}

impl McpConnection {
    pub(crate) fn open(port: u16, key: &str) -> io::Result<Self> {
        Ok(Self {
            connection: Connection::open(port)?,
            bearer: format!("Bearer {key}"),
            next_id: 1,
        })
    }

    /// Calls a tool at `/mcp`; an error is a connection that broke.
    pub(crate) fn post(&mut self, tool: &str, arguments: &Value) -> io::Result<Response> {
        let body = tool_request(self.next_id, tool, arguments).to_string();
        self.next_id += 1;
        let headers = tool_headers(tool, &self.bearer);
        self.connection
            .request("POST", "/mcp", &headers, body.as_bytes())
    }

    /// Calls a tool that must succeed if it is answered at all; returns the structured content.
    pub(crate) fn success(&mut self, tool: &str, arguments: &Value) -> io::Result<Value> {
        let response = self.post(tool, arguments)?;
        let mut message = response
            .message()
            .ok_or_else(|| invalid(&response.text()))?;
        let result = &mut message["result"];
        let good = response.status == 200 && result["isError"] == false;
        assert!(good, "{tool} {arguments}: {}", response.text());
        Ok(result["structuredContent"].take())
    }
}
