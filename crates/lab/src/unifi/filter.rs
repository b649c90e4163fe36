//! The integration API's language of filters: `property.function(arguments)`, put together with
//! `and(…)`, `or(…)` and `not(…)`.
//!
//! Text stands in single quotes, and a quote in it is doubled. `like` knows `*` for any number of
//! characters, `.` for one, and `\` before a character that stands for itself. Numbers and booleans
//! stand bare; UUIDs and times may stand either way, because the documentation does not say.

use serde_json::Value;

/// A property that may be filtered by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) functions: &'static str,
}

pub(super) const fn property(name: &'static str, functions: &'static str) -> Property {
    Property { name, functions }
}

/// Groups of functions.
pub(super) const SAME: &str = "eq ne in notIn";
pub(super) const MAY_SAME: &str = "isNull isNotNull eq ne in notIn";
pub(super) const TEXT: &str = "eq ne in notIn like";
pub(super) const FLAG: &str = "eq ne";
pub(super) const MAY_FLAG: &str = "isNull isNotNull eq ne";
pub(super) const ORDER: &str = "eq ne gt ge lt le";
pub(super) const MAY_ORDER: &str = "isNull isNotNull eq ne gt ge lt le";
pub(super) const NUMBER: &str = "eq ne gt ge lt le in notIn";
pub(super) const VERSION: &str = "isNull isNotNull eq ne gt ge lt le like in notIn";
pub(super) const SET: &str = "contains containsAny containsAll containsExactly";
pub(super) const LIST: &str = "isEmpty contains containsAny containsAll containsExactly";

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Test(String, String, Vec<Literal>),
}

#[derive(Debug, Clone, PartialEq)]
struct Literal {
    text: String,
    quoted: bool,
}

/// The rows that the filter lets through.
pub(super) fn apply(
    text: &str,
    properties: &[Property],
    rows: Vec<Value>,
) -> Result<Vec<Value>, String> {
    let mut parser = Parser {
        rest: text.chars().collect(),
        at: 0,
    };
    let expression = parser.expression()?;
    if parser.at != parser.rest.len() {
        return Err(format!("unexpected text at {}", parser.at));
    }
    expression.known(properties)?;
    let mut kept = Vec::new();
    for row in rows {
        if expression.holds(&row)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

struct Parser {
    rest: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: char) -> Result<(), String> {
        self.spaces();
        if self.peek() == Some(wanted) {
            self.at += 1;
            Ok(())
        } else {
            Err(format!("expected '{wanted}' at {}", self.at))
        }
    }

    fn word(&mut self) -> String {
        self.spaces();
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| !"(), '".contains(*c)) {
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn expression(&mut self) -> Result<Expression, String> {
        let word = self.word();
        self.take('(')?;
        let made = match word.as_str() {
            "and" => Expression::All(self.list(Self::expression)?),
            "or" => Expression::Any(self.list(Self::expression)?),
            "not" => Expression::Not(Box::new(self.expression()?)),
            path => {
                let (property, function) = path
                    .rsplit_once('.')
                    .ok_or_else(|| format!("'{path}' names no function"))?;
                let arguments = if self.peek() == Some(')') {
                    Vec::new()
                } else {
                    self.list(Self::literal)?
                };
                Expression::Test(property.to_owned(), function.to_owned(), arguments)
            }
        };
        self.take(')')?;
        Ok(made)
    }

    fn list<T>(&mut self, one: fn(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let mut all = vec![one(self)?];
        self.spaces();
        while self.peek() == Some(',') {
            self.at += 1;
            all.push(one(self)?);
            self.spaces();
        }
        Ok(all)
    }

    fn literal(&mut self) -> Result<Literal, String> {
        self.spaces();
        if self.peek() != Some('\'') {
            let text = self.word();
            if text.is_empty() {
                return Err(format!("expected a value at {}", self.at));
            }
            return Ok(Literal {
                text,
                quoted: false,
            });
        }
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err("a quote is not closed".to_owned()),
                Some('\'') if self.rest.get(self.at + 1) == Some(&'\'') => {
                    text.push('\'');
                    self.at += 2;
                }
                Some('\'') => {
                    self.at += 1;
                    return Ok(Literal { text, quoted: true });
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
    }
}

impl Expression {
    fn known(&self, properties: &[Property]) -> Result<(), String> {
        match self {
            Self::All(all) | Self::Any(all) => all.iter().try_for_each(|one| one.known(properties)),
            Self::Not(one) => one.known(properties),
            Self::Test(name, function, arguments) => {
                let property = properties
                    .iter()
                    .find(|known| known.name == name)
                    .ok_or_else(|| format!("'{name}' is not filterable"))?;
                if !property.functions.split(' ').any(|known| known == function) {
                    return Err(format!("'{name}' has no function '{function}'"));
                }
                let count = arguments.len();
                let right = match function.as_str() {
                    "isNull" | "isNotNull" | "isEmpty" => count == 0,
                    "eq" | "ne" | "gt" | "ge" | "lt" | "le" | "like" | "contains" => count == 1,
                    _ => count >= 1,
                };
                right
                    .then_some(())
                    .ok_or_else(|| format!("'{function}' takes other arguments"))
            }
        }
    }

    fn holds(&self, row: &Value) -> Result<bool, String> {
        Ok(match self {
            Self::All(all) => {
                for one in all {
                    if !one.holds(row)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(all) => {
                for one in all {
                    if one.holds(row)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(one) => !one.holds(row)?,
            Self::Test(name, function, arguments) => {
                let pointer = format!("/{}", name.replace('.', "/"));
                test(row.pointer(&pointer), function, arguments)?
            }
        })
    }
}

fn test(value: Option<&Value>, function: &str, arguments: &[Literal]) -> Result<bool, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(function == "isNull");
    };
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let among = |literal: &Literal| -> Result<bool, String> {
        for one in list {
            if same(one, literal)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let first = arguments.first();
    let count = |tests: Vec<Result<bool, String>>| -> Result<usize, String> {
        let tests: Vec<bool> = tests.into_iter().collect::<Result<_, _>>()?;
        Ok(tests.into_iter().filter(|holds| *holds).count())
    };
    Ok(match (function, first) {
        ("isNotNull", _) => true,
        ("isEmpty", _) => list.is_empty(),
        ("eq", Some(one)) => same(value, one)?,
        ("ne", Some(one)) => !same(value, one)?,
        ("gt" | "ge" | "lt" | "le", Some(one)) => ordered(value, function, one)?,
        ("like", Some(one)) => like(
            &value
                .as_str()
                .unwrap_or_default()
                .chars()
                .collect::<Vec<_>>(),
            &one.text.chars().collect::<Vec<_>>(),
        ),
        ("in", _) => count(arguments.iter().map(|one| same(value, one)).collect())? > 0,
        ("notIn", _) => count(arguments.iter().map(|one| same(value, one)).collect())? == 0,
        ("contains" | "containsAny", _) => count(arguments.iter().map(among).collect())? > 0,
        ("containsAll", _) => count(arguments.iter().map(among).collect())? == arguments.len(),
        ("containsExactly", _) => {
            count(arguments.iter().map(among).collect())? == arguments.len()
                && list.len() == arguments.len()
        }
        _ => false,
    })
}

/// Text must be quoted; UUIDs and times need not be.
fn same(value: &Value, literal: &Literal) -> Result<bool, String> {
    match value {
        Value::String(text) => {
            let bare = |c: char| c.is_ascii_hexdigit() || "-:.TZ".contains(c);
            if !literal.quoted && !literal.text.chars().all(bare) {
                return Err(format!("text must be quoted: {}", literal.text));
            }
            Ok(*text == literal.text)
        }
        other if literal.quoted => Err(format!("{other} is no text")),
        other => Ok(serde_json::from_str(&literal.text).is_ok_and(|given: Value| given == *other)),
    }
}

fn ordered(value: &Value, function: &str, literal: &Literal) -> Result<bool, String> {
    let order = match value.as_f64() {
        Some(number) => {
            let other: f64 = literal
                .text
                .parse()
                .map_err(|_| format!("{} is no number", literal.text))?;
            number.total_cmp(&other)
        }
        None => value.as_str().unwrap_or_default().cmp(&literal.text),
    };
    Ok(match function {
        "gt" => order.is_gt(),
        "ge" => order.is_ge(),
        "lt" => order.is_lt(),
        _ => order.is_le(),
    })
}

fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|at| like(text.get(at..).unwrap_or(&[]), rest)),
        Some(('\\', rest)) => match (text.split_first(), rest.split_first()) {
            (Some((a, text)), Some((b, rest))) => a == b && like(text, rest),
            _ => false,
        },
        Some((wanted, rest)) => match text.split_first() {
            Some((c, text)) => (*wanted == '.' || wanted == c) && like(text, rest),
            None => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &[Property] = &[
        property("name", TEXT),
        property("expired", FLAG),
        property("vlanId", NUMBER),
        property("metadata.origin", SAME),
        property("features", LIST),
        property("limit", MAY_ORDER),
    ];

    fn names(filter: &str) -> Result<Vec<String>, String> {
        let rows = vec![
            json!({"name": "o'hara", "expired": false, "vlanId": 10, "features": ["switching"],
                   "metadata": {"origin": "USER_DEFINED"}, "limit": 3}),
            json!({"name": "guests", "expired": true, "vlanId": 60, "features": [],
                   "metadata": {"origin": "SYSTEM_DEFINED"}}),
        ];
        let kept = apply(filter, TABLE, rows)?;
        Ok(kept
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect())
    }

    #[test]
    fn filters_choose_rows() {
        for (filter, wanted) in [
            ("name.eq('o''hara')", &["o'hara"][..]),
            ("name.like('gue*')", &["guests"]),
            ("name.like('g.ests')", &["guests"]),
            (r"name.like('g\.ests')", &[]),
            ("and(vlanId.ge(10), not(expired.eq(true)))", &["o'hara"]),
            (
                "or(vlanId.in(60, 61), metadata.origin.eq('USER_DEFINED'))",
                &["o'hara", "guests"],
            ),
            ("features.contains('switching')", &["o'hara"]),
            ("features.isEmpty()", &["guests"]),
            ("limit.isNull()", &["guests"]),
            ("limit.gt(2)", &["o'hara"]),
        ] {
            assert_eq!(names(filter).unwrap(), wanted, "{filter}");
        }
    }

    #[test]
    fn wrong_filters_are_refused() {
        for filter in [
            "name.eq(guests)",
            "name.eq('a' 'b')",
            "name.eq('a",
            "name.gt('a')",
            "colour.eq('red')",
            "vlanId.eq('10')",
            "eq('a')",
            "name.eq('a')) or (1",
            "",
        ] {
            assert!(names(filter).is_err(), "{filter}");
        }
    }
}
