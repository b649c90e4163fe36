//! OpenAPI 3 and Swagger 2.0. A document's parts stay text until an operation names them, so that
//! one of many megabytes needs little more memory than its text.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::model::{
    LONGEST_DESCRIPTION, OR_LIST, Operation, Parameter, Place, Verb, clipped, one_line,
};

/// Deepest schema that is kept; below it, anything goes.
const DEEPEST: usize = 6;
/// Most schemas in one operation; beyond it, anything goes.
const MOST_PARTS: usize = 600;
/// Largest YAML document, bytes: it has to be read as a whole.
const MOST_YAML: usize = 8 * 1024 * 1024;

type Parts<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    paths: Parts<'a>,
    #[serde(borrow, default)]
    components: BTreeMap<String, &'a RawValue>,
    /// Swagger 2.0.
    #[serde(borrow, default)]
    definitions: Parts<'a>,
    #[serde(borrow, default)]
    parameters: Parts<'a>,
}

/// The parts that may be referred to, by `section/name`.
struct Book<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Book<'a> {
    fn of(document: &Document<'a>) -> Self {
        let mut parts = BTreeMap::new();
        let mut add = |section: &str, named: &Parts<'a>| {
            for (name, part) in named {
                parts.insert(format!("{section}/{name}"), *part);
            }
        };
        add("#/definitions", &document.definitions);
        add("#/parameters", &document.parameters);
        for (section, named) in &document.components {
            if let Ok(named) = serde_json::from_str::<Parts<'a>>(named.get()) {
                add(&format!("#/components/{section}"), &named);
            }
        }
        Self(parts)
    }

    /// A part, or what it refers to.
    fn resolved(&self, value: &Value) -> Option<Value> {
        let mut found = None::<Value>;
        // A reference may lead to another one; some documents lead in a circle.
        for _ in 0..4 {
            let now = found.as_ref().unwrap_or(value);
            let Some(target) = now.get("$ref").and_then(Value::as_str) else {
                return Some(found.unwrap_or_else(|| value.clone()));
            };
            let text = self.0.get(&target.replace("~1", "/").replace("~0", "~"))?;
            found = serde_json::from_str(text.get()).ok();
            found.as_ref()?;
        }
        None
    }
}

/// A YAML document as JSON.
pub(super) fn json_of_yaml(text: &str) -> Result<String, String> {
    value_of_yaml(text).map(|value| value.to_string())
}

/// A YAML document.
pub(super) fn value_of_yaml(text: &str) -> Result<Value, String> {
    if text.len() > MOST_YAML {
        return Err(format!(
            "as YAML, it is larger than {MOST_YAML} bytes: convert it to JSON"
        ));
    }
    let value: Value =
        serde_saphyr::from_str(text).map_err(|_| "it is neither JSON nor YAML".to_owned())?;
    if !value.is_object() {
        return Err("it is no description of an API".to_owned());
    }
    Ok(value)
}

/// Reads a document.
pub(super) fn read(text: &str, take: &mut dyn FnMut(Operation)) -> Result<(), String> {
    let document: Document<'_> =
        serde_json::from_str(text).map_err(|error| format!("it cannot be read: {error}"))?;
    let book = Book::of(&document);
    for (path, item) in &document.paths {
        let bad = |error: serde_json::Error| format!("`{path}`: {error}");
        let item: Map<String, Value> = serde_json::from_str(item.get()).map_err(bad)?;
        let shared = item.get("parameters").and_then(Value::as_array);
        for (method, of) in &item {
            if let Some(method) = Verb::parse(method) {
                take(operation(&book, method, path, of, shared));
            }
        }
    }
    Ok(())
}

fn operation(
    book: &Book<'_>,
    method: Verb,
    path: &str,
    of: &Value,
    shared: Option<&Vec<Value>>,
) -> Operation {
    let mut reader = Reader { book, parts: 0 };
    let own = of.get("parameters").and_then(Value::as_array);
    let mut parameters: Vec<Parameter> = Vec::new();
    // An operation's own parameter takes the place of its path's.
    for raw in shared
        .into_iter()
        .flatten()
        .chain(own.into_iter().flatten())
    {
        if let Some(parameter) = reader.parameter(raw) {
            parameters.retain(|one| one.name != parameter.name || one.place != parameter.place);
            parameters.push(parameter);
        }
    }
    parameters.extend(of.get("requestBody").and_then(|body| reader.body(body)));
    let answers = of.get("responses").filter(|_| method == Verb::Get);
    let answer = answers.and_then(|answers| reader.answer(answers));
    let text = |name: &str| of.get(name).and_then(Value::as_str).unwrap_or_default();
    let texts = [text("summary"), text("description")];
    let summary = texts.into_iter().find(|text| !text.is_empty());
    let summary = match summary {
        Some(summary) => one_line(summary),
        // Some documents have names alone, such as `dcim_devices_list`.
        None => one_line(&text("operationId").replace('_', " ")),
    };
    Operation {
        method,
        path: path.to_owned(),
        summary,
        parameters,
        answer: answer.unwrap_or_default(),
    }
}

struct Reader<'a> {
    book: &'a Book<'a>,
    parts: usize,
}

impl Reader<'_> {
    fn parameter(&mut self, raw: &Value) -> Option<Parameter> {
        let raw = self.book.resolved(raw)?;
        let place = match raw.get("in")?.as_str()? {
            "path" => Place::Path,
            "query" => Place::Query,
            "body" => Place::Body,
            // Headers hold credentials and conditions, which a client of ours sets itself.
            _ => return None,
        };
        // Swagger 2.0 has the keywords of simple parameters beside their names.
        let mut schema = match raw.get("schema") {
            Some(schema) => self.schema(schema, 0),
            None => self.schema(&raw, 0),
        };
        describe(&mut schema, raw.get("description"));
        let name = match place {
            // Its name is of no use to a caller, and differs from document to document.
            Place::Body => "body",
            _ => raw.get("name")?.as_str()?,
        };
        Some(Parameter {
            name: name.to_owned(),
            place,
            required: place == Place::Path || raw.get("required") == Some(&Value::Bool(true)),
            schema: schema.into(),
        })
    }

    fn body(&mut self, raw: &Value) -> Option<Parameter> {
        let raw = self.book.resolved(raw)?;
        let content = raw.get("content")?.as_object()?;
        // What is not JSON (an upload) cannot be sent this way.
        let (_, json) = content.iter().find(|(kind, _)| kind.contains("json"))?;
        let mut schema = json.get("schema").map_or_else(Map::new, |schema| {
            let Some(one) = of_one_or_many(schema) else {
                return self.schema(schema, 0);
            };
            let mut schema = self.schema(one, 0);
            schema.insert(OR_LIST.into(), true.into());
            schema
        });
        describe(&mut schema, raw.get("description"));
        Some(Parameter {
            name: "body".to_owned(),
            place: Place::Body,
            required: raw.get("required") == Some(&Value::Bool(true)),
            schema: schema.into(),
        })
    }

    /// The names of the members of what a success answers, or of its rows.
    fn answer(&self, answers: &Value) -> Option<Vec<String>> {
        let answers = answers.as_object()?;
        let success = answers.iter().find(|(status, _)| status.starts_with('2'));
        let answer = self.book.resolved(success?.1)?;
        let schema = match answer.get("content") {
            Some(content) => {
                let mut kinds = content.as_object()?.iter();
                kinds
                    .find(|(kind, _)| kind.contains("json"))?
                    .1
                    .get("schema")?
            }
            // Swagger 2.0.
            None => answer.get("schema")?,
        };
        let schema = self.book.resolved(schema)?;
        // A page of rows has them beside how many there are.
        let rows = schema.pointer("/properties/results").unwrap_or(&schema);
        let of = match rows.get("items") {
            Some(items) => self.book.resolved(items)?,
            None => schema,
        };
        let parts = of.get("allOf").and_then(Value::as_array);
        let parts = parts.into_iter().flatten();
        let parts: Vec<Value> = parts.filter_map(|part| self.book.resolved(part)).collect();
        let members = std::iter::once(&of).chain(&parts);
        let members = members.filter_map(|part| part.get("properties")?.as_object());
        let names: BTreeSet<&String> = members.flat_map(Map::keys).collect();
        Some(names.into_iter().cloned().collect())
    }

    /// The keywords that a caller needs, with references written out.
    fn schema(&mut self, raw: &Value, depth: usize) -> Map<String, Value> {
        self.parts += 1;
        let mut schema = Map::new();
        if depth > DEEPEST || self.parts > MOST_PARTS {
            return schema;
        }
        let Some(raw) = self.book.resolved(raw) else {
            return schema;
        };
        match raw.get("type") {
            Some(Value::String(kind)) if kind != "file" => {
                schema.insert("type".into(), kind.as_str().into());
            }
            // Version 3.1: `["string", "null"]`.
            Some(Value::Array(kinds)) => {
                let mut kinds = kinds.iter().filter(|kind| *kind != "null");
                if let (Some(only), None) = (kinds.next(), kinds.next()) {
                    schema.insert("type".into(), only.clone());
                }
            }
            _ => {}
        }
        for keyword in [
            "enum",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "pattern",
            "default",
            "nullable",
        ] {
            if let Some(value) = raw.get(keyword) {
                schema.insert(keyword.into(), value.clone());
            }
        }
        describe(&mut schema, raw.get("description"));
        if let Some(items) = raw.get("items") {
            schema.insert("items".into(), self.schema(items, depth + 1).into());
        }
        let mut object = Object::default();
        self.members(&raw, depth, &mut object);
        let parts = raw.get("allOf").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            if let Some(part) = self.book.resolved(part) {
                self.members(&part, depth, &mut object);
            }
        }
        if !object.properties.is_empty() {
            schema.insert("type".into(), "object".into());
            schema.insert("properties".into(), object.properties.into());
            // Deeper down, many documents list what answers always have.
            if depth == 0 && !object.required.is_empty() {
                schema.insert("required".into(), object.required.into());
            }
            // One of several forms has members that are not looked at here.
            if object.is_open || raw.get("oneOf").is_some() || raw.get("anyOf").is_some() {
                schema.insert("additionalProperties".into(), true.into());
            }
        } else if let Some(rest @ Value::Object(_)) = raw.get("additionalProperties") {
            let rest = self.schema(rest, depth + 1);
            schema.insert("additionalProperties".into(), rest.into());
        }
        schema
    }

    fn members(&mut self, raw: &Value, depth: usize, object: &mut Object) {
        let required = raw.get("required").and_then(Value::as_array);
        let properties = raw.get("properties").and_then(Value::as_object);
        for (name, of) in properties.into_iter().flatten() {
            // What only answers have must not be sent.
            if of.get("readOnly") != Some(&Value::Bool(true)) {
                let of = self.schema(of, depth + 1);
                object.properties.insert(name.clone(), of.into());
            }
        }
        for name in required.into_iter().flatten() {
            let known = name
                .as_str()
                .is_some_and(|name| object.properties.contains_key(name));
            if known && !object.required.contains(name) {
                object.required.push(name.clone());
            }
        }
        let rest = raw.get("additionalProperties");
        object.is_open |= rest.is_some_and(|rest| *rest != Value::Bool(false));
    }
}

/// The form of one object, where a body may be one or a list of such.
fn of_one_or_many(schema: &Value) -> Option<&Value> {
    let [one, many] = schema.get("oneOf")?.as_array()?.as_slice() else {
        return None;
    };
    let is_list = many.get("type").is_some_and(|kind| kind == "array");
    (is_list && many.get("items") == Some(one)).then_some(one)
}

#[derive(Default)]
struct Object {
    properties: Map<String, Value>,
    required: Vec<Value>,
    is_open: bool,
}

/// Adds a description unless there is one.
fn describe(schema: &mut Map<String, Value>, text: Option<&Value>) {
    let Some(text) = text.and_then(Value::as_str).map(str::trim) else {
        return;
    };
    if !text.is_empty() {
        let text = clipped(text, LONGEST_DESCRIPTION);
        schema.entry("description").or_insert_with(|| text.into());
    }
}
