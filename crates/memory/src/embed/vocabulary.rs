//! The 30,522 word pieces of BERT's English vocabulary, as they stand in the binary.

use std::sync::LazyLock;

/// `vocab.txt` of all-MiniLM-L6-v2, one piece a line; a piece that continues a word begins with `##`.
const TEXT: &str = include_str!("../../data/minilm/vocab.txt");

/// Slots of the hash table, about twice as many as pieces; a power of two.
const SLOTS: usize = 1 << 16;
const EMPTY: u16 = u16::MAX;

/// FNV-1a: its value for a longer piece continues that of a shorter one, so that all prefixes of a
/// word are hashed in one pass.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Where in a word a piece may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At its start.
    Start,
    /// After another piece.
    Inside,
}

/// A hash that is being made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) fn new(place: Place) -> Self {
        let seed = match place {
            Place::Start => 0,
            Place::Inside => 1,
        };
        Self(FNV_OFFSET ^ seed)
    }

    pub(super) fn add(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
        }))
    }

    /// The first slot to look at; the upper half is the better mixed one.
    fn slot(self) -> usize {
        usize::try_from((self.0 ^ (self.0 >> 32)) & (SLOTS as u64 - 1)).unwrap_or(0)
    }
}

/// Pieces by number, and their numbers by text.
pub(super) struct Vocabulary {
    /// Every piece, without the `##`.
    pieces: Vec<(Place, &'static str)>,
    slots: Vec<u16>,
    longest: usize,
}

impl Vocabulary {
    /// The one in the binary; its index (0.6 MB) is made when it is asked for first.
    pub(super) fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::new(TEXT));
        &EMBEDDED
    }

    fn new(text: &'static str) -> Self {
        let pieces: Vec<(Place, &'static str)> = text
            .lines()
            .map(|line| match line.strip_prefix("##") {
                Some(rest) if !rest.is_empty() => (Place::Inside, rest),
                _ => (Place::Start, line),
            })
            .collect();
        let mut slots = vec![EMPTY; SLOTS];
        for (id, (place, piece)) in (0..EMPTY).zip(&pieces) {
            let mut slot = Hash::new(*place).add(piece.as_bytes()).slot();
            while slots[slot] != EMPTY {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = id;
        }
        let longest = pieces.iter().map(|(_, piece)| piece.len()).max();
        Self {
            pieces,
            slots,
            longest: longest.unwrap_or(0),
        }
    }

    /// Bytes of the longest piece.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Number of the piece whose hash is known, if there is one.
    pub(super) fn find(&self, place: Place, piece: &str, hash: Hash) -> Option<u16> {
        let mut slot = hash.slot();
        while self.slots[slot] != EMPTY {
            let id = self.slots[slot];
            if self.pieces[usize::from(id)] == (place, piece) {
                return Some(id);
            }
            slot = (slot + 1) % SLOTS;
        }
        None
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_found_under_its_own_number() {
        let vocabulary = Vocabulary::embedded();
        assert_eq!(vocabulary.len(), 30_522);

        for (id, (place, piece)) in (0..EMPTY).zip(&vocabulary.pieces) {
            let hash = Hash::new(*place).add(piece.as_bytes());
            assert_eq!(vocabulary.find(*place, piece, hash), Some(id), "{piece}");
        }
    }

    #[test]
    fn what_is_no_piece_is_not_found() {
        let vocabulary = Vocabulary::embedded();

        for word in ["proxmox", "xyzzyx", ""] {
            let hash = Hash::new(Place::Start).add(word.as_bytes());
            assert_eq!(vocabulary.find(Place::Start, word, hash), None, "{word}");
        }
    }
}
