//! Names of models: `[host/][namespace/]model[:tag]`.

use homelab_core::error::{ToolError, ToolResult};

/// Longest name.
const LONGEST: usize = 255;
/// The tag of a name without one.
const DEFAULT_TAG: &str = "latest";

/// The name as it was given, if it can be one.
///
/// # Errors
/// `invalid_argument` on `model_name`.
pub(crate) fn checked(name: &str) -> ToolResult<&str> {
    let (path, tag) = name.split_once(':').unwrap_or((name, DEFAULT_TAG));
    // A registry's port stands before the first `/`.
    let (path, tag) = match tag.split_once('/') {
        Some((port, rest)) if is_port(port) => {
            let (below, tag) = rest.split_once(':').unwrap_or((rest, DEFAULT_TAG));
            if !is_path(below) {
                return Err(refused(name));
            }
            (path, tag)
        }
        _ => (path, tag),
    };
    let fits = name.len() <= LONGEST && is_path(path) && is_part(tag);
    if fits { Ok(name) } else { Err(refused(name)) }
}

/// Whether two names mean the same model: the default tag may be left out, and case does not count.
pub(crate) fn same(one: &str, other: &str) -> bool {
    with_tag(one).eq_ignore_ascii_case(&with_tag(other))
}

fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') {
        name.to_owned()
    } else {
        format!("{name}:{DEFAULT_TAG}")
    }
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_part)
}

fn is_part(part: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    part.starts_with(|first: char| first.is_ascii_alphanumeric())
        && part.chars().all(plain)
        && !part.contains("..")
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn refused(name: &str) -> ToolError {
    ToolError::invalid("model_name", format!("`{name}` is not a name of a model"))
        .hint("write it as `llama3.2`, `llama3.2:3b` or `namespace/model:tag`")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("llama3.2")]
    #[case("llama3.2:3b-instruct-q4_K_M")]
    #[case("library/llama3.2:latest")]
    #[case("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M")]
    #[case("registry.example.test:5000/team/model:v1")]
    #[case("registry.example.test:5000/team/model")]
    fn names_as_people_write_them_are_taken(#[case] name: &str) {
        assert_eq!(checked(name).unwrap(), name);
    }

    #[rstest]
    #[case("")]
    #[case(":tag")]
    #[case("model:")]
    #[case("a b")]
    #[case("../model")]
    #[case("a/../b")]
    #[case("/model")]
    #[case("https://registry/model")]
    #[case("model:a:b")]
    #[case("-model")]
    #[case("model\n")]
    #[case("host:0/model")]
    #[case("host:99999/model")]
    fn what_cannot_be_a_name_is_refused_by_its_field(#[case] name: &str) {
        let error = checked(name).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("model_name"));
    }

    #[test]
    fn a_name_without_tag_means_the_latest_and_case_does_not_count() {
        assert!(same("llama3.2", "Llama3.2:latest"));
        assert!(same("host:5000/model", "host:5000/model:latest"));
        assert!(!same("llama3.2", "llama3.2:3b"));
    }
}
