//! Which fields of a record a source may write. Pure.

use std::collections::BTreeMap;

use homelab_core::tool::Change;
use serde_json::{Map, Value};

/// What a source sees of a record: field and value.
pub(super) type Seen = Vec<(&'static str, Value)>;

/// What became of the fields that a source sees.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Merged {
    /// Fields that were written.
    pub(super) changes: Vec<Change>,
    /// Fields that differ and belong to somebody else: name, what stands, what is seen.
    pub(super) kept: Vec<(&'static str, Value, Value)>,
}

/// Writes what a source sees into a record. `written` is what the source wrote before, and is kept up.
pub(super) fn merge(
    record: &mut Map<String, Value>,
    seen: Seen,
    written: &mut BTreeMap<String, Value>,
) -> Merged {
    let mut merged = Merged::default();
    for (field, value) in seen {
        if is_empty(field, &value) {
            continue;
        }
        let stands = record.get(field).cloned().unwrap_or(Value::Null);
        if stands == value {
            continue;
        }
        let is_ours = written.get(field) == Some(&stands);
        if is_empty(field, &stands) || is_ours {
            merged.changes.push(Change {
                field: field.to_owned(),
                from: (!is_empty(field, &stands)).then(|| plain(&stands)),
                to: Some(plain(&value)),
            });
            record.insert(field.to_owned(), value.clone());
            written.insert(field.to_owned(), value);
        } else {
            merged.kept.push((field, stands, value));
        }
    }
    merged
}

/// Nothing is known: nobody entered anything there.
pub(super) fn is_empty(field: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty() || field == "status" && text == "unknown",
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A value as people read it.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn empty_fields_are_filled_and_those_written_before_follow_their_source() {
        let mut record = members(json!({ "name": "web", "status": "unknown", "cores": 2 }));
        let mut written = BTreeMap::from([("cores".to_owned(), json!(2))]);

        let merged = merge(
            &mut record,
            vec![
                ("status", json!("online")),
                ("cores", json!(4)),
                ("ip", json!("192.0.2.1")),
            ],
            &mut written,
        );

        assert_eq!(
            record,
            members(json!({
                "name": "web", "status": "online", "cores": 4, "ip": "192.0.2.1",
            }))
        );
        let changed: Vec<_> = merged.changes.iter().map(|one| &*one.field).collect();
        assert_eq!(changed, ["status", "cores", "ip"]);
        assert_eq!(merged.changes[1].from.as_deref(), Some("2"));
        assert_eq!(merged.kept, []);
        assert_eq!(written["ip"], "192.0.2.1");
    }

    #[test]
    fn what_somebody_entered_stays_even_over_what_was_written_before() {
        let mut record = members(json!({ "ip": "192.0.2.9", "cores": 8, "status": "maintenance" }));
        let mut written = BTreeMap::from([("cores".to_owned(), json!(2))]);

        let before = record.clone();
        let merged = merge(
            &mut record,
            vec![
                ("ip", json!("192.0.2.1")),
                ("cores", json!(4)),
                ("status", json!("online")),
            ],
            &mut written,
        );

        assert_eq!(record, before);
        assert_eq!(merged.changes, []);
        let kept: Vec<_> = merged.kept.iter().map(|(field, ..)| *field).collect();
        assert_eq!(kept, ["ip", "cores", "status"]);
        assert_eq!(written, BTreeMap::from([("cores".to_owned(), json!(2))]));
    }

    #[test]
    fn what_is_not_known_any_more_stays_as_it_was_last() {
        let mut record = members(json!({ "ip": "192.0.2.9" }));
        let mut written = BTreeMap::from([("ip".to_owned(), json!("192.0.2.9"))]);

        let merged = merge(
            &mut record,
            vec![
                ("ip", Value::Null),
                ("tags", json!([])),
                ("status", json!("unknown")),
            ],
            &mut written,
        );

        assert_eq!(merged, Merged::default());
        assert_eq!(record["ip"], "192.0.2.9");
    }

    #[test]
    fn a_value_that_somebody_entered_and_a_source_confirms_stays_theirs() {
        let mut record = members(json!({ "cores": 4 }));
        let mut written = BTreeMap::new();

        merge(&mut record, vec![("cores", json!(4))], &mut written);
        let later = merge(&mut record, vec![("cores", json!(6))], &mut written);

        assert_eq!(later.kept.len(), 1);
        assert_eq!(record["cores"], 4);
    }
}
