//! What the tables of rules, groups, lists and clients have in common: they say "done" before they
//! say, item by item, what was not.

use serde_json::{Value, json};

use super::reply::{Answer, Failure, Reply, reply_of};
use super::state::State;

/// What SQLite says of a group that is not there.
pub(super) const NO_GROUP: &str = "FOREIGN KEY constraint failed";

/// What became of each item.
#[derive(Debug, Default)]
pub(super) struct Processed {
    success: Vec<Value>,
    errors: Vec<Value>,
}

impl Processed {
    pub(super) fn note(&mut self, item: &str, done: Result<(), String>) {
        match done {
            Ok(()) => self.success.push(json!({ "item": item })),
            Err(error) => self.errors.push(json!({ "item": item, "error": error })),
        }
    }

    /// 201, or 200 for a PUT, whatever became of them, with the rows that bear the last one's name.
    pub(super) fn answer(self, put: bool, field: &str, rows: &[Value]) -> Answer {
        let status = if put { 200 } else { 201 };
        let body = json!({
            field: rows,
            "processed": { "errors": self.errors, "success": self.success },
        });
        reply_of(Reply::Json(status, body))
    }
}

/// The items of a POST: one text, or a list of them.
pub(super) fn items(body: &Value, field: &str) -> Result<Vec<String>, Failure> {
    let invalid = || {
        let text = format!(
            "Invalid request: No valid \"{field}\" in payload (must be either string or array)"
        );
        Failure::bad(text)
    };
    match body.get(field) {
        Some(Value::String(one)) if !one.is_empty() => Ok(vec![one.clone()]),
        Some(Value::Array(several)) if !several.is_empty() => several
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or_else(invalid))
            .collect(),
        _ => Err(invalid()),
    }
}

/// Refuses all of them where one has a space.
pub(super) fn without_spaces(items: &[String]) -> Result<(), Failure> {
    let spaced = items.iter().find(|item| item.contains([' ', '\t', '\n']));
    spaced.map_or(Ok(()), |item| {
        let text = "Spaces, newlines and tabs are not allowed in domains and URLs";
        Err(Failure::bad(text).hint(item.clone()))
    })
}

/// A text that is not empty.
pub(super) fn text(body: &Value, field: &str) -> Option<String> {
    let text = body[field].as_str().filter(|text| !text.is_empty())?;
    Some(text.to_owned())
}

/// True where nothing else is said.
pub(super) fn enabled(body: &Value) -> bool {
    body["enabled"].as_bool().unwrap_or(true)
}

/// Puts an item into the groups of a body. Where one of them is not there, the item is left in none.
pub(super) fn put_into_groups(
    state: &State,
    body: &Value,
    groups: &mut Vec<i64>,
) -> Result<(), String> {
    let Some(given) = body.get("groups").and_then(Value::as_array) else {
        return Ok(());
    };
    let ids: Vec<i64> = given.iter().filter_map(Value::as_i64).collect();
    if ids.len() == given.len() && ids.iter().all(|id| state.has_group(*id)) {
        *groups = ids;
        return Ok(());
    }
    groups.clear();
    Err(NO_GROUP.to_owned())
}

/// The items of a deletion of several.
pub(super) fn rows(body: &Value) -> Result<&[Value], Failure> {
    let no_objects = || Failure::bad("Invalid request: Batch delete requires an array of objects");
    let rows = body.as_array().ok_or_else(no_objects)?;
    if rows.iter().all(|row| row["item"].is_string()) {
        return Ok(rows);
    }
    Err(Failure::bad(
        "Invalid request: Batch delete requires an array of objects with \"item\" as string",
    ))
}
