//! Pages of lists that engines send whole.

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};

/// The page that was asked for, of rows in the order of their key.
///
/// # Errors
/// `invalid_argument` on `cursor`.
pub(crate) fn page<T>(
    mut rows: Vec<T>,
    limit: Option<u32>,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> ToolResult<Page<T>> {
    let request = PageRequest::from_args(limit, cursor)?;
    rows.sort_by_cached_key(&key);
    let total = rows.len() as u64;
    let first = match &request.after {
        Some(after) => rows.partition_point(|row| key(row) <= *after),
        None => 0,
    };
    let rows = rows
        .into_iter()
        .skip(first)
        .take(request.limit as usize + 1)
        .collect();
    Ok(Page::from_rows(rows, &request, total, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let rows = || vec!["d", "a", "c", "b", "e"];
        let mut seen = Vec::new();
        let mut cursor = None;

        loop {
            let page = page(rows(), Some(2), cursor.as_deref(), |row| (*row).to_owned()).unwrap();
            assert_eq!(page.total, 5);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }

        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }
}
