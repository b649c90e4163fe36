//! What is known of one operation of an upstream's API.

use std::fmt;

use homelab_upstream::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Methods of operations.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// Reads.
    Get,
    /// Makes, or starts something.
    Post,
    /// Sets.
    Put,
    /// Sets a part.
    Patch,
    /// Removes.
    Delete,
}

impl Verb {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// For a request.
    pub fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    /// Reads a method in either case; `None` for those that no operation is called by.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Into the path, where the template has its name in braces.
    Path,
    /// Into the query.
    Query,
    /// It is the whole body.
    Body,
    /// Wherever the method has its arguments: the query of `GET` and `DELETE`, else the body.
    Argument,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Parameter {
    /// Its name; `[n]` at the end stands for any number.
    pub name: String,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: Place,
    /// It must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Its type, choices and bounds, in the words of JSON Schema, with its description.
    pub schema: Value,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its method.
    pub method: Verb,
    /// Its path below the API's base, with each variable segment in braces.
    pub path: String,
    /// What it does, in one line.
    pub summary: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// Names of the members of what it answers, or of each row of that where it is a list; empty where
    /// the description does not say. Of reads alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answer: Vec<String>,
}

/// Keyword of our own: in place of what the schema says, a list of such may be given too.
pub(crate) const OR_LIST: &str = "or_list";
/// Longest summary that is kept, characters.
const LONGEST_SUMMARY: usize = 160;
/// Longest description of a parameter that is kept, characters.
pub(crate) const LONGEST_DESCRIPTION: usize = 300;

/// The first sentence of a text, in one line of bounded length.
pub(crate) fn one_line(text: &str) -> String {
    let line = clipped(text, LONGEST_SUMMARY);
    match line.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => line,
    }
}

/// A text in one line of bounded length.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(most) {
        None => line,
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
    }
}
