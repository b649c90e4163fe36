//! Whether the text of a rule's filter can be read: words, brackets, text in double quotes.

/// Words between values.
const OPERATORS: [&str; 16] = [
    "and", "or", "not", "xor", "eq", "ne", "lt", "le", "gt", "ge", "contains", "matches", "in",
    "wildcard", "strict", "any",
];

const FUNCTIONS: [&str; 12] = [
    "lower",
    "upper",
    "starts_with",
    "ends_with",
    "len",
    "url_decode",
    "concat",
    "substring",
    "to_string",
    "cidr",
    "has_key",
    "all",
];

/// What is wrong with an expression.
pub(super) fn problem(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("the expression is empty".to_owned());
    }
    let mut rest = text;
    let mut open: Vec<char> = Vec::new();
    let mut last_is_operator = true;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        match first {
            '(' | '{' | '[' => {
                open.push(first);
                last_is_operator = true;
            }
            ')' | '}' | ']' => {
                let pair = match first {
                    ')' => '(',
                    '}' => '{',
                    _ => '[',
                };
                if open.pop() != Some(pair) {
                    return Some(format!("unexpected `{first}`"));
                }
                last_is_operator = false;
            }
            '"' => {
                let Some(end) = end_of_text(rest) else {
                    return Some("missing closing quote".to_owned());
                };
                length = end;
                last_is_operator = false;
            }
            '\'' => return Some("text stands in double quotes".to_owned()),
            c if c.is_alphanumeric() || matches!(c, '_' | '$') => {
                let word = |c: char| !(c.is_alphanumeric() || "_.:/$-".contains(c));
                length = rest.find(word).unwrap_or(rest.len());
                let (word, _) = rest.split_at(length);
                if !known(word) {
                    return Some(format!("unknown identifier `{word}`"));
                }
                last_is_operator = OPERATORS.contains(&word);
            }
            '=' | '!' | '<' | '>' | '&' | '|' | '~' | ',' | '*' => last_is_operator = first != '*',
            c if c.is_whitespace() => {}
            c => return Some(format!("unexpected `{c}`")),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    if !open.is_empty() {
        return Some("missing closing bracket".to_owned());
    }
    last_is_operator.then(|| "a value is missing at the end".to_owned())
}

/// Length of the text in quotes that this begins with.
fn end_of_text(rest: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn known(word: &str) -> bool {
    let field = ["ip.", "http.", "cf.", "raw.", "tcp.", "udp."]
        .iter()
        .any(|family| word.starts_with(family));
    let value = word.starts_with(|c: char| c.is_ascii_digit())
        || word.contains(':')
        || matches!(word, "true" | "false" | "ssl")
        || word.starts_with('$');
    field || value || OPERATORS.contains(&word) || FUNCTIONS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_expressions_are_read() {
        for text in [
            "(ip.src in {192.0.2.0/24 2001:db8::/32 198.51.100.7})",
            r#"http.host eq "www.lab.example" and not ip.src.country in {"DE" "NL"}"#,
            r#"starts_with(http.request.uri.path, "/admin \"x\"") or ssl"#,
            r#"http.request.uri.path matches "^/(a|b)$" && ip.src.asnum == 64496"#,
            "not ssl",
            "true",
        ] {
            assert_eq!(problem(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "empty"),
            ("ip.src eq", "missing at the end"),
            ("(ip.src eq 192.0.2.1", "closing bracket"),
            (r#"http.host eq "a"#, "closing quote"),
            ("http.host eq 'a'", "double quotes"),
            ("client eq 1", "unknown identifier `client`"),
            ("ip.src in {192.0.2.1)", "unexpected `)`"),
            ("ip.src eq 192.0.2.1; true", "unexpected `;`"),
        ] {
            let found = problem(text).unwrap_or_default();
            assert!(found.contains(part), "{text}: {found}");
        }
    }
}
