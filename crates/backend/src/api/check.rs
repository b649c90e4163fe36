//! Arguments against the schema of an operation. What does not fit is named, nothing is sent.

use std::collections::BTreeMap;

use homelab_core::error::{ToolError, ToolResult};
use serde_json::{Map, Number, Value, json};

use super::model::{OR_LIST, Operation, Parameter, Place};
use crate::settings::nearest;

/// Names that are listed where none is alike.
const MOST_NAMED: usize = 20;
/// How a query says that there is no value.
const NULL: &str = "null";

/// Parameters as they are to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Checked {
    pub(crate) query: Map<String, Value>,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) body: Option<Value>,
}

/// Checks the parameters; `path` holds the values of the path's variables.
///
/// # Errors
/// `invalid_argument` with the parameter in `field`; reason `parameter_unknown`,
/// `parameter_missing` or `parameter_invalid`.
pub(crate) fn check(
    operation: &Operation,
    path: &BTreeMap<String, String>,
    params: &Map<String, Value>,
) -> ToolResult<Checked> {
    let mut checked = Checked::default();
    for (name, text) in path {
        let value = Value::from(text.as_str());
        if let Some(parameter) = find(operation, name) {
            fit(&parameter.schema, &value, name, true).map_err(|fault| refused(name, fault))?;
        }
        let given = params.get(name).filter(|given| !given.is_null());
        if given.is_some_and(|given| plain(given) != *text) {
            let message = format!("`{name}` is `{text}` in the path and another value here");
            return Err(ToolError::invalid(field(name), message).reason("parameter_invalid"));
        }
    }
    for (name, value) in params {
        if value.is_null() || path.contains_key(name) {
            continue;
        }
        let Some(parameter) = find(operation, name) else {
            return Err(unknown(name, operation));
        };
        // Text stands for numbers and switches where the upstream reads text anyhow.
        let lenient = parameter.place != Place::Body;
        let value =
            fit(&parameter.schema, value, name, lenient).map_err(|fault| refused(name, fault))?;
        match parameter.place {
            // All of the path's were taken out of the path.
            Place::Path => return Err(unknown(name, operation)),
            Place::Query => drop(checked.query.insert(name.clone(), value)),
            Place::Argument => drop(checked.arguments.insert(name.clone(), value)),
            Place::Body => checked.body = Some(value),
        }
    }
    let missing = operation.parameters.iter().find(|parameter| {
        parameter.required
            && parameter.place != Place::Path
            && params.get(&parameter.name).is_none_or(Value::is_null)
    });
    match missing {
        None => Ok(checked),
        Some(parameter) => {
            let name = &parameter.name;
            let error = ToolError::invalid(field(name), format!("`{name}` is missing"))
                .reason("parameter_missing");
            Err(match described(parameter) {
                Some(text) => error.hint(text),
                None => error,
            })
        }
    }
}

/// The parameter of that name, or the family that it belongs to: `net0` to `net[n]`.
fn find<'a>(operation: &'a Operation, name: &str) -> Option<&'a Parameter> {
    let mut parameters = operation.parameters.iter();
    let exact = parameters.find(|parameter| parameter.name == name);
    let family = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    exact.or_else(|| {
        if family.len() == name.len() {
            return None;
        }
        operation
            .parameters
            .iter()
            .find(|parameter| parameter.name.strip_suffix("[n]") == Some(family))
    })
}

fn field(name: &str) -> String {
    format!("params.{name}")
}

fn described(parameter: &Parameter) -> Option<String> {
    let text = parameter.schema.get("description")?.as_str()?;
    Some(format!("it is: {text}"))
}

fn unknown(name: &str, operation: &Operation) -> ToolError {
    let names = operation
        .parameters
        .iter()
        .map(|parameter| parameter.name.clone());
    let known: Vec<String> = names.collect();
    stranger(field(name), name, &known)
}

fn stranger(field: String, name: &str, known: &[String]) -> ToolError {
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it takes none".to_owned(),
        None => {
            let shown: Vec<String> = known
                .iter()
                .take(MOST_NAMED)
                .map(|known| format!("`{known}`"))
                .collect();
            let rest = known.len().saturating_sub(MOST_NAMED);
            let more = if rest > 0 {
                format!(" and {rest} more: see `search_api` with `operation`")
            } else {
                String::new()
            };
            format!("known are {}{more}", shown.join(", "))
        }
    };
    ToolError::invalid(field, format!("there is no parameter `{name}`"))
        .reason("parameter_unknown")
        .hint(hint)
}

fn refused(name: &str, fault: Fault) -> ToolError {
    match fault {
        Fault::Unknown { at, key, known } => stranger(field(&at), &key, &known),
        Fault::Value { at, what } => {
            let error = ToolError::invalid(field(&at), format!("`{at}` {what}"));
            error.reason("parameter_invalid")
        }
        Fault::Missing { at, key } => {
            let message = format!("`{key}` is missing in `{name}`");
            ToolError::invalid(field(&format!("{at}.{key}")), message).reason("parameter_missing")
        }
    }
}

enum Fault {
    Unknown {
        at: String,
        key: String,
        known: Vec<String>,
    },
    Missing {
        at: String,
        key: String,
    },
    Value {
        at: String,
        what: String,
    },
}

/// The value if it fits the schema; text is turned into what the schema asks for where `lenient`.
fn fit(schema: &Value, value: &Value, at: &str, lenient: bool) -> Result<Value, Fault> {
    let bad = |what: String| Fault::Value {
        at: at.to_owned(),
        what,
    };
    if lenient && value == NULL && is(schema, "nullable") {
        return Ok(value.clone());
    }
    if is(schema, OR_LIST) && value.is_array() {
        let mut one = schema.clone();
        if let Some(one) = one.as_object_mut() {
            one.shift_remove(OR_LIST);
        }
        return list(&json!({ "items": one }), value, at, lenient);
    }
    let value = match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => {
            truth(value, lenient).ok_or_else(|| bad("must be true or false".into()))?
        }
        Some("integer") => {
            whole(value, lenient).ok_or_else(|| bad("must be a whole number".into()))?
        }
        Some("number") => number(value, lenient).ok_or_else(|| bad("must be a number".into()))?,
        Some("string") => text(value, lenient).ok_or_else(|| bad("must be a text".into()))?,
        Some("array") => return list(schema, value, at, lenient),
        Some("object") => return object(schema, value, at, lenient),
        _ => value.clone(),
    };
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.iter().any(|choice| plain(choice) == plain(&value))
    {
        let known: Vec<String> = choices.iter().map(plain).collect();
        let given = plain(&value);
        let near = match nearest(&given, &known) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let shown: Vec<&str> = known.iter().take(MOST_NAMED).map(String::as_str).collect();
        return Err(bad(format!("must be one of {}{near}", shown.join(", "))));
    }
    bounds(schema, &value).map_err(bad)?;
    Ok(value)
}

fn is(schema: &Value, keyword: &str) -> bool {
    schema.get(keyword) == Some(&Value::Bool(true))
}

fn bounds(schema: &Value, value: &Value) -> Result<(), String> {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(number) = value.as_f64() {
        if let Some(least) = limit("minimum").filter(|least| number < *least) {
            return Err(format!("must be at least {least}"));
        }
        if let Some(most) = limit("maximum").filter(|most| number > *most) {
            return Err(format!("must be at most {most}"));
        }
    }
    let length = |name: &str| schema.get(name).and_then(Value::as_u64);
    if let Some(text) = value.as_str() {
        let count = text.chars().count() as u64;
        if let Some(least) = length("minLength").filter(|least| count < *least) {
            return Err(format!("must have at least {least} characters"));
        }
        if let Some(most) = length("maxLength").filter(|most| count > *most) {
            return Err(format!("must have at most {most} characters"));
        }
    }
    Ok(())
}

fn list(schema: &Value, value: &Value, at: &str, lenient: bool) -> Result<Value, Fault> {
    let one;
    let items = match value {
        Value::Array(items) => items,
        // A form says one item and a list of one alike.
        Value::String(_) | Value::Number(_) if lenient => {
            one = vec![value.clone()];
            &one
        }
        _ => {
            return Err(Fault::Value {
                at: at.to_owned(),
                what: "must be a list".to_owned(),
            });
        }
    };
    let none = Value::Null;
    let of = schema.get("items").unwrap_or(&none);
    items
        .iter()
        .enumerate()
        .map(|(index, item)| fit(of, item, &format!("{at}[{index}]"), lenient))
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn object(schema: &Value, value: &Value, at: &str, lenient: bool) -> Result<Value, Fault> {
    let Value::Object(members) = value else {
        return Err(Fault::Value {
            at: at.to_owned(),
            what: "must be an object".to_owned(),
        });
    };
    let properties = schema.get("properties").and_then(Value::as_object);
    let rest = schema.get("additionalProperties");
    let mut fitted = Map::new();
    for (key, member) in members {
        let below = format!("{at}.{key}");
        let of = match (properties.and_then(|known| known.get(key)), rest) {
            (Some(of), _) | (None, Some(of @ Value::Object(_))) => Some(of),
            (None, Some(Value::Bool(true))) => None,
            (None, _) => match properties {
                Some(known) if !known.is_empty() => {
                    return Err(Fault::Unknown {
                        at: below,
                        key: key.clone(),
                        known: known.keys().cloned().collect(),
                    });
                }
                _ => None,
            },
        };
        let member = match of {
            Some(of) if !member.is_null() => fit(of, member, &below, lenient)?,
            _ => member.clone(),
        };
        fitted.insert(key.clone(), member);
    }
    let required = schema.get("required").and_then(Value::as_array);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !fitted.contains_key(key) {
            return Err(Fault::Missing {
                at: at.to_owned(),
                key: key.to_owned(),
            });
        }
    }
    Ok(Value::Object(fitted))
}

fn truth(value: &Value, lenient: bool) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        _ if !lenient => None,
        value => match plain(value).as_str() {
            "1" | "true" | "yes" | "on" => Some(true.into()),
            "0" | "false" | "no" | "off" => Some(false.into()),
            _ => None,
        },
    }
}

fn whole(value: &Value, lenient: bool) -> Option<Value> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(value.clone()),
        Value::String(text) if lenient => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

fn number(value: &Value, lenient: bool) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) if lenient => {
            let number = text.trim().parse::<f64>().ok().and_then(Number::from_f64)?;
            Some(Value::Number(number))
        }
        _ => None,
    }
}

fn text(value: &Value, lenient: bool) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Number(_) | Value::Bool(_) if lenient => Some(plain(value).into()),
        _ => None,
    }
}

/// A value as a form or a query has it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
