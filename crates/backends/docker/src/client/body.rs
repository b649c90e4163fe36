//! An answer as it comes: raw bytes, frames of a container's output, lines of JSON.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::engine::{Line, decode};
use super::error::Fault;
use super::frames::{Chunk, Demultiplexer};

/// Longest line of JSON.
const LONGEST_LINE: usize = 1024 * 1024;

/// Ends the task behind a connection with its owner.
pub(crate) struct Driver(JoinHandle<()>);

impl Driver {
    pub(crate) fn new(task: JoinHandle<()>) -> Self {
        Self(task)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The body of an answer. Dropping it closes the connection.
pub(crate) struct Body {
    pub(crate) status: u16,
    incoming: Incoming,
    line: Line,
    ended: bool,
}

impl Body {
    pub(crate) fn new(status: u16, incoming: Incoming, line: Line) -> Self {
        Self {
            status,
            incoming,
            line,
            ended: false,
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while let Some(frame) = self.incoming.frame().await {
            if let Ok(data) = frame.map_err(|_| Fault::Cut)?.into_data() {
                return Ok(Some(data));
            }
        }
        self.ended = true;
        Ok(None)
    }

    /// All that is left, up to a cap.
    pub(crate) async fn rest(&mut self, cap: usize) -> Result<Bytes, Fault> {
        let mut rest = BytesMut::new();
        while let Some(data) = self.next().await? {
            if rest.len() + data.len() > cap {
                return Err(Fault::TooLarge(cap));
            }
            rest.extend_from_slice(&data);
        }
        Ok(rest.freeze())
    }

    /// The connection, if the answer was read to its end.
    pub(crate) fn into_line(self) -> Option<Line> {
        self.ended.then_some(self.line)
    }
}

/// A container's output: frames of two streams, or the raw bytes of a terminal.
pub(crate) struct Output {
    body: Body,
    frames: Option<Demultiplexer>,
    waiting: VecDeque<Chunk>,
}

impl Output {
    /// `tty`: the container has a terminal, and its output is raw.
    pub(crate) fn new(body: Body, tty: bool) -> Self {
        Self {
            body,
            frames: (!tty).then(Demultiplexer::default),
            waiting: VecDeque::new(),
        }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Chunk>, Fault> {
        loop {
            if let Some(chunk) = self.waiting.pop_front() {
                return Ok(Some(chunk));
            }
            let Some(bytes) = self.body.next().await? else {
                return Ok(None);
            };
            match &mut self.frames {
                None => return Ok(Some(Chunk::terminal(bytes))),
                Some(frames) => {
                    let chunks = frames.push(&bytes);
                    self.waiting
                        .extend(chunks.map_err(|what| Fault::Unexpected(what.to_owned()))?);
                }
            }
        }
    }
}

/// Values of JSON, one after the other.
pub(crate) struct JsonLines {
    body: Body,
    buffer: BytesMut,
}

impl JsonLines {
    pub(crate) fn new(body: Body) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    /// The next value; `None` at the end. Engines end each with a line break.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return decode(&line).map(Some).map_err(Fault::Unexpected);
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(Fault::TooLarge(LONGEST_LINE));
            }
            match self.body.next().await? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                // The last one may come without its line break.
                None => {
                    let line = self.buffer.split();
                    return decode(&line).map(Some).map_err(Fault::Unexpected);
                }
            }
        }
    }
}
