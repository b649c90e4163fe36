//! JSON Schemas for tools: generated from types, then trimmed to what a model needs.
//!
//! Clients choke on `$defs` recursion, on nullable-type arrays and on titles that repeat the field
//! name, and every word costs context on each listing. So: everything inlined, `$schema`, `title`
//! and `format` dropped, "or null" dropped (an absent member says the same), documented unit
//! variants folded into one `enum`.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

type Members = Arc<Map<String, Value>>;
type Make = Box<dyn FnOnce() -> Members + Send>;
/// Makes the schema of one type. What is the same for every type takes this instead of the type, or a program of
/// several hundred tools has it several hundred times.
type OfType = fn(&mut SchemaGenerator) -> schemars::Schema;

/// A JSON Schema that is made when it is first read; cheap to clone, and made once for all clones.
///
/// Few of several hundred tools are ever called, and their schemas would be most of what an idle server holds.
#[derive(Clone)]
pub struct Schema(Arc<LazyLock<Members, Make>>);

impl Schema {
    /// The schema that the function makes.
    pub fn lazy(make: impl FnOnce() -> Map<String, Value> + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(|| Arc::new(make())))))
    }

    /// The schema of a tool's arguments.
    pub fn of_input<T: JsonSchema>() -> Self {
        Self::of(SchemaGenerator::subschema_for::<T>, input_of)
    }

    /// The schema of a tool's structured result, without descriptions of the whole.
    pub fn of_output<T: JsonSchema>() -> Self {
        Self::of(SchemaGenerator::subschema_for::<T>, generate)
    }

    fn of(of_type: OfType, make: fn(OfType) -> Map<String, Value>) -> Self {
        Self::lazy(move || make(of_type))
    }

    /// Its members, by reference count.
    pub fn members(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&**self.0)
    }
}

impl From<Map<String, Value>> for Schema {
    fn from(members: Map<String, Value>) -> Self {
        Self::lazy(|| members)
    }
}

impl Deref for Schema {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = LazyLock::get(&self.0);
        formatter.debug_tuple("Schema").field(&members).finish()
    }
}

/// The schema of a tool's arguments, or of settings.
pub fn input<T: JsonSchema>() -> Map<String, Value> {
    input_of(SchemaGenerator::subschema_for::<T>)
}

fn input_of(of_type: OfType) -> Map<String, Value> {
    let mut schema = generate(of_type);
    schema.entry("properties").or_insert_with(|| json!({}));
    schema
}

fn generate(of_type: OfType) -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut schema = of_type(&mut generator);
    // Only what contains itself is not inlined.
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    let mut schema = schema.to_value();
    simplify(&mut schema);
    let Value::Object(mut schema) = schema else {
        return Map::new();
    };
    schema.remove("description");
    schema.entry("type").or_insert_with(|| json!("object"));
    schema
}

/// Removes members whose value is `null`, at any depth of objects and arrays.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, without_nulls(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Trims a generated schema in place, as the module describes.
pub fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            drop_noise(members);
            drop_null_type(members);
            drop_null_alternative(members);
            fold_constants(members);
            for (name, member) in members.iter_mut() {
                match (name.as_str(), member) {
                    // Names in here are the user's, not keywords.
                    ("properties", Value::Object(properties)) => {
                        properties.values_mut().for_each(simplify);
                    }
                    ("enum" | "const" | "default" | "examples" | "required", _) => {}
                    (_, member) => simplify(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

fn drop_noise(members: &mut Map<String, Value>) {
    for keyword in ["$schema", "title", "format"] {
        if members.get(keyword).is_some_and(Value::is_string) {
            members.shift_remove(keyword);
        }
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.shift_remove("default");
    }
    let one_line = members
        .get("description")
        .and_then(Value::as_str)
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(text) = one_line {
        members.insert("description".into(), text.into());
    }
}

/// `["string", "null"]` becomes `"string"`, and `null` leaves an `enum`.
fn drop_null_type(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// `anyOf: [X, null]` becomes `X`.
fn drop_null_alternative(members: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = members.get("anyOf") else {
        return;
    };
    let rest: Vec<_> = alternatives
        .iter()
        .filter(|one| one["type"] != "null")
        .cloned()
        .collect();
    if rest.len() + 1 != alternatives.len() {
        return;
    }
    if let [Value::Object(only)] = rest.as_slice() {
        members.shift_remove("anyOf");
        for (name, member) in only {
            if !members.contains_key(name) {
                members.insert(name.clone(), member.clone());
            }
        }
    } else {
        members.insert("anyOf".into(), rest.into());
    }
}

/// `oneOf: [{const: a, description: …}, …]` becomes `enum: [a, …]`.
fn fold_constants(members: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = members.get("oneOf") else {
        return;
    };
    let mut values = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum")) {
            (Some(constant), _) if constant.is_string() => values.push(constant.clone()),
            (None, Some(Value::Array(group))) if group.iter().all(Value::is_string) => {
                values.extend(group.iter().cloned());
            }
            _ => return,
        }
    }
    members.shift_remove("oneOf");
    members.insert("type".into(), "string".into());
    members.insert("enum".into(), values.into());
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde::Deserialize;

    use super::*;

    /// What to stop.
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Args {
        /// Which state
        /// to list.
        status: Option<Status>,
        /// At most this many.
        #[schemars(range(min = 1, max = 100))]
        limit: Option<u32>,
        name: String,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Status {
        /// Up.
        Online,
        /// Down.
        Offline,
        Unknown,
    }

    #[test]
    fn a_schema_is_made_when_it_is_first_read_and_once_for_all_clones() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let schema = Schema::lazy(|| {
            MADE.fetch_add(1, Ordering::Relaxed);
            input::<Args>()
        });
        let clone = schema.clone();
        assert_eq!(format!("{clone:?}"), "Schema(None)");
        assert_eq!(MADE.load(Ordering::Relaxed), 0);
        assert_eq!(clone["type"], "object");
        assert!(Arc::ptr_eq(&schema.members(), &clone.members()));
        assert_eq!(MADE.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_input_schema_holds_only_what_a_model_needs() {
        let schema = Value::Object(input::<Args>());

        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "status": {
                        "description": "Which state to list.",
                        "type": "string",
                        "enum": ["unknown", "online", "offline"],
                    },
                    "limit": {
                        "description": "At most this many.",
                        "type": "integer", "minimum": 1, "maximum": 100,
                    },
                    "name": { "type": "string" },
                },
                "additionalProperties": false,
                "required": ["name"],
            })
        );
    }

    #[test]
    fn nulls_are_left_out_at_any_depth() {
        let value = json!({ "a": null, "b": [{ "c": null, "d": 1 }], "e": [null] });

        assert_eq!(
            without_nulls(value),
            json!({ "b": [{ "d": 1 }], "e": [null] })
        );
    }
}
