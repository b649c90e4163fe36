//! Paths: what a caller writes, templates, and patterns of rules.

use std::collections::BTreeMap;
use std::fmt;

use homelab_core::error::{ToolError, ToolResult};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Most segments of a path.
pub(crate) const MOST_SEGMENTS: usize = 24;

/// One segment as a caller writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Its text, decoded.
    Text(String),
    /// `{name}`: the value stands among the parameters.
    Named(String),
}

impl fmt::Display for Segment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Named(name) => write!(formatter, "{{{name}}}"),
        }
    }
}

/// Reads a path as a caller writes it: segments may be percent-encoded or named in braces.
///
/// # Errors
/// `invalid_argument` on `path`.
pub(crate) fn parse(path: &str, base: &str) -> ToolResult<Vec<Segment>> {
    let bad = |what: &str| ToolError::invalid("path", format!("the path {what}"));
    if path.contains(['?', '#']) {
        return Err(bad("has a query or a fragment").hint("put parameters into `params`"));
    }
    let below = path.strip_prefix(base).unwrap_or(path);
    let Some(rest) = below.strip_prefix('/') else {
        return Err(bad("does not begin with `/`"));
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::new();
    for part in rest.split('/') {
        let text = percent_decode_str(part)
            .decode_utf8()
            .map_err(|_| bad("is not UTF-8 once it is decoded"))?;
        if matches!(&*text, "" | "." | "..") || text.contains(char::is_control) {
            return Err(bad("has an empty, dotted or unprintable segment"));
        }
        segments.push(match named(part) {
            Some(name) => Segment::Named(name.to_owned()),
            None => Segment::Text(text.into_owned()),
        });
    }
    if segments.len() > MOST_SEGMENTS {
        return Err(bad("has too many segments"));
    }
    Ok(segments)
}

/// The name in a segment that is `{name}`.
pub(crate) fn named(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The segments of a template or pattern.
pub(crate) fn segments(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter(|segment| !segment.is_empty())
}

/// How many segments of a template are literal if it fits what was written; `None` if it does not.
pub(crate) fn fit(template: &str, written: &[Segment]) -> Option<usize> {
    let mut literal = 0;
    let mut written = written.iter();
    for part in segments(template) {
        match (named(part), written.next()?) {
            (Some(_), _) => {}
            (None, Segment::Text(text)) if text == part => literal += 1,
            (None, _) => return None,
        }
    }
    written.next().is_none().then_some(literal)
}

/// Fills the names in what was written from the parameters; the result has text alone.
///
/// # Errors
/// `invalid_argument` on the parameter that is missing or cannot be part of a path.
pub(crate) fn filled(
    written: &[Segment],
    params: &Map<String, Value>,
    slashes: &[&str],
) -> ToolResult<Vec<String>> {
    written
        .iter()
        .map(|segment| match segment {
            Segment::Text(text) => Ok(text.clone()),
            Segment::Named(name) => {
                let field = format!("params.{name}");
                let text = match params.get(name) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    Some(_) => {
                        return Err(ToolError::invalid(
                            field,
                            format!("`{name}` stands in the path: give a text or a number"),
                        ));
                    }
                    None => {
                        return Err(ToolError::invalid(field, format!("`{name}` is missing"))
                            .hint("write its value into the path, or give it in `params`"));
                    }
                };
                plain(name, text, slashes)
            }
        })
        .collect()
}

/// The value of a variable segment if it cannot lead to another path. Several upstreams decode a
/// slash before they look for the operation, so only where one is expected is it let through.
pub(crate) fn plain(name: &str, text: String, slashes: &[&str]) -> ToolResult<String> {
    let wrong = if slashes.contains(&name) {
        text.split('/').any(|part| matches!(part, "" | "." | ".."))
    } else {
        text.contains('/') || matches!(text.as_str(), "" | "." | "..")
    };
    if wrong || text.contains(char::is_control) || text.contains('\\') {
        let message = format!("`{name}` cannot be part of a path");
        return Err(ToolError::invalid(format!("params.{name}"), message));
    }
    Ok(text)
}

/// The values of a template's variable segments.
pub(crate) fn values(
    template: &str,
    filled: &[String],
    slashes: &[&str],
) -> ToolResult<BTreeMap<String, String>> {
    segments(template)
        .zip(filled)
        .filter_map(|(part, text)| Some((named(part)?, text)))
        .map(|(name, text)| Ok((name.to_owned(), plain(name, text.clone(), slashes)?)))
        .collect()
}

/// Whether a pattern of a rule fits: `{…}` is any one segment, `**` at its end any rest, even none.
pub(crate) fn matches(pattern: &str, filled: &[String]) -> bool {
    let mut filled = filled.iter();
    for part in segments(pattern) {
        if part == "**" {
            return true;
        }
        let Some(text) = filled.next() else {
            return false;
        };
        if named(part).is_none() && part != text {
            return false;
        }
    }
    filled.next().is_none()
}

/// Whether two templates are the same but for the names of their variables.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (segments(one), segments(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || named(a).is_some() && named(b).is_some() => {}
            _ => return false,
        }
    }
}

/// Whether a pattern is part of an operation: they are alike, or a variable of the operation has a
/// value in the pattern.
pub(crate) fn within(pattern: &str, operation: &str) -> bool {
    let (mut pattern, mut operation) = (segments(pattern), segments(operation));
    loop {
        match (pattern.next(), operation.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || named(b).is_some() => {}
            _ => return false,
        }
    }
}

/// The template of the operation with those of its variables filled that have a value in the pattern,
/// where it has such; else the pattern is the operation, or none of it.
pub(crate) fn narrowed(pattern: &str, operation: &str) -> Option<String> {
    if pattern.ends_with("/**") || !within(pattern, operation) || alike(pattern, operation) {
        return None;
    }
    let parts = segments(pattern).zip(segments(operation));
    let mut path = String::new();
    for (pattern, operation) in parts {
        let part = match named(pattern) {
            Some(_) => operation,
            None => pattern,
        };
        path.push('/');
        path.push_str(part);
    }
    if operation.ends_with('/') {
        path.push('/');
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn text(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    #[test]
    fn values_stand_in_the_path_or_among_the_parameters() {
        let written = parse("/api2/json/nodes/{node}/storage/a%20b/", "/api2/json").unwrap();
        let Value::Object(params) = json!({ "node": "pve1" }) else {
            panic!("an object");
        };

        let filled = filled(&written, &params, &[]).unwrap();

        assert_eq!(filled, text(&["nodes", "pve1", "storage", "a b"]));
        assert_eq!(fit("/nodes/{node}/storage/{storage}", &written), Some(2));
        assert_eq!(fit("/nodes/{node}/storage", &written), None);
        assert_eq!(fit("/nodes/{node}/{any}/x", &written), None);
    }

    #[rstest]
    #[case("nodes")]
    #[case("/nodes//x")]
    #[case("/nodes/../access")]
    #[case("/nodes/%2e%2e/access")]
    #[case("/nodes?x=1")]
    #[case("/nodes/%00")]
    #[case("/nodes/%ff")]
    fn a_path_that_could_lead_elsewhere_is_refused(#[case] path: &str) {
        assert_eq!(
            parse(path, "").unwrap_err().envelope().field.as_deref(),
            Some("path")
        );
    }

    #[rstest]
    #[case("pve1/qemu/100", false)]
    #[case("..", false)]
    #[case("a\\b", false)]
    #[case("", false)]
    #[case("local:iso/a.iso", true)]
    fn a_value_has_a_slash_only_where_one_is_expected(#[case] value: &str, #[case] listed: bool) {
        assert!(plain("node", value.to_owned(), &["volume"]).is_err());
        assert_eq!(
            plain("volume", value.to_owned(), &["volume"]).is_ok(),
            listed || value == "pve1/qemu/100"
        );
        assert!(plain("volume", "a/../b".to_owned(), &["volume"]).is_err());
    }

    #[rstest]
    #[case("/a/{x}/c", &["a", "b", "c"], true)]
    #[case("/a/**", &["a"], true)]
    #[case("/a/**", &["a", "b", "c"], true)]
    #[case("/a/**", &["b"], false)]
    #[case("/a", &["a", "b"], false)]
    #[case("/a/b", &["a"], false)]
    fn patterns_are_of_whole_segments(
        #[case] pattern: &str,
        #[case] path: &[&str],
        #[case] fits: bool,
    ) {
        assert_eq!(matches(pattern, &text(path)), fits);
    }

    #[test]
    fn a_pattern_may_give_a_value_but_not_take_one() {
        assert!(within("/a/b", "/a/{x}"));
        assert!(within("/a/{y}", "/a/{x}"));
        assert!(!within("/a/{x}", "/a/b"));
        assert!(!within("/a", "/a/{x}"));
    }

    #[rstest]
    #[case("/a/b/{y}", "/a/{x}/{id}/", Some("/a/b/{id}/"))]
    #[case("/a/{y}", "/a/{x}", None)]
    #[case("/a/b", "/a/b", None)]
    #[case("/a/**", "/a/{x}", None)]
    #[case("/c/b", "/a/{x}", None)]
    fn a_pattern_with_a_value_is_an_operation_of_its_own(
        #[case] pattern: &str,
        #[case] operation: &str,
        #[case] path: Option<&str>,
    ) {
        assert_eq!(narrowed(pattern, operation).as_deref(), path);
    }

    #[test]
    fn names_of_variables_do_not_tell_templates_apart() {
        assert!(alike("/a/{x}", "/a/{y}"));
        assert!(!alike("/a/{x}", "/a/b"));
        assert!(!alike("/a/{x}", "/a/{x}/c"));
    }
}
