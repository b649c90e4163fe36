//! Lines of JSON out of a stream that is cut into pieces anywhere.

use homelab_core::error::{ToolError, ToolResult};
use homelab_upstream::Stream;
use serde::de::DeserializeOwned;

/// Longest line. The longest of Ollama's are a few hundred bytes; the last of a generation holds
/// its context.
const LONGEST_LINE: usize = 1024 * 1024;

/// Collects bytes and gives whole lines back. A letter of several bytes that arrives in two pieces
/// is whole again by then, because lines are cut at bytes, not at letters.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// How far the buffer has been searched for an end of line already.
    searched: usize,
}

/// A line is longer than [`LONGEST_LINE`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line without its end; empty ones are passed over.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(offset) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                let too_long = self.buffer.len() > LONGEST_LINE;
                return if too_long { Err(TooLong) } else { Ok(None) };
            };
            let end = self.searched + offset;
            let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
            self.searched = 0;
            line.truncate(line.trim_ascii_end().len());
            if line.len() > LONGEST_LINE {
                return Err(TooLong);
            }
            if !line.is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// What came after the last end of line; a last line need not have one.
    pub(super) fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.buffer);
        self.searched = 0;
        line.truncate(line.trim_ascii_end().len());
        (!line.is_empty()).then_some(line)
    }
}

/// Values of a stream, one for each line.
#[derive(Debug)]
pub(super) struct Values {
    stream: Stream,
    lines: Lines,
    ended: bool,
}

impl Values {
    pub(super) fn of(stream: Stream) -> Self {
        Self {
            stream,
            lines: Lines::default(),
            ended: false,
        }
    }

    /// The next value; `None` at the end of the stream.
    ///
    /// # Errors
    /// What the stream ends with, or `upstream_rejected` for a line that is not such a value.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> ToolResult<Option<T>> {
        loop {
            let line = match self.lines.next() {
                Ok(Some(line)) => Some(line),
                Ok(None) if self.ended => self.lines.rest(),
                Ok(None) => {
                    if let Some(chunk) = self.stream.chunk().await? {
                        self.lines.push(&chunk);
                    } else {
                        self.ended = true;
                    }
                    continue;
                }
                Err(TooLong) => {
                    let what = format!("a line is longer than {LONGEST_LINE} bytes");
                    return Err(self.stream.rejected(what).into());
                }
            };
            let Some(line) = line else { return Ok(None) };
            return match serde_json::from_slice(&line) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.unreadable()),
            };
        }
    }

    fn unreadable(&self) -> ToolError {
        let what = if self.ended {
            "its last line is cut off"
        } else {
            "a line is not the JSON that was expected"
        };
        self.stream.rejected(what).into()
    }

    /// A text of the upstream as it may be shown.
    pub(super) fn clean(&self, text: &str) -> String {
        self.stream.clean(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Some(line) = lines.next().unwrap() {
                found.push(String::from_utf8(line).unwrap());
            }
        }
        found.extend(lines.rest().map(|line| String::from_utf8(line).unwrap()));
        found
    }

    #[test]
    fn lines_end_as_windows_and_unix_write_them_and_empty_ones_are_none() {
        let found = all(&[b"one\r\n\n  \ntwo\nthree"]);

        assert_eq!(found, ["one", "two", "three"]);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; LONGEST_LINE + 1]);

        assert_eq!(lines.next(), Err(TooLong));
    }

    #[test]
    fn a_long_line_is_refused_although_it_ends() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; LONGEST_LINE + 1]);
        lines.push(b"\n");

        assert_eq!(lines.next(), Err(TooLong));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            texts in prop::collection::vec("[a-zäß€🟢 ]{0,12}", 0..8),
            sizes in prop::collection::vec(1_usize..7, 1..8),
        ) {
            let whole = texts.join("\n").into_bytes();
            let expected: Vec<String> = texts
                .iter()
                .map(|text| text.trim_end_matches(' ').to_owned())
                .filter(|text| !text.is_empty())
                .collect();

            let mut pieces = Vec::new();
            let mut rest = whole.as_slice();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*size).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }

            prop_assert_eq!(all(&pieces), expected);
        }
    }
}
