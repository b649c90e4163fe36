//! Splitting a command into words where a shell cannot understand it in any other way.

/// Longest command that may be a read.
const LONGEST: usize = 1024;
/// Most words of it.
const MOST_WORDS: usize = 64;

/// The words of one simple command, or nothing where a shell might see more in the text than plain
/// words: operators, expansions, globs, comments, escapes, control or non-ASCII characters.
///
/// Quotes are understood where they enclose a whole word, as in `--since "1 hour ago"`.
pub(super) fn split(command: &str) -> Option<Vec<String>> {
    if command.len() > LONGEST {
        return None;
    }
    let mut words = Vec::new();
    let mut rest = command.trim_matches(' ');
    while let Some(first) = rest.chars().next() {
        let (word, behind) = match first {
            quote @ ('"' | '\'') => {
                let (word, behind) = rest.strip_prefix(quote)?.split_once(quote)?;
                (behind.is_empty() || behind.starts_with(' ')).then_some((word, behind))?
            }
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        let quoted = matches!(first, '"' | '\'');
        let plain = |letter: char| is_plain(letter) || (quoted && letter == ' ');
        if word.is_empty() || !word.chars().all(plain) || words.len() == MOST_WORDS {
            return None;
        }
        words.push(word.to_owned());
        rest = behind.trim_start_matches(' ');
    }
    (!words.is_empty()).then_some(words)
}

/// Letters that no shell treats specially anywhere in a word.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "-_./,:=+@%".contains(letter)
}
