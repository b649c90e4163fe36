//! Paths as they are written.

use homelab_core::error::{ToolError, ToolResult};

/// Longest path; Linux takes no longer ones.
const LONGEST: usize = 4096;

/// The path without doubled slashes, `.` and a slash at its end.
///
/// # Errors
/// `invalid_argument` for paths that are relative, have a NUL or `..` in them, or are too long. What
/// `..` means depends on links, so nobody can judge it here.
pub(crate) fn absolute(path: &str) -> ToolResult<String> {
    let refuse = |why: &str| {
        let shown: String = path.chars().take(200).collect();
        let text = format!("the path `{}` {why}", shown.escape_debug());
        Err(ToolError::invalid("path", text))
    };
    if !path.starts_with('/') {
        return refuse("is not absolute");
    }
    if path.contains('\0') {
        return refuse("has a NUL in it");
    }
    if path.len() > LONGEST {
        return refuse("is too long");
    }
    let mut clean = String::with_capacity(path.len());
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return refuse("has `..` in it"),
            part => {
                clean.push('/');
                clean.push_str(part);
            }
        }
    }
    if clean.is_empty() {
        clean.push('/');
    }
    Ok(clean)
}

/// Whether a clean path is a root or lies below it.
pub(super) fn is_below(path: &str, root: &str) -> bool {
    match path.strip_prefix(root) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || root.ends_with('/'),
        None => false,
    }
}

/// The directory and the name of a clean path; `None` for `/` itself.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/')?;
    if name.is_empty() {
        return None;
    }
    Some((if parent.is_empty() { "/" } else { parent }, name))
}

/// A name inside a directory.
pub(super) fn join(parent: &str, name: &str) -> String {
    let parent = parent.trim_end_matches('/');
    format!("{parent}/{name}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/", "/")]
    #[case("/etc/hosts", "/etc/hosts")]
    #[case("//etc/./hosts/", "/etc/hosts")]
    #[case("/srv/...", "/srv/...")]
    fn paths_are_cleaned(#[case] path: &str, #[case] clean: &str) {
        assert_eq!(absolute(path).unwrap(), clean);
    }

    #[rstest]
    #[case("")]
    #[case("etc/hosts")]
    #[case("~/x")]
    #[case("/srv/../etc/shadow")]
    #[case("/srv/..")]
    #[case("/srv/a\0b")]
    fn paths_that_nobody_can_judge_are_refused(#[case] path: &str) {
        assert!(absolute(path).is_err());
    }

    #[rstest]
    #[case("/srv", "/srv", true)]
    #[case("/srv/a", "/srv", true)]
    #[case("/srv2", "/srv", false)]
    #[case("/sr", "/srv", false)]
    #[case("/anything", "/", true)]
    #[case("/", "/", true)]
    fn below_a_root_is_counted_in_whole_names(
        #[case] path: &str,
        #[case] root: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_below(path, root), expected);
    }

    #[test]
    fn a_path_is_its_directory_and_its_name() {
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/"), None);
        assert_eq!(join("/", "a"), "/a");
        assert_eq!(join("/a", "b"), "/a/b");
    }

    proptest! {
        #[test]
        fn a_clean_path_is_clean(path in "/[a./]{0,12}") {
            if let Ok(clean) = absolute(&path) {
                prop_assert!(!clean.contains("//") && !clean.contains("/./"));
                prop_assert!(clean.split('/').all(|part| part != ".."));
                prop_assert_eq!(absolute(&clean).unwrap(), clean);
            }
        }
    }
}
