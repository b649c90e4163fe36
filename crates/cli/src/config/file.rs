//! Reads the configuration file, remembering the line of every value.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::tree::{Origin, Tree};

/// Reads the file's text into a tree.
pub(crate) fn read(path: &Path, text: &str) -> Result<Tree, Problem> {
    let path: Arc<Path> = Arc::from(path);
    let mut reader = Reader {
        path: Arc::clone(&path),
        text,
        tree: Tree::default(),
    };
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| reader.line(span.start));
        Problem::new("", format!("not valid TOML: {}", error.message()))
            .at(Some(Origin::File(path, line)))
    })?;
    let root = reader.table("", table.get_ref())?;
    *reader.tree.root_mut() = root;
    Ok(reader.tree)
}

struct Reader<'a> {
    path: Arc<Path>,
    text: &'a str,
    tree: Tree,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<Map<String, Value>, Problem> {
        let mut members = Map::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let dotted = if prefix.is_empty() {
                name.to_owned()
            } else {
                format!("{prefix}.{name}")
            };
            let origin = Origin::File(Arc::clone(&self.path), self.line(key.span().start));
            self.tree.note(dotted.clone(), origin);
            members.insert(name.to_owned(), self.value(&dotted, value)?);
        }
        Ok(members)
    }

    fn value(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Value, Problem> {
        let refuse = |what: String| {
            let origin = Origin::File(Arc::clone(&self.path), self.line(value.span().start));
            Problem::new(key, format!("`{key}`: {what}")).at(Some(origin))
        };
        Ok(match value.get_ref() {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Boolean(truth) => Value::from(*truth),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                Value::from(parsed.map_err(|_| refuse("the number is too large".into()))?)
            }
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number)
                .ok_or_else(|| refuse("the number is not finite".into()))?,
            DeValue::Datetime(time) => Value::from(time.to_string()),
            DeValue::Array(items) => {
                let mut values = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    values.push(self.value(&format!("{key}[{index}]"), item)?);
                }
                Value::Array(values)
            }
            DeValue::Table(table) => Value::Object(self.table(key, table)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let text = "[server]\nlisten = [\n  \"127.0.0.1:1\",\n]\n\n[servers.x]\nkind = \"y\"\n";

        let tree = read(Path::new("h.toml"), text).unwrap();

        assert_eq!(tree.get(&["servers", "x", "kind"]), Some(&json!("y")));
        let line = |key| tree.origin(key).unwrap().to_string();
        assert_eq!(line("servers.x.kind"), "h.toml:7");
        assert_eq!(line("server.listen[0]"), "h.toml:2");
    }

    #[test]
    fn broken_toml_is_reported_with_its_line() {
        let problem = read(Path::new("h.toml"), "a = 1\nb = = 2\n").unwrap_err();

        assert!(
            problem.to_string().starts_with("h.toml:2: not valid TOML"),
            "{problem}"
        );
    }
}
