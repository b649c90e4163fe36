//! From the drivers' errors to [`StoreError`].

use homelab_core::store::StoreError;

/// Sorts a driver's error: what may pass by itself is [`StoreError::Unavailable`], a value that
/// does not decode is [`StoreError::Corrupt`], the rest is a fault of ours.
pub(crate) fn refused(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => {
            let transient = database.code().is_some_and(|code| is_transient(&code));
            // The message alone: the detail of PostgreSQL quotes stored values.
            let message = database.message().to_owned();
            if transient {
                StoreError::Unavailable(message)
            } else {
                StoreError::Internal(message)
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
        other => StoreError::Internal(other.to_string()),
    }
}

/// The same for [`crate::direct`].
pub(crate) fn refused_directly(error: rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => {
            let message = message.unwrap_or_else(|| code.to_string());
            if is_transient_of_sqlite(code.extended_code) {
                StoreError::Unavailable(message)
            } else {
                StoreError::Internal(message)
            }
        }
        other => StoreError::Internal(other.to_string()),
    }
}

/// Whether the same statement may succeed later. SQLite's codes are numbers whose low byte is the
/// primary code (`sqlite3.h`), PostgreSQL's are five characters of which two name the class
/// (documentation, appendix A).
fn is_transient(code: &str) -> bool {
    if code.len() == 5 {
        let class: String = code.chars().take(2).collect();
        // Connection, authorisation, unknown database, rollback, resources, intervention, system;
        // a read-only server is a stand-by that may be promoted; a lock that was not to be had.
        return matches!(
            class.as_str(),
            "08" | "28" | "3D" | "40" | "53" | "57" | "58"
        ) || matches!(code, "25006" | "55P03");
    }
    code.parse().is_ok_and(is_transient_of_sqlite)
}

fn is_transient_of_sqlite(code: i32) -> bool {
    // PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
    matches!(code & 0xff, 3 | 5 | 6 | 8 | 10 | 13 | 14)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("5", true)]
    #[case("517", true)]
    #[case("13", true)]
    #[case("1", false)]
    #[case("2067", false)]
    #[case("57P01", true)]
    #[case("08006", true)]
    #[case("40001", true)]
    #[case("23505", false)]
    #[case("42601", false)]
    #[case("", false)]
    fn only_what_may_pass_is_transient(#[case] code: &str, #[case] transient: bool) {
        assert_eq!(is_transient(code), transient);
    }
}
