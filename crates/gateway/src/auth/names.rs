//! Names that others gave: which of them may stand in rules, audit rows and session owners.

/// Most characters of a name.
const LONGEST: usize = 128;

/// Whether a text from outside may become part of a principal's name.
///
/// Letters, digits and a few signs. Not `/` and `:`, which separate the parts of our own names; not
/// `*` and `,`, which mean something in rules and lists; nothing invisible.
pub(super) fn is_usable(text: &str) -> bool {
    !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= LONGEST
        && text
            .chars()
            .all(|letter| letter.is_alphanumeric() || " ._@+-|=~$#'".contains(letter))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("alice", true)]
    #[case("alice@example.org", true)]
    #[case("auth0|5f7c8ec7c33c6c004bbafe82", true)]
    #[case("Zoë Müller", true)]
    #[case("", false)]
    #[case(" alice", false)]
    #[case("alice, bob", false)]
    #[case("key/alice", false)]
    #[case("stdio:0", false)]
    #[case("*", false)]
    #[case("a\u{202e}b", false)]
    #[case("a\u{0}b", false)]
    fn names_hold_nothing_that_could_be_taken_for_something_else(
        #[case] text: &str,
        #[case] usable: bool,
    ) {
        assert_eq!(is_usable(text), usable);
        assert!(!is_usable(&"a".repeat(LONGEST + 1)));
    }
}
