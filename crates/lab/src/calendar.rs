//! Seconds since 1970 as the upstreams write them.

use homelab_core::clock::Micros;

/// RFC 3339 in UTC, such as `2026-11-20T02:00:00Z`.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Micros(seconds.saturating_mul(1_000_000)).to_rfc3339()
}

/// Such as `2026_11_20-02_00_00`, in the names of archives.
pub(crate) fn in_file_name(seconds: i64) -> String {
    let text = rfc3339(seconds);
    let text = text.trim_end_matches('Z');
    text.replace(['-', ':'], "_").replace('T', "-")
}

/// Year and month.
pub(crate) fn month(seconds: i64) -> String {
    let text = rfc3339(seconds);
    let parts: Vec<&str> = text.split('-').take(2).collect();
    parts.join("-")
}

/// Year.
pub(crate) fn year(seconds: i64) -> String {
    let text = rfc3339(seconds);
    text.split('-').next().unwrap_or_default().to_owned()
}

/// Number of the week since 1970, which begins on a Monday.
pub(crate) fn week(seconds: i64) -> i64 {
    (seconds.div_euclid(86_400) + 3).div_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_rfc3339(text: &str) -> Option<i64> {
        Some(Micros::from_rfc3339(text)?.0.div_euclid(1_000_000))
    }

    #[test]
    fn times_are_written_as_the_upstreams_do() {
        let time = from_rfc3339("2026-11-20T02:03:04Z").unwrap();

        assert_eq!(rfc3339(time), "2026-11-20T02:03:04Z");
        assert_eq!(in_file_name(time), "2026_11_20-02_03_04");
        assert_eq!(month(time), "2026-11");
        assert_eq!(year(time), "2026");
    }

    #[test]
    fn a_week_begins_on_monday() {
        let sunday = from_rfc3339("2026-11-22T23:59:59Z").unwrap();
        let monday = from_rfc3339("2026-11-23T00:00:00Z").unwrap();

        assert_eq!(week(sunday) + 1, week(monday));
        assert_eq!(week(monday), week(monday + 6 * 86_400));
    }
}
