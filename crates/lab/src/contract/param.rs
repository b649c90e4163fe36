//! Parameters and their types.

use serde_json::{Map, Value};

/// The type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text of any length.
    Text,
    /// Text that this accepts.
    Form(fn(&str) -> bool),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number in this range.
    Integer(i64, i64),
    /// Any number.
    Number,
    /// True or false; `0`, `1` and the like where the source is text.
    Boolean,
    /// A list of text.
    Texts,
    /// A list of anything.
    List,
    /// An object.
    Object,
    /// One of these types.
    Either(&'static [Kind]),
}

/// One parameter of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// A parameter that must be there.
pub(crate) const fn required(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
    }
}

/// A parameter that may be there.
pub(crate) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
    }
}

/// What is wrong with a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) name: String,
    pub(crate) trouble: Trouble,
}

/// The ways to be wrong.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// No such parameter.
    Unknown,
    /// It must be there.
    Missing,
    /// It is of another type than this, or out of its bounds.
    Mistyped(Kind, Value),
}

impl Param {
    /// Whether the name is this parameter's: its own, or one of a numbered family, which is written
    /// with `#` for the number (`net#`).
    fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('#') {
            None => self.name == name,
            Some(family) => name
                .strip_prefix(family)
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit())),
        }
    }
}

/// Everything that is wrong with these arguments.
pub(crate) fn check(params: &[Param], args: &Map<String, Value>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, value) in args {
        let trouble = match params.iter().find(|param| param.is(name)) {
            None => Trouble::Unknown,
            Some(param) if !param.kind.accepts(value) => {
                Trouble::Mistyped(param.kind, value.clone())
            }
            Some(_) => continue,
        };
        problems.push(Problem {
            name: name.clone(),
            trouble,
        });
    }
    let missing = params
        .iter()
        .filter(|param| param.required && !args.contains_key(param.name));
    problems.extend(missing.map(|param| Problem {
        name: param.name.to_owned(),
        trouble: Trouble::Missing,
    }));
    problems
}

/// Arguments that came as text, as values of the types the table gives them; what cannot be one
/// stays text, for [`check`] to find. A name that comes twice is a list.
pub(crate) fn from_text(params: &[Param], pairs: &[(String, String)]) -> Map<String, Value> {
    let mut args = Map::new();
    for (name, text) in pairs {
        let kind = params
            .iter()
            .find(|param| param.is(name))
            .map(|param| param.kind);
        let one = kind.map_or_else(|| Value::from(text.as_str()), |kind| kind.read(text));
        match (kind, args.get_mut(name)) {
            (Some(Kind::Texts | Kind::List), Some(Value::Array(list))) => list.push(one),
            (Some(Kind::Texts | Kind::List), _) => {
                args.insert(name.clone(), Value::Array(vec![one]));
            }
            (_, Some(Value::Array(list))) => list.push(one),
            (_, Some(first)) => *first = Value::Array(vec![first.take(), one]),
            (_, None) => {
                args.insert(name.clone(), one);
            }
        }
    }
    args
}

impl Kind {
    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Form(valid) => value.as_str().is_some_and(valid),
            Self::OneOf(known) => value.as_str().is_some_and(|text| known.contains(&text)),
            Self::Integer(least, most) => value
                .as_i64()
                .is_some_and(|number| (least..=most).contains(&number)),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Texts => value
                .as_array()
                .is_some_and(|list| list.iter().all(Value::is_string)),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Either(kinds) => kinds.iter().any(|kind| kind.accepts(value)),
        }
    }

    fn read(self, text: &str) -> Value {
        let other = || Value::from(text);
        match self {
            Self::Integer(..) => text.parse::<i64>().map_or_else(|_| other(), Value::from),
            Self::Number => text.parse::<f64>().map_or_else(|_| other(), Value::from),
            Self::Boolean => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Value::Bool(true),
                "0" | "false" | "no" | "off" => Value::Bool(false),
                _ => other(),
            },
            Self::Either(kinds) => kinds
                .iter()
                .map(|kind| kind.read(text))
                .find(|value| self.accepts(value))
                .unwrap_or_else(other),
            _ => other(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &[Param] = &[
        required("vmid", Kind::Integer(100, 999)),
        optional("full", Kind::Boolean),
        optional("command", Kind::Texts),
        optional("net#", Kind::Text),
    ];

    fn text(pairs: &[(&str, &str)]) -> Map<String, Value> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        from_text(TABLE, &pairs)
    }

    #[test]
    fn text_becomes_what_the_table_says() {
        let args = text(&[
            ("vmid", "100"),
            ("full", "1"),
            ("command", "ls"),
            ("command", "-l"),
            ("net0", "name=eth0"),
        ]);

        assert_eq!(
            Value::Object(args.clone()),
            json!({"vmid": 100, "full": true, "command": ["ls", "-l"], "net0": "name=eth0"})
        );
        assert!(check(TABLE, &args).is_empty());
    }

    #[test]
    fn every_problem_is_found() {
        let args = text(&[("full", "perhaps"), ("netx", "a"), ("vmids", "1")]);

        let found: Vec<(String, bool)> = check(TABLE, &args)
            .into_iter()
            .map(|problem| (problem.name, matches!(problem.trouble, Trouble::Unknown)))
            .collect();

        let expected = [
            ("full", false),
            ("netx", true),
            ("vmids", true),
            ("vmid", false),
        ];
        assert_eq!(
            found,
            expected.map(|(name, unknown)| (name.to_owned(), unknown))
        );
    }

    #[test]
    fn a_single_parameter_that_comes_twice_is_mistyped() {
        let args = text(&[("vmid", "100"), ("vmid", "101")]);

        assert!(matches!(
            check(TABLE, &args)[0].trouble,
            Trouble::Mistyped(..)
        ));
    }
}
