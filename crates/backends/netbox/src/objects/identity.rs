//! What tells one object from all others of its kind before it has an id.

use serde_json::{Map, Value};

/// Fields that name an object, by the filters of the same name.
const NAMES: &[&str] = &[
    "name",
    "slug",
    "label",
    "model",
    "address",
    "prefix",
    "start_address",
    "mac_address",
    "vid",
    "asn",
    "cid",
    "rd",
    "serial",
    "asset_tag",
];
/// Objects within which names are unique, by the filters that take their ids.
const PLACES: &[&str] = &[
    "cluster",
    "device",
    "device_type",
    "group",
    "location",
    "manufacturer",
    "parent",
    "provider",
    "rack",
    "region",
    "site",
    "tenant",
    "virtual_machine",
    "vrf",
];

/// Filters that fit what is made of `data`; `None` where nothing in it is a name.
pub(super) fn of(
    data: &Map<String, Value>,
    known: impl Fn(&str) -> bool,
) -> Option<Map<String, Value>> {
    let mut filters = Map::new();
    for name in NAMES {
        let value = data.get(*name).filter(|value| match value {
            Value::String(text) => !text.trim().is_empty(),
            value => value.is_number(),
        });
        if let Some(value) = value.filter(|_| known(name)) {
            filters.insert((*name).to_owned(), value.clone());
        }
    }
    if filters.is_empty() {
        return None;
    }
    for name in PLACES {
        let by_id = format!("{name}_id");
        let value = data.get(*name).filter(|value| value.is_number());
        if let Some(value) = value.filter(|_| known(&by_id)) {
            filters.insert(by_id, value.clone());
        }
    }
    Some(filters)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "name": "a", "site": 1, "status": "active" }), json!({ "name": "a", "site_id": 1 }))]
    #[case(json!({ "vid": 7, "name": "", "group": { "slug": "x" } }), json!({ "vid": 7 }))]
    #[case(json!({ "site": 1, "comments": "x" }), Value::Null)]
    #[case(json!({ "label": "x" }), Value::Null)]
    fn names_and_places_tell_an_object(#[case] data: Value, #[case] filters: Value) {
        let found = of(data.as_object().unwrap(), |name| name != "label");

        assert_eq!(found.map_or(Value::Null, Value::Object), filters);
    }
}
