//! The legacy HTTP+SSE transport beside the bare handler: each caller keeps one event stream open,
//! posts a call, and asks again as soon as the answer has come on the stream.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use homelab_testkit::{command, free_port};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::compare::verdict;
use super::lab::{DEVICES, Lab, device_name, start};
use super::load::{Figures, Question, measure};
use crate::say;

/// Streams at a time.
const STREAMS: [usize; 3] = [1, 16, 64];
/// Least part of the bare handler's answers per second.
const LEAST_OF_BARE: f64 = 0.5;
/// Calls answered before counting starts, on each stream.
const WARM_UP: usize = 50;

/// Devices spread over the whole table; callers start at different ones.
fn asked_for(caller: usize) -> impl Iterator<Item = String> {
    (0..1_000)
        .cycle()
        .skip(caller * 97 % 1_000)
        .map(|number| device_name(number * (DEVICES / 1_000)))
}

/// Measures both, one after the other at each number of streams, and prints the table.
pub(crate) fn report(lab: &Lab, seconds: u64) -> anyhow::Result<()> {
    let (_ours, our_port) = lab.serve_alike(None)?;
    let bare_port = free_port()?;
    let mut bare = command(std::env::current_exe()?);
    bare.args(["bare", "--port", &bare_port.to_string(), "--database"])
        .arg(lab.database());
    let (_bare, _) = start(&mut bare, bare_port)?;

    say("\nThe same read over an open HTTP+SSE stream, answers per second (p50 / p99):\n")?;
    say("| streams | homelab-mcp over SSE | bare axum handler | of bare |")?;
    say("|---|---|---|---|")?;
    for streams in STREAMS {
        let reads = asked_for(0)
            .take(1_000)
            .map(|name| {
                let body = json!({"name": name}).to_string();
                Question::post("/device", &[], &body, &name)
            })
            .collect();
        let bare = measure(bare_port, reads, streams, seconds)?;
        let mine = measure_streams(our_port, &lab.key, streams, seconds)?;
        let of_bare = mine.per_second / bare.per_second;
        say(&format!(
            "| {streams} | {} | {} | {of_bare:.2} {} |",
            shown(&mine),
            shown(&bare),
            verdict(of_bare >= LEAST_OF_BARE),
        ))?;
    }
    say(&format!("\nbudget: at least {LEAST_OF_BARE} of bare"))
}

fn shown(figures: &Figures) -> String {
    let Figures {
        per_second,
        p50,
        p99,
    } = figures;
    format!("{per_second:.0} ({p50:.2?} / {p99:.2?})")
}

fn measure_streams(port: u16, key: &str, streams: usize, seconds: u64) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let length = Duration::from_secs(seconds);
    let mut latencies = runtime.block_on(async {
        let tasks: Vec<_> = (0..streams)
            .map(|caller| tokio::spawn(call(port, key.to_owned(), caller, length)))
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        anyhow::Ok(latencies)
    })?;
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len().saturating_sub(1) * percent / 100);
    let (Some(p50), Some(p99)) = (at(50).copied(), at(99).copied()) else {
        bail!("nothing was answered");
    };
    let answers = u32::try_from(latencies.len())?;
    Ok(Figures {
        per_second: f64::from(answers) / length.as_secs_f64(),
        p50,
        p99,
    })
}

/// One caller's latencies, from the first byte of a call to the last of its answer.
async fn call(
    port: u16,
    key: String,
    caller: usize,
    length: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut session = Session::open(port, &key).await?;
    let mut names = asked_for(caller);
    let mut next = || names.next().context("there are devices");
    for _ in 0..WARM_UP {
        session.read_device(&next()?).await?;
    }
    let mut latencies = Vec::with_capacity(200_000);
    let start = Instant::now();
    while start.elapsed() < length {
        let name = next()?;
        let asked = Instant::now();
        session.read_device(&name).await?;
        latencies.push(asked.elapsed());
    }
    Ok(latencies)
}

/// An event stream, and the connection that messages are posted on.
struct Session {
    events: Events,
    posts: TcpStream,
    /// Everything of a POST up to its length.
    head: String,
    answer: Vec<u8>,
    id: u64,
}

impl Session {
    async fn open(port: u16, key: &str) -> anyhow::Result<Self> {
        let mut events = Events::open(port, key).await?;
        let path = events.next().await?;
        ensure!(path.contains("session_id="), "no endpoint: {path}");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {key}\r\nContent-Length: "
        );
        let mut session = Self {
            events,
            posts: connect(port).await?,
            head,
            answer: Vec::with_capacity(1_024),
            id: 0,
        };
        let hello = json!({
            "protocolVersion": "2024-11-05",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        });
        session
            .request("initialize", &hello, "\"serverInfo\"")
            .await?;
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        session.post(&ready).await?;
        Ok(session)
    }

    async fn read_device(&mut self, name: &str) -> anyhow::Result<()> {
        let call = json!({"name": "homelab_get_device", "arguments": {"name": name}});
        self.request("tools/call", &call, name).await
    }

    /// Posts a request and waits for its answer, which must hold `expected`.
    async fn request(
        &mut self,
        method: &str,
        params: &Value,
        expected: &str,
    ) -> anyhow::Result<()> {
        self.id += 1;
        let id = self.id;
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        let answer = self.events.next().await?;
        let right = answer.contains(&format!("\"id\":{id}"))
            && answer.contains("\"result\"")
            && answer.contains(expected);
        ensure!(right, "a wrong answer to {method} {id}: {answer}");
        Ok(())
    }

    /// Posts a message, which must be accepted.
    async fn post(&mut self, message: &Value) -> anyhow::Result<()> {
        let body = message.to_string();
        let request = format!("{}{}\r\n\r\n{body}", self.head, body.len());
        self.posts.write_all(request.as_bytes()).await?;
        self.answer.clear();
        while !self.answer.ends_with(b"Accepted") {
            let read = self.posts.read_buf(&mut self.answer).await?;
            let refused = read == 0 || !self.answer.starts_with(b"HTTP/1.1 202");
            ensure!(!refused, "{}", String::from_utf8_lossy(&self.answer));
        }
        Ok(())
    }
}

/// Reads server-sent events out of a chunked body.
struct Events {
    stream: TcpStream,
    raw: Vec<u8>,
    text: Vec<u8>,
}

impl Events {
    async fn open(port: u16, key: &str) -> anyhow::Result<Self> {
        let mut stream = connect(port).await?;
        let request = format!(
            "GET /sse HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\
             Authorization: Bearer {key}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut events = Self {
            stream,
            raw: Vec::with_capacity(64 * 1024),
            text: Vec::new(),
        };
        let head = events.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head)?.to_ascii_lowercase();
        let is_stream = head.starts_with("http/1.1 200") && head.contains("chunked");
        ensure!(is_stream, "no event stream: {head}");
        Ok(events)
    }

    /// The data of the next event; comments are passed over.
    async fn next(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(end) = find(&self.text, b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                let event = String::from_utf8(event)?;
                if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data:")) {
                    return Ok(data.trim_start().to_owned());
                }
                continue;
            }
            let size = String::from_utf8(self.until(b"\r\n").await?)?;
            let size = usize::from_str_radix(size.trim(), 16)?;
            ensure!(size > 0, "the stream ended");
            while self.raw.len() < size + 2 {
                self.more().await?;
            }
            self.text.extend(self.raw.drain(..size));
            self.raw.drain(..2);
        }
    }

    /// Everything up to and with this mark.
    async fn until(&mut self, mark: &[u8]) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.raw, mark) {
                return Ok(self.raw.drain(..at + mark.len()).collect());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.raw).await?;
        ensure!(read > 0, "the server hung up");
        Ok(())
    }
}

async fn connect(port: u16) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
