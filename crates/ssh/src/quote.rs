//! Words for a POSIX shell.

/// The word as a POSIX shell reads it back unchanged, whatever is in it. Plain words stay readable.
///
/// A NUL cannot be part of any word: it ends the string on the way to the program, so callers refuse
/// it before.
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte);
    // A leading `=` or `%` means something to some shells.
    let harmless_start = !word.starts_with(['=', '%', '+']);
    if !word.is_empty() && harmless_start && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What POSIX says a shell makes of a line: quotes are taken off, blanks end words.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut letters) = (Vec::new(), None::<String>, line.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\'' => {
                    let word = word.get_or_insert_default();
                    word.extend(letters.by_ref().take_while(|letter| *letter != '\''));
                }
                '\\' => word.get_or_insert_default().extend(letters.next()),
                ' ' | '\t' | '\n' => words.extend(word.take()),
                _ if "|&;<>()$`\"*?[]#~!{}".contains(letter) => {
                    panic!("`{letter}` means something outside of quotes")
                }
                _ => word.get_or_insert_default().push(letter),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        assert_eq!(quote("/etc/hosts"), "/etc/hosts");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("=ls"), "'=ls'");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(list in prop::collection::vec("[^\0]{0,24}", 0..6)) {
            let line = list.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");

            prop_assert_eq!(words(&line), list);
        }
    }
}
