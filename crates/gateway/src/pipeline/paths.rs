//! Following a specification's field paths (`items.notes`, `items.*.notes`) through a value.

use serde_json::Value;

/// Applies `apply` to every value that the path names. Lists are passed through, so an index, or
/// the `*` that stands for it, may be written or left out; an object's `*` means each member.
/// Returns whether there was any.
pub(super) fn each(value: &mut Value, path: &str, apply: &mut dyn FnMut(&mut Value)) -> bool {
    let segments: Vec<&str> = path.split('.').collect();
    walk(value, &segments, apply)
}

fn walk(value: &mut Value, path: &[&str], apply: &mut dyn FnMut(&mut Value)) -> bool {
    match (value, path) {
        (value, []) => {
            apply(value);
            true
        }
        (Value::Array(items), [segment, rest @ ..]) => {
            let rest = if *segment == "*" { rest } else { path };
            let mut any = false;
            for item in items {
                any |= walk(item, rest, apply);
            }
            any
        }
        (Value::Object(members), ["*", rest @ ..]) => {
            let mut any = false;
            for member in members.values_mut() {
                any |= walk(member, rest, apply);
            }
            any
        }
        (Value::Object(members), [name, rest @ ..]) => members
            .get_mut(*name)
            .is_some_and(|member| walk(member, rest, apply)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("items.notes", json!({ "items": [{ "notes": 0 }, { "notes": 0 }], "notes": 1 }))]
    #[case("items.*.notes", json!({ "items": [{ "notes": 0 }, { "notes": 0 }], "notes": 1 }))]
    #[case("notes", json!({ "items": [{ "notes": 1 }, { "notes": 1 }], "notes": 0 }))]
    #[case("items.other", json!({ "items": [{ "notes": 1 }, { "notes": 1 }], "notes": 1 }))]
    #[case("*", json!({ "items": 0, "notes": 0 }))]
    fn a_path_names_members_at_any_index(#[case] path: &str, #[case] expected: Value) {
        let mut value = json!({ "items": [{ "notes": 1 }, { "notes": 1 }], "notes": 1 });

        let any = each(&mut value, path, &mut |found| *found = json!(0));

        assert_eq!(value, expected);
        assert_eq!(any, path != "items.other");
    }
}
