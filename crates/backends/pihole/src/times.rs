//! Times and shares, as they are shown.

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};

/// RFC 3339, absent for 0 and before.
pub(crate) fn time(seconds: i64) -> Option<String> {
    (seconds > 0).then(|| Micros(seconds.saturating_mul(1_000_000)).to_rfc3339())
}

/// RFC 3339 of a time with parts of a second, which are left out.
#[expect(clippy::cast_possible_truncation, reason = "times of this age fit")]
pub(crate) fn time_of(seconds: f64) -> Option<String> {
    time(seconds as i64)
}

/// Whole seconds, upwards.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a timer of at most a day, and never below zero"
)]
pub(crate) fn whole(seconds: f64) -> u64 {
    seconds.max(0.0).ceil() as u64
}

/// One decimal.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// A share of a whole in per cent with one decimal; absent without a whole.
#[expect(clippy::cast_precision_loss, reason = "counts of queries")]
pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 * 100.0 / whole as f64))
}

/// Seconds since 1970 of an argument.
pub(crate) fn seconds(field: &str, text: &str) -> ToolResult<i64> {
    let time = Micros::from_rfc3339(text).ok_or_else(|| {
        ToolError::invalid(field, format!("`{text}` is no RFC 3339 time"))
            .hint("write it like `2026-11-20T02:00:00Z`")
    })?;
    Ok(time.0.div_euclid(1_000_000))
}

/// The span that `from` and `until` name, up to now unless said otherwise; `None` without `from`.
///
/// # Errors
/// `until` without `from`, a time that is none, or an end before the beginning.
pub(crate) fn span(
    from: Option<&str>,
    until: Option<&str>,
    now: i64,
) -> ToolResult<Option<(i64, i64)>> {
    let Some(from) = from else {
        return match until {
            None => Ok(None),
            Some(_) => Err(ToolError::invalid("from", "`until` needs a `from`")),
        };
    };
    let from = seconds("from", from)?;
    let until = match until {
        Some(until) => seconds("until", until)?,
        None => now,
    };
    if until <= from {
        return Err(ToolError::invalid("until", "`until` is not after `from`"));
    }
    Ok(Some((from, until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_beginning() {
        let day = "2026-06-01T00:00:00Z";
        let start = seconds("from", day).unwrap();

        assert_eq!(span(None, None, 5).unwrap(), None);
        assert_eq!(
            span(Some(day), None, start + 9).unwrap(),
            Some((start, start + 9))
        );
        assert!(span(None, Some(day), start).is_err());
        assert!(span(Some(day), Some(day), start).is_err());
        assert!(span(Some("yesterday"), None, start).is_err());
    }

    #[test]
    fn timers_are_rounded_up() {
        assert_eq!((whole(299.2), whole(-1.0)), (300, 0));
        assert_eq!(percent(1, 3), Some(33.3));
        assert_eq!(percent(0, 0), None);
    }
}
