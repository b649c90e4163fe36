//! What a request bounds itself by: `X-MCP-Readonly`, `X-MCP-Toolsets`, `X-MCP-Tools`,
//! `X-MCP-Exclude-Tools`. They only ever tighten, so one that cannot be read refuses the request
//! instead of being passed over.

use std::sync::Arc;

use homelab_core::error::ToolError;
use homelab_core::policy::{Pattern, Tightening};
use http::HeaderMap;

const READ_ONLY: &str = "x-mcp-readonly";
const TOOLSETS: &str = "x-mcp-toolsets";
const TOOLS: &str = "x-mcp-tools";
const EXCLUDE: &str = "x-mcp-exclude-tools";

/// Most entries of a list, and most characters of one.
const MOST: usize = 256;
const LONGEST: usize = 128;

/// The bounds in these headers; `None` if there are none.
///
/// # Errors
/// `invalid_argument` naming the header that cannot be read.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Arc<Tightening>>, ToolError> {
    let toolsets = list(headers, TOOLSETS)?;
    let bounds = Tightening {
        read_only: flag(headers, READ_ONLY)?,
        toolsets,
        tools: list(headers, TOOLS)?.map(patterns),
        exclude: list(headers, EXCLUDE)?.map(patterns).unwrap_or_default(),
        within: None,
    };
    Ok((!bounds.is_open()).then(|| Arc::new(bounds)))
}

fn patterns(texts: Vec<String>) -> Vec<Pattern> {
    texts.into_iter().map(Pattern::new).collect()
}

fn flag(headers: &HeaderMap, name: &'static str) -> Result<bool, ToolError> {
    let Some(text) = only(headers, name)? else {
        return Ok(false);
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" => Ok(false),
        _ => Err(refused(name, "is neither `true` nor `false`")),
    }
}

fn list(headers: &HeaderMap, name: &'static str) -> Result<Option<Vec<String>>, ToolError> {
    let Some(text) = only(headers, name)? else {
        return Ok(None);
    };
    let entries: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
    if entries.len() > MOST {
        return Err(refused(name, "has too many entries"));
    }
    if entries.iter().all(|entry| is_pattern(entry)) {
        Ok(Some(entries))
    } else {
        Err(refused(name, "is not a comma-separated list of names"))
    }
}

/// Twice the same header could mean both or either, so it is refused.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ToolError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused(name, "is there more than once"));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(refused(name, "is no text")),
    }
}

fn is_pattern(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-:.*".contains(&byte))
}

fn refused(name: &'static str, what: &str) -> ToolError {
    ToolError::invalid(name, format!("the header `{name}` {what}"))
        .hint("such headers tighten what a request may do; leave it out, or send names with `*` for any text")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use rstest::rstest;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn each_header_is_a_bound() {
        let read = read(&headers(&[
            (READ_ONLY, "True"),
            (TOOLSETS, "proxmox, pve-2"),
            (TOOLS, "list_*"),
            (EXCLUDE, "*:power, delete_vm"),
        ]))
        .unwrap()
        .unwrap();

        assert!(read.read_only);
        assert_eq!(read.toolsets.as_ref().unwrap(), &["proxmox", "pve-2"]);
        assert_eq!(read.tools.as_ref().unwrap(), &[Pattern::new("list_*")]);
        assert_eq!(read.exclude.len(), 2);
    }

    #[test]
    fn no_header_and_a_false_one_are_no_bound() {
        assert_eq!(read(&headers(&[])), Ok(None));
        assert_eq!(read(&headers(&[(READ_ONLY, "false")])), Ok(None));
    }

    #[rstest]
    #[case(&[(READ_ONLY, "maybe")])]
    #[case(&[(READ_ONLY, "")])]
    #[case(&[(READ_ONLY, "true"), (READ_ONLY, "false")])]
    #[case(&[(TOOLSETS, "")])]
    #[case(&[(TOOLS, "a,,b")])]
    #[case(&[(TOOLS, "a b")])]
    #[case(&[(EXCLUDE, "delete_vm;stop_vm")])]
    #[case(&[(EXCLUDE, "a"), (EXCLUDE, "b")])]
    fn what_cannot_be_read_is_refused(#[case] pairs: &[(&'static str, &'static str)]) {
        assert!(read(&headers(pairs)).is_err());
    }
}
