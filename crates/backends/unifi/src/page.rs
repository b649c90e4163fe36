//! Pages of lists that the console gives as a whole.

use homelab_core::clock::Micros;

pub(crate) use homelab_backend::page::page;

/// A key that puts the newest first.
pub(crate) fn newest_first(time: i64, id: &str) -> String {
    let age = i64::MAX - time.max(0);
    format!("{age:020}{id}")
}

/// Seconds since 1970 as RFC 3339; absent for 0 and before.
pub(crate) fn timestamp(seconds: Option<i64>) -> Option<String> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Some(Micros(seconds.saturating_mul(1_000_000)).to_rfc3339())
}

/// `1 client`, `2 clients`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_join_without_gap_or_overlap() {
        let rows = || vec![5, 3, 9, 1];
        let key = |row: &i32| format!("{row:03}");

        let first = page(rows(), Some(3), None, key).unwrap();
        let second = page(rows(), Some(3), first.next_cursor.as_deref(), key).unwrap();

        assert_eq!((first.items, first.total), (vec![1, 3, 5], 4));
        assert_eq!((second.items, second.next_cursor), (vec![9], None));
        assert!(newest_first(20, "a") < newest_first(10, "b"));
    }
}
