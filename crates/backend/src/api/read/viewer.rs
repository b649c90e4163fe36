//! The data of Proxmox's API viewer: a script that begins with one large JSON list, followed by the
//! viewer itself. Proxmox VE serves it as `/pve-docs/api-viewer/apidoc.js`, Proxmox Backup Server as
//! `/docs/api-viewer/apidoc.js`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::api::model::{
    LONGEST_DESCRIPTION, Operation, Parameter, Place, Verb, clipped, one_line,
};
use crate::api::path;

/// Deepest nesting of paths.
const DEEPEST: usize = 32;

/// One path. Its operations stay text until they are looked at.
#[derive(Deserialize)]
struct Node<'a> {
    #[serde(default)]
    path: String,
    #[serde(borrow, default)]
    info: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    children: Vec<Node<'a>>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    properties: Map<String, Value>,
}

/// The list in such a script; `None` if it is none.
pub(super) fn tree(text: &str) -> Option<&str> {
    let (before, _) = text.split_once('[')?;
    let assigned = before.trim_end().ends_with('=');
    let is_script = ["var ", "const ", "let "]
        .iter()
        .any(|word| before.contains(word));
    let is_bare = before.trim().is_empty();
    (assigned && is_script || is_bare).then(|| text.get(before.len()..).unwrap_or_default())
}

/// Reads the list; what follows it is not looked at.
pub(super) fn read(text: &str, take: &mut dyn FnMut(Operation)) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_str(text).into_iter::<Vec<Node<'_>>>();
    let nodes = match reader.next() {
        Some(Ok(nodes)) => nodes,
        Some(Err(error)) => return Err(format!("its list of paths cannot be read: {error}")),
        None => return Err("it is empty".to_owned()),
    };
    walk(&nodes, 0, take)
}

fn walk(nodes: &[Node<'_>], depth: usize, take: &mut dyn FnMut(Operation)) -> Result<(), String> {
    if depth > DEEPEST {
        return Err("its paths are too deeply nested".to_owned());
    }
    for node in nodes {
        // The backup protocol's own paths are not called over plain HTTP.
        if !node.path.contains("_upgrade_") {
            for (method, info) in &node.info {
                let Some(method) = Verb::parse(method) else {
                    continue;
                };
                let info: Info = serde_json::from_str(info.get())
                    .map_err(|error| format!("`{method} {}`: {error}", node.path))?;
                take(operation(method, &node.path, info));
            }
        }
        walk(&node.children, depth + 1, take)?;
    }
    Ok(())
}

fn operation(method: Verb, path: &str, info: Info) -> Operation {
    let in_path = |name: &str| path::segments(path).any(|part| path::named(part) == Some(name));
    let parameters = info.parameters.properties.into_iter().map(|(name, of)| {
        let place = if in_path(&name) {
            Place::Path
        } else {
            Place::Argument
        };
        Parameter {
            required: place == Place::Path || !is_set(of.get("optional")),
            schema: schema(&of),
            name,
            place,
        }
    });
    Operation {
        method,
        path: path.to_owned(),
        summary: one_line(&info.description),
        parameters: parameters.collect(),
        answer: Vec::new(),
    }
}

/// The keywords that a caller needs. Numbers and switches may be written as text.
fn schema(of: &Value) -> Value {
    let mut schema = Map::new();
    if let Some(kind) = of.get("type").and_then(Value::as_str) {
        schema.insert("type".into(), kind.into());
    }
    if let Some(choices) = of.get("enum").filter(|choices| choices.is_array()) {
        schema.insert("enum".into(), choices.clone());
    }
    for keyword in ["minimum", "maximum", "minLength", "maxLength"] {
        if let Some(number) = of.get(keyword).and_then(number) {
            schema.insert(keyword.into(), number);
        }
    }
    for keyword in ["default", "pattern"] {
        if let Some(value) = of.get(keyword).filter(|value| !value.is_array()) {
            schema.insert(keyword.into(), value.clone());
        }
    }
    let description = of.get("description").and_then(Value::as_str);
    if let Some(text) = description {
        let text = clipped(text, LONGEST_DESCRIPTION);
        schema.insert("description".into(), text.into());
    }
    // How text with parts of its own is written, such as `[model=]<enum>[,bridge=<bridge>]`.
    let written = of.get("typetext").and_then(Value::as_str);
    if let Some(text) = written.filter(|text| !text.starts_with('<')) {
        let text = clipped(text, LONGEST_DESCRIPTION);
        schema.insert("syntax".into(), text.into());
    }
    if let Some(items) = of.get("items").filter(|items| items.is_object()) {
        let kind = items.get("type").and_then(Value::as_str);
        schema.insert(
            "items".into(),
            kind.map_or(json!({}), |kind| json!({ "type": kind })),
        );
    }
    Value::Object(schema)
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => match text.parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) => text.parse::<f64>().ok().map(Value::from),
        },
        _ => None,
    }
}

fn is_set(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::Number(number)) => number.as_i64() != Some(0),
        Some(Value::String(text)) => text != "0" && !text.is_empty(),
        _ => false,
    }
}
