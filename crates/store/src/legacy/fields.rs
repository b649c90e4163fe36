//! Reading cells whose column may go by several names and whose value may be of any type.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::str::FromStr;

use homelab_core::clock::Micros;
use serde_json::Value;

use crate::db::Values;
use crate::text::fold;

/// What was left out or changed.
#[derive(Default)]
pub(super) struct Warnings(Vec<String>);

impl Warnings {
    pub(super) fn add(&mut self, warning: impl Into<String>) {
        self.0.push(warning.into());
    }

    pub(super) fn into_inner(self) -> Vec<String> {
        self.0
    }
}

/// One row of an older table.
pub(super) struct Fields<'r> {
    table: &'static str,
    row: &'r Values,
}

impl<'r> Fields<'r> {
    pub(super) fn new(table: &'static str, row: &'r Values) -> Self {
        Self { table, row }
    }

    /// The first of these columns that holds anything.
    fn value(&self, names: &[&str]) -> Option<&'r Value> {
        names
            .iter()
            .filter_map(|name| self.row.get(*name))
            .find(|value| !value.is_null())
    }

    /// A text without surrounding blanks; numbers are written out, nothing is made of blanks.
    pub(super) fn text(&self, names: &[&str]) -> Option<String> {
        let text = match self.value(names)? {
            Value::String(text) => text.trim().replace('\0', ""),
            other => other.to_string(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// A text as it is, for what must not be trimmed.
    pub(super) fn exact(&self, names: &[&str]) -> Option<String> {
        match self.value(names)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Anything that reads as `T`; a warning if it does not.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        names: &[&str],
        warnings: &mut Warnings,
    ) -> Option<T> {
        let text = self.text(names)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                warnings.add(format!(
                    "{}: {} was left out of {}: {error}",
                    self.table,
                    names.first().copied().unwrap_or_default(),
                    self.label()
                ));
                None
            }
        }
    }

    /// A whole number, also from text and from a float without a fraction.
    pub(super) fn int(&self, names: &[&str]) -> Option<i64> {
        match self.value(names)? {
            Value::Number(number) => number.as_i64().or_else(|| {
                let float = number.as_f64()?;
                (float.fract() == 0.0 && float.abs() < 9e15)
                    .then(|| format!("{float:.0}").parse().ok())?
            }),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A truth value in any common spelling.
    pub(super) fn flag(&self, names: &[&str]) -> Option<bool> {
        match self.value(names)? {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => Some(number.as_f64() != Some(0.0)),
            Value::String(text) => match fold(text.trim()).as_str() {
                "1" | "true" | "t" | "yes" | "y" | "on" | "enabled" => Some(true),
                "0" | "false" | "f" | "no" | "n" | "off" | "disabled" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A list: an array, JSON text of one, or texts separated by commas.
    pub(super) fn list(&self, names: &[&str]) -> Vec<String> {
        let items = match self.value(names) {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::String(text)) => serde_json::from_str(text)
                .unwrap_or_else(|_| text.split(',').map(Value::from).collect()),
            _ => Vec::new(),
        };
        items
            .into_iter()
            .map(plain)
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// A map: an object or JSON text of one.
    pub(super) fn map(&self, names: &[&str]) -> BTreeMap<String, String> {
        let members = match self.value(names) {
            Some(Value::Object(members)) => members.clone(),
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
            _ => Values::new(),
        };
        members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.replace('\0', ""), plain(value)))
            .collect()
    }

    /// A time: RFC 3339, `YYYY-MM-DD hh:mm:ss` in UTC as both databases write it, or seconds.
    pub(super) fn time(&self, names: &[&str]) -> Option<Micros> {
        match self.value(names)? {
            Value::Number(number) => {
                let micros = number.as_f64()? * 1e6;
                format!("{micros:.0}").parse().ok().map(Micros)
            }
            Value::String(text) => {
                let text = text.trim().replacen(' ', "T", 1);
                Micros::from_rfc3339(&text)
                    .or_else(|| Micros::from_rfc3339(&format!("{text}Z")))
                    // PostgreSQL writes whole hours of offset without minutes.
                    .or_else(|| Micros::from_rfc3339(&format!("{text}:00")))
            }
            _ => None,
        }
    }

    /// The row for warnings: its name, else its id.
    pub(super) fn label(&self) -> String {
        self.text(&[
            "name",
            "node_name",
            "service_name",
            "ip_address",
            "hostname",
            "id",
        ])
        .map_or_else(|| "a row".into(), |name| format!("`{name}`"))
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text.trim().replace('\0', ""),
        other => other.to_string(),
    }
}

/// Makes names unique: the older tables did not.
pub(super) struct Names {
    table: &'static str,
    taken: HashSet<String>,
}

impl Names {
    pub(super) fn new(table: &'static str) -> Self {
        Self {
            table,
            taken: HashSet::new(),
        }
    }

    /// The name, or the name with a number if it is taken.
    pub(super) fn unique(&mut self, name: &str, warnings: &mut Warnings) -> String {
        // Longer ones have no place in an index; nobody named a machine like that on purpose.
        let name: String = name.chars().take(240).collect();
        if self.taken.insert(fold(&name)) {
            return name;
        }
        let mut number = 2;
        let renamed = loop {
            let candidate = format!("{name} ({number})");
            if self.taken.insert(fold(&candidate)) {
                break candidate;
            }
            number += 1;
        };
        warnings.add(format!(
            "{}: a second `{name}` is called `{renamed}` here",
            self.table
        ));
        renamed
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Values {
        Values::from_iter([("x".to_owned(), value)])
    }

    #[rstest]
    #[case(json!("2025-01-02 03:04:05"), Some(1_735_787_045_000_000))]
    #[case(json!("2025-01-02T03:04:05.5"), Some(1_735_787_045_500_000))]
    #[case(json!("2025-01-02T03:04:05Z"), Some(1_735_787_045_000_000))]
    #[case(json!("2025-01-02T04:04:05+01:00"), Some(1_735_787_045_000_000))]
    #[case(json!("2025-01-02 04:04:05+01"), Some(1_735_787_045_000_000))]
    #[case(json!(1_735_787_045), Some(1_735_787_045_000_000))]
    #[case(json!("yesterday"), None)]
    #[case(Value::Null, None)]
    fn times_of_both_databases_are_read(#[case] value: Value, #[case] expected: Option<i64>) {
        let row = row(value);

        let time = Fields::new("t", &row).time(&["x"]);

        assert_eq!(time.map(|time| time.0), expected);
    }

    #[rstest]
    #[case(json!(["a", " b "]), &["a", "b"])]
    #[case(json!("[\"a\", 7]"), &["a", "7"])]
    #[case(json!("a, b,,"), &["a", "b"])]
    #[case(json!(""), &[])]
    fn lists_are_read_in_all_spellings(#[case] value: Value, #[case] expected: &[&str]) {
        let row = row(value);

        assert_eq!(Fields::new("t", &row).list(&["x"]), expected);
    }

    #[test]
    fn numbers_come_from_text_and_whole_floats() {
        for (value, expected) in [
            (json!("42"), Some(42)),
            (json!(42.0), Some(42)),
            (json!(42.5), None),
            (json!("many"), None),
        ] {
            assert_eq!(Fields::new("t", &row(value)).int(&["x"]), expected);
        }
    }
}
