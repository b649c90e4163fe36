//! Differences of two texts, line by line, as `diff -u` writes them.

/// Lines around a change.
const AROUND: usize = 3;
/// Comparisons beyond which lines are no longer matched one by one.
const MOST_WORK: usize = 4_000_000;
/// Lines of a difference that are shown.
const MOST_LINES: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Same,
    Gone,
    New,
}

/// The difference; empty where there is none.
pub(crate) fn unified(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let lines = compare(&old, &new);
    let mut text = String::new();
    let mut shown = 0;
    let mut at = 0;
    while let Some(first) = (at..lines.len()).find(|index| lines[*index].0 != Kind::Same) {
        let start = first.saturating_sub(AROUND).max(at);
        let mut end = first;
        // The next change belongs to it while fewer lines are between than are shown around both.
        while let Some(next) =
            (end..lines.len().min(end + 2 * AROUND + 1)).find(|index| lines[*index].0 != Kind::Same)
        {
            end = next + 1;
        }
        let end = (end + AROUND).min(lines.len());
        let count = |range: &[(Kind, &str)], not: Kind| {
            range.iter().filter(|(kind, _)| *kind != not).count()
        };
        let head = lines.get(..start).unwrap_or_default();
        let hunk = lines.get(start..end).unwrap_or_default();
        let place = |not: Kind| (count(head, not) + 1, count(hunk, not));
        let ((from, from_count), (to, to_count)) = (place(Kind::New), place(Kind::Gone));
        let place = format!("@@ -{from},{from_count} +{to},{to_count} @@");
        text.push_str(&place);
        text.push('\n');
        for (kind, line) in hunk {
            let mark = match kind {
                Kind::Same => ' ',
                Kind::Gone => '-',
                Kind::New => '+',
            };
            shown += 1;
            if shown > MOST_LINES {
                text.push_str("… the difference is longer\n");
                return text;
            }
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
        at = end;
    }
    text
}

fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Kind, &'a str)> {
    let same_start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let left = old.len().min(new.len()) - same_start;
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(left)
        .take_while(|(a, b)| a == b)
        .count();
    let part = |lines: &[&'a str]| -> Vec<&'a str> {
        lines
            .get(same_start..lines.len() - same_end)
            .unwrap_or_default()
            .to_vec()
    };
    let (a, b) = (part(old), part(new));
    let start = old.iter().take(same_start).map(|line| (Kind::Same, *line));
    let end = old
        .iter()
        .skip(old.len() - same_end)
        .map(|line| (Kind::Same, *line));
    start.chain(middle(&a, &b)).chain(end).collect()
}

/// Longest common subsequence.
fn middle<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<(Kind, &'a str)> {
    let gone = a.iter().map(|line| (Kind::Gone, *line));
    if a.len().saturating_mul(b.len()) > MOST_WORK {
        return gone
            .chain(b.iter().map(|line| (Kind::New, *line)))
            .collect();
    }
    let width = b.len() + 1;
    let mut longest = vec![0_u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i * width + j] = if a[i] == b[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            lines.push((Kind::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || i < a.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            lines.push((Kind::Gone, a[i]));
            i += 1;
        } else {
            lines.push((Kind::New, b[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_those_around_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";

        assert_eq!(
            unified(before, after),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified(before, before), "");
    }

    #[test]
    fn changes_far_apart_are_told_apart() {
        let numbers: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let before = numbers.join("\n") + "\n";
        let after = before.replace("\n3\n", "\nthree\n").replace("\n25\n", "\n");

        let diff = unified(&before, &after);

        assert_eq!(diff.matches("@@ -").count(), 2, "{diff}");
        assert!(
            diff.contains("-25\n") && diff.contains("+three\n"),
            "{diff}"
        );
    }

    proptest! {
        /// Both texts can be told from the difference of everything.
        #[test]
        fn nothing_is_lost(
            before in proptest::collection::vec("[abc]", 0..12),
            after in proptest::collection::vec("[abc]", 0..12),
        ) {
            let old: Vec<&str> = before.iter().map(String::as_str).collect();
            let new: Vec<&str> = after.iter().map(String::as_str).collect();
            let lines = compare(&old, &new);
            let without = |kind: Kind| -> Vec<&str> {
                lines.iter().filter(|(one, _)| *one != kind).map(|(_, line)| *line).collect()
            };
            prop_assert_eq!(without(Kind::New), old);
            prop_assert_eq!(without(Kind::Gone), new);
        }
    }
}
