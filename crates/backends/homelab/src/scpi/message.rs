//! Answers: where one ends, and what is in it.

use base64::Engine as _;
use homelab_core::render::printable;

/// Most bytes of a text answer.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// Most bytes of a block.
pub(crate) const MAX_BLOCK: usize = 256 * 1024;
/// Most characters of a text, or bytes of a block, that are handed on.
const SHOWN: usize = 12 * 1024;

/// How much of an answer has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More must follow.
    More,
    /// It is complete: bytes of the answer, terminator excluded.
    Complete,
    /// It ends when nothing follows any more: a block of unknown length with a newline at its end.
    Quiet,
    /// It announces more than [`MAX_BLOCK`], or is a text of more than [`MAX_TEXT`].
    TooLong(usize),
}

/// Looks at what has come so far; `end` is the last byte of the terminator.
///
/// A block (IEEE 488.2, 8.7.9) is `#`, the number of digits of its length, its length, its bytes;
/// newlines in it mean nothing. `#0` begins one of unknown length.
pub(crate) fn progress(bytes: &[u8], end: u8) -> Progress {
    match block(bytes) {
        Block::None if bytes.len() > MAX_TEXT => Progress::TooLong(bytes.len()),
        Block::None if bytes.last() == Some(&end) => Progress::Complete,
        Block::Unbounded if bytes.len() > MAX_BLOCK => Progress::TooLong(bytes.len()),
        Block::Unbounded if bytes.last() == Some(&b'\n') => Progress::Quiet,
        Block::None | Block::Begun | Block::Unbounded => Progress::More,
        Block::Sized { length, .. } if length > MAX_BLOCK => Progress::TooLong(length),
        Block::Sized { start, length } if bytes.len() < start + length => Progress::More,
        Block::Sized { .. } => Progress::Complete,
    }
}

enum Block {
    /// A text.
    None,
    /// A block whose length has not come yet.
    Begun,
    Unbounded,
    Sized {
        start: usize,
        length: usize,
    },
}

fn block(bytes: &[u8]) -> Block {
    let [b'#', rest @ ..] = bytes else {
        return Block::None;
    };
    let Some(digits) = rest.first() else {
        return Block::Begun;
    };
    let digits = match digits {
        b'0' => return Block::Unbounded,
        b'1'..=b'9' => usize::from(digits - b'0'),
        _ => return Block::None,
    };
    let Some(length) = rest.get(1..=digits) else {
        return Block::Begun;
    };
    let length = std::str::from_utf8(length)
        .ok()
        .and_then(|text| text.parse().ok());
    length.map_or(Block::None, |length| Block::Sized {
        start: 2 + digits,
        length,
    })
}

/// An answer as it is handed on: an instrument's text is foreign, so control characters go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The text, of an answer or of a block that holds text.
    pub(crate) text: Option<String>,
    /// The bytes of a block that holds something else, base64.
    pub(crate) base64: Option<String>,
    /// Bytes of the whole answer.
    pub(crate) bytes: usize,
    /// Whether only its beginning is handed on.
    pub(crate) truncated: bool,
}

impl Answer {
    /// Reads a complete answer.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let content = match block(bytes) {
            Block::Sized { start, length } => bytes
                .get(start..(start + length).min(bytes.len()))
                .unwrap_or_default(),
            Block::Unbounded => trimmed(bytes.get(2..).unwrap_or_default()),
            Block::None | Block::Begun => {
                return Self::text(&String::from_utf8_lossy(trimmed(bytes)));
            }
        };
        match std::str::from_utf8(content) {
            Ok(text) if is_readable(text) => Self::text(text),
            _ => Self::binary(content),
        }
    }

    fn text(text: &str) -> Self {
        let shown: String = text.chars().take(SHOWN).collect();
        Self {
            truncated: shown.len() < text.len(),
            text: Some(printable(&shown)),
            base64: None,
            bytes: text.len(),
        }
    }

    fn binary(content: &[u8]) -> Self {
        let shown = content.get(..SHOWN).unwrap_or(content);
        Self {
            text: None,
            base64: Some(base64::engine::general_purpose::STANDARD.encode(shown)),
            bytes: content.len(),
            truncated: shown.len() < content.len(),
        }
    }
}

fn is_readable(text: &str) -> bool {
    !text
        .chars()
        .any(|letter| letter.is_control() && !letter.is_whitespace())
}

/// Without what ends a message, and the NULs and spaces that some firmwares add.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_noise = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'\0' | b' ' | b'\t');
    let start = bytes
        .iter()
        .position(|byte| !is_noise(byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !is_noise(byte))
        .map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"", Progress::More)]
    #[case(b"1.5", Progress::More)]
    #[case(b"1.5\n", Progress::Complete)]
    #[case(b"#", Progress::More)]
    #[case(b"#2", Progress::More)]
    #[case(b"#21", Progress::More)]
    #[case(b"#15a\nb\n", Progress::More)]
    #[case(b"#15a\nb\nc", Progress::Complete)]
    #[case(b"#0abc", Progress::More)]
    #[case(b"#0abc\n", Progress::Quiet)]
    #[case(b"#6262145", Progress::TooLong(262_145))]
    #[case(b"#9999999999", Progress::TooLong(999_999_999))]
    #[case(b"#H1F\n", Progress::Complete)]
    fn an_answer_ends_where_its_form_says(#[case] bytes: &[u8], #[case] expected: Progress) {
        assert_eq!(progress(bytes, b'\n'), expected);
    }

    #[test]
    fn text_loses_what_ends_it_and_control_characters() {
        let answer = Answer::read(b" +4.99E+00\x1b[31m\x07\r\n\0");

        assert_eq!(answer.text.as_deref(), Some("+4.99E+00"));
    }

    #[test]
    fn a_block_of_text_is_text_and_of_bytes_is_base64() {
        assert_eq!(Answer::read(b"#15a;b\nc\n").text.as_deref(), Some("a;b\nc"));
        assert_eq!(
            Answer::read(b"#13\x00\x01\xff\n").base64.as_deref(),
            Some("AAH/")
        );
        assert_eq!(Answer::read(b"#0\xff\n").base64.as_deref(), Some("/w=="));
    }

    proptest! {
        #[test]
        fn whatever_an_instrument_sends_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let answer = Answer::read(&bytes);

            prop_assert!(progress(&bytes, b'\n') != Progress::Complete || !bytes.is_empty());
            prop_assert!(answer.text.is_some() != answer.base64.is_some());
        }
    }
}
