//! Takes a container's two output streams apart: each frame has a header of eight bytes (stream,
//! three zeros, length in big-endian order), and network reads cut frames anywhere.

use bytes::{Buf as _, Bytes, BytesMut};

/// Length of a frame's header.
const HEADER: usize = 8;

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Stdout,
    Stderr,
}

/// A piece of output, not necessarily a whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) source: Source,
    pub(crate) bytes: Bytes,
}

impl Chunk {
    /// A terminal has one stream.
    pub(crate) fn terminal(bytes: Bytes) -> Self {
        Self {
            source: Source::Stdout,
            bytes,
        }
    }
}

/// Puts frames together from pieces of any length; holds at most a header, never a whole frame.
#[derive(Debug, Default)]
pub(crate) struct Demultiplexer {
    header: BytesMut,
    /// The frame that is being read and what is missing of it.
    open: Option<(Source, usize)>,
}

impl Demultiplexer {
    /// Takes the next bytes apart.
    ///
    /// # Errors
    /// What does not fit: the output is raw, or no output at all.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>, &'static str> {
        let mut bytes = Bytes::copy_from_slice(bytes);
        let mut chunks = Vec::new();
        while !bytes.is_empty() {
            if let Some((source, missing)) = self.open {
                let taken = bytes.split_to(missing.min(bytes.len()));
                let missing = missing - taken.len();
                self.open = (missing > 0).then_some((source, missing));
                chunks.push(Chunk {
                    source,
                    bytes: taken,
                });
                continue;
            }
            let wanted = HEADER - self.header.len();
            let part = bytes.split_to(wanted.min(bytes.len()));
            self.header.extend_from_slice(&part);
            if self.header.len() == HEADER {
                let mut header = self.header.split();
                let source = match header.get_u8() {
                    // 0 is what was typed in, echoed.
                    0 | 1 => Source::Stdout,
                    2 => Source::Stderr,
                    _ => return Err("the output is not in frames"),
                };
                if header.get_uint(3) != 0 {
                    return Err("the output is not in frames");
                }
                let length = usize::try_from(header.get_u32()).unwrap_or(usize::MAX);
                self.open = (length > 0).then_some((source, length));
            }
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(frames: &[(bool, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (stderr, payload) in frames {
            bytes.extend([if *stderr { 2 } else { 1 }, 0, 0, 0]);
            bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
            bytes.extend(payload);
        }
        bytes
    }

    fn joined<'a>(chunks: impl IntoIterator<Item = (Source, &'a [u8])>) -> (Vec<u8>, Vec<u8>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for (source, bytes) in chunks {
            match source {
                Source::Stdout => out.extend(bytes),
                Source::Stderr => err.extend(bytes),
            }
        }
        (out, err)
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_wherever_the_network_cuts_them(
            frames in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(1usize..30, 1..200),
        ) {
            let wire = framed(&frames);
            let mut demultiplexer = Demultiplexer::default();
            let mut chunks = Vec::new();
            let mut rest = wire.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, left) = rest.split_at((*cut).min(rest.len()));
                chunks.extend(demultiplexer.push(piece).unwrap());
                rest = left;
            }

            let found = joined(chunks.iter().map(|chunk| (chunk.source, &*chunk.bytes)));
            let sent = joined(frames.iter().map(|(stderr, bytes)| {
                (if *stderr { Source::Stderr } else { Source::Stdout }, bytes.as_slice())
            }));
            prop_assert_eq!(found, sent);
            prop_assert!(demultiplexer.header.is_empty() && demultiplexer.open.is_none());
        }

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut demultiplexer = Demultiplexer::default();
            if let Ok(chunks) = demultiplexer.push(&bytes) {
                let length: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
                prop_assert!(length <= bytes.len());
            }
        }
    }

    #[test]
    fn the_raw_output_of_a_terminal_is_told_from_frames() {
        assert!(
            Demultiplexer::default()
                .push(b"hello, terminal\r\n")
                .is_err()
        );
        assert!(
            Demultiplexer::default()
                .push(&[1, 0, 9, 0, 0, 0, 0, 1, b'x'])
                .is_err()
        );
    }
}
