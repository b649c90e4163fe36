//! What a change of a file changes, field by field.

use homelab_core::tool::{Change, Target};
use serde_json::Value;

use super::list::MARK;
use crate::fields::without_secrets;
use crate::managed::Object;

/// Fields that are shown.
const MOST: usize = 60;
/// Characters kept of a value.
const LONGEST: usize = 200;

/// The fields that differ, without secrets: the paths are those of the file.
pub(crate) fn between(from: Option<&Value>, to: Option<&Value>) -> Vec<Change> {
    let (from, to) = (leaves_of(from), leaves_of(to));
    let find = |all: &[(String, String)], path: &str| {
        let found = all.iter().find(|(known, _)| known == path);
        found.map(|(_, value)| value.clone())
    };
    let mut paths: Vec<&String> = from.iter().chain(&to).map(|(path, _)| path).collect();
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.as_str()));
    paths
        .into_iter()
        .map(|path| Change {
            field: path.clone(),
            from: find(&from, path),
            to: find(&to, path),
        })
        .filter(|change| change.from != change.to)
        .take(MOST)
        .collect()
}

fn leaves_of(document: Option<&Value>) -> Vec<(String, String)> {
    let mut all = Vec::new();
    if let Some(document) = document {
        leaves(&without_secrets("Root", document, MARK), "", &mut all);
    }
    all
}

fn leaves(value: &Value, path: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let below = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(member, &below, all);
            }
        }
        other => {
            let text = match other {
                Value::String(text) => text.clone(),
                Value::Array(items) if items.iter().all(Value::is_string) => {
                    let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    items.join(", ")
                }
                other => other.to_string(),
            };
            all.push((path.to_owned(), text.chars().take(LONGEST).collect()));
        }
    }
}

/// The object of one of our files, for rules about protected objects.
pub(crate) fn target(object: &Object) -> Target {
    Target {
        kind: object.kind.as_str().to_owned(),
        id: object.name.qualified(),
        name: Some(object.name.to_string()),
        tags: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_shown_and_no_secret() {
        let from = json!({ "http": { "middlewares": { "a": { "basicAuth": { "users": ["x:1"], "realm": "lab" } } } } });
        let to = json!({ "http": { "middlewares": { "a": { "basicAuth": { "users": ["y:tell-nobody"], "realm": "lab" } } } } });

        let changes = between(Some(&from), Some(&to));

        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].field, "http.middlewares.a.basicAuth.users");
        assert_eq!(changes[0].from.as_deref(), Some("x:[redacted]"));
        assert_eq!(changes[0].to.as_deref(), Some("y:[redacted]"));
        assert_eq!(between(Some(&to), None)[0].to, None);
    }
}
