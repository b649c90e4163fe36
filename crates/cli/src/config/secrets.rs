//! Resolves `env:` and `file:` references where the schema has a secret, and tells the redactor
//! every secret that is found.

use std::collections::BTreeMap;
use std::path::Path;

use homelab_core::redact::Redactor;
use homelab_core::secret::{Secret, SecretRef};
use serde_json::Value;

use super::check::kind_of;
use super::names::{Variables, without_newline};
use super::problem::Problem;
use super::schema::{Schemas, is_secret, member};
use super::tree::{Origin, Tree};

/// What stands for a secret wherever the configuration is shown.
pub(crate) const MASK: &str = "[redacted]";

/// The references that were resolved, by dotted key: `env:NAME`, `file:/path`, `credential:TARGET`.
pub(crate) type References = BTreeMap<String, String>;

/// What the walk needs besides the tree.
pub(crate) struct Resolver<'a> {
    pub(crate) variables: &'a Variables,
    /// Where relative paths of the file start.
    pub(crate) base: Option<&'a Path>,
    pub(crate) redactor: &'a Redactor,
}

/// Replaces references by what they refer to, in place. A reference of a server that leads
/// nowhere stays as it is and goes to `warnings`: that server answers with what is wrong, and the
/// others are not held up. Anywhere else it goes to `problems`.
pub(crate) fn resolve(
    tree: &mut Tree,
    schemas: &Schemas,
    resolver: &Resolver<'_>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> References {
    let mut walk = Walk {
        resolver,
        references: References::new(),
        problems: Vec::new(),
    };
    let mut root = std::mem::take(tree.root_mut());
    for (key, value) in &mut root {
        match (key.as_str(), value) {
            ("servers", Value::Object(servers)) => {
                let own = std::mem::take(&mut walk.problems);
                for (instance, section) in servers {
                    if let Some(schema) = schemas.kind(kind_of(instance, section)) {
                        walk.value(schema, &format!("servers.{instance}"), section);
                    }
                }
                warnings.append(&mut std::mem::replace(&mut walk.problems, own));
            }
            (key, value) => {
                if let Some(schema) = member(schemas.root(), key) {
                    walk.value(schema, key, value);
                }
            }
        }
    }
    let Walk {
        references,
        problems: found,
        ..
    } = walk;
    *tree.root_mut() = root;
    let placed = |problem: Problem| {
        let origin = tree.origin(&problem.key).cloned();
        problem.at(origin)
    };
    problems.extend(found.into_iter().map(placed));
    for warning in warnings {
        warning.origin = tree.origin(&warning.key).cloned();
    }
    references
}

struct Walk<'a> {
    resolver: &'a Resolver<'a>,
    references: References,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Value, key: &str, value: &mut Value) {
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            let shape = |choice: &&Value| choice.get("properties").is_some() == value.is_object();
            if let Some(choice) = choices.iter().find(shape) {
                self.value(choice, key, value);
            }
            return;
        }
        match value {
            Value::String(text) if is_secret(schema) => {
                if let Some(resolved) = self.secret(key, text) {
                    *value = resolved.into();
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(schema) = member(schema, name) {
                        self.value(schema, &format!("{key}.{name}"), value);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = schema.get("items") else {
                    return;
                };
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(schema, &format!("{key}[{index}]"), item);
                }
            }
            _ => {}
        }
    }

    fn secret(&mut self, key: &str, text: &str) -> Option<String> {
        let reference: SecretRef = text.parse().unwrap_or_else(|never| match never {});
        let resolved = match &reference {
            SecretRef::Plain(secret) => {
                self.resolver.redactor.learn(secret);
                return None;
            }
            SecretRef::Env(name) => match self.resolver.variables.get(name) {
                Some(value) => Ok(value.to_owned()),
                None => Err(format!("`{key}`: the variable `{name}` is not set")),
            },
            SecretRef::File(path) => {
                let path = self.resolver.base.unwrap_or(Path::new("/")).join(path);
                std::fs::read_to_string(&path)
                    .map(|text| without_newline(&text).to_owned())
                    .map_err(|error| format!("`{key}`: cannot read `{}`: {error}", path.display()))
            }
            SecretRef::Credential(_) if may_be_stored(key) => {
                self.references.insert(key.to_owned(), text.to_owned());
                return None;
            }
            SecretRef::Credential(_) => Err(format!(
                "`{key}` cannot be a stored credential: it is needed before they can be read"
            )),
        };
        self.references.insert(key.to_owned(), text.to_owned());
        let refuse = |walk: &mut Self, message: String| {
            let hint = "secrets are written out, or as `env:NAME` or `file:/path`";
            walk.problems.push(Problem::new(key, message).hint(hint));
            None
        };
        match resolved {
            Ok(value) if !matches!(value.parse(), Ok(SecretRef::Plain(_))) => refuse(
                self,
                format!("`{key}`: `{text}` leads to another reference, not to a secret"),
            ),
            Ok(value) => {
                self.resolver.redactor.learn(&Secret::new(value.as_str()));
                Some(value)
            }
            Err(message) => refuse(self, message),
        }
    }
}

/// Whether a setting is only looked up when it is used, when the stored credentials are open.
fn may_be_stored(key: &str) -> bool {
    key.starts_with("servers.") || key.starts_with("ssh.")
}

/// Makes paths of the file absolute: keys that end in `_file`, `_dir` or are `file`, and `file:`
/// references, are relative to the directory of the file they stand in.
pub(crate) fn anchor_paths(tree: &mut Tree, base: &Path) {
    fn walk(origins: &Tree, key: &str, name: &str, value: &mut Value, base: &Path) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    walk(origins, &format!("{key}.{name}"), name, value, base);
                }
            }
            Value::String(text) => {
                let from_file = matches!(origins.origin(key), Some(Origin::File(..)));
                let is_path = name == "file" || name.ends_with("_file") || name.ends_with("_dir");
                if from_file && is_path {
                    *text = base.join(&*text).to_string_lossy().into_owned();
                }
            }
            _ => {}
        }
    }
    let mut root = std::mem::take(tree.root_mut());
    for (name, value) in &mut root {
        walk(tree, name, name, value, base);
    }
    *tree.root_mut() = root;
}
