//! Checks a tree against the schemas: unknown keys, wrong types, values out of bounds. Says what
//! is accepted, and never repeats a value that may be a secret.

use serde_json::Value;

use super::problem::Problem;
use super::schema::{Schemas, is_secret, member, plain, properties, type_name};
use super::tree::Tree;

/// Everything that is wrong with the tree.
pub(crate) fn check(schemas: &Schemas, tree: &Tree) -> Vec<Problem> {
    let mut check = Check {
        tree,
        problems: Vec::new(),
    };
    for (key, value) in tree.root() {
        match (key.as_str(), value) {
            ("servers", Value::Object(servers)) => {
                for (instance, section) in servers {
                    check.server(schemas, instance, section);
                }
            }
            (key, value) => check.member(schemas.root(), "", key, value),
        }
    }
    // The parser sorts keys; a reader goes through the file from its top.
    check.problems.sort_by_key(Problem::line);
    check.problems
}

/// The kind of an instance: what its table says, else its name.
pub(crate) fn kind_of<'a>(instance: &'a str, section: &'a Value) -> &'a str {
    section
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or(instance)
}

/// The name most like `wrong`, unless none is alike at all.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = wrong.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&folded, &name.to_ascii_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3 || name.starts_with(&folded))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

struct Check<'a> {
    tree: &'a Tree,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(&mut self, key: &str, message: String, hint: Option<String>) {
        let mut problem = Problem::new(key, message).at(self.tree.origin(key).cloned());
        problem.hint = hint;
        self.problems.push(problem);
    }

    fn server(&mut self, schemas: &Schemas, instance: &str, section: &Value) {
        let key = format!("servers.{instance}");
        if !is_instance_name(instance) {
            let text = format!("`{instance}` cannot be the name of a server");
            let hint = "use up to 32 of a-z, 0-9, `-` and `_`, starting with a letter";
            return self.problem(&key, text, Some(hint.to_owned()));
        }
        let kind = kind_of(instance, section);
        let Some(schema) = schemas.kind(kind) else {
            let known: Vec<&str> = schemas.kinds().map(|(name, _)| name).collect();
            let text = format!("`{key}`: there is no kind of server `{kind}`");
            let hint = match nearest(kind, known.iter().copied()) {
                Some(near) if kind == instance => {
                    format!("did you mean `[servers.{near}]`? another name needs `kind`")
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("`kind` is one of {}", quoted(&known)),
            };
            return self.problem(&key, text, Some(hint));
        };
        self.value(schema, &key, section);
    }

    fn member(&mut self, schema: &Value, parent: &str, key: &str, value: &Value) {
        let dotted = if parent.is_empty() {
            key.to_owned()
        } else {
            format!("{parent}.{key}")
        };
        match member(schema, key) {
            Some(schema) => self.value(schema, &dotted, value),
            None if schema["additionalProperties"] == false => {
                let known: Vec<&str> = properties(schema).map(|(name, _)| name.as_str()).collect();
                let hint = match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if parent.is_empty() => format!("sections are {}", quoted(&known)),
                    None => format!("`{parent}` takes {}", quoted(&known)),
                };
                self.problem(&dotted, format!("unknown key `{dotted}`"), Some(hint));
            }
            None => {}
        }
    }

    fn value(&mut self, schema: &Value, key: &str, value: &Value) {
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            let fitting = choices.iter().find(|choice| fits(choice, value));
            if let Some(choice) = fitting {
                return self.value(choice, key, value);
            }
            let choices: Vec<String> = choices.iter().map(type_name).collect();
            let text = format!("`{key}` must be {}", choices.join(" or "));
            return self.problem(key, text, None);
        }
        if !fits(schema, value) {
            let text = format!(
                "`{key}` must be {}{}",
                type_name(schema),
                found(schema, value)
            );
            return self.problem(key, text, near_choice(schema, value));
        }
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.member(schema, key, name, value);
                }
            }
            Value::Array(items) => {
                let Some(schema) = schema.get("items") else {
                    return;
                };
                for (index, item) in items.iter().enumerate() {
                    self.value(schema, &format!("{key}[{index}]"), item);
                }
            }
            _ => {}
        }
    }
}

/// Whether the name can stand in paths, metrics and tool arguments.
fn is_instance_name(name: &str) -> bool {
    name.len() <= 32
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
}

/// Whether a value has the schema's type, is one of its choices, and lies within its bounds.
fn fits(schema: &Value, value: &Value) -> bool {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return choices.contains(value);
    }
    let within = |number: f64| {
        let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        bound("minimum").is_none_or(|least| number >= least)
            && bound("maximum").is_none_or(|most| number <= most)
    };
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => value.is_i64() && value.as_f64().is_some_and(within),
        Some("number") => value.as_f64().is_some_and(within),
        Some("boolean") => value.is_boolean(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    }
}

/// What was found instead, unless that could be a secret.
fn found(schema: &Value, value: &Value) -> String {
    match value {
        Value::Object(_) => ", not a table".to_owned(),
        Value::Array(_) => ", not a list".to_owned(),
        Value::String(_) if schema.get("enum").is_none() => ", not text".to_owned(),
        value if is_secret(schema) => format!(", not {}", json_type(value)),
        value => format!(", not `{}`", plain(value)),
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        _ => "this",
    }
}

fn near_choice(schema: &Value, value: &Value) -> Option<String> {
    let choices = schema
        .get("enum")?
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    let near = nearest(value.as_str()?, choices)?;
    Some(format!("did you mean `{near}`?"))
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::file;
    use crate::servers;

    fn problems(text: &str) -> Vec<String> {
        let tree = file::read(Path::new("h.toml"), text).unwrap();
        check(&Schemas::new(&servers::kinds()), &tree)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn an_unknown_key_names_the_nearest_one() {
        let found = problems("[server]\nlisten = []\nbase_paht = \"\"\n[sever]\n");

        assert_eq!(
            found,
            [
                "h.toml:3: unknown key `server.base_paht`\n    hint: did you mean `base_path`?",
                "h.toml:4: unknown key `sever`\n    hint: did you mean `server`?",
            ]
        );
    }

    #[test]
    fn a_key_that_is_like_no_other_lists_all() {
        let found = problems("[auth]\nxyzzy = 1\n");

        assert_eq!(
            found,
            [
                "h.toml:2: unknown key `auth.xyzzy`\n    hint: `auth` takes `enabled`, `taint_off`, `scopes`, `proxy`, `issuers`, `certificates`"
            ]
        );
    }

    #[test]
    fn a_wrong_value_names_the_accepted_ones() {
        let found = problems("[log]\nformat = \"jsn\"\nlevel = 3\n[limits]\nmax_body_bytes = 1\n");

        assert_eq!(
            found,
            [
                "h.toml:2: `log.format` must be `auto`, `human` or `json`, not `jsn`\n    hint: did you mean `json`?",
                "h.toml:3: `log.level` must be text, not `3`",
                "h.toml:5: `limits.max_body_bytes` must be a whole number from 1024 to 67108864, not `1`",
            ]
        );
    }

    #[test]
    fn a_wrong_secret_is_not_repeated() {
        let found = problems("[secrets]\nmaster_key = 123456789\n");

        assert_eq!(
            found,
            ["h.toml:2: `secrets.master_key` must be text, not a number"]
        );
    }

    #[test]
    fn a_server_of_an_unknown_kind_names_the_nearest_kind() {
        let found = problems("[servers.homlab]\n[servers.x]\nkind = \"nothing-like-it\"\n");

        assert!(
            found[0].contains("did you mean `[servers.homelab]`?"),
            "{found:?}"
        );
        assert!(found[1].contains("`kind` is one of `homelab`"), "{found:?}");
    }

    #[test]
    fn the_name_of_a_server_fits_into_paths() {
        let found = problems("[servers.\"a b\"]\nkind = \"homelab\"\n");

        assert!(
            found[0].contains("`a b` cannot be the name of a server"),
            "{found:?}"
        );
    }
}
