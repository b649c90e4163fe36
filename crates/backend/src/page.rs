//! Pages of lists that an upstream gives as a whole.

use homelab_core::error::ToolResult;
use homelab_core::page::{Page, PageRequest};

/// The page of `rows` that `limit` and `cursor` ask for, in the order of `key`, which must be
/// different for each row.
///
/// # Errors
/// `invalid_argument` for a `limit` or `cursor` that is none.
pub fn page<T>(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let rows = || vec![5, 3, 9, 1, 7];
        let key = |row: &i32| format!("{row:03}");

        let first = page(rows(), Some(2), None, key).unwrap();
        let second = page(rows(), Some(2), first.next_cursor.as_deref(), key).unwrap();
        let third = page(rows(), Some(2), second.next_cursor.as_deref(), key).unwrap();

        assert_eq!((first.items, first.total), (vec![1, 3], 5));
        assert_eq!(second.items, [5, 7]);
        assert_eq!(third.items, [9]);
        assert_eq!(third.next_cursor, None);
    }

    #[test]
    fn the_last_page_is_the_one_that_leaves_nothing() {
        let rows = || vec![5, 3, 9, 1, 7];
        let key = |row: &i32| format!("{row:03}");

        let first = page(rows(), Some(3), None, key).unwrap();
        let second = page(rows(), Some(3), first.next_cursor.as_deref(), key).unwrap();

        assert_eq!((first.items, first.total), (vec![1, 3, 5], 5));
        assert_eq!((second.items, second.next_cursor), (vec![7, 9], None));
    }
}
