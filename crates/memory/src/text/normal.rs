//! One spelling for one text.

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

/// The text as it is kept: Unicode NFC, no control characters, one blank where there were several inside a
/// line, no blanks at the ends of lines, at most one empty line in a row. What a line is indented by stays,
/// because in YAML it has a meaning.
pub fn normalise(text: &str) -> String {
    let clean: String = text
        .replace("\r\n", "\n")
        .chars()
        .map(|letter| match letter {
            '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            other => other,
        })
        .filter(|letter| matches!(letter, '\n' | '\t') || !is_invisible(*letter))
        .collect();
    let composed: String = clean.nfc().collect();
    let mut kept = String::with_capacity(composed.len());
    let mut is_gap = false;
    for line in composed.split('\n') {
        let line = line.trim_end();
        if line.is_empty() {
            is_gap = !kept.is_empty();
            continue;
        }
        if !kept.is_empty() {
            kept.push_str(if is_gap { "\n\n" } else { "\n" });
        }
        is_gap = false;
        let body = line.trim_start();
        if !kept.is_empty() {
            let indent = line.chars().take_while(|letter| letter.is_whitespace());
            kept.extend(indent);
        }
        for (index, word) in body.split_whitespace().enumerate() {
            if index > 0 {
                kept.push(' ');
            }
            kept.push_str(word);
        }
    }
    kept
}

/// Control characters, and the marks that change how a text is shown without being seen: what a reader
/// cannot see must not steer a model either.
fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// SHA-256 of the words of a text with one blank between them, lower-case hex: texts that differ in layout
/// alone have the same.
pub fn hash(text: &str) -> String {
    let mut digest = Sha256::new();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            digest.update(b" ");
        }
        digest.update(word.as_bytes());
    }
    hex::encode(digest.finalize())
}

/// At most so many characters of the text, cut behind a word where one ends near, and whether it was cut.
pub fn cut(text: &str, most: usize) -> (String, bool) {
    let Some((end, _)) = text.char_indices().nth(most) else {
        return (text.to_owned(), false);
    };
    let head = text.get(..end).unwrap_or_default();
    let at_word = head
        .rfind(char::is_whitespace)
        .filter(|at| *at * 4 >= head.len() * 3)
        .and_then(|at| head.get(..at));
    (at_word.unwrap_or(head).trim_end().to_owned(), true)
}

/// The text on one line.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("  nas01   is\t10.0.1.5 \r\n", "nas01 is 10.0.1.5")]
    #[case("cafe\u{301}", "caf\u{e9}")]
    #[case("a:\n  b: 1\n\n\n\n  c:   2  \n", "a:\n  b: 1\n\n  c: 2")]
    #[case("a\u{0}b\u{202e}c\u{200b}d", "abcd")]
    #[case(" \n ", "")]
    fn a_text_has_one_spelling(#[case] text: &str, #[case] normal: &str) {
        assert_eq!(normalise(text), normal);
    }

    #[test]
    fn layout_does_not_make_another_text_and_case_does() {
        assert_eq!(hash("a  b\nc"), hash("a b c"));
        assert_ne!(hash("a b c"), hash("A b c"));
        assert_ne!(hash("ab c"), hash("a bc"));
    }

    #[test]
    fn a_long_text_is_cut_behind_a_word() {
        assert_eq!(cut("one two three", 9), ("one two".into(), true));
        assert_eq!(cut("one two", 7), ("one two".into(), false));
        assert_eq!(cut("äöüäöü", 3), ("äöü".into(), true));
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC*|[a-z \\t\\r\\n\\x00\u{301}\u{2000}\u{85}]*|.*") {
            let once = normalise(&text);

            prop_assert_eq!(normalise(&once), once.clone());
            prop_assert_eq!(hash(&once), hash(&normalise(&once)));
            prop_assert!(!once.contains('\0'));
        }

        #[test]
        fn a_cut_text_is_short_enough(text in ".*", most in 0_usize..40) {
            prop_assert!(cut(&text, most).0.chars().count() <= most);
        }
    }
}
