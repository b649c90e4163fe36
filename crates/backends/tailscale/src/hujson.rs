//! Reading HuJSON: JSON with comments and commas at the ends of lists. Only to look at: a policy is
//! edited as text, so that its comments and unknown keys stay.

use serde_json::Value;

/// The value of a HuJSON text.
///
/// # Errors
/// Where it cannot be read, in words.
pub(crate) fn value(text: &str) -> Result<Value, String> {
    let standard = standard(text)?;
    serde_json::from_str(&standard).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        // Line and column are kept, see `standard`.
        format!("line {} column {}: {what}", error.line(), error.column())
    })
}

/// The text as JSON, with blanks for comments and needless commas, so that places stay the same.
fn standard(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    // Place of a comma that may turn out to be needless.
    let mut comma: Option<usize> = None;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                comma = None;
                plain.push('"');
                let mut escaped = false;
                loop {
                    let Some(inner) = letters.next() else {
                        return Err("a text has no end".to_owned());
                    };
                    plain.push(inner);
                    match inner {
                        _ if escaped => escaped = false,
                        '\\' => escaped = true,
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if letters.peek() == Some(&'/') => {
                plain.push(' ');
                while let Some(inner) = letters.next_if(|inner| *inner != '\n') {
                    plain.push(blank(inner));
                }
            }
            '/' if letters.peek() == Some(&'*') => {
                plain.push_str("  ");
                letters.next();
                let mut last = ' ';
                loop {
                    let Some(inner) = letters.next() else {
                        return Err("a comment has no end".to_owned());
                    };
                    plain.push(blank(inner));
                    if last == '*' && inner == '/' {
                        break;
                    }
                    last = inner;
                }
            }
            ',' => {
                comma = Some(plain.len());
                plain.push(',');
            }
            '}' | ']' => {
                if let Some(at) = comma.take() {
                    plain.replace_range(at..=at, " ");
                }
                plain.push(letter);
            }
            letter => {
                if !letter.is_whitespace() {
                    comma = None;
                }
                plain.push(letter);
            }
        }
    }
    Ok(plain)
}

fn blank(letter: char) -> char {
    if letter == '\n' { '\n' } else { ' ' }
}

/// The keys at the top whose values differ.
pub(crate) fn changed_sections(before: &Value, after: &Value) -> Vec<String> {
    let keys = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .cloned()
            .collect()
    };
    let mut all = keys(before);
    for key in keys(after) {
        if !all.contains(&key) {
            all.push(key);
        }
    }
    all.retain(|key| before.get(key) != after.get(key));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_and_last_commas_are_read_over() {
        let text =
            "// a policy\n{\n  \"a\": [1, 2,], /* b\n */ \"b\": \"// no, comment,]\", // end\n}\n";

        assert_eq!(
            value(text),
            Ok(json!({"a": [1, 2], "b": "// no, comment,]"}))
        );
    }

    #[rstest]
    #[case("{\"a\": \"x}", "no end")]
    #[case("{} /* x", "no end")]
    #[case("{\n  \"a\" 1}", "line 2")]
    #[case("[1,,]", "line 1")]
    fn what_cannot_be_read_says_where(#[case] text: &str, #[case] part: &str) {
        let error = value(text).unwrap_err();

        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn sections_that_differ_are_named() {
        let sections = changed_sections(&json!({"a": 1, "b": 2}), &json!({"a": 1, "c": 3}));

        assert_eq!(sections, ["b", "c"]);
    }

    proptest! {
        #[test]
        fn plain_json_is_the_same(numbers in proptest::collection::vec(any::<i32>(), 0..5), text in "[a-z/*,\\]\" ]*") {
            let json = json!({"numbers": numbers, "text": text});
            prop_assert_eq!(value(&json.to_string()), Ok(json));
        }

        #[test]
        fn reading_never_panics(text in "[\\[\\]{},:/*\"a1 \n]*") {
            drop(value(&text));
        }
    }
}
