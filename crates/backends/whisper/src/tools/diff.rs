//! The lines in which two texts differ, for a preview.

/// Bytes shown of each side.
const MOST: usize = 2000;

/// The first to the last line that differs, of the old and of the new text. What both begin and end
/// with is left out.
pub(super) fn differing<'a>(old: &'a str, new: &'a str) -> (String, String) {
    let old_lines: Vec<&str> = old.split_inclusive('\n').collect();
    let new_lines: Vec<&str> = new.split_inclusive('\n').collect();
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old_lines.iter().zip(&new_lines).take_while(same).count();
    let (old_rest, new_rest) = (
        old_lines.get(head..).unwrap_or_default(),
        new_lines.get(head..).unwrap_or_default(),
    );
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(same)
        .count();
    let middle = |lines: &[&str]| {
        let end = lines.len() - tail;
        cut(&lines.get(..end).unwrap_or_default().concat())
    };
    (middle(old_rest), middle(new_rest))
}

/// The beginning of a text.
pub(super) fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(MOST);
    let kept = text.get(..end).unwrap_or_default();
    if end < text.len() {
        format!("{kept}… ({} more bytes)", text.len() - end)
    } else {
        kept.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let (old, new) = differing("a\nb\nc\nd\n", "a\nB\nd\n");

        assert_eq!((old.as_str(), new.as_str()), ("b\nc\n", "B\n"));
    }

    #[test]
    fn a_line_that_is_added_or_taken_away_stands_on_one_side_only() {
        assert_eq!(
            differing("a\n", "a\nb\n"),
            (String::new(), "b\n".to_owned())
        );
        assert_eq!(
            differing("a\na\n", "a\n"),
            ("a\n".to_owned(), String::new())
        );
        assert_eq!(differing("a", "a"), (String::new(), String::new()));
    }

    #[test]
    fn a_long_difference_is_cut_between_characters() {
        let (_, new) = differing("", &"ü".repeat(2000));

        assert!(new.ends_with("… (2000 more bytes)"), "{new}");
    }
}
