//! Records from texts: `name=nas ip=192.0.2.10 tags=a;b`, or the cells of a CSV row. The record's own
//! schema says what each text means.

use homelab_core::inventory::Record;
use homelab_core::json;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub(crate) struct FieldError {
    /// The field.
    pub(crate) field: String,
    /// What is wrong, and what is accepted.
    pub(crate) problem: String,
}

/// The fields of a record type, in order, with what each accepts.
pub(crate) fn known<R: JsonSchema>() -> Map<String, Value> {
    match homelab_core::schema::input::<R>().remove("properties") {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Whether a field of this name can be given: one of the record's, or `metadata.KEY`.
///
/// # Errors
/// Names the field most like it.
pub(crate) fn check_name(known: &Map<String, Value>, name: &str) -> Result<(), FieldError> {
    let table = name.split_once('.').map(|(table, _)| table);
    let is_entry = table.is_some_and(|table| known.get(table).is_some_and(is_table));
    if known.contains_key(name) || is_entry {
        return Ok(());
    }
    let names = || {
        known
            .keys()
            .map(String::as_str)
            .filter(|name| *name != "updated_at")
    };
    let problem = match crate::config::nearest(name, names()) {
        Some(near) => format!("there is no such field; did you mean `{near}`?"),
        None => format!(
            "there is no such field; known are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    let field = name.to_owned();
    Err(FieldError { field, problem })
}

/// Makes a record of named texts; empty texts count as absent. `known` are the record's fields.
pub(crate) fn record_of<'a, R: Record + DeserializeOwned>(
    known: &Map<String, Value>,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<R, FieldError> {
    let mut members = Map::new();
    for (name, text) in fields {
        check_name(known, name)?;
        if text.is_empty() {
            continue;
        }
        match (known.get(name), name.split_once('.')) {
            (Some(schema), _) => {
                let value = value(schema, text).map_err(|problem| FieldError {
                    field: name.to_owned(),
                    problem,
                })?;
                members.insert(name.to_owned(), value);
            }
            (None, Some((table, key))) => {
                let table = members
                    .entry(table)
                    .or_insert_with(|| Value::Object(Map::new()));
                table[key] = text.into();
            }
            (None, None) => {}
        }
    }
    json::from_value(Value::Object(members)).map_err(|error| {
        let path = error.path().to_owned();
        let text = error.problem();
        match text
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        {
            Some(name) => FieldError {
                field: name.to_owned(),
                problem: "this field is required".to_owned(),
            },
            None => FieldError {
                field: path,
                problem: text,
            },
        }
    })
}

fn is_table(schema: &Value) -> bool {
    schema["type"] == "object"
}

fn value(schema: &Value, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    let fits = |number: i64| {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
        let number = number as f64;
        bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => match trimmed.parse::<i64>() {
            Ok(number) if fits(number) => Ok(number.into()),
            Ok(_) => Err(format!(
                "`{trimmed}` is out of range: {}",
                crate::config::type_name(schema)
            )),
            Err(_) => Err(format!("`{trimmed}` is not a whole number")),
        },
        Some("boolean") => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true.into()),
            "false" | "no" | "0" => Ok(false.into()),
            _ => Err(format!("`{trimmed}` is neither true nor false")),
        },
        Some("array") if trimmed.starts_with('[') => {
            serde_json::from_str(trimmed).map_err(|error| format!("not a list in JSON: {error}"))
        }
        Some("array") => Ok(text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()),
        Some("object") => {
            serde_json::from_str(trimmed).map_err(|error| format!("not a table in JSON: {error}"))
        }
        // Words with a closed list of values are written in any case.
        _ if schema.get("enum").is_some() => Ok(trimmed.to_ascii_lowercase().into()),
        _ => Ok(text.into()),
    }
}

/// The text that [`record_of`] reads back as this value.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let plain = |item: &Value| {
                let text = item.as_str()?;
                let safe = !text.contains(';') && text.trim() == text && !text.is_empty();
                safe.then(|| text.to_owned())
            };
            let texts: Option<Vec<String>> = items.iter().map(plain).collect();
            match texts {
                Some(texts) if !texts.first().is_some_and(|first| first.starts_with('[')) => {
                    texts.join(";")
                }
                _ => value.to_string(),
            }
        }
        other => other.to_string(),
    }
}
