//! Keeps the head and the tail of a stream of any length.

use std::collections::VecDeque;

/// The first and the last bytes of a stream, up to a cap in all; counts what was dropped between.
///
/// Holds at most `cap` bytes, however much is pushed.
#[derive(Debug, Clone)]
pub struct HeadTail {
    head: Vec<u8>,
    head_cap: usize,
    tail: VecDeque<u8>,
    tail_cap: usize,
    total: u64,
}

impl HeadTail {
    /// Keeps `cap` bytes: half of them from the beginning, the rest from the end, which is where
    /// programs say what went wrong.
    pub fn new(cap: usize) -> Self {
        let head_cap = cap / 2;
        Self {
            head: Vec::new(),
            head_cap,
            tail: VecDeque::new(),
            tail_cap: cap - head_cap,
            total: 0,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self
            .head_cap
            .saturating_sub(self.head.len())
            .min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.tail_cap)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(self.tail_cap);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// Length of the whole stream.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many bytes between head and tail are gone.
    pub fn dropped(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// What was kept. Where something was dropped, a line of its own says how much.
    pub fn into_bytes(self) -> Vec<u8> {
        let dropped = self.dropped();
        let mut kept = self.head;
        if dropped > 0 {
            kept.extend_from_slice(format!("\n[… {dropped} bytes left out …]\n").as_bytes());
        }
        kept.extend(self.tail);
        kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(cap: usize, chunks: &[&[u8]]) -> HeadTail {
        let mut cut = HeadTail::new(cap);
        for chunk in chunks {
            cut.push(chunk);
        }
        cut
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        let cut = cut(8, &[b"abc", b"", b"defgh"]);

        assert_eq!(cut.dropped(), 0);
        assert_eq!(cut.into_bytes(), b"abcdefgh");
    }

    #[test]
    fn a_long_stream_keeps_both_ends_and_says_what_is_missing() {
        let cut = cut(4, &[b"abc", b"defgh", b"i"]);

        assert_eq!(cut.dropped(), 5);
        assert_eq!(
            cut.into_bytes(),
            "ab\n[… 5 bytes left out …]\nhi".as_bytes()
        );
    }

    #[test]
    fn nothing_is_kept_with_a_cap_of_nothing() {
        let cut = cut(0, &[b"abc"]);

        assert_eq!((cut.total(), cut.dropped()), (3, 3));
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            cap in 0_usize..40,
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..10),
        ) {
            let whole: Vec<u8> = chunks.concat();
            let mut in_chunks = HeadTail::new(cap);
            for chunk in &chunks {
                in_chunks.push(chunk);
            }
            let at_once = cut(cap, &[&whole]);

            prop_assert_eq!(in_chunks.total(), whole.len() as u64);
            prop_assert_eq!(in_chunks.dropped(), whole.len().saturating_sub(cap) as u64);
            if whole.len() <= cap {
                prop_assert_eq!(in_chunks.clone().into_bytes(), whole.clone());
            } else {
                let kept = in_chunks.clone().into_bytes();
                prop_assert!(kept.starts_with(&whole[..cap / 2]));
                prop_assert!(kept.ends_with(&whole[whole.len() - (cap - cap / 2)..]));
            }
            prop_assert_eq!(in_chunks.into_bytes(), at_once.into_bytes());
        }
    }
}
