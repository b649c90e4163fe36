//! Collects what a child process writes.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many of the last lines an error shows.
const TAIL_LINES: usize = 60;

/// A place in a program's output; see [`crate::Proc::mark`]. The default is the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// The lines of both streams in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<(Stream, String)>,
    open_streams: usize,
}

impl Output {
    /// Reads the stream to its end on a thread of its own.
    pub(super) fn capture(self: &Arc<Self>, stream: Stream, from: impl Read + Send + 'static) {
        self.state().open_streams += 1;
        let output = Arc::clone(self);
        thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut bytes = Vec::new();
            // A read error is the end as much as the end of the file is.
            while reader
                .read_until(b'\n', &mut bytes)
                .is_ok_and(|count| count > 0)
            {
                output
                    .state()
                    .lines
                    .push((stream, String::from_utf8_lossy(&bytes).into_owned()));
                output.changed.notify_all();
                bytes.clear();
            }
            output.state().open_streams -= 1;
            output.changed.notify_all();
        });
    }

    /// Everything read from one stream so far.
    pub(super) fn text(&self, wanted: Stream) -> String {
        let state = self.state();
        state
            .lines
            .iter()
            .filter(|(stream, _)| *stream == wanted)
            .map(|(_, line)| line.as_str())
            .collect()
    }

    /// The last lines of both streams.
    pub(super) fn tail(&self) -> String {
        let state = self.state();
        let skipped = state.lines.len().saturating_sub(TAIL_LINES);
        state
            .lines
            .iter()
            .skip(skipped)
            .map(|(_, line)| line.as_str())
            .collect()
    }

    /// The number of lines so far.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.state().lines.len())
    }

    /// Waits for a line with the text in it; the error says why there will be none.
    pub(super) fn wait_for_line(
        &self,
        after: Mark,
        text: &str,
        timeout: Duration,
    ) -> Result<String, String> {
        let deadline = Instant::now() + timeout;
        let mut seen = after.0;
        let mut state = self.state();
        loop {
            if let Some((_, line)) = state
                .lines
                .iter()
                .skip(seen)
                .find(|(_, line)| line.contains(text))
            {
                return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            seen = seen.max(state.lines.len());
            if state.open_streams == 0 {
                return Err("the program has closed its output".to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("waited {timeout:?}"));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Lines are only ever appended, so a panic elsewhere leaves them whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
