//! The load generator: connections that ask again as soon as they are answered, on one thread, so
//! that it takes little from the server it measures.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use memchr::memmem::{self, Finder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests answered before counting starts, on each connection.
const WARM_UP: usize = 50;

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Answers per second over all connections.
    pub(crate) per_second: f64,
    /// Half of all answers came within this.
    pub(crate) p50: Duration,
    /// All but one in a hundred did.
    pub(crate) p99: Duration,
}

/// A request and a text that its answer must hold.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The bytes of the whole request.
    pub(crate) request: Vec<u8>,
    /// Proves that the answer is the right one.
    pub(crate) expected: Finder<'static>,
}

impl Question {
    /// A POST of JSON with extra headers.
    pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &str, expected: &str) -> Self {
        let headers: String = headers
            .iter()
            .flat_map(|(name, value)| [*name, ": ", *value, "\r\n"])
            .collect();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            request: request.into_bytes(),
            expected: Finder::new(expected).into_owned(),
        }
    }
}

/// Asks the server the questions in turn over `connections` connections for `seconds`.
pub(crate) fn measure(
    port: u16,
    questions: Vec<Question>,
    connections: usize,
    seconds: u64,
) -> anyhow::Result<Figures> {
    ensure!(!questions.is_empty(), "there is nothing to ask");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let questions: Arc<[Question]> = questions.into();
    let length = Duration::from_secs(seconds);
    let mut latencies = runtime.block_on(async {
        let tasks: Vec<_> = (0..connections)
            .map(|number| tokio::spawn(ask(port, Arc::clone(&questions), number, length)))
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

/// One connection's latencies.
async fn ask(
    port: u16,
    questions: Arc<[Question]>,
    number: usize,
    length: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    // Connections start at different questions.
    let mut questions = questions.iter().cycle().skip(number * 97);
    let mut next = || questions.next().context("there are questions");
    for _ in 0..WARM_UP {
        let question = next()?;
        answer(&mut stream, question, &mut buffer).await?;
    }
    let mut latencies = Vec::with_capacity(200_000);
    let start = Instant::now();
    let mut asked = start;
    while asked - start < length {
        answer(&mut stream, next()?, &mut buffer).await?;
        // One look at the clock ends an answer's time and begins the next one's.
        let answered = Instant::now();
        latencies.push(answered - asked);
        asked = answered;
    }
    Ok(latencies)
}

/// Asks one question on one connection for `seconds`, each answer to be a refusal with this status
/// or to slow down (429); how many there are for each second.
pub(crate) fn refusals(
    port: u16,
    question: &Question,
    status: u16,
    seconds: u64,
) -> anyhow::Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let (refused, limited) = (format!("HTTP/1.1 {status} "), "HTTP/1.1 429 ");
    runtime.block_on(async {
        let mut stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        stream.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(64 * 1024);
        let length = Duration::from_secs(seconds);
        let start = Instant::now();
        let mut answers = 0_u32;
        while start.elapsed() < length {
            exchange(&mut stream, question, &mut buffer).await?;
            let is_refusal = buffer.starts_with(refused.as_bytes())
                && memmem::find(&buffer, b"\"isError\":false").is_none();
            ensure!(
                is_refusal || buffer.starts_with(limited.as_bytes()),
                "not refused: {}",
                String::from_utf8_lossy(&buffer)
            );
            answers += 1;
        }
        Ok(f64::from(answers) / length.as_secs_f64())
    })
}

/// Asks once and reads the whole answer, which must be the right one.
async fn answer(
    stream: &mut TcpStream,
    question: &Question,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    exchange(stream, question, buffer).await?;
    let right = buffer.starts_with(b"HTTP/1.1 200") && question.expected.find(buffer).is_some();
    ensure!(right, "a wrong answer: {}", String::from_utf8_lossy(buffer));
    Ok(())
}

/// Asks once and reads the whole answer.
async fn exchange(
    stream: &mut TcpStream,
    question: &Question,
    buffer: &mut Vec<u8>,
) -> anyhow::Result<()> {
    stream.write_all(&question.request).await?;
    buffer.clear();
    let mut whole = None;
    while whole.is_none_or(|whole| buffer.len() < whole) {
        ensure!(stream.read_buf(buffer).await? > 0, "the server hung up");
        if whole.is_none() {
            whole = length(buffer)?;
        }
    }
    Ok(())
}

/// Length of the whole answer that the buffer begins with, as soon as it shows: once the head is
/// there, or for one in chunks, once it has ended.
fn length(buffer: &[u8]) -> anyhow::Result<Option<usize>> {
    const NAME: &[u8] = b"content-length:";
    let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, body) = buffer.split_at(end + 4);
    for line in head.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = line.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
        {
            let body: usize = std::str::from_utf8(value)?.trim().parse()?;
            return Ok(Some(head.len() + body));
        }
    }
    Ok(body.ends_with(b"0\r\n\r\n").then_some(buffer.len()))
}
