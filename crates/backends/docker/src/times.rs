//! Times as callers write them, and as engines take them.

use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{ToolError, ToolResult};

/// Reads RFC 3339, or how long ago: `90s`, `15m`, `2h`, `3d`.
///
/// # Errors
/// `invalid_argument` on `field`.
pub(crate) fn parse(field: &str, text: &str, now: Micros) -> ToolResult<Micros> {
    if let Some(time) = Micros::from_rfc3339(text) {
        return Ok(time);
    }
    ago(text).map(|ago| now.earlier(ago)).ok_or_else(|| {
        ToolError::invalid(field, format!("`{}` is no time", text.escape_debug()))
            .hint("write `2026-01-02T03:04:05Z`, or how long ago: `90s`, `15m`, `2h`, `3d`")
    })
}

/// As [`parse`], for an argument that may be left out.
pub(crate) fn maybe(field: &str, text: Option<&str>, now: Micros) -> ToolResult<Option<Micros>> {
    text.map(|text| parse(field, text, now)).transpose()
}

/// Seconds since the epoch, with their fraction.
pub(crate) fn epoch(time: Micros) -> String {
    format!(
        "{}.{:06}",
        time.0.div_euclid(1_000_000),
        time.0.rem_euclid(1_000_000)
    )
}

/// From whole seconds; nothing for zero and less.
pub(crate) fn from_seconds(seconds: i64) -> Option<Micros> {
    (seconds > 0).then(|| Micros(0).plus_seconds(seconds))
}

/// A time as engines write it; nothing where it is their "never".
pub(crate) fn engine_time(text: &str) -> Option<Micros> {
    Micros::from_rfc3339(text).filter(|time| time.0 > 0)
}

fn ago(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number
        .parse::<u32>()
        .ok()
        .map(|number| Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-02T03:04:05Z", "1767323045.000000")]
    #[case("90s", "9910.000000")]
    #[case("1m", "9940.000000")]
    fn times_are_read_as_moments_and_as_how_long_ago(#[case] text: &str, #[case] expected: &str) {
        let now = Micros(10_000_000_000);

        assert_eq!(epoch(parse("since", text, now).unwrap()), expected);
    }

    #[rstest]
    #[case("")]
    #[case("yesterday")]
    #[case("15")]
    #[case("m")]
    #[case("99999999999d")]
    fn what_is_no_time_is_refused_on_its_argument(#[case] text: &str) {
        let error = parse("since", text, Micros(0)).unwrap_err();

        assert_eq!(error.envelope().field.as_deref(), Some("since"));
    }
}
