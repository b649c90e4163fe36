//! Renders a structured result as short text: the same for `format = "text"`, the command line and
//! reports.
//!
//! Lists of objects become tables, objects become `key: value` lines, a page ends with how many
//! rows it shows and how to get the next. Nothing a value contains can change the terminal or forge
//! a line of the text around it: control and invisible characters are dropped, further lines of a
//! text are indented below their key.

mod cell;

use serde_json::{Map, Value};

use crate::error::Envelope;
pub use cell::printable;

/// Columns a table cell may take; longer ones end in `…`.
const CELL_WIDTH: usize = 60;
/// Nesting shown; deeper objects and lists are only named.
const DEEPEST: usize = 8;
/// Spaces per level.
const INDENT: &str = "  ";

/// The value as short text for people and models, without a trailing newline.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, None, value, 0);
    out.truncate(out.trim_end().len());
    out
}

/// An error as text: what happened, what to do, and the facts that a program would read.
pub fn error(envelope: &Envelope) -> String {
    let mut out = format!("❌ {}", printable(&envelope.message));
    if let Some(hint) = &envelope.hint {
        out.push_str("\nhint: ");
        out.push_str(&printable(hint));
    }
    let mut facts = vec![envelope.code.to_string()];
    facts.extend(envelope.reason.as_deref().map(printable));
    let named = [
        ("instance", &envelope.instance),
        ("field", &envelope.field),
        ("approval", &envelope.approval_id),
        ("request", &envelope.request_id),
    ];
    facts.extend(named.into_iter().filter_map(|(name, fact)| {
        fact.as_deref()
            .map(|fact| format!("{name} {}", printable(fact)))
    }));
    facts.extend(
        envelope
            .upstream_status
            .map(|status| format!("upstream status {status}")),
    );
    match envelope.retry_after_s {
        Some(seconds) => facts.push(format!("retry after {seconds} s")),
        None if envelope.retryable => facts.push("retryable".to_owned()),
        None => {}
    }
    format!("{out}\n({})", facts.join(", "))
}

/// A value on lines of its own; `key` is the member it belongs to.
fn block(out: &mut String, key: Option<&str>, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if members.is_empty() => line(out, depth, "nothing"),
        Value::Object(members) => match Paged::of(members) {
            Some(page) => page.render(out, depth),
            None => object(out, members, depth),
        },
        Value::Array(items) => list(out, items, depth),
        scalar => {
            for part in cell::scalar(key, scalar).lines() {
                line(out, depth, part);
            }
        }
    }
}

fn object(out: &mut String, members: &Map<String, Value>, depth: usize) {
    for (key, member) in members {
        self::member(out, key, member, depth);
    }
}

fn member(out: &mut String, key: &str, value: &Value, depth: usize) {
    let name = cell::one_line(key);
    if depth >= DEEPEST || !needs_lines(key, value) {
        line(out, depth, &format!("{name}: {}", inline(key, value)));
    } else {
        line(out, depth, &format!("{name}:"));
        block(out, Some(key), value, depth + 1);
    }
}

/// Whether a member cannot stand behind its key on one line.
fn needs_lines(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_array()),
        scalar => cell::scalar(Some(key), scalar).contains('\n'),
    }
}

fn list(out: &mut String, items: &[Value], depth: usize) {
    if items.is_empty() {
        line(out, depth, "none");
    } else if items.iter().all(Value::is_object) {
        table(out, items, depth);
    } else {
        for item in items {
            line(out, depth, &format!("- {}", inline("", item)));
        }
    }
}

/// A value on one line.
fn inline(key: &str, value: &Value) -> String {
    let mut out = String::new();
    inline_to(&mut out, key, value, 0);
    out
}

fn inline_to(out: &mut String, key: &str, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if members.is_empty() => out.push('-'),
        Value::Array(items) if items.is_empty() => out.push_str("none"),
        Value::Object(_) | Value::Array(_) if depth >= DEEPEST => out.push('…'),
        Value::Object(members) => {
            for (index, (name, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                out.push_str(&cell::one_line(name));
                out.push('=');
                inline_to(out, name, member, depth + 1);
            }
        }
        Value::Array(items) => {
            let separator = if items.iter().all(Value::is_object) {
                "; "
            } else {
                ", "
            };
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { separator });
                inline_to(out, key, item, depth + 1);
            }
        }
        scalar => out.push_str(&cell::one_line(&cell::scalar(Some(key), scalar))),
    }
}

/// Objects as a table: one header, columns in order of first appearance, empty columns left out.
fn table(out: &mut String, rows: &[Value], depth: usize) {
    let rows: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let mut columns: Vec<(&str, usize)> = Vec::new();
    let mut known = std::collections::HashSet::new();
    for (name, value) in rows.iter().copied().flatten() {
        if !is_empty(value) && known.insert(name.as_str()) {
            columns.push((name, 0));
        }
    }
    if columns.is_empty() {
        line(out, depth, &format!("{} without content", rows.len()));
        return;
    }
    let mut grid = vec![header(&columns)];
    grid.extend(rows.iter().map(|row| {
        columns
            .iter()
            .map(|(name, _)| match row.get(*name) {
                Some(value) if !is_empty(value) => cell::cut(&inline(name, value), CELL_WIDTH),
                _ => "-".to_owned(),
            })
            .collect()
    }));
    for row in &grid {
        for ((_, width), text) in columns.iter_mut().zip(row) {
            *width = (*width).max(cell::width(text));
        }
    }
    for row in &grid {
        let mut text = String::new();
        for ((_, width), cell) in columns.iter().zip(row) {
            let padding = width.saturating_sub(cell::width(cell)) + INDENT.len();
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', padding));
        }
        line(out, depth, text.trim_end());
    }
}

fn header(columns: &[(&str, usize)]) -> Vec<String> {
    columns
        .iter()
        .map(|(name, _)| cell::cut(&cell::one_line(name), CELL_WIDTH))
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A [`Page`](crate::page::Page), perhaps with more members beside it.
struct Paged<'a> {
    members: &'a Map<String, Value>,
    list: &'a str,
    rows: &'a [Value],
    total: u64,
}

impl<'a> Paged<'a> {
    fn of(members: &'a Map<String, Value>) -> Option<Self> {
        let total = members.get("total")?.as_u64()?;
        let mut lists = members
            .iter()
            .filter_map(|(name, value)| value.as_array().map(|rows| (name.as_str(), rows)));
        let (list, rows) = match members.get("items") {
            Some(Value::Array(rows)) => ("items", rows),
            // Beside a second list it is not clear what `total` counts.
            _ => lists.next().filter(|_| lists.next().is_none())?,
        };
        Some(Self {
            members,
            list,
            rows,
            total,
        })
    }

    fn render(&self, out: &mut String, depth: usize) {
        for (key, value) in self.members {
            if key != self.list && key != "total" && key != "next_cursor" {
                member(out, key, value, depth);
            }
        }
        if !self.rows.is_empty() {
            list(out, self.rows, depth);
        }
        let shown = self.rows.len();
        let total = self.total;
        let last = match self.members.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => format!(
                "{shown} of {total}; for more call again with cursor = \"{}\"",
                cell::one_line(cursor)
            ),
            None if total == 0 => "nothing found (0 of 0)".to_owned(),
            None => format!("{shown} of {total}"),
        };
        line(out, depth, &last);
    }
}

fn line(out: &mut String, depth: usize, text: &str) {
    for _ in 0..depth {
        out.push_str(INDENT);
    }
    out.push_str(text);
    out.push('\n');
}
