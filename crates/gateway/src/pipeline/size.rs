//! Keeping answers short: a page where rows can be asked for in pages, a cut where they cannot.
//!
//! A model pays for every token it reads. A list that the caller did not size stays at about
//! [`Budget::page`]; nothing is ever longer than [`Budget::most`].

use homelab_core::error::{ToolError, ToolResult};
use serde_json::Value;

use super::authorize::changes;
use super::catalogue::Entry;
use super::listing;

/// Member that says a result was cut.
const TRUNCATED: &str = "truncated";
/// Member that says how to get what was cut off.
const TRUNCATED_HINT: &str = "truncated_hint";
/// Member that names the audit row of a change that can be undone.
const AUDIT_ID: &str = "audit_id";
/// Letters that one token takes, about.
const LETTERS_PER_TOKEN: usize = 4;
/// Room for the two members above.
const ROOM: usize = 240;
/// Shorter texts are not worth cutting.
const SHORT_TEXT: usize = 200;

/// How long an answer may be, in characters of its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    /// For a page whose size the caller left open.
    pub(super) page: usize,
    /// For everything.
    pub(super) most: usize,
}

impl Budget {
    pub(super) fn from_tokens(page: usize, most: usize) -> Self {
        Self {
            page: page.min(most) * LETTERS_PER_TOKEN,
            most: most * LETTERS_PER_TOKEN,
        }
    }

    /// What each of several answers in one may take.
    pub(super) fn shared_by(self, answers: usize) -> Self {
        Self {
            page: self.page / answers.max(1),
            most: self.most / answers.max(1),
        }
    }
}

/// A result and its text.
pub(super) struct Answer {
    pub(super) structured: Value,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn of(structured: Value) -> Self {
        let text = structured.to_string();
        Self { structured, text }
    }

    pub(super) fn fits(&self, letters: usize) -> bool {
        // Bytes first: counting characters is only needed near the limit.
        self.text.len() <= letters || self.text.chars().count() <= letters
    }
}

/// How many rows of a page fit, going by the size of those that are there; `None` if asking for
/// fewer would not help.
pub(super) fn rows_that_fit(answer: &Answer, letters: usize) -> Option<u64> {
    let rows = answer.structured.get("items")?.as_array()?;
    if rows.len() < 2 {
        return None;
    }
    let taken: usize = rows.iter().map(|row| row.to_string().len() + 1).sum();
    let frame = answer.text.len().saturating_sub(taken) + ROOM;
    let for_rows = letters.saturating_sub(frame);
    let fit = (for_rows * rows.len() / taken.max(1)).clamp(1, rows.len() - 1);
    u64::try_from(fit).ok()
}

/// Names the audit row by which the change can be undone, where the result has room for it.
pub(super) fn with_audit_id(answer: Answer, id: Option<String>, entry: &Entry) -> Answer {
    let Some(id) = id else {
        return answer;
    };
    let mut structured = answer.structured.clone();
    if let Value::Object(members) = &mut structured {
        members.insert(AUDIT_ID.into(), id.into());
    }
    if entry.accepts_output(&structured) {
        Answer::of(structured)
    } else {
        answer
    }
}

/// Says on a page that it was made smaller than usual.
pub(super) fn note_page(answer: Answer, entry: &Entry) -> Answer {
    let rows = answer
        .structured
        .get("items")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let hint = format!(
        "{rows} rows, to keep the answer short: pass `next_cursor` as `cursor` for the next, or set `limit`"
    );
    match noted(answer.structured.clone(), &hint, entry) {
        Some(structured) => Answer::of(structured),
        None => answer,
    }
}

/// Makes the answer fit by cutting its longest lists and texts.
///
/// # Errors
/// When no cut leaves something that fits the output schema: naming the argument that asks for less.
pub(super) fn cut(answer: Answer, letters: usize, entry: &Entry) -> ToolResult<Answer> {
    let tokens = answer.text.len() / LETTERS_PER_TOKEN;
    let target = letters.saturating_sub(ROOM);
    let mut structured = answer.structured;
    // The next page would start behind the rows that are cut off here.
    if let Value::Object(members) = &mut structured {
        members.shift_remove("next_cursor");
    }
    for _ in 0..64 {
        let size = structured.to_string().len();
        if size <= target {
            let hint = how_to_narrow(entry);
            let Some(noted) = noted(structured, &hint, entry) else {
                break;
            };
            return Ok(Answer::of(noted));
        }
        if !shorten(&mut structured, size - target) {
            break;
        }
    }
    Err(too_large(tokens, letters, entry))
}

/// With the two members, if the output schema takes them.
fn noted(mut structured: Value, hint: &str, entry: &Entry) -> Option<Value> {
    let members = structured.as_object_mut()?;
    members.insert(TRUNCATED.into(), true.into());
    members.insert(TRUNCATED_HINT.into(), hint.into());
    entry.accepts_output(&structured).then_some(structured)
}

/// Takes about `excess` letters off the largest part; false when nothing is left to cut.
fn shorten(value: &mut Value, excess: usize) -> bool {
    match value {
        Value::String(text) if text.chars().count() > SHORT_TEXT => {
            let letters = text.chars().count();
            let kept = letters.saturating_sub(excess + 1).max(SHORT_TEXT - 1);
            *text = text.chars().take(kept).chain(['…']).collect();
            true
        }
        Value::Array(items) => {
            let sizes: Vec<usize> = items.iter().map(|item| item.to_string().len()).collect();
            let total: usize = sizes.iter().sum();
            let largest = sizes
                .iter()
                .copied()
                .enumerate()
                .max_by_key(|(_, size)| *size);
            // One row that is most of the list is cut itself; otherwise rows go, from the end.
            if let Some((index, size)) = largest
                && size * 2 > total
                && shorten(&mut items[index], excess)
            {
                return true;
            }
            if items.len() < 2 {
                return false;
            }
            let mut freed = 0;
            while items.len() > 1 && freed < excess {
                freed += sizes[items.len() - 1] + 1;
                items.pop();
            }
            true
        }
        Value::Object(members) => {
            let mut by_size: Vec<(usize, String)> = members
                .iter()
                .map(|(name, member)| (member.to_string().len(), name.clone()))
                .collect();
            by_size.sort_by(|a, b| b.cmp(a));
            by_size.into_iter().any(|(_, name)| {
                members
                    .get_mut(&name)
                    .is_some_and(|member| shorten(member, excess))
            })
        }
        _ => false,
    }
}

/// The arguments that ask for less: a limit, else the optional ones, which filter.
fn narrowing(entry: &Entry) -> Vec<&str> {
    let schema = &entry.info.input_schema;
    let Some(properties) = listing::properties(schema) else {
        return Vec::new();
    };
    if properties.contains_key("limit") {
        return vec!["limit"];
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    properties
        .keys()
        .map(String::as_str)
        .filter(|name| !is_required(name))
        .collect()
}

fn how_to_narrow(entry: &Entry) -> String {
    let names = narrowing(entry);
    if names.is_empty() {
        "cut to keep the answer short".to_owned()
    } else {
        format!(
            "cut to keep the answer short: ask for less with {}",
            super::near::either(&names)
        )
    }
}

fn too_large(tokens: usize, letters: usize, entry: &Entry) -> ToolError {
    let most = letters / LETTERS_PER_TOKEN;
    if changes(entry.spec()) {
        return ToolError::internal("the change was made, but its result is too large to show")
            .reason("answer_too_large")
            .hint("read the changed object instead");
    }
    let names = narrowing(entry);
    let message = format!("the answer would take about {tokens} tokens; the most is {most}");
    let field = names.first().copied().unwrap_or("arguments");
    let error = ToolError::invalid(field, message).reason("answer_too_large");
    if names.is_empty() {
        error
    } else {
        error.hint(format!("ask for less with {}", super::near::either(&names)))
    }
}

/// Rendered text within the budget, cut at the end of a line.
pub(super) fn cut_text(text: String, budget: Budget) -> String {
    const NOTE: &str = "… cut to keep the answer short";
    let Some((end, _)) = text.char_indices().nth(budget.most) else {
        return text;
    };
    let kept = text.get(..end).unwrap_or_default();
    let room = kept.len().saturating_sub(NOTE.len() + 1);
    let at = kept
        .char_indices()
        .take_while(|(at, _)| *at <= room)
        .filter(|(_, letter)| *letter == '\n')
        .last()
        .map_or(0, |(at, _)| at);
    format!("{}\n{NOTE}", text.get(..at).unwrap_or_default())
}
