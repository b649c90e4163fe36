//! Text to word pieces, as BERT's uncased English models want it.
//!
//! The steps are those of Hugging Face's `BertNormalizer`, `BertPreTokenizer` and `WordPiece`: control
//! characters go, accents go, lower case, punctuation and Chinese characters stand alone, then the
//! longest piece that fits, again and again. The numbers agree with theirs; a checked-in list of
//! sentences proves it.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::vocabulary::{Hash, Place, Vocabulary};

/// A word for which no pieces are found.
pub(super) const UNKNOWN: u16 = 100;
/// Stands before a text.
pub(super) const START: u16 = 101;
/// Stands after a text.
pub(super) const END: u16 = 102;

/// Words with more characters are unknown, whatever they are made of.
const LONGEST_WORD: usize = 100;

/// Numbers of the pieces of a text, without the two that frame it.
pub(super) fn pieces(text: &str) -> Vec<u16> {
    let mut found = Vec::with_capacity(text.len() / 3 + 2);
    let mut splitter = Splitter {
        vocabulary: Vocabulary::embedded(),
        word: String::new(),
        found: &mut found,
        prefixes: Vec::new(),
    };
    if text.is_ascii() {
        text.bytes().for_each(|byte| splitter.ascii(byte));
    } else {
        text.nfd()
            .for_each(|character| splitter.character(character));
    }
    splitter.end_word();
    found
}

struct Splitter<'a> {
    vocabulary: &'static Vocabulary,
    /// The word that is being read.
    word: String,
    found: &'a mut Vec<u16>,
    /// Ends and hashes of the prefixes of what is left of a word; kept for its memory.
    prefixes: Vec<(usize, Hash)>,
}

impl Splitter<'_> {
    fn ascii(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() {
            self.word.push(char::from(byte.to_ascii_lowercase()));
        } else if byte == b' ' || (b'\t'..=b'\r').contains(&byte) {
            // Vertical tab and form feed are controls and leave no gap.
            if byte != 0x0b && byte != 0x0c {
                self.end_word();
            }
        } else if byte.is_ascii_punctuation() {
            self.alone(char::from(byte));
        }
    }

    fn character(&mut self, character: char) {
        if let Ok(byte) = u8::try_from(character)
            && byte.is_ascii()
        {
            return self.ascii(byte);
        }
        if character == char::REPLACEMENT_CHARACTER
            || character.general_category() == GeneralCategory::NonspacingMark
        {
            return;
        }
        match character.general_category_group() {
            // Zero-width spaces, direction marks and whatever means nothing.
            GeneralCategoryGroup::Other => return,
            GeneralCategoryGroup::Separator => return self.end_word(),
            GeneralCategoryGroup::Punctuation => return self.alone(character),
            _ => {}
        }
        if is_chinese(character) {
            self.alone(character);
        } else {
            self.word.extend(character.to_lowercase());
        }
    }

    /// A character that is a word of its own.
    fn alone(&mut self, character: char) {
        self.end_word();
        self.word.push(character);
        self.end_word();
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let before = self.found.len();
        if word.chars().count() > LONGEST_WORD || !self.split(&word) {
            self.found.truncate(before);
            self.found.push(UNKNOWN);
        }
        self.word = word;
        self.word.clear();
    }

    /// Whether the whole word is made of known pieces.
    fn split(&mut self, word: &str) -> bool {
        let mut rest = word;
        let mut place = Place::Start;
        while !rest.is_empty() {
            let mut hash = Hash::new(place);
            self.prefixes.clear();
            for (at, character) in rest.char_indices() {
                let end = at + character.len_utf8();
                if end > self.vocabulary.longest() {
                    break;
                }
                hash = hash.add(&rest.as_bytes()[at..end]);
                self.prefixes.push((end, hash));
            }
            let longest = self.prefixes.iter().rev().find_map(|(end, hash)| {
                let (piece, after) = rest.split_at(*end);
                Some((self.vocabulary.find(place, piece, *hash)?, after))
            });
            let Some((id, after)) = longest else {
                return false;
            };
            self.found.push(id);
            rest = after;
            place = Place::Inside;
        }
        true
    }
}

/// Whether it is one of the CJK ideographs, which are written without spaces.
fn is_chinese(character: char) -> bool {
    matches!(u32::from(character),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x2_0000..=0x2_A6DF | 0x2_A700..=0x2_B73F
        | 0x2_B740..=0x2_B81F | 0x2_B820..=0x2_CEAF | 0xF900..=0xFAFF | 0x2_F800..=0x2_FA1F)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        ids: Vec<u16>,
    }

    /// source: Hugging Face `tokenizers` 0.23.3 with the tokenizer.json of all-MiniLM-L6-v2; made by
    /// `tools/minilm.py cases`.
    const CASES: &str = include_str!("../../tests/data/tokens.json");

    #[test]
    fn pieces_are_those_of_the_reference_tokenizer() {
        let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
        assert!(cases.len() >= 40, "{}", cases.len());

        for case in cases {
            assert_eq!(pieces(&case.text), case.ids, "{:?}", case.text);
        }
    }

    #[test]
    fn a_word_too_long_to_be_one_is_unknown() {
        assert_eq!(pieces(&"a".repeat(101)), [UNKNOWN]);
        assert_ne!(pieces(&"a".repeat(100)), [UNKNOWN]);
    }

    #[test]
    fn nothing_has_no_pieces() {
        assert_eq!(pieces(""), [0_u16; 0]);
        assert_eq!(pieces(" \n\u{200b}\t"), [0_u16; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_gives_no_more_pieces_than_characters(text in "\\PC{0,60}|[a-z0-9.:/_-]{0,60}") {
            let found = pieces(&text);

            // A decomposed letter is several characters, none of which makes more than one piece.
            prop_assert!(found.len() <= text.nfd().count());
            prop_assert!(found.iter().all(|piece| *piece < 30_522));
        }

        #[test]
        fn case_and_surrounding_blanks_make_no_difference(text in "[a-zA-Z0-9 .,:;/_-]{0,60}") {
            let found = pieces(&text);

            prop_assert_eq!(&found, &pieces(&text.to_uppercase()));
            prop_assert_eq!(&found, &pieces(&format!("  {text}\n")));
        }
    }
}
