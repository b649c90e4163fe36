//! A channel as a byte stream: a command's input and output, or a socket on the host.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use homelab_core::error::{ToolError, ToolResult};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, Disconnect};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};

use crate::connection::{Connection, Use, broken};
use crate::cut::HeadTail;
use crate::hosts::Host;
use crate::text::plain_text;

/// Bytes between the channel and a slow reader; the host waits when they are full.
const BUFFER: usize = 64 * 1024;
/// Bytes of a command's standard error that are kept.
const STDERR_CAP: usize = 4 * 1024;

/// A byte stream over SSH, on a connection of its own: a reader that is slow, or stops, holds up
/// nobody else. Dropping it closes the channel; the command behind it sees its input end
/// and its output broken.
pub struct HostStream {
    /// The end that the pump writes to.
    output: DuplexStream,
    input: Pin<Box<dyn AsyncWrite + Send + Sync>>,
    /// Kept for the pump's sake: dropping it ends the pump, which closes the channel.
    _alive: tokio_util::sync::DropGuard,
    told: Arc<Mutex<Told>>,
}

/// What the host said besides the bytes.
#[derive(Default)]
struct Told {
    exit_code: Option<u32>,
    stderr: Option<HeadTail>,
}

impl Host {
    /// Starts a command whose input and output are a stream, such as `docker system dial-stdio`. It
    /// runs as it is, without time limit, until the stream is dropped and the command ends.
    ///
    /// # Errors
    /// What connecting ends with; `invalid_argument` for a command with a NUL.
    pub async fn stream(&self, command: &str) -> ToolResult<HostStream> {
        if command.contains('\0') {
            return Err(ToolError::invalid("command", "the command has a NUL in it"));
        }
        let connection = self.link.connect(Use::Own).await?;
        let channel = connection.handle.channel_open_session().await;
        let refused = |error| self.link.about().refused_channel(&error, "a command");
        let channel = channel.map_err(refused)?;
        let lost = |_| self.link.about().lost("a command started").retryable(false);
        channel.exec(false, command).await.map_err(lost)?;
        Ok(HostStream::new(channel, connection))
    }

    /// Connects to a Unix socket on the host, such as Docker's.
    ///
    /// # Errors
    /// What connecting ends with; `upstream_rejected` with reason `ssh_channel_refused` if nobody
    /// listens there, the user may not, or the server forbids it.
    pub async fn connect_unix(&self, path: &str) -> ToolResult<HostStream> {
        if !path.starts_with('/') || path.contains('\0') {
            let text = format!("`{}` is not an absolute path", path.escape_debug());
            return Err(ToolError::invalid("path", text));
        }
        let what = format!("the socket `{path}`");
        let connection = self.link.connect(Use::Own).await?;
        let channel = connection
            .handle
            .channel_open_direct_streamlocal(path)
            .await
            .map_err(|error| self.link.about().refused_channel(&error, &what))?;
        Ok(HostStream::new(channel, connection))
    }
}

impl HostStream {
    fn new(channel: Channel<Msg>, connection: Connection) -> Self {
        let (read, write) = channel.split();
        let (output, to_output) = tokio::io::duplex(BUFFER);
        let input = Box::pin(write.make_writer());
        let told = Arc::new(Mutex::new(Told {
            exit_code: None,
            stderr: Some(HeadTail::new(STDERR_CAP)),
        }));
        let stopped = tokio_util::sync::CancellationToken::new();
        let (at_drop, heard) = (stopped.clone().drop_guard(), told.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = pump(read, to_output, &heard) => {}
                () = stopped.cancelled() => {}
            }
            // The connection may be gone already.
            drop(write.close().await);
            let bye = Disconnect::ByApplication;
            drop(connection.handle.disconnect(bye, "", "").await);
        });
        Self {
            output,
            input,
            _alive: at_drop,
            told,
        }
    }

    /// The exit code of the command behind it, once it has ended.
    pub fn exit_code(&self) -> Option<u32> {
        self.told().exit_code
    }

    /// What the command behind it wrote to standard error so far (4 KiB of it), as plain text.
    pub fn stderr(&self) -> String {
        let kept = self.told().stderr.clone();
        kept.map(|kept| plain_text(&kept.into_bytes()))
            .unwrap_or_default()
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves what the host sends to the reader, as fast as that one reads.
async fn pump(mut read: ChannelReadHalf, to: DuplexStream, told: &Mutex<Told>) {
    let told = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut to = Some(to);
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                // Where the reader is gone, the drop of the stream follows.
                if let Some(to) = &mut to {
                    drop(to.write_all(&data).await);
                }
            }
            ChannelMsg::ExtendedData { data, ext: 1 } => {
                if let Some(stderr) = &mut told().stderr {
                    stderr.push(&data);
                }
            }
            ChannelMsg::ExitStatus { exit_status } => told().exit_code = Some(exit_status),
            // The reader sees the end now; the exit code comes after it.
            ChannelMsg::Eof => drop(to.take()),
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

impl AsyncRead for HostStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(context, buffer)
    }
}

impl AsyncWrite for HostStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // russh's writer takes an empty write for a mistake.
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.input
            .as_mut()
            .poll_write(context, bytes)
            .map_err(|_| broken("the SSH channel is closed"))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_flush(context)
    }

    /// Says that there is no more input; output still comes.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().poll_shutdown(context)
    }
}

impl fmt::Debug for HostStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HostStream").finish_non_exhaustive()
    }
}
