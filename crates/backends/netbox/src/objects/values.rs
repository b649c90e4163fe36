//! Values of fields: NetBox tells choices and related objects otherwise than it takes them.

use homelab_core::net::Ip;
use serde_json::{Map, Value};

use super::Object;
use crate::ids::{FieldName, host};
use crate::whole_api::WITHHELD_FIELDS;

/// Addresses of pages and calls, which are told by ids already.
const LINKS: [&str; 2] = ["url", "display_url"];
/// Characters of a value that are shown of a change.
const LONGEST: usize = 300;

/// An object as it is told: without links, and without what is withheld.
pub(crate) fn told(mut object: Object, named: &[FieldName]) -> Object {
    let is_named = |name: &str| named.iter().any(|field| field.as_str() == name);
    object.retain(|name, _| {
        !WITHHELD_FIELDS.contains(&name.as_str())
            && (!LINKS.contains(&name.as_str()) || is_named(name))
    });
    object.values_mut().for_each(unlink);
    object
}

fn unlink(value: &mut Value) {
    match value {
        // A related object; others, such as custom fields, are as their owner wrote them.
        Value::Object(members) if members.contains_key("id") && members.contains_key("url") => {
            members.retain(|name, _| !LINKS.contains(&name.as_str()));
            members.values_mut().for_each(unlink);
        }
        Value::Object(members) => members.values_mut().for_each(unlink),
        Value::Array(items) => items.iter_mut().for_each(unlink),
        _ => {}
    }
}

/// What people call an object.
pub(crate) fn label(object: &Object) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let texts = ["name", "display"].into_iter().filter_map(text);
    let mut texts = texts.filter(|text| !text.is_empty());
    texts.next().unwrap_or_default().to_owned()
}

/// A value that was read, as it is written. `schema` is that of the field.
pub(crate) fn writable(found: &Value, schema: &Value) -> Value {
    match found {
        Value::Array(items) => {
            let of = schema.get("items").unwrap_or(&Value::Null);
            items.iter().map(|item| writable(item, of)).collect()
        }
        Value::Object(members) => {
            if let Some(known) = schema.get("properties").and_then(Value::as_object) {
                // Of a tag or the end of a cable, its name and not what it is besides.
                let known = known.iter().filter_map(|(name, of)| {
                    let value = writable(members.get(name)?, of);
                    (!value.is_null()).then(|| (name.clone(), value))
                });
                return Value::Object(known.collect());
            }
            match (members.get("value"), members.get("id")) {
                (Some(value), _) if members.contains_key("label") => value.clone(),
                (_, Some(id)) if members.contains_key("display") => id.clone(),
                // Custom fields, each of them such a value.
                _ => {
                    let members = members.iter();
                    let members =
                        members.map(|(name, value)| (name.clone(), writable(value, &Value::Null)));
                    Value::Object(members.collect())
                }
            }
        }
        value => value.clone(),
    }
}

/// Whether what was read is what is to be written, to the letter.
pub(crate) fn same(found: &Value, wanted: &Value) -> bool {
    fits(found, wanted, |found, wanted| found == wanted)
}

/// Whether what was read is what was written, as NetBox may have brought it into form.
pub(crate) fn alike(found: &Value, wanted: &Value) -> bool {
    fits(found, wanted, |found, wanted| {
        let (found, wanted) = (found.trim(), wanted.trim());
        found.eq_ignore_ascii_case(wanted)
            || address(found).is_some_and(|found| address(wanted) == Some(found))
    })
}

fn fits(found: &Value, wanted: &Value, text: fn(&str, &str) -> bool) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            let found = found.get(name).unwrap_or(&Value::Null);
            fits(found, wanted, text)
        }),
        // A choice by its value, a related object by its id.
        (Value::Object(found), wanted) => ["value", "id"]
            .iter()
            .filter_map(|name| found.get(*name))
            .any(|found| fits(found, wanted, text)),
        // Their order is NetBox's.
        (Value::Array(found), Value::Array(wanted)) => {
            let there = |wanted: &Value| found.iter().any(|found| fits(found, wanted, text));
            found.len() == wanted.len() && wanted.iter().all(there)
        }
        (Value::String(found), Value::String(wanted)) => text(found, wanted),
        (Value::Null, Value::String(text)) | (Value::String(text), Value::Null) => text.is_empty(),
        (found, wanted) => match (number(found), number(wanted)) {
            (Some(found), Some(wanted)) => (found - wanted).abs() <= 1e-6 * wanted.abs(),
            _ => found == wanted,
        },
    }
}

/// An address with the length of its prefix, which is the whole of it where none is written.
fn address(text: &str) -> Option<(Ip, u8)> {
    let ip = host(text)?;
    let length = text.split_once('/').map(|(_, length)| length.parse().ok());
    Some((
        ip,
        length.unwrap_or(Some(if ip.0.is_ipv4() { 32 } else { 128 }))?,
    ))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value as a line of a preview; `None` where there is none.
pub(crate) fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Object(members) => match (members.get("value"), members.get("id")) {
            (Some(value), _) if members.contains_key("label") => return shown(value),
            (_, Some(id)) if members.contains_key("display") => {
                format!("{id} ({})", label(members))
            }
            _ => value.to_string(),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(shown).collect();
            items.join(", ")
        }
        value => value.to_string(),
    };
    if text.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    })
}

/// What is lost with an object although it is not part of it, one line each.
pub(crate) fn dependents(object: &Object) -> Vec<String> {
    let count = |(name, value): (&String, &Value)| {
        let what = name
            .strip_suffix("_count")
            .or(name.strip_prefix("count_"))?;
        let count = value.as_u64().filter(|count| *count > 0)?;
        Some(format!("{count} {}", what.replace('_', " ")))
    };
    let mut lines: Vec<String> = object.iter().filter_map(count).collect();
    if object.get("cable").is_some_and(|cable| !cable.is_null()) {
        lines.push("a cable".to_owned());
    }
    lines
}

/// Whether there is nothing in a value.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(Value::is_null),
        _ => false,
    }
}

/// The fields that differ from what is to be written.
pub(crate) fn differing<'a>(found: &'a Object, wanted: &'a Object) -> Map<String, Value> {
    let differs = |(name, wanted): &(&String, &Value)| {
        found.get(*name).is_none_or(|found| !same(found, wanted))
    };
    let differing = wanted.iter().filter(differs);
    differing
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(members) => members,
            other => panic!("no object: {other}"),
        }
    }

    #[rstest]
    #[case(json!({ "value": "active", "label": "Active" }), json!({}), json!("active"))]
    #[case(json!({ "id": 7, "url": "u", "display": "x", "name": "x" }), json!({}), json!(7))]
    #[case(json!([{ "id": 7, "display": "x" }]), json!({ "items": { "type": "integer" } }), json!([7]))]
    #[case(
        json!([{ "id": 1, "display": "Lab", "name": "Lab", "slug": "lab", "color": "aa0000" }]),
        json!({ "items": { "properties": { "name": {}, "slug": {} } } }),
        json!([{ "name": "Lab", "slug": "lab" }])
    )]
    #[case(json!({ "tier": { "value": "a", "label": "A" }, "note": null }), json!({ "type": "object" }), json!({ "tier": "a", "note": null }))]
    #[case(json!([[100, 102]]), json!({}), json!([[100, 102]]))]
    #[case(json!("text"), json!({}), json!("text"))]
    fn what_was_read_is_written_in_its_own_form(
        #[case] found: Value,
        #[case] schema: Value,
        #[case] written: Value,
    ) {
        assert_eq!(writable(&found, &schema), written);
    }

    #[rstest]
    #[case(json!({ "value": "active", "label": "Active" }), json!("active"), true, true)]
    #[case(json!({ "value": "active", "label": "Active" }), json!("planned"), false, false)]
    #[case(json!({ "id": 7, "display": "x" }), json!(7), true, true)]
    #[case(json!({ "id": 7, "display": "x", "slug": "x" }), json!({ "slug": "x" }), true, true)]
    #[case(json!([{ "id": 1, "slug": "b" }, { "id": 2, "slug": "a" }]), json!([{ "slug": "a" }, { "slug": "b" }]), true, true)]
    #[case(json!([{ "id": 1 }]), json!([]), false, false)]
    #[case(json!("NAS"), json!("nas"), false, true)]
    #[case(json!("192.0.2.1/32"), json!("192.0.2.1"), false, true)]
    #[case(json!("192.0.2.7/24"), json!("192.0.2.8/24"), false, false)]
    #[case(json!("00:00:5E:00:53:01"), json!("00:00:5e:00:53:01"), false, true)]
    #[case(json!(1.5), json!("1.50"), true, true)]
    #[case(json!(10), json!(11), false, false)]
    #[case(json!(null), json!(""), true, true)]
    #[case(json!(true), json!(false), false, false)]
    #[case(json!(null), json!(5), false, false)]
    fn what_was_read_is_told_from_what_was_asked(
        #[case] found: Value,
        #[case] wanted: Value,
        #[case] is_same: bool,
        #[case] is_alike: bool,
    ) {
        assert_eq!(
            (same(&found, &wanted), alike(&found, &wanted)),
            (is_same, is_alike)
        );
    }

    #[test]
    fn links_and_contexts_are_not_told_unless_they_are_asked_for() {
        let found = || {
            object(json!({
                "id": 1, "url": "http://a", "config_context": { "key": "x" },
                "site": { "id": 2, "url": "http://b", "display": "Cellar" },
                "custom_fields": { "url": "http://mine" },
            }))
        };

        let short = told(found(), &[]);
        let asked = told(found(), &["url".parse().unwrap()]);

        let site = json!({ "id": 2, "display": "Cellar" });
        let fields = json!({ "url": "http://mine" });
        assert_eq!(
            Value::Object(short),
            json!({ "id": 1, "site": site, "custom_fields": fields })
        );
        assert_eq!(asked["url"], "http://a");
        assert!(!asked.contains_key("config_context"));
    }

    #[test]
    fn what_hangs_on_an_object_is_counted() {
        let found = object(json!({
            "id": 1, "device_count": 3, "rack_count": 0, "count_ipaddresses": 2, "cable": { "id": 4 },
        }));

        assert_eq!(dependents(&found), ["3 device", "2 ipaddresses", "a cable"]);
    }

    #[rstest]
    #[case(json!({ "value": "active", "label": "Active" }), Some("active"))]
    #[case(json!({ "id": 2, "display": "Cellar" }), Some("2 (Cellar)"))]
    #[case(json!([{ "id": 2, "display": "a" }, 3]), Some("2 (a), 3"))]
    #[case(json!(""), None)]
    #[case(json!([]), None)]
    fn a_value_is_shown_in_a_line(#[case] value: Value, #[case] line: Option<&str>) {
        assert_eq!(shown(&value).as_deref(), line);
    }
}
