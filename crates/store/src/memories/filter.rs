//! Conditions of [`Filter`] as SQL that means the same on both engines.
//!
//! Every condition is true or false, never NULL, so that its negation holds where a field is absent. JSON is taken
//! apart by whole keys, because the engines' paths do not agree on keys with signs in them.

use homelab_core::clock::Micros;
use homelab_core::memory::{Condition, Filter, Op};
use homelab_core::store::{StoreError, StoreResult};
use serde_json::Value;

use crate::dialect::built::{Built, Engine};
use crate::text::{fold, holds_nul};

/// Deepest nesting.
const DEEPEST: u32 = 16;
/// Most values in one list.
const LONGEST: usize = 500;

/// Where the value of a field is.
enum Field {
    /// A column with text.
    Text(&'static str),
    /// A column with a time.
    Time(&'static str),
    /// The importance.
    Importance,
    /// What it is about.
    About,
    /// In the metadata.
    Path(Vec<String>),
}

impl Field {
    fn of(key: &str) -> Self {
        match key {
            "category" => Self::Text("r.category"),
            "source" => Self::Text("r.source"),
            "user_id" => Self::Text("r.user_id"),
            "agent_id" => Self::Text("r.agent_id"),
            "run_id" => Self::Text("r.run_id"),
            "created_at" => Self::Time("r.created_at"),
            "updated_at" => Self::Time("r.updated_at"),
            "importance" => Self::Importance,
            "about" => Self::About,
            path => Self::Path(path.split('.').map(str::to_owned).collect()),
        }
    }

    /// Where the same is in the column `folded`; nothing for what is no text.
    fn folded(&self, key: &str) -> Option<Vec<String>> {
        match self {
            Self::Text(_) | Self::About => Some(vec![key.to_owned()]),
            Self::Path(path) => Some(
                std::iter::once("metadata".to_owned())
                    .chain(path.iter().cloned())
                    .collect(),
            ),
            Self::Time(_) | Self::Importance => None,
        }
    }
}

/// Adds the condition, over the alias `r` of `memory_revisions`.
///
/// # Errors
/// [`StoreError::Invalid`] if it is nested too deeply, or a list in it is too long.
pub(super) fn push(sql: &mut Built, filter: &Filter) -> StoreResult<()> {
    joined(sql, filter, DEEPEST)
}

fn joined(sql: &mut Built, filter: &Filter, left: u32) -> StoreResult<()> {
    let Some(left) = left.checked_sub(1) else {
        return Err(invalid("it is nested more than 16 deep"));
    };
    match filter {
        Filter::And(parts) => several(sql, parts, "TRUE", " AND ", left),
        Filter::Or(parts) => several(sql, parts, "FALSE", " OR ", left),
        Filter::Not(part) => {
            sql.push("NOT (");
            joined(sql, part, left)?;
            sql.push(")");
            Ok(())
        }
        Filter::Field(condition) => field(sql, condition),
    }
}

fn several(sql: &mut Built, parts: &[Filter], none: &str, and: &str, left: u32) -> StoreResult<()> {
    sql.push("(").push(none);
    for part in parts {
        sql.push(and);
        joined(sql, part, left)?;
    }
    sql.push(")");
    Ok(())
}

fn field(sql: &mut Built, condition: &Condition) -> StoreResult<()> {
    let Condition { key, op, value } = condition;
    let negated = matches!(op, Op::Ne | Op::NotIn);
    if negated {
        sql.push("NOT ");
    }
    if key.contains('\0') || holds_nul(value) {
        // No stored text holds one.
        sql.push("FALSE");
        return Ok(());
    }
    let field = Field::of(key);
    let test = match op {
        Op::Eq | Op::Ne => vec![value],
        Op::In | Op::NotIn => list(value)?,
        _ => Vec::new(),
    };
    sql.push("COALESCE((");
    match op {
        Op::Eq | Op::Ne | Op::In | Op::NotIn => {
            sql.push("FALSE");
            for value in test {
                sql.push(" OR ");
                one(sql, &field, *op, value);
            }
        }
        Op::IContains => match field.folded(key) {
            Some(path) => json(sql, "r.folded", &path, Op::Contains, &folded(value)),
            None => drop(sql.push("FALSE")),
        },
        _ => one(sql, &field, *op, value),
    }
    sql.push("), FALSE)");
    Ok(())
}

fn list(value: &Value) -> StoreResult<Vec<&Value>> {
    match value {
        Value::Array(values) if values.len() > LONGEST => {
            Err(invalid("a list in it has more than 500 values"))
        }
        Value::Array(values) => Ok(values.iter().collect()),
        one => Ok(vec![one]),
    }
}

/// A condition that is not a list's and not negated.
fn one(sql: &mut Built, field: &Field, op: Op, value: &Value) {
    match field {
        Field::Text(column) => text(sql, column, op, value),
        Field::Time(column) => match (op, time(value)) {
            (Op::Exists, _) => drop(sql.push("TRUE")),
            (Op::Contains, _) | (_, None) => drop(sql.push("FALSE")),
            (_, Some(time)) => drop(sql.push(column).push(sign(op)).int(time.0)),
        },
        Field::Importance => match (op, value) {
            (Op::Exists, _) => drop(sql.push("TRUE")),
            (Op::Contains, _) => drop(sql.push("FALSE")),
            (_, Value::Number(number)) => {
                let place = sql.bind(&number.to_string());
                sql.push("CAST(r.importance AS DOUBLE PRECISION) / 1000000.0")
                    .push(sign(op))
                    .push(&format!("CAST({place} AS DOUBLE PRECISION)"));
            }
            _ => drop(sql.push("FALSE")),
        },
        Field::About => about(sql, op, value),
        Field::Path(path) => json(sql, "r.metadata", path, op, value),
    }
}

fn text(sql: &mut Built, column: &str, op: Op, value: &Value) {
    match (op, value) {
        (Op::Exists, _) => drop(sql.push(column).push(" IS NOT NULL")),
        (Op::Contains, Value::String(part)) => {
            let place = sql.bind(part);
            sql.push(&contains(sql.engine, column, &place));
        }
        (Op::Contains, _) => drop(sql.push("FALSE")),
        (_, Value::String(other)) => drop(sql.push(column).push(sign(op)).text(other)),
        _ => drop(sql.push("FALSE")),
    }
}

/// A list of texts, each thing as its name and as `kind/name`; to be equal is to be in it.
fn about(sql: &mut Built, op: Op, value: &Value) {
    match (op, value) {
        (Op::Exists, _) => drop(sql.push("r.about <> '[]'")),
        (Op::Eq | Op::Ne | Op::In | Op::NotIn | Op::Contains, Value::String(name)) => {
            let place = sql.bind(name);
            let (items, of) = match sql.engine {
                Engine::Sqlite => ("json_each(r.about) a", "a.value"),
                Engine::Postgres => (
                    "jsonb_array_elements(CAST(r.about AS JSONB)) a(item)",
                    "a.item",
                ),
            };
            sql.push(&format!(
                "EXISTS (SELECT 1 FROM {items} WHERE {of} ->> 'name' = {place} \
                 OR {of} ->> 'kind' || '/' || ({of} ->> 'name') = {place})"
            ));
        }
        _ => drop(sql.push("FALSE")),
    }
}

/// A condition on what is at a path of a column's JSON.
fn json(sql: &mut Built, column: &str, path: &[String], op: Op, value: &Value) {
    if !can_hold(op, value) {
        // Nothing is bound then: PostgreSQL refuses a value that has no place.
        sql.push("FALSE");
        return;
    }
    let places: Vec<String> = path.iter().map(|key| sql.bind(key)).collect();
    match sql.engine {
        Engine::Sqlite => {
            let mut tables = Vec::new();
            let mut keys = Vec::new();
            let mut inside = column.to_owned();
            for (depth, place) in places.iter().enumerate() {
                tables.push(format!("json_each({inside}) j{depth}"));
                keys.push(format!("j{depth}.key = {place}"));
                inside = format!(
                    "CASE WHEN j{depth}.type = 'object' THEN j{depth}.value ELSE '{{}}' END"
                );
            }
            let last = format!("j{}", places.len().saturating_sub(1));
            sql.push(&format!(
                "EXISTS (SELECT 1 FROM {} WHERE {} AND ",
                tables.join(", "),
                keys.join(" AND ")
            ));
            item(sql, &last, op, value);
            sql.push(")");
        }
        Engine::Postgres => {
            let steps = places.join(" -> ");
            item(
                sql,
                &format!("(CAST({column} AS JSONB) -> {steps})"),
                op,
                value,
            );
        }
    }
}

/// Whether any JSON value meets it.
const fn can_hold(op: Op, value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Number(_) => true,
        Value::Bool(_) => !matches!(op, Op::Gt | Op::Gte | Op::Lt | Op::Lte),
        _ => matches!(op, Op::Exists),
    }
}

/// A condition on one JSON value: on SQLite a row of `json_each`, on PostgreSQL an expression.
fn item(sql: &mut Built, of: &str, op: Op, value: &Value) {
    match op {
        Op::Exists => {
            let exists = match sql.engine {
                Engine::Sqlite => format!("{of}.type <> 'null'"),
                Engine::Postgres => format!("jsonb_typeof({of}) <> 'null'"),
            };
            sql.push(&exists);
        }
        Op::Contains => {
            sql.push("(");
            if let Value::String(part) = value {
                let place = sql.bind(part);
                let (is_text, text) = as_text(sql.engine, of);
                let found = contains(sql.engine, &text, &place);
                sql.push(&format!("({is_text} AND {found}) OR "));
            }
            let (from, element) = match sql.engine {
                Engine::Sqlite => (
                    format!(
                        "json_each(CASE WHEN {of}.type = 'array' THEN {of}.value ELSE '[]' END) e"
                    ),
                    "e",
                ),
                Engine::Postgres => (
                    format!(
                        "jsonb_array_elements(CASE WHEN jsonb_typeof({of}) = 'array' THEN {of} \
                         ELSE CAST('[]' AS JSONB) END) e(item)"
                    ),
                    "e.item",
                ),
            };
            sql.push(&format!("EXISTS (SELECT 1 FROM {from} WHERE "));
            scalar(sql, element, Op::Eq, value);
            sql.push("))");
        }
        op => scalar(sql, of, op, value),
    }
}

/// Numbers with numbers, texts with texts, truth with truth.
fn scalar(sql: &mut Built, of: &str, op: Op, value: &Value) {
    match value {
        Value::String(other) => {
            let place = sql.bind(other);
            let (is_text, text) = as_text(sql.engine, of);
            sql.push(&format!("({is_text} AND {text}{}{place})", sign(op)));
        }
        Value::Number(number) => {
            let place = sql.bind(&number.to_string());
            let sign = sign(op);
            let test = match sql.engine {
                Engine::Sqlite => format!(
                    "({of}.type IN ('integer', 'real') AND {of}.value{sign}CAST({place} AS NUMERIC))"
                ),
                Engine::Postgres => format!(
                    "CASE WHEN jsonb_typeof({of}) = 'number' \
                     THEN CAST({of} #>> '{{}}' AS NUMERIC){sign}CAST({place} AS NUMERIC) \
                     ELSE FALSE END"
                ),
            };
            sql.push(&test);
        }
        Value::Bool(truth) if matches!(op, Op::Eq | Op::Ne | Op::In | Op::NotIn) => {
            let test = match sql.engine {
                Engine::Sqlite => format!("({of}.type = '{truth}')"),
                Engine::Postgres => format!("({of} = CAST('{truth}' AS JSONB))"),
            };
            sql.push(&test);
        }
        _ => drop(sql.push("FALSE")),
    }
}

fn as_text(engine: Engine, of: &str) -> (String, String) {
    match engine {
        Engine::Sqlite => (format!("{of}.type = 'text'"), format!("{of}.value")),
        Engine::Postgres => (
            format!("jsonb_typeof({of}) = 'string'"),
            format!("({of} #>> '{{}}') COLLATE \"C\""),
        ),
    }
}

fn contains(engine: Engine, text: &str, place: &str) -> String {
    match engine {
        Engine::Sqlite => format!("instr({text}, {place}) > 0"),
        Engine::Postgres => format!("strpos({text}, {place}) > 0"),
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Gt => " > ",
        Op::Gte => " >= ",
        Op::Lt => " < ",
        Op::Lte => " <= ",
        _ => " = ",
    }
}

/// RFC 3339, or a day, which begins at midnight UTC.
fn time(value: &Value) -> Option<Micros> {
    let text = value.as_str()?;
    Micros::from_rfc3339(text).or_else(|| Micros::from_rfc3339(&format!("{text}T00:00:00Z")))
}

/// The same without case.
pub(super) fn folded(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(fold(text)),
        Value::Array(items) => Value::Array(items.iter().map(folded).collect()),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), folded(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn invalid(detail: &str) -> StoreError {
    StoreError::Invalid {
        entity: super::ENTITY,
        field: "filters",
        detail: detail.into(),
    }
}
