//! Sections of the configuration: their schema, and reading one with errors that name the key.

use homelab_core::error::{Code, ToolError};
use homelab_core::json;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// JSON Schema of a section, everything inlined, with descriptions and defaults.
pub fn schema<C: JsonSchema>() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    match settings
        .into_generator()
        .into_root_schema_for::<C>()
        .to_value()
    {
        Value::Object(schema) => schema,
        // `true` or `false`: a type without any structure.
        _ => Map::new(),
    }
}

/// Reads a section; `null` is an empty one.
///
/// # Errors
/// `not_configured` with the dotted key at fault in `field`: reason `setting_unknown` (the hint
/// names the nearest known key), `setting_missing` or `setting_invalid`. Values are not repeated
/// unless a type's own message does so, because a section holds secrets.
pub fn parse<C: DeserializeOwned + JsonSchema>(config: Value) -> Result<C, ToolError> {
    let config = match config {
        Value::Null => Value::Object(Map::new()),
        config => config,
    };
    if let Some(unknown) = unknown_key(&Value::Object(schema::<C>()), &config) {
        return Err(unknown.into());
    }
    json::from_value(config).map_err(|error| invalid(error.path(), &error.problem()))
}

/// The same error as `not_configured`, since the caller cannot mend it by other arguments.
pub(crate) fn not_configured(error: &ToolError) -> ToolError {
    let mut envelope = error.envelope().clone();
    envelope.code = Code::NotConfigured;
    envelope.retryable = false;
    envelope.reason.get_or_insert("setting_invalid".into());
    envelope.into()
}

/// A key that the schema does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its dotted path.
    pub path: String,
    /// The key itself.
    pub key: String,
    /// The known key that is spelled most alike.
    pub nearest: Option<String>,
    /// All known keys at its place.
    pub known: Vec<String>,
}

impl From<UnknownKey> for ToolError {
    fn from(unknown: UnknownKey) -> Self {
        let hint = match &unknown.nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None if unknown.known.is_empty() => "this section has no settings".to_owned(),
            None => format!("known settings are {}", quoted(&unknown.known)),
        };
        Self::new(
            Code::NotConfigured,
            format!("there is no setting `{}`", unknown.path),
        )
        .reason("setting_unknown")
        .field(unknown.path)
        .hint(hint)
    }
}

/// The first key of `value` that `schema` does not allow, at any depth. Only objects with
/// `additionalProperties: false` are strict.
pub fn unknown_key(schema: &Value, value: &Value) -> Option<UnknownKey> {
    walk(schema, value, "")
}

fn walk(schema: &Value, value: &Value, path: &str) -> Option<UnknownKey> {
    if let Some(variants) = alternatives(schema) {
        let structured = |one: &&Value| one.get("properties").is_some() == value.is_object();
        return match variants.iter().filter(structured).collect::<Vec<_>>()[..] {
            [only] => walk(only, value, path),
            _ => None,
        };
    }
    match value {
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let properties = schema.get("properties").and_then(Value::as_object);
            if let Some(known) = properties.and_then(|properties| properties.get(key)) {
                return walk(known, member, &below);
            }
            match schema.get("additionalProperties") {
                Some(Value::Bool(false)) => {
                    let known: Vec<String> = properties
                        .map(|properties| properties.keys().cloned().collect())
                        .unwrap_or_default();
                    Some(UnknownKey {
                        path: below,
                        key: key.clone(),
                        nearest: nearest(key, &known),
                        known,
                    })
                }
                Some(entry @ Value::Object(_)) => walk(entry, member, &below),
                _ => None,
            }
        }),
        Value::Array(items) => {
            let entry = schema.get("items")?;
            items
                .iter()
                .enumerate()
                .find_map(|(index, item)| walk(entry, item, &format!("{path}[{index}]")))
        }
        _ => None,
    }
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["anyOf", "oneOf"]
        .iter()
        .find_map(|keyword| schema.get(keyword)?.as_array())
}

/// The known key most like `key`, if one is alike at all: same letters but for a third of them.
pub fn nearest(key: &str, known: &[String]) -> Option<String> {
    let folded = key.to_ascii_lowercase().replace('-', "_");
    known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= candidate.len().max(3) / 3 || candidate.starts_with(&folded)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.clone())
}

fn invalid(path: &str, text: &str) -> ToolError {
    let missing = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    if let Some(name) = missing {
        let key = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        return ToolError::new(
            Code::NotConfigured,
            format!("the setting `{key}` is missing"),
        )
        .reason("setting_missing")
        .hint(format!("set `{key}`"))
        .field(key);
    }
    let what = match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {}", in_words(expected)),
        None => text.to_owned(),
    };
    ToolError::new(
        Code::NotConfigured,
        format!("the setting `{path}` cannot be used: {what}"),
    )
    .reason("setting_invalid")
    .field(path)
}

/// serde names Rust's types; a reader of a configuration file thinks in TOML's.
fn in_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        name if name.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
