//! Writes dynamic configuration as YAML that means the same to every reader, and to Go's templates
//! nothing at all: Traefik runs each file through them before it reads it.

use serde_json::Value;

/// The value as a YAML document: block style, every text in double quotes.
pub(crate) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                text.push_str(&"  ".repeat(depth));
                text.push_str(&word(key));
                text.push(':');
                below(member, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&"  ".repeat(depth));
                text.push('-');
                below(item, depth, text);
            }
        }
        other => {
            text.push_str(&"  ".repeat(depth));
            text.push_str(&scalar(other));
            text.push('\n');
        }
    }
}

/// What stands behind a key or a dash.
fn below(value: &Value, depth: usize, text: &mut String) {
    let nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        block(value, depth + 1, text);
    } else {
        text.push(' ');
        text.push_str(&scalar(value));
        text.push('\n');
    }
}

/// A key: plain where nobody can take it for anything but a text.
fn word(key: &str) -> String {
    const READ_AS_OTHER: [&str; 10] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
    ];
    let plain = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !READ_AS_OTHER.contains(&key.to_ascii_lowercase().as_str());
    if plain {
        return key.to_owned();
    }
    scalar(&Value::from(key))
}

/// JSON's form is YAML's too. Braces in a row would start a template.
fn scalar(value: &Value) -> String {
    let text = value.to_string();
    if value.is_string() {
        return text
            .replace("{{", "\\u007b\\u007b")
            .replace('\u{7f}', "\\u007f");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_well() {
        let value = json!({ "http": { "routers": { "app": {
            "rule": "Host(`a.test`)", "priority": 5, "entryPoints": ["web"], "tls": {},
        } } } });

        assert_eq!(
            write(&value),
            "http:\n  routers:\n    app:\n      rule: \"Host(`a.test`)\"\n      priority: 5\n      entryPoints:\n        - \"web\"\n      tls: {}\n"
        );
    }

    #[test]
    fn a_template_is_only_text() {
        let text = write(&json!({ "a": "{{ env \"PATH\" }} {{{" }));

        assert!(!text.contains("{{"), "{text}");
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, json!({ "a": "{{ env \"PATH\" }} {{{" }));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~äß€\n\t{}]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-zA-Z0-9: .-]{1,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(inner in values()) {
            let value = json!({ "a": inner });
            let text = write(&value);

            prop_assert!(!text.contains("{{"));
            let back: Value = serde_saphyr::from_str(&text).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
