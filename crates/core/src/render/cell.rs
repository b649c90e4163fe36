//! One scalar as text: status marks, times, sizes, and what may not reach a terminal.

use serde_json::Value;

use crate::clock::Micros;

/// A scalar as text; `key` is the member it belongs to and decides on marks and units.
/// May hold newlines if the value does.
pub(super) fn scalar(key: Option<&str>, value: &Value) -> String {
    let key = key.unwrap_or_default();
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => boolean(key, *yes).to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(bytes) if key == "bytes" || key.ends_with("_bytes") => size(bytes),
            _ => number.to_string(),
        },
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => {
            let text = time(text).unwrap_or_else(|| printable(text));
            match mark(&text).filter(|_| is_status(key)) {
                Some(mark) => format!("{mark} {text}"),
                None => text,
            }
        }
        Value::Array(_) | Value::Object(_) => "…".to_owned(),
    }
}

/// Whether a member of this name holds a status word.
fn is_status(key: &str) -> bool {
    const LAST_WORDS: [&str; 6] = ["status", "state", "health", "outcome", "result", "verdict"];
    let last = key.rsplit('_').next().unwrap_or(key);
    LAST_WORDS.contains(&last)
}

/// The mark of a well-known status word.
fn mark(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "online" | "ok" | "healthy" | "running" | "up" | "active" | "reachable" | "connected"
        | "ready" => "🟢",
        "offline" | "stopped" | "down" | "inactive" | "unreachable" | "disconnected" | "dead"
        | "exited" | "unhealthy" => "🔴",
        "degraded" | "warning" | "warn" | "maintenance" | "paused" | "suspended" | "partial"
        | "stale" | "expiring" | "pending" => "⚠️",
        "success" | "succeeded" | "passed" | "done" | "completed" | "approved" | "allowed"
        | "valid" => "✅",
        "error" | "failed" | "failure" | "critical" | "denied" | "rejected" | "refused"
        | "expired" | "invalid" => "❌",
        _ => return None,
    })
}

fn boolean(key: &str, yes: bool) -> &'static str {
    match (key, yes) {
        ("online" | "running" | "up" | "reachable" | "connected", true) => "🟢 yes",
        ("online" | "running" | "up" | "reachable" | "connected", false) => "🔴 no",
        ("ok" | "healthy" | "success" | "passed" | "valid" | "verified", true) => "✅ yes",
        ("ok" | "healthy" | "success" | "passed" | "valid" | "verified", false) => "❌ no",
        (_, true) => "yes",
        (_, false) => "no",
    }
}

/// `2026-01-02T03:04:05.000006Z` as `2026-01-02 03:04:05 UTC`; `None` for anything else.
fn time(text: &str) -> Option<String> {
    // The shape first: the parser also takes forms that people do not write as a time.
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes.get(4) != Some(&b'-') || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let utc = Micros::from_rfc3339(text)?.to_rfc3339();
    let (date, clock) = utc.split_once('T')?;
    Some(format!("{date} {} UTC", clock.get(..8)?))
}

/// A size in binary units with one decimal: `1.5 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in UNITS {
        // Rounded up to 1024.0 would be spelled in the next unit.
        if tenths < 10_235 {
            break;
        }
        tenths = (tenths + 512) / 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// The text without what a terminal would obey or a reader could not see: escape sequences, control
/// characters (tab becomes a space, newline stays), bidirectional overrides, zero-width spaces and
/// tag characters.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => clean.push('\n'),
            '\t' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            '\u{1b}' => skip_escape(&mut letters),
            '\u{9b}' => skip_control_sequence(&mut letters),
            '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}' => {}
            control if control.is_control() => {}
            visible => clean.push(visible),
        }
    }
    clean
}

/// Skips what follows ESC (ECMA-48): a control sequence, a string up to its end, or one character.
fn skip_escape(letters: &mut std::str::Chars<'_>) {
    let mut ahead = letters.clone();
    match ahead.next() {
        Some('[') => {
            skip_control_sequence(&mut ahead);
            *letters = ahead;
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            // Without its end a string would swallow the rest; then only the start goes.
            let after_start = ahead.clone();
            let mut previous = ' ';
            let ended = ahead.any(|letter| {
                let ends = matches!(letter, '\u{7}' | '\u{9c}')
                    || (previous == '\u{1b}' && letter == '\\');
                previous = letter;
                ends
            });
            *letters = if ended { ahead } else { after_start };
        }
        Some(letter) if letter.is_ascii_graphic() => *letters = ahead,
        _ => {}
    }
}

fn skip_control_sequence(letters: &mut std::str::Chars<'_>) {
    loop {
        let mut ahead = letters.clone();
        match ahead.next() {
            Some(' '..='?') => *letters = ahead,
            Some('@'..='~') => {
                *letters = ahead;
                return;
            }
            _ => return,
        }
    }
}

/// [`printable`] on one line.
pub(super) fn one_line(text: &str) -> String {
    let clean = printable(text);
    let mut parts = clean.split('\n').map(str::trim_end);
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts.filter(|part| !part.is_empty()) {
        line.push(' ');
        line.push_str(part.trim_start());
    }
    line
}

/// Columns a terminal needs for the text; an estimate by Unicode block.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(letter: char) -> usize {
    match letter {
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{fe0f}' => 0,
        '⚠'
        | '✅'
        | '❌'
        | '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text cut to `most` columns, ending in `…` if it was longer.
pub(super) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let mut short: String = text
        .chars()
        .take_while(|letter| {
            let fits = char_width(*letter) <= left;
            left = left.saturating_sub(char_width(*letter));
            fits
        })
        .collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0 B")]
    #[case(1023, "1023 B")]
    #[case(1024, "1.0 KiB")]
    #[case(1536, "1.5 KiB")]
    #[case(1024 * 1024 - 1, "1.0 MiB")]
    #[case(68_719_476_736, "64.0 GiB")]
    #[case(u64::MAX, "16.0 EiB")]
    fn sizes_have_one_decimal_and_a_binary_unit(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(size(bytes), text);
    }

    #[rstest]
    #[case("2026-01-02T03:04:05.000006Z", Some("2026-01-02 03:04:05 UTC"))]
    #[case("2026-01-02T05:04:05+02:00", Some("2026-01-02 03:04:05 UTC"))]
    #[case("2026-01-02", None)]
    #[case("2026-pve-host-with-a-long-name", None)]
    fn only_a_whole_time_is_rewritten(#[case] text: &str, #[case] shown: Option<&str>) {
        assert_eq!(time(text).as_deref(), shown);
    }

    #[rstest]
    #[case("\u{1b}[31mred\u{1b}[0m", "red")]
    #[case("\u{1b}]0;title\u{7}shown", "shown")]
    #[case("\u{1b}]8;;http://x\u{1b}\\link", "link")]
    #[case("\u{1b}]never ended", "never ended")]
    #[case("\u{9b}2Jcleared", "cleared")]
    #[case("a\u{7}b\rc\u{85}d\te", "abcd e")]
    #[case("user\u{202e}txt.exe", "usertxt.exe")]
    #[case("plain\u{e0041}\u{e0042}", "plain")]
    #[case("two\nlines", "two\nlines")]
    fn nothing_reaches_the_terminal_that_it_would_obey(#[case] text: &str, #[case] clean: &str) {
        assert_eq!(printable(text), clean);
    }

    #[test]
    fn a_mark_needs_a_member_that_holds_a_status() {
        assert_eq!(scalar(Some("status"), &"online".into()), "🟢 online");
        assert_eq!(scalar(Some("last_outcome"), &"denied".into()), "❌ denied");
        assert_eq!(scalar(Some("name"), &"online".into()), "online");
    }

    #[test]
    fn a_cut_text_keeps_within_its_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(width(&cut("日本語テキスト", 6)), 5);
    }
}
