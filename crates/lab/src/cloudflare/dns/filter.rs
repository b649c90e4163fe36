//! Which records a list shows.

use serde_json::{Map, Value};

use crate::cloudflare::entry::Call;

/// Whether a record is in the list that a call asks for.
pub(super) fn fits(record: &Map<String, Value>, call: &Call) -> bool {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut tests: Vec<bool> = Vec::new();
    for field in ["name", "content", "comment"] {
        tests.extend(text_tests(call, field, text(field)));
    }
    let commented = !text("comment").is_empty();
    tests.extend(
        call.query
            .contains_key("comment.present")
            .then_some(commented),
    );
    tests.extend(
        call.query
            .contains_key("comment.absent")
            .then_some(!commented),
    );
    tests.extend(call.asked("type").map(|kind| text("type") == kind));
    let proxied = call.query.get("proxied");
    tests.extend(proxied.map(|proxied| record.get("proxied") == Some(proxied)));
    let tags = tag_tests(record, call);
    if !tags.is_empty() {
        let any = call.asked("tag_match") == Some("any");
        tests.push(joined(&tags, any));
    }
    let found = call.asked("search").is_none_or(|search| {
        let search = search.to_lowercase();
        ["name", "content", "comment", "type"]
            .iter()
            .any(|field| text(field).to_lowercase().contains(&search))
    });
    found && (tests.is_empty() || joined(&tests, call.asked("match") == Some("any")))
}

fn joined(tests: &[bool], any: bool) -> bool {
    if any {
        tests.contains(&true)
    } else {
        !tests.contains(&false)
    }
}

/// The tests of a field's filters; none of them minds case.
fn text_tests(call: &Call, field: &str, value: &str) -> Vec<bool> {
    let value = value.to_lowercase();
    ["", ".exact", ".contains", ".startswith", ".endswith"]
        .iter()
        .filter_map(|operator| {
            let asked = call.asked(&format!("{field}{operator}"))?.to_lowercase();
            Some(holds(operator, &value, &asked))
        })
        .collect()
}

fn holds(operator: &str, value: &str, asked: &str) -> bool {
    match operator {
        ".contains" => value.contains(asked),
        ".startswith" => value.starts_with(asked),
        ".endswith" => value.ends_with(asked),
        _ => value == asked,
    }
}

/// The tests of filters by tag, which are written `name` or `name:value`.
fn tag_tests(record: &Map<String, Value>, call: &Call) -> Vec<bool> {
    let tags = record.get("tags").and_then(Value::as_array);
    let tags: Vec<(&str, &str)> = tags
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|tag| tag.split_once(':').unwrap_or((tag, "")))
        .collect();
    let has = |name: &str| tags.iter().any(|(known, _)| *known == name);
    let mut tests = Vec::new();
    tests.extend(call.asked("tag.present").map(has));
    tests.extend(call.asked("tag.absent").map(|name| !has(name)));
    for operator in ["", ".exact", ".contains", ".startswith", ".endswith"] {
        let Some(asked) = call.asked(&format!("tag{operator}")) else {
            continue;
        };
        let (name, asked) = asked.split_once(':').unwrap_or((asked, ""));
        let fits = |(known, value): &(&str, &str)| *known == name && holds(operator, value, asked);
        tests.push(tags.iter().any(fits));
    }
    tests
}
