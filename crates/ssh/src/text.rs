//! Output of programs as plain text.

/// Decodes output for people and models: bytes that are not UTF-8 are replaced; escape sequences of
/// terminals and control characters are taken out, because they can hide text from whoever reads it
/// on a terminal. Line breaks and tabs stay; `\r\n` becomes `\n`.
pub fn plain_text(bytes: &[u8]) -> String {
    let decoded = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(decoded.len());
    let mut letters = decoded.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_escape(&mut letters),
            // The same introducers as one character.
            '\u{9b}' => skip_control_sequence(&mut letters),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut letters),
            '\r' if letters.peek() == Some(&'\n') => {}
            // A lone one starts the line anew, as progress bars do: a break is the honest form.
            '\r' => plain.push('\n'),
            '\n' | '\t' => plain.push(letter),
            _ if letter.is_control() || is_direction_mark(letter) => {}
            _ => plain.push(letter),
        }
    }
    plain
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(letters: &mut Letters<'_>) {
    match letters.next_if(|next| !next.is_control()) {
        Some('[') => skip_control_sequence(letters),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(letters),
        // `ESC ( B` and the like: intermediate characters, then a final one.
        Some(' '..='/') => {
            while letters.next_if(|next| matches!(next, ' '..='/')).is_some() {}
            letters.next_if(|next| matches!(next, '0'..='~'));
        }
        _ => {}
    }
}

/// Parameters and intermediates, then one final character.
fn skip_control_sequence(letters: &mut Letters<'_>) {
    while letters.next_if(|next| matches!(next, ' '..='?')).is_some() {}
    letters.next_if(|next| matches!(next, '@'..='~'));
}

/// Everything up to BEL or ST. One that does not end within a line is not hidden: what follows was
/// text after all.
fn skip_string(letters: &mut Letters<'_>) {
    let mut ahead = letters.clone();
    for _ in 0..4096 {
        match ahead.next() {
            Some('\u{7}' | '\u{9c}') => {
                *letters = ahead;
                return;
            }
            Some('\u{1b}') if ahead.peek() == Some(&'\\') => {
                ahead.next();
                *letters = ahead;
                return;
            }
            Some('\n') | None => return,
            Some(_) => {}
        }
    }
}

/// Marks that show text in another order than it is written.
fn is_direction_mark(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::colour("\u{1b}[1;31mred\u{1b}[0m", "red")]
    #[case::title("\u{1b}]0;title\u{7}text", "text")]
    #[case::link("\u{1b}]8;;http://x\u{1b}\\text", "text")]
    #[case::unended_title("\u{1b}]0;title\ntext", "0;title\ntext")]
    #[case::charset("\u{1b}(Btext", "text")]
    #[case::one_character_introducer("\u{9b}31mred", "red")]
    #[case::windows("a\r\nb", "a\nb")]
    #[case::progress("10%\r20%\n", "10%\n20%\n")]
    #[case::bell_and_nul("a\u{7}b\0c\u{8}", "abc")]
    #[case::tab("a\tb", "a\tb")]
    #[case::reordered("a\u{202e}b", "ab")]
    #[case::truncated_escape("a\u{1b}", "a")]
    #[case::letters_of_others("größe 🟢", "größe 🟢")]
    fn what_a_terminal_would_obey_is_taken_out(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(plain_text(text.as_bytes()), expected);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(plain_text(b"a\xffb"), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = plain_text(&bytes);

            prop_assert!(text.chars().all(|one| matches!(one, '\n' | '\t') || !one.is_control()));
        }
    }
}
