//! One text for the same arguments, however their members were ordered.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// JSON with sorted members, so that the same arguments always give the same text
/// (RFC 8785 but for numbers, which are kept as `serde_json` writes them).
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

/// Writes without copying the value: this runs on every call.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut ordered: Vec<_> = members.iter().collect();
            ordered.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, member)) in ordered.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_text(name, text);
                text.push(':');
                write_canonical(member, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::String(inner) => write_text(inner, text),
        other => text.push_str(&other.to_string()),
    }
}

fn write_text(inner: &str, text: &mut String) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if inner.bytes().all(is_plain) {
        text.push('"');
        text.push_str(inner);
        text.push('"');
        return;
    }
    // A string serialises without fail.
    text.push_str(&serde_json::to_string(inner).unwrap_or_default());
}

/// SHA-256 of a canonical text, hexadecimal.
pub fn digest(canonical: &str) -> String {
    hex::encode(Sha256::digest(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn canonical_json_sorts_members_at_any_depth() {
        let value = serde_json::json!({ "b": [{ "z": 1, "a": 2 }], "a": null });

        assert_eq!(canonical(&value), r#"{"a":null,"b":[{"a":2,"z":1}]}"#);
    }

    proptest! {
        #[test]
        fn a_canonical_text_is_the_same_json(name in ".*", inner in ".*", number in any::<i64>()) {
            let value = serde_json::json!({ name: [inner, number, null, true] });

            prop_assert_eq!(serde_json::from_str::<Value>(&canonical(&value)).unwrap(), value);
        }
    }
}
