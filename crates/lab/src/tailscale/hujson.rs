//! JSON with comments and trailing commas, as policies are written.

use serde_json::Value;

/// The same text as plain JSON: comments and trailing commas are blanks, so places stay.
pub(super) fn plain(text: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let (mut at, mut comma) = (0, None);
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let end = match (byte, next) {
            (b'"', _) => string_end(bytes, at),
            (b'/', Some(b'/')) => find(bytes, at, b"\n"),
            (b'/', Some(b'*')) => find(bytes, at + 2, b"*/") + 2,
            _ => at + 1,
        }
        .min(bytes.len());
        let piece = bytes.get(at..end).unwrap_or_default();
        if byte == b'/' && matches!(next, Some(b'/' | b'*')) {
            out.extend(piece.iter().map(|&b| if b == b'\n' { b } else { b' ' }));
        } else {
            if matches!(byte, b']' | b'}')
                && let Some(comma) = comma
            {
                out[comma] = b' ';
            }
            if !byte.is_ascii_whitespace() {
                comma = (byte == b',').then_some(out.len());
            }
            out.extend_from_slice(piece);
        }
        at = end;
    }
    // Whole strings are kept and comments become ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// The value; the error says line and column.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(&plain(text)).map_err(|wrong| format!("hujson: {wrong}"))
}

/// The lines on which the elements of a list at the top begin, counted from 1.
pub(super) fn lines_of(text: &str, key: &str) -> Vec<usize> {
    let plain = plain(text);
    let bytes = plain.as_bytes();
    let (mut at, mut line, mut depth) = (0, 1, 0_usize);
    let (mut last, mut inside) = (String::new(), false);
    let mut lines = Vec::new();
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        let begins = inside && depth == 2 && !matches!(byte, b',' | b']');
        if begins && !byte.is_ascii_whitespace() {
            lines.push(line);
        }
        match byte {
            b'\n' => line += 1,
            b'"' => {
                end = string_end(bytes, at);
                let text = bytes.get(at + 1..end - 1).unwrap_or_default();
                last = String::from_utf8_lossy(text).into_owned();
            }
            b'{' | b'[' => {
                inside = inside || (depth == 1 && byte == b'[' && last == key);
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                inside = inside && depth > 1;
            }
            _ => {}
        }
        at = end;
    }
    lines
}

/// Behind the closing quote of the string that begins here.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    loop {
        match bytes.get(end) {
            None => return bytes.len(),
            Some(b'\\') => end += 2,
            Some(b'"') => return end + 1,
            Some(_) => end += 1,
        }
    }
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(what.len())
        .position(|window| window == what)
        .map_or(bytes.len(), |found| from + found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "// a lab\n{\n  \"a\": [1, 2,], /* \"b\": 3, */\n  \"url\": \"http://x/*y*/,]\", // end\n}\n";

    #[test]
    fn comments_and_trailing_commas_are_blanks() {
        let value = parse(TEXT).unwrap();

        assert_eq!(value, json!({"a": [1, 2], "url": "http://x/*y*/,]"}));
        assert_eq!(plain(TEXT).len(), TEXT.len());
    }

    #[test]
    fn an_error_says_where_it_is() {
        let wrong = parse("{\n  // fine\n  \"a\": ],\n}").unwrap_err();

        assert!(wrong.contains("line 3"), "{wrong}");
    }

    #[test]
    fn elements_of_a_list_have_their_lines() {
        let text = "{\n\"acls\": [ // rules\n{\"a\": [\n1]},\n\n{\"b\": 2},\n],\n\"x\": [3]}";

        assert_eq!(lines_of(text, "acls"), [3, 6]);
        assert_eq!(lines_of(text, "x"), [8]);
    }
}
