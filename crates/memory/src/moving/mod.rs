//! Moving in and out: memories as other stores write them down, and our own form, which comes back exactly.
//!
//! Everything here is pure: text in, [`Read`] out. A file is either read as a whole, or its [`Problem`]s say at
//! which place what is wrong; what is then taken over is the caller's decision, in one transaction
//! ([`take`]).
//!
//! # Adding a form
//! 1. A module with `read(text, name) -> Read`.
//! 2. A variant of [`Form`], what tells it from the others in [`Form::of`], and its arm in [`read`].

mod fields;
mod graph;
mod markdown;
mod mem0;
mod own;
mod take;

use std::fmt;

use homelab_core::clock::Micros;
use homelab_core::memory::About;
use serde_json::{Map, Value};

pub use own::{HEADER, write};
pub use take::{Destination, Taken, take};

/// A form in which memories come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Our own JSON lines.
    Own,
    /// mem0: what `get_all` or an export answers, or points of its vector store with their payloads.
    Mem0,
    /// The reference memory server's JSON lines of entities and relations.
    Graph,
    /// Markdown notes.
    Markdown,
}

impl Form {
    /// The form of a file, by its name and then by how it begins.
    pub fn of(name: &str, text: &str) -> Option<Self> {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        if extension
            .is_some_and(|one| matches!(one.to_ascii_lowercase().as_str(), "md" | "markdown"))
        {
            return Some(Self::Markdown);
        }
        let first = text.lines().find(|line| !line.trim().is_empty())?;
        match serde_json::from_str::<Value>(first) {
            Ok(Value::Object(line)) if line.contains_key(own::MARK) => Some(Self::Own),
            Ok(Value::Object(line)) if graph::is_line(&line) => Some(Self::Graph),
            Ok(Value::Object(_) | Value::Array(_)) => Some(Self::Mem0),
            // A document over several lines.
            _ if first.trim_start().starts_with(['{', '[']) => Some(Self::Mem0),
            _ => None,
        }
    }
}

/// One memory of another store, as far as it says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moved {
    /// Where it stands.
    pub at: At,
    /// Its id there, where that is a UUID.
    pub id: Option<String>,
    /// Whose it was; our own form alone knows.
    pub owner: Option<String>,
    /// Label.
    pub user_id: Option<String>,
    /// Label.
    pub agent_id: Option<String>,
    /// Label.
    pub run_id: Option<String>,
    /// The text.
    pub content: String,
    /// Category.
    pub category: Option<String>,
    /// Whatever else was kept with it.
    pub metadata: Map<String, Value>,
    /// Where it comes from.
    pub source: Option<String>,
    /// 0 to 1.
    pub importance: Option<f64>,
    /// Things of the lab it is about.
    pub about: Vec<About>,
    /// When it was made.
    pub created_at: Option<Micros>,
    /// From when the text held.
    pub valid_from: Option<Micros>,
    /// When it stops being told unasked.
    pub expires_at: Option<Micros>,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// The file as a whole.
    #[default]
    File,
    /// A line, from 1.
    Line(usize),
    /// A memory of a document that is not one line each, from 1.
    Item(usize),
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => formatter.write_str("the file"),
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Item(item) => write!(formatter, "memory {item}"),
        }
    }
}

/// Why something of a file cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What, without repeating the text.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(at: At, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.at, self.message)
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read {
    /// What can be taken over.
    pub memories: Vec<Moved>,
    /// What cannot.
    pub problems: Vec<Problem>,
}

impl Read {
    fn push(&mut self, moved: Moved) {
        match fields::check(&moved) {
            Ok(()) => self.memories.push(moved),
            Err(message) => self.problems.push(Problem::new(moved.at, message)),
        }
    }

    fn problem(&mut self, at: At, message: impl Into<String>) {
        self.problems.push(Problem::new(at, message));
    }
}

/// Reads a text of this form; `name` is the file's, for notes that say where they come from.
pub fn read(form: Form, text: &str, name: &str) -> Read {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match form {
        Form::Own => own::read(text),
        Form::Mem0 => mem0::read(text),
        Form::Graph => graph::read(text),
        Form::Markdown => markdown::read(text, name),
    }
}

/// The lines of a text that hold something, with their numbers.
fn numbered(text: &str) -> impl Iterator<Item = (At, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| (At::Line(index + 1), line))
}

/// A JSON error without the place, which is said otherwise, and without the text.
fn not_json(error: &serde_json::Error) -> String {
    format!("it is no JSON from column {} on", error.column())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("notes.md", "anything", Some(Form::Markdown))]
    #[case("x.jsonl", "\n{\"homelab_mcp_memories\":1}\n", Some(Form::Own))]
    #[case(
        "memory.json",
        "{\"type\":\"entity\",\"name\":\"nas\"}",
        Some(Form::Graph)
    )]
    #[case("export.json", "{\"results\":[]}", Some(Form::Mem0))]
    #[case("export.json", "[\n {}\n]", Some(Form::Mem0))]
    #[case("-", "some words", None)]
    #[case("-", "", None)]
    fn a_form_is_told_by_name_and_beginning(
        #[case] name: &str,
        #[case] text: &str,
        #[case] form: Option<Form>,
    ) {
        assert_eq!(Form::of(name, text), form);
    }
}
