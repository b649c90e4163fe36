//! A description in several files that refer to each other, as one document.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};

use super::MOST_BYTES;
use super::openapi::value_of_yaml;

/// Most files of one description.
const MOST_FILES: usize = 64;
/// Deepest nesting that is looked at.
const DEEPEST: usize = 64;
/// References that lead on to another one.
const MOST_STEPS: usize = 4;

/// What a caller does not need, and what large documents are made of.
const SKIPPED: [&str; 4] = ["responses", "example", "examples", "callbacks"];

/// The files of a description, which are added until none is [`Bundle::missing`].
pub struct Bundle {
    main: String,
    files: BTreeMap<String, Value>,
    bytes: usize,
}

impl Bundle {
    /// Begins with the file of the paths. `name` is how others refer to it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn new(name: &str, text: &[u8]) -> Result<Self, String> {
        let mut bundle = Self {
            main: name.to_owned(),
            files: BTreeMap::new(),
            bytes: 0,
        };
        bundle.add(name, text)?;
        Ok(bundle)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn add(&mut self, name: &str, text: &[u8]) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MOST_BYTES || self.files.len() >= MOST_FILES {
            return Err("its files are too many or too large".to_owned());
        }
        let text = std::str::from_utf8(text).map_err(|_| format!("`{name}` is not UTF-8"))?;
        let value = value_of_yaml(text).map_err(|what| format!("`{name}`: {what}"))?;
        self.files.insert(name.to_owned(), value);
        Ok(())
    }

    /// Files that others refer to and that were not added: plain names beside the first.
    ///
    /// # Errors
    /// If one of them is no plain name.
    pub fn missing(&self) -> Result<Vec<String>, String> {
        let mut names = BTreeSet::new();
        for value in self.files.values() {
            files_of(value, 0, &mut names);
        }
        names.retain(|name| !self.files.contains_key(name));
        match names.iter().find(|name| !is_plain(name)) {
            Some(name) => Err(format!("it refers to `{name}`, which is no file beside it")),
            None => Ok(names.into_iter().collect()),
        }
    }

    /// One document of everything that its paths refer to.
    pub fn document(&self) -> Vec<u8> {
        let mut parts = Parts::default();
        let mut paths = Map::new();
        let all = self
            .files
            .get(&self.main)
            .and_then(|main| main.get("paths"));
        for (path, item) in all.and_then(Value::as_object).into_iter().flatten() {
            if let Some((file, item)) = self.found(&self.main, item) {
                paths.insert(path.clone(), parts.rewritten(&file, item, 0));
            }
        }
        let mut section = Map::new();
        while let Some((file, pointer, name)) = parts.waiting.pop() {
            let part = self
                .files
                .get(&file)
                .and_then(|file| file.pointer(&pointer));
            if let Some(part) = part {
                let part = parts.rewritten(&file, part, 0);
                section.insert(name, part);
            }
        }
        json!({ "openapi": "3.0.0", "paths": paths, "components": { "parts": section } })
            .to_string()
            .into_bytes()
    }

    /// A value, or what it refers to, with the file that it stands in.
    fn found<'a>(&'a self, file: &str, value: &'a Value) -> Option<(String, &'a Value)> {
        let (mut file, mut value) = (file.to_owned(), value);
        for _ in 0..MOST_STEPS {
            let Some(reference) = reference_of(value) else {
                return Some((file, value));
            };
            let (of, pointer) = target(&file, reference);
            value = self.files.get(&of)?.pointer(&pointer)?;
            file = of;
        }
        None
    }
}

/// The file and the place in it that a reference names.
fn target(file: &str, reference: &str) -> (String, String) {
    let (of, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    let of = match of.trim_start_matches("./") {
        "" => file,
        of => of,
    };
    (of.to_owned(), pointer.to_owned())
}

#[derive(Default)]
struct Parts {
    /// By file and place.
    names: HashMap<(String, String), String>,
    waiting: Vec<(String, String, String)>,
}

impl Parts {
    /// The value with references that lead to the document's own parts.
    fn rewritten(&mut self, file: &str, value: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        if let Some(reference) = reference_of(value) {
            let key = target(file, reference);
            let next = format!("p{}", self.names.len());
            let name = self.names.entry(key.clone()).or_insert_with(|| {
                self.waiting.push((key.0, key.1, next.clone()));
                next
            });
            return json!({ "$ref": format!("#/components/parts/{name}") });
        }
        match value {
            Value::Object(members) => members
                .iter()
                .filter(|(name, _)| !SKIPPED.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), self.rewritten(file, value, depth + 1)))
                .collect(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.rewritten(file, item, depth + 1))
                .collect(),
            other => other.clone(),
        }
    }
}

fn reference_of(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str)
}

fn files_of(value: &Value, depth: usize, names: &mut BTreeSet<String>) {
    if depth > DEEPEST {
        return;
    }
    if let Some(reference) = reference_of(value) {
        let file = reference.split('#').next().unwrap_or_default();
        let file = file.trim_start_matches("./");
        if !file.is_empty() {
            names.insert(file.to_owned());
        }
        return;
    }
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !SKIPPED.contains(&name.as_str()))
            .for_each(|(_, value)| files_of(value, depth + 1, names)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| files_of(item, depth + 1, names)),
        _ => {}
    }
}

/// A file's name without a path.
fn is_plain(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    !name.starts_with('.') && name.len() <= 80 && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::Operation;

    const MAIN: &str =
        "openapi: 3.0.2\npaths:\n  /lists/{list}:\n    $ref: 'lists.yaml#/components/paths/list'\n";
    const LISTS: &str = "components:
  paths:
    list:
      parameters:
        - $ref: '#/components/parameters/list'
      put:
        summary: Set a list
        requestBody:
          content:
            application/json:
              schema: { $ref: 'common.yaml#/components/schemas/item' }
        responses:
          '400': { $ref: 'errors.yaml#/components/errors/bad' }
  parameters:
    list: { in: path, name: list, required: true, schema: { type: string } }
";
    const COMMON: &str = "components:
  schemas:
    item:
      type: object
      properties:
        comment: { type: string }
        inner: { $ref: '#/components/schemas/item' }
";

    fn operations(document: &[u8]) -> Vec<Operation> {
        let mut found = Vec::new();
        let text = std::str::from_utf8(document).unwrap();
        super::super::read(text, &mut |operation| found.push(operation)).unwrap();
        found
    }

    #[test]
    fn files_are_asked_for_until_all_are_there_and_become_one_document() {
        let mut bundle = Bundle::new("main.yaml", MAIN.as_bytes()).unwrap();
        assert_eq!(bundle.missing().unwrap(), ["lists.yaml"]);
        bundle.add("lists.yaml", LISTS.as_bytes()).unwrap();
        // Those of answers alone are not needed.
        assert_eq!(bundle.missing().unwrap(), ["common.yaml"]);
        bundle.add("common.yaml", COMMON.as_bytes()).unwrap();
        assert_eq!(bundle.missing().unwrap(), [""; 0]);

        let found = operations(&bundle.document());

        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "/lists/{list}");
        let names: Vec<&str> = found[0]
            .parameters
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["list", "body"]);
        let body = &found[0].parameters[1].schema["properties"];
        assert_eq!(body["comment"]["type"], "string");
        assert_eq!(body["inner"]["properties"]["comment"]["type"], "string");
    }

    #[test]
    fn a_file_elsewhere_is_not_asked_for() {
        for file in ["../auth.yaml", "https://other.example/x.yaml", "a/b.yaml"] {
            let main = format!("paths:\n  /a:\n    $ref: '{file}#/components/paths/a'\n");
            let bundle = Bundle::new("main.yaml", main.as_bytes()).unwrap();

            assert!(bundle.missing().is_err(), "{file}");
        }
    }

    #[test]
    fn references_that_go_in_a_circle_end() {
        let main = "paths:\n  /a: { $ref: '#/paths/~1a' }\n  /b: { get: { summary: b } }\n";
        let bundle = Bundle::new("main.yaml", main.as_bytes()).unwrap();

        assert_eq!(operations(&bundle.document()).len(), 1);
    }
}
