//! A container's output as lines for people and models: without colours, and no longer than a model
//! should read.

use std::collections::VecDeque;

use bytes::Bytes;
use homelab_ssh::plain_text;
use schemars::JsonSchema;
use serde::Serialize;

use crate::client::Source;

/// Bytes of a line; more are cut off.
const LONGEST_LINE: usize = 4096;
/// What is kept costs at least this much for each line.
const OVERHEAD: usize = 32;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct OutputLine {
    /// The text, after its time where that was asked for.
    pub(crate) text: String,
    /// Present where it was written to standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stderr: Option<bool>,
}

/// Puts lines together, and keeps the last of those that fit.
pub(crate) struct Lines {
    wanted: Option<String>,
    most: usize,
    cap: usize,
    kept: VecDeque<OutputLine>,
    size: usize,
    open: [Open; 2],
    /// Bytes seen.
    pub(crate) scanned: u64,
    /// Lines that fitted but were dropped for later ones, or cut.
    pub(crate) dropped: u64,
    /// Lines with the wanted text.
    pub(crate) matched: u64,
}

/// A line that has not ended yet.
#[derive(Default)]
struct Open {
    bytes: Vec<u8>,
    cut: bool,
}

impl Lines {
    /// Keeps at most `most` lines and `cap` bytes, only those that contain `wanted` (in any case).
    pub(crate) fn new(most: usize, cap: usize, wanted: Option<&str>) -> Self {
        Self {
            wanted: wanted.map(str::to_lowercase),
            most,
            cap,
            kept: VecDeque::new(),
            size: 0,
            open: [Open::default(), Open::default()],
            scanned: 0,
            dropped: 0,
            matched: 0,
        }
    }

    /// Takes the next piece of output; returns the last line that it completed and that is kept.
    pub(crate) fn push(&mut self, source: Source, bytes: &Bytes) -> Option<&OutputLine> {
        self.scanned += bytes.len() as u64;
        let before = self.matched;
        let mut rest: &[u8] = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            self.extend(source, line);
            self.close(source);
            rest = behind.get(1..).unwrap_or_default();
        }
        self.extend(source, rest);
        if self.matched > before {
            self.kept.back()
        } else {
            None
        }
    }

    /// The lines, oldest first; a last one may be without its end.
    pub(crate) fn finish(&mut self) -> Vec<OutputLine> {
        for source in [Source::Stdout, Source::Stderr] {
            if !self.open[source as usize].bytes.is_empty() {
                self.close(source);
            }
        }
        self.size = 0;
        std::mem::take(&mut self.kept).into()
    }

    fn extend(&mut self, source: Source, bytes: &[u8]) {
        let open = &mut self.open[source as usize];
        let room = LONGEST_LINE.saturating_sub(open.bytes.len());
        open.cut |= bytes.len() > room;
        open.bytes
            .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
    }

    fn close(&mut self, source: Source) {
        let open = std::mem::take(&mut self.open[source as usize]);
        if let Some(wanted) = &self.wanted
            && lacks(&open.bytes, wanted)
        {
            return;
        }
        let mut text = plain_text(&open.bytes).trim_end().to_owned();
        if let Some(wanted) = &self.wanted
            && !text.to_lowercase().contains(wanted)
        {
            return;
        }
        if open.cut {
            text.push('…');
        }
        self.matched += 1;
        self.size += text.len() + OVERHEAD;
        let stderr = (source == Source::Stderr).then_some(true);
        self.kept.push_back(OutputLine { text, stderr });
        while self.kept.len() > self.most || self.size > self.cap && self.kept.len() > 1 {
            if let Some(oldest) = self.kept.pop_front() {
                self.size -= oldest.text.len() + OVERHEAD;
                self.dropped += 1;
            }
        }
    }
}

/// Whether a line surely does not contain the text, in any case: a quick look that spares most lines of
/// a long log the slow one. Colours can cut a word, and other alphabets have rules of their own.
fn lacks(line: &[u8], wanted: &str) -> bool {
    let wanted = wanted.as_bytes();
    let certain = wanted.is_ascii() && line.is_ascii() && !line.contains(&0x1b);
    certain
        && !line
            .windows(wanted.len().max(1))
            .any(|part| part.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(lines: &[OutputLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_of_both_streams_are_put_together_apart() {
        let mut lines = Lines::new(10, 1000, None);

        lines.push(Source::Stdout, &Bytes::from("one\ntw"));
        lines.push(Source::Stderr, &Bytes::from("\u{1b}[31moops\u{1b}[0m\r\n"));
        lines.push(Source::Stdout, &Bytes::from("o\nthree"));

        let kept = lines.finish();
        assert_eq!(texts(&kept), ["one", "oops", "two", "three"]);
        assert_eq!(kept[1].stderr, Some(true));
    }

    #[test]
    fn the_last_lines_are_kept_and_only_those_with_the_wanted_text() {
        let mut lines = Lines::new(2, 1000, Some("ERR"));

        let bytes = Bytes::from("err 1\nfine\nErr 2\nerr 3\nfine\n");
        let last = lines
            .push(Source::Stdout, &bytes)
            .map(|line| line.text.clone());

        assert_eq!(last.as_deref(), Some("err 3"));
        assert_eq!(texts(&lines.finish()), ["Err 2", "err 3"]);
        assert_eq!(
            (lines.matched, lines.dropped, lines.scanned),
            (3, 1, bytes.len() as u64)
        );
    }

    #[test]
    fn the_quick_look_misses_nothing() {
        assert!(lacks(b"all is well", "err"));
        assert!(!lacks(b"an ERRor", "err"));
        assert!(!lacks(b"e\x1b[0mrr", "err"));
        assert!(!lacks("\u{c4}rger".as_bytes(), "\u{e4}rger"));
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let mut lines = Lines::new(10, 100_000, None);
        let bytes = Bytes::from(vec![b'x'; 64 * 1024]);

        for _ in 0..64 {
            lines.push(Source::Stdout, &bytes);
        }

        assert_eq!(lines.open[0].bytes.len(), LONGEST_LINE);
        assert!(lines.finish()[0].text.ends_with("x…"));
    }

    proptest! {
        #[test]
        fn what_is_kept_never_exceeds_the_cap(parts in prop::collection::vec("[a-z\n]{0,60}", 0..60)) {
            let mut lines = Lines::new(1000, 500, None);
            for part in parts {
                lines.push(Source::Stdout, &Bytes::from(part));
            }
            let kept = lines.finish();
            let size: usize = kept.iter().map(|line| line.text.len() + OVERHEAD).sum();
            prop_assert!(size <= 500 + LONGEST_LINE && (size <= 500 || kept.len() == 1));
        }
    }
}
