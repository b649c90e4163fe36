//! Pages of lists that Proxmox gives as a whole.

pub(crate) use homelab_backend::page::page;

/// A key that puts the newest first.
pub(crate) fn newest_first(seconds: Option<i64>, id: &str) -> String {
    let age = i64::MAX - seconds.unwrap_or(0).max(0);
    format!("{age:020}{id}")
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
    fn the_newest_comes_first() {
        let mut keys = [
            newest_first(Some(10), "a"),
            newest_first(None, "b"),
            newest_first(Some(20), "c"),
        ];
        keys.sort();

        assert!(keys[0].ends_with('c') && keys[2].ends_with('b'));
    }
}
