//! The JSON Schema of the whole configuration, put together from the sections and from the kinds
//! of server; everything else (checks, documentation, variable names) is derived from it.

use homelab_backend::Kind;
use homelab_core::schema::simplify;
use serde_json::{Map, Value, json};

use super::sections::Config;

/// Keys that every table below `servers` may have.
const COMMON: [(&str, &str); 2] = [
    (
        "kind",
        "Kind of server, where the table is not named after it.",
    ),
    ("enabled", "Whether the server is there at all."),
];

/// The schemas of all sections.
pub(crate) struct Schemas {
    root: Value,
    kinds: Vec<(&'static str, Value)>,
}

impl Schemas {
    /// Generates them.
    pub(crate) fn new(kinds: &[Kind]) -> Self {
        let root = Value::Object(homelab_core::schema::input::<Config>());
        let kinds = kinds
            .iter()
            .map(|kind| (kind.name, section(kind)))
            .collect();
        Self { root, kinds }
    }

    /// The schema of everything but the tables below `servers`.
    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    /// The schema of a table below `servers`, by kind.
    pub(crate) fn kind(&self, name: &str) -> Option<&Value> {
        self.kinds
            .iter()
            .find(|(kind, _)| *kind == name)
            .map(|(_, schema)| schema)
    }

    /// The kinds with their schemas, in the program's order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.kinds.iter().map(|(kind, schema)| (*kind, schema))
    }

    /// One schema of everything, for editors.
    pub(crate) fn whole(&self) -> Value {
        let mut whole = self.root.clone();
        let servers: Map<String, Value> = self
            .kinds
            .iter()
            .map(|(kind, schema)| ((*kind).to_owned(), schema.clone()))
            .collect();
        let named: Vec<Value> = self
            .kinds
            .iter()
            .map(|(kind, schema)| {
                let mut schema = schema.clone();
                schema["properties"]["kind"] = json!({ "const": kind });
                schema["required"] = json!(["kind"]);
                schema
            })
            .collect();
        whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        whole["title"] = json!("homelab.toml");
        whole["properties"]["servers"]["properties"] = Value::Object(servers);
        whole["properties"]["servers"]["additionalProperties"] = json!({ "anyOf": named });
        whole
    }
}

fn section(kind: &Kind) -> Value {
    let mut schema = Value::Object(kind.config_schema());
    simplify(&mut schema);
    schema["type"] = json!("object");
    let mut properties = Map::new();
    for (name, description) in COMMON {
        properties.insert(name.to_owned(), json!({ "description": description }));
    }
    properties["kind"]["type"] = json!("string");
    properties["enabled"]["type"] = json!("boolean");
    properties["enabled"]["default"] = json!(true);
    if let Some(Value::Object(own)) = schema.get_mut("properties").map(Value::take) {
        properties.extend(own);
    }
    schema["properties"] = Value::Object(properties);
    schema["additionalProperties"] = json!(false);
    schema
}

/// The members that a schema names, in order.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// The schema of one member: a named one, else what any other member must be.
pub(crate) fn member<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    schema
        .get("properties")
        .and_then(|properties| properties.get(key))
        .or_else(|| {
            schema
                .get("additionalProperties")
                .filter(|rest| rest.is_object())
        })
}

/// What each table of a table that takes any names must be: that of `ssh.hosts`.
pub(crate) fn named_table(schema: &Value) -> Option<&Value> {
    schema
        .get("additionalProperties")
        .filter(|below| below.get("properties").is_some())
}

/// Whether the value is a secret, which may be written as a reference.
pub(crate) fn is_secret(schema: &Value) -> bool {
    schema["writeOnly"] == true
}

/// The type as TOML has it, for people.
pub(crate) fn type_name(schema: &Value) -> String {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("`{}`", plain(value)))
            .collect();
        return match values.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => values.concat(),
        };
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => "a whole number".to_owned() + &bounds(schema),
        Some("number") => "a number".to_owned() + &bounds(schema),
        Some("boolean") => "true or false".to_owned(),
        Some("string") => "text".to_owned(),
        Some("array") => match schema.get("items").map(type_name) {
            Some(items) if items == "text" => "a list of texts".to_owned(),
            Some(items) => format!("a list, each {items}"),
            None => "a list".to_owned(),
        },
        Some("object") => "a table".to_owned(),
        _ => "a value".to_owned(),
    }
}

fn bounds(schema: &Value) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        (None, Some(most)) => format!(" up to {most}"),
        (None, None) => String::new(),
    }
}

/// A scalar without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
