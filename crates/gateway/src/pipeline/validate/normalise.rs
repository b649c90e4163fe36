//! Bringing arguments into one form: what models commonly write, turned into what the schema says.
//!
//! The same call then has the same canonical text, for digests, rules and the audit.

use std::collections::HashMap;

use serde_json::{Number, Value};

/// The largest whole number that a JSON float states exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The scalar that a schema wants where it wants just one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Integer,
    Number,
    Boolean,
    Other,
}

/// The part of a schema that normalising needs.
#[derive(Debug)]
pub(super) struct Shape {
    wanted: Wanted,
    members: HashMap<String, Shape>,
    defaults: Vec<(String, Value)>,
    items: Option<Box<Shape>>,
    description: Option<String>,
}

impl Shape {
    pub(super) fn of(schema: &Value) -> Self {
        let properties = schema.get("properties").and_then(Value::as_object);
        let members = properties.into_iter().flatten();
        let defaults = properties.into_iter().flatten();
        Self {
            wanted: match schema.get("type").and_then(Value::as_str) {
                Some("integer") => Wanted::Integer,
                Some("number") => Wanted::Number,
                Some("boolean") => Wanted::Boolean,
                _ => Wanted::Other,
            },
            members: members
                .map(|(name, member)| (name.clone(), Self::of(member)))
                .collect(),
            defaults: defaults
                .filter_map(|(name, member)| Some((name.clone(), member.get("default")?.clone())))
                .collect(),
            items: schema
                .get("items")
                .filter(|items| items.is_object())
                .map(|items| Box::new(Self::of(items))),
            description: schema
                .get("description")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.members.get(name)
    }

    pub(super) fn member_names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    pub(super) fn items(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    pub(super) fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    pub(super) fn normalise(&self, value: &mut Value) {
        match value {
            // A free-form object is the caller's data; a null in it may mean something.
            Value::Object(_) if self.members.is_empty() => {}
            Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                for (name, member) in members.iter_mut() {
                    if let Some(shape) = self.members.get(name) {
                        shape.normalise(member);
                    }
                }
                for (name, default) in &self.defaults {
                    if !members.contains_key(name) {
                        members.insert(name.clone(), default.clone());
                    }
                }
            }
            Value::Array(items) => {
                if let Some(shape) = &self.items {
                    for item in items {
                        shape.normalise(item);
                    }
                }
            }
            Value::String(text) => {
                if let Some(converted) = self.convert(text) {
                    *value = converted;
                }
            }
            Value::Number(number) => {
                if self.wanted == Wanted::Integer
                    && let Some(whole) = whole(number)
                {
                    *value = whole.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn convert(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self.wanted {
            Wanted::Integer => integer(text).map(Value::Number),
            Wanted::Number => integer(text).map(Value::Number).or_else(|| {
                let number = text.parse::<f64>().ok()?;
                Number::from_f64(number).map(Value::Number)
            }),
            Wanted::Boolean if text.eq_ignore_ascii_case("true") => Some(true.into()),
            Wanted::Boolean if text.eq_ignore_ascii_case("false") => Some(false.into()),
            Wanted::Boolean | Wanted::Other => None,
        }
    }
}

fn integer(text: &str) -> Option<Number> {
    let signed = text.parse::<i64>().map(Number::from).ok();
    signed.or_else(|| text.parse::<u64>().map(Number::from).ok())
}

/// `100.0` as 100: the schema takes it for an integer, but serde does not.
fn whole(number: &Number) -> Option<i64> {
    if number.is_i64() || number.is_u64() {
        return None;
    }
    let float = number.as_f64()?;
    let is_whole = float.fract() == 0.0 && float.abs() <= EXACT;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within the exact range"
    )]
    is_whole.then_some(float as i64)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "count": { "type": "integer" },
                "ratio": { "type": "number" },
                "force": { "type": "boolean" },
                "name": { "type": "string" },
                "either": { "type": ["integer", "string"] },
                "ports": { "type": "array", "items": { "type": "integer" } },
                "inner": {
                    "type": "object",
                    "properties": { "on": { "type": "boolean" }, "level": { "default": 5 } },
                },
                "free": { "type": "object" },
            },
        })
    }

    #[rstest]
    #[case(json!({ "count": "100" }), json!({ "count": 100 }))]
    #[case(json!({ "count": " -5 " }), json!({ "count": -5 }))]
    #[case(json!({ "count": 100.0 }), json!({ "count": 100 }))]
    #[case(json!({ "count": 100.5 }), json!({ "count": 100.5 }))]
    #[case(json!({ "count": "18446744073709551615" }), json!({ "count": u64::MAX }))]
    #[case(json!({ "count": "ten" }), json!({ "count": "ten" }))]
    #[case(json!({ "ratio": "0.5" }), json!({ "ratio": 0.5 }))]
    #[case(json!({ "ratio": "inf" }), json!({ "ratio": "inf" }))]
    #[case(json!({ "force": "True" }), json!({ "force": true }))]
    #[case(json!({ "force": "yes" }), json!({ "force": "yes" }))]
    #[case(json!({ "name": "100" }), json!({ "name": "100" }))]
    #[case(json!({ "either": "100" }), json!({ "either": "100" }))]
    #[case(json!({ "ports": ["80", 443] }), json!({ "ports": [80, 443] }))]
    #[case(json!({ "name": null, "count": 1 }), json!({ "count": 1 }))]
    #[case(json!({ "inner": { "on": "false" } }), json!({ "inner": { "on": false, "level": 5 } }))]
    #[case(json!({ "free": { "gone": null, "n": "1" } }), json!({ "free": { "gone": null, "n": "1" } }))]
    fn what_is_meant_becomes_what_the_schema_says(#[case] written: Value, #[case] meant: Value) {
        let mut value = written;

        Shape::of(&schema()).normalise(&mut value);

        assert_eq!(value, meant);
    }

    #[test]
    fn normalising_twice_changes_nothing_more() {
        let shape = Shape::of(&schema());
        let mut once = json!({ "count": "7", "force": "TRUE", "inner": {}, "name": null });
        shape.normalise(&mut once);
        let mut twice = once.clone();

        shape.normalise(&mut twice);

        assert_eq!(once, twice);
    }
}
