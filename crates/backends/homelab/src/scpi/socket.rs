//! Talking to an instrument over a raw socket.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use homelab_core::error::{Code, ToolError, ToolResult};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::command::Query;
use super::message::{Answer, Progress, progress};
use super::visa;
use crate::Config;

/// How long queries that wait for something else may take.
const SLOW: Duration = Duration::from_mins(1);
/// A block of unknown length is over when nothing follows its newline for this long.
const QUIET: Duration = Duration::from_millis(250);
/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// All instruments: one queue per address, because most of them serve one connection and drop a
/// second one in silence.
pub(crate) struct Instruments {
    queues: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    connect: Duration,
    answer: Duration,
}

/// Where an instrument is and what ends its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Socket<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) terminator: &'a str,
}

impl Instruments {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            queues: Mutex::default(),
            connect: Duration::from_secs(config.scpi_connect_timeout_s),
            answer: Duration::from_secs(config.scpi_answer_timeout_s),
        }
    }

    /// Sends a query on a connection of its own and reads the answer. An own connection, since an
    /// answer that comes too late would be taken for that of the next query.
    ///
    /// # Errors
    /// `upstream_unreachable` if there is no connection, or the instrument drops it
    /// (`instrument_busy`); `timeout` if no answer comes; `upstream_rejected` with reason
    /// `answer_too_long`.
    pub(crate) async fn query(
        &self,
        to: Socket<'_>,
        query: &Query,
    ) -> ToolResult<(Answer, Duration)> {
        let address = visa::authority(to.host, to.port);
        let queue = self.queue(&address);
        let _turn = queue.lock().await;
        let mut stream = self.open(to, &address).await?;
        let limit = if query.slow { SLOW } else { self.answer };
        let started = Instant::now();
        let end = to.terminator.bytes().last().unwrap_or(b'\n');
        let conversation = async {
            let message = format!("{}{}", query.text, to.terminator);
            stream.write_all(message.as_bytes()).await?;
            read(&mut stream, end).await
        };
        match tokio::time::timeout(limit, conversation).await {
            Err(_) => Err(no_answer(&address, limit)),
            Ok(Err(error)) => Err(lost(&address, &error)),
            Ok(Ok(Read::Answer(bytes))) => Ok((Answer::read(&bytes), started.elapsed())),
            Ok(Ok(Read::TooLong(length))) => Err(too_long(&address, length)),
            Ok(Ok(Read::Dropped)) => Err(dropped(&address)),
        }
    }

    fn queue(&self, address: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // Addresses change with the inventory; those nobody waits for are forgotten.
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        queues.entry(address.to_owned()).or_default().clone()
    }

    async fn open(&self, to: Socket<'_>, address: &str) -> ToolResult<TcpStream> {
        let connecting = TcpStream::connect((to.host, to.port));
        let problem = match tokio::time::timeout(self.connect, connecting).await {
            Ok(Ok(stream)) => {
                // Queries are short; waiting to fill a packet would only delay them.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "nothing listens at this port".to_owned()
            }
            Ok(Err(_)) => "no connection could be opened".to_owned(),
            Err(_) => format!("no connection within {} s", self.connect.as_secs()),
        };
        Err(ToolError::new(
            Code::UpstreamUnreachable,
            format!("the instrument at `{address}` cannot be reached: {problem}"),
        )
        .hint("check that it is switched on and on the network, and its `host` and `port` in the inventory"))
    }
}

enum Read {
    Answer(Vec<u8>),
    TooLong(usize),
    /// The connection ended before anything came.
    Dropped,
}

async fn read(stream: &mut TcpStream, end: u8) -> io::Result<Read> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let reading = stream.read(&mut chunk);
        let count = match progress(&bytes, end) {
            Progress::Complete => return Ok(Read::Answer(bytes)),
            Progress::TooLong(length) => return Ok(Read::TooLong(length)),
            Progress::More => reading.await?,
            Progress::Quiet => match tokio::time::timeout(QUIET, reading).await {
                Ok(count) => count?,
                Err(_) => return Ok(Read::Answer(bytes)),
            },
        };
        if count == 0 {
            // Some end a message by ending the connection.
            return Ok(if bytes.is_empty() {
                Read::Dropped
            } else {
                Read::Answer(bytes)
            });
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

fn no_answer(address: &str, limit: Duration) -> ToolError {
    let seconds = limit.as_secs();
    ToolError::new(
        Code::Timeout,
        format!("the instrument at `{address}` gave no answer within {seconds} s"),
    )
    .hint("an unknown header gets no answer: ask `SYST:ERR?`, and see the programming manual")
    .retryable(false)
}

fn dropped(address: &str) -> ToolError {
    ToolError::new(
        Code::UpstreamUnreachable,
        format!("the instrument at `{address}` closed the connection without an answer"),
    )
    .reason("instrument_busy")
    .hint("most instruments serve one client: close other programs that use it, then try again")
}

fn lost(address: &str, error: &io::Error) -> ToolError {
    ToolError::new(
        Code::UpstreamUnreachable,
        format!(
            "the connection to the instrument at `{address}` broke: {}",
            error.kind()
        ),
    )
    .reason("instrument_busy")
    .hint("most instruments serve one client: close other programs that use it, then try again")
}

fn too_long(address: &str, length: usize) -> ToolError {
    ToolError::new(
        Code::UpstreamRejected,
        format!("the answer of the instrument at `{address}` is too long: {length} bytes"),
    )
    .reason("answer_too_long")
    .hint("texts may have 64 KiB and blocks 256 KiB: ask for fewer points")
}
