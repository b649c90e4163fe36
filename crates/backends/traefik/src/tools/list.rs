//! What the lists have in common.

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};
use homelab_core::render::printable;
use schemars::JsonSchema;
use serde::Deserialize;

/// What stands where a secret stood.
pub(crate) const MARK: &str = "[redacted]";
/// Characters kept of an error of Traefik's.
const LONGEST: usize = 300;

/// The state of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is used.
    Enabled,
    /// It has an error and is not used.
    Disabled,
    /// It is used, and something is wrong with it.
    Warning,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Warning => "warning",
        }
    }
}

/// The page of `rows` that `limit` and `cursor` ask for, in the order of `key`, which must be
/// different for each row.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    limit: Option<u32>,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> ToolResult<Page<T>> {
    let request = PageRequest::from_args(limit, cursor)?;
    let total = rows.len() as u64;
    rows.sort_by_cached_key(&key);
    if let Some(after) = &request.after {
        rows.retain(|row| key(row) > *after);
    }
    rows.truncate(request.limit as usize + 1);
    Ok(Page::from_rows(rows, &request, total, key))
}

/// Errors as they may be shown.
pub(crate) fn errors(errors: &[String]) -> Vec<String> {
    let clean = |error: &String| printable(error).chars().take(LONGEST).collect();
    errors.iter().take(10).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let rows = || vec![5, 3, 9, 1, 7];
        let key = |row: &i32| format!("{row:03}");

        let first = page(rows(), Some(3), None, key).unwrap();
        let second = page(rows(), Some(3), first.next_cursor.as_deref(), key).unwrap();

        assert_eq!((first.items, first.total), (vec![1, 3, 5], 5));
        assert_eq!((second.items, second.next_cursor), (vec![7, 9], None));
    }
}
