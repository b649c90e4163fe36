//! Schema violations in words: the path, what is wrong, what is accepted.

use std::collections::BTreeSet;

use homelab_core::error::ToolError;
use homelab_core::redact::{at_path, names_a_secret};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use serde_json::Value;

use super::normalise::Shape;
use crate::pipeline::near::{either, near};

/// Problems that are told at once.
const MOST: usize = 3;
/// Letters of a wrong value that are repeated.
const SHOWN: usize = 60;

struct Problem {
    field: String,
    text: String,
    hint: Option<String>,
}

/// One error for all that is wrong; `field` and the hint are those of the first problem.
pub(super) fn describe<'a>(
    errors: impl Iterator<Item = ValidationError<'a>>,
    shape: &Shape,
    sensitive: &[&str],
) -> ToolError {
    let mut problems: Vec<Problem> = errors
        .take(MOST * 4)
        .flat_map(|error| problems_of(&error, shape, sensitive))
        .collect();
    let more = problems.len().saturating_sub(MOST);
    problems.truncate(MOST);

    let mut problems = problems.into_iter();
    let Some(first) = problems.next() else {
        return ToolError::invalid("arguments", "the arguments do not fit the tool's schema");
    };
    let mut text = first.text;
    let mut hint = first.hint;
    for problem in problems {
        text.push_str("; ");
        text.push_str(&problem.text);
        hint = hint.or(problem.hint);
    }
    if more > 0 {
        text.push_str("; and more");
    }
    let error = ToolError::invalid(first.field, text);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn problems_of(error: &ValidationError<'_>, root: &Shape, sensitive: &[&str]) -> Vec<Problem> {
    let place = Place::of(error, root, sensitive);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.iter().map(|name| place.unknown(name)).collect()
        }
        Kind::Required { property } => {
            vec![place.missing(property.as_str().unwrap_or_default())]
        }
        kind => {
            let complaint = complaint(error, kind);
            let text = if place.path.is_empty() {
                format!("the arguments {complaint}")
            } else {
                format!("`{}` {complaint}{}", place.path, place.instead_of(error))
            };
            vec![Problem {
                field: place.field(),
                text,
                hint: place.suggestion(error, kind),
            }]
        }
    }
}

/// What is wrong with the value, as the end of a sentence that starts with its path.
fn complaint(error: &ValidationError<'_>, kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => format!("must be {}", type_name(kind)),
        Kind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let words: Vec<String> = options.iter().map(plain).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            format!("must be {}", either(&words))
        }
        Kind::Constant { expected_value } => format!("must be `{}`", plain(expected_value)),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::UniqueItems => "must not have the same item twice".to_owned(),
        Kind::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let types: BTreeSet<String> = context
                .iter()
                .flatten()
                .filter_map(|inner| match inner.kind() {
                    Kind::Type { kind } if inner.instance_path() == error.instance_path() => {
                        Some(type_name(kind))
                    }
                    _ => None,
                })
                .collect();
            if types.is_empty() {
                "fits none of the accepted forms".to_owned()
            } else {
                let types: Vec<String> = types.into_iter().collect();
                format!("must be {}", types.join(" or "))
            }
        }
        // The value itself may be long or secret, so it is left out of the library's words.
        _ => format!("is not accepted: {}", error.masked()),
    }
}

fn type_name(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => article(one.as_str()),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| article(one.as_str())).collect();
            names.join(" or ")
        }
    }
}

fn article(name: &str) -> String {
    match name {
        "null" => "null".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => "a whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "object" => "an object".to_owned(),
        other => format!("a {other}"),
    }
}

/// Where a problem is.
struct Place<'a> {
    /// `tags[0].name`; empty for the arguments as a whole.
    path: String,
    /// The schema there, where it is plain enough to follow.
    shape: Option<&'a Shape>,
    is_secret: bool,
}

impl<'a> Place<'a> {
    fn of(error: &ValidationError<'_>, root: &'a Shape, sensitive: &[&str]) -> Self {
        let mut path = String::new();
        let mut names = Vec::new();
        let mut shape = Some(root);
        for segment in error.instance_path().segments() {
            match segment {
                LocationSegment::Property(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&name);
                    shape = shape.and_then(|shape| shape.member(&name));
                    names.push(name.into_owned());
                }
                LocationSegment::Index(index) => {
                    path.push('[');
                    path.push_str(&index.to_string());
                    path.push(']');
                    shape = shape.and_then(Shape::items);
                }
            }
        }
        let is_secret = names.last().is_some_and(|name| names_a_secret(name))
            || sensitive.iter().any(|pattern| at_path(pattern, &names));
        Self {
            path,
            shape,
            is_secret,
        }
    }

    fn field(&self) -> String {
        if self.path.is_empty() {
            "arguments".to_owned()
        } else {
            self.path.clone()
        }
    }

    fn below(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn missing(&self, name: &str) -> Problem {
        let path = self.below(name);
        let description = self
            .shape
            .and_then(|shape| shape.member(name)?.description());
        Problem {
            text: match description {
                Some(description) => format!(
                    "`{path}` is missing ({})",
                    description.trim_end_matches('.')
                ),
                None => format!("`{path}` is missing"),
            },
            field: path,
            hint: None,
        }
    }

    fn unknown(&self, name: &str) -> Problem {
        let path = self.below(&crate::pipeline::resolve::clipped(name));
        let mut accepted: Vec<&str> = self
            .shape
            .into_iter()
            .flat_map(Shape::member_names)
            .collect();
        accepted.sort_unstable();
        let similar = near(name, accepted.iter().copied());
        let hint = match (similar.first(), accepted.is_empty()) {
            (Some(similar), _) => format!(
                "did you mean `{similar}`? Accepted: {}",
                accepted.join(", ")
            ),
            (None, false) => format!("accepted: {}", accepted.join(", ")),
            (None, true) => "this takes no arguments".to_owned(),
        };
        Problem {
            text: format!("unknown argument `{path}`"),
            field: path,
            hint: Some(hint),
        }
    }

    /// `, not …`, unless that would repeat a secret.
    fn instead_of(&self, error: &ValidationError<'_>) -> String {
        if self.is_secret {
            return String::new();
        }
        let shown = match &**error.instance() {
            Value::Object(_) => "an object".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            scalar => {
                let text = plain(scalar);
                let cut: String = text.chars().take(SHOWN).collect();
                let ellipsis = if cut.len() < text.len() { "…" } else { "" };
                format!("`{cut}{ellipsis}`")
            }
        };
        format!(", not {shown}")
    }

    fn suggestion(&self, error: &ValidationError<'_>, kind: &Kind) -> Option<String> {
        if let Kind::Enum { options } = kind
            && let Some(written) = error.instance().as_str()
        {
            let words = options.as_array()?.iter().filter_map(Value::as_str);
            let similar = near(written, words);
            return similar
                .first()
                .map(|word| format!("did you mean `{word}`?"));
        }
        self.shape
            .and_then(Shape::description)
            .map(|description| format!("`{}`: {description}", self.path))
    }
}

/// A scalar without quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
