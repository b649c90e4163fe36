//! Partial changes of records: given fields replace, named fields are emptied, the rest stays.
//!
//! Records and tool arguments share their field names, so a change is worked out on their JSON
//! members; one field list per record is enough for preview, read-back and undo.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::schema::without_nulls;
use homelab_core::tool::{Change, Mismatch};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Members that the store sets, not the caller.
const OURS: [&str; 2] = ["id", "updated_at"];

/// The record with the fields of `given` in place of its own, and those of `clear` emptied.
pub(crate) fn merged<R: Serialize + DeserializeOwned>(
    before: Option<&R>,
    given: Map<String, Value>,
    clear: &[String],
) -> ToolResult<R> {
    let mut members = before.map(members).transpose()?.unwrap_or_default();
    members.extend(given);
    for field in clear {
        members.remove(field);
    }
    serde_json::from_value(Value::Object(members))
        .map_err(|_| ToolError::internal("a changed record cannot be read"))
}

/// The members of a record or of arguments; absent ones are left out.
pub(crate) fn members(value: &impl Serialize) -> ToolResult<Map<String, Value>> {
    match serde_json::to_value(value).map(without_nulls) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(ToolError::internal("a record is not an object")),
    }
}

/// Takes the names in `clear` out of a tool's arguments.
pub(crate) fn take_cleared(given: &mut Map<String, Value>) -> Vec<String> {
    match given.remove("clear") {
        Some(Value::Array(names)) => names
            .into_iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// What differs between two versions of a record.
pub(crate) fn changes<R: Serialize>(
    before: Option<&R>,
    after: Option<&R>,
) -> ToolResult<Vec<Change>> {
    let before = before.map(members).transpose()?.unwrap_or_default();
    let after = after.map(members).transpose()?.unwrap_or_default();
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    Ok(names
        .filter(|name| !OURS.contains(&name.as_str()))
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Change {
            field: name.clone(),
            from: before.get(name).map(shown),
            to: after.get(name).map(shown),
        })
        .collect())
}

/// Fields of `fields` in which what was stored is not what was meant.
pub(crate) fn mismatches<R: Serialize>(
    fields: &[&'static str],
    wanted: &R,
    found: &R,
) -> ToolResult<Vec<Mismatch>> {
    let changes = changes(Some(found), Some(wanted))?;
    Ok(fields
        .iter()
        .filter_map(|field| {
            let change = changes.iter().find(|change| change.field == *field)?;
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            Some(Mismatch {
                field,
                wanted: text(&change.to),
                found: text(&change.from),
            })
        })
        .collect())
}

/// The arguments that turn `after` into `before` again: old values, and `clear` for fields that
/// had none. `None` where nothing differs.
pub(crate) fn undoing<R: Serialize>(
    before: &R,
    after: &R,
) -> ToolResult<Option<Map<String, Value>>> {
    let old = members(before)?;
    let mut arguments = Map::new();
    let mut clear = Vec::new();
    for change in changes(Some(before), Some(after))? {
        match old.get(&change.field) {
            Some(value) => drop(arguments.insert(change.field, value.clone())),
            None => clear.push(Value::from(change.field)),
        }
    }
    if arguments.is_empty() && clear.is_empty() {
        return Ok(None);
    }
    if !clear.is_empty() {
        arguments.insert("clear".to_owned(), clear.into());
    }
    Ok(Some(arguments))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use homelab_core::inventory::Network;
    use serde_json::json;

    use super::*;

    fn network(value: Value) -> Network {
        serde_json::from_value(value).expect("a network")
    }

    fn object(value: &Value) -> Map<String, Value> {
        members(value).expect("an object")
    }

    #[test]
    fn given_fields_replace_named_ones_are_emptied_the_rest_stays() {
        let before = network(json!({ "id": "1", "name": "lan", "vlan_id": 10, "purpose": "old" }));

        let given = object(&json!({ "name": "lan", "cidr": "192.0.2.0/24" }));
        let after = merged(Some(&before), given, &["purpose".to_owned()]).unwrap();

        assert_eq!(
            after,
            network(json!({ "id": "1", "name": "lan", "vlan_id": 10, "cidr": "192.0.2.0/24" }))
        );
    }

    #[test]
    fn what_undoes_a_change_names_old_values_and_fields_that_had_none() {
        let before = network(json!({ "name": "lan", "vlan_id": 10 }));
        let after = network(json!({ "name": "lan", "vlan_id": 20, "purpose": "new" }));

        let arguments = undoing(&before, &after).unwrap();

        assert_eq!(
            arguments.map(Value::Object),
            Some(json!({ "vlan_id": 10, "clear": ["purpose"] }))
        );
        assert_eq!(undoing(&before, &before.clone()).unwrap(), None);
    }

    #[test]
    fn a_mismatch_says_what_was_wanted_and_what_was_found() {
        let wanted = network(json!({ "name": "lan", "vlan_id": 20 }));
        let found = network(json!({ "name": "lan", "updated_at": "2026-01-01T00:00:00Z" }));

        let mismatches = mismatches(&["name", "vlan_id"], &wanted, &found).unwrap();

        assert_eq!(
            mismatches,
            [Mismatch {
                field: "vlan_id",
                wanted: "20".into(),
                found: String::new()
            }]
        );
    }
}
