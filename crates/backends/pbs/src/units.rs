//! Numbers and times as people and models read them.

use homelab_core::clock::Micros;

/// Seconds since 1970 as a time.
pub(crate) fn time(seconds: i64) -> Micros {
    Micros(seconds.saturating_mul(1_000_000))
}

/// Whole seconds since 1970.
pub(crate) fn seconds(time: Micros) -> i64 {
    time.0.div_euclid(1_000_000)
}

/// RFC 3339 without fractions, absent for 0 and before.
pub(crate) fn timestamp(seconds: Option<i64>) -> Option<String> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Some(time(seconds).to_rfc3339())
}

/// A share of a whole in per cent with one decimal; absent without a whole.
pub(crate) fn percent(used: Option<u64>, total: Option<u64>) -> Option<f64> {
    let (used, total) = (u128::from(used?), u128::from(total?));
    tenths((used * 1000).checked_div(total)?)
}

/// How often one fits into the other, with one decimal; absent for nothing.
pub(crate) fn factor(whole: Option<u64>, part: Option<u64>) -> Option<f64> {
    let (whole, part) = (u128::from(whole?), u128::from(part?));
    tenths((whole * 10).checked_div(part)?)
}

fn tenths(tenths: u128) -> Option<f64> {
    u32::try_from(tenths)
        .ok()
        .map(|tenths| f64::from(tenths) / 10.0)
}

/// Bytes in the largest unit that leaves a number above 1.
pub(crate) fn size(bytes: u64) -> String {
    let mut tenths = u128::from(bytes) * 10;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if tenths < 10_240 {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10).replace(".0 ", " ");
        }
        tenths = (tenths + 512) / 1024;
    }
    format!("{}.{} TiB", tenths / 10, tenths % 10).replace(".0 ", " ")
}

/// Seconds in days, hours or minutes.
pub(crate) fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// `1 backup`, `2 backups`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0 B")]
    #[case(1023, "1023 B")]
    #[case(1536, "1.5 KiB")]
    #[case(8 << 30, "8 GiB")]
    #[case(5 << 40, "5 TiB")]
    fn sizes(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(size(bytes), text);
    }

    #[rstest]
    #[case(-5, "0 min")]
    #[case(3599, "59 min")]
    #[case(7200, "2 h")]
    #[case(172_800, "2 days")]
    fn spans(#[case] seconds: i64, #[case] text: &str) {
        assert_eq!(span(seconds), text);
    }

    #[test]
    fn shares() {
        assert_eq!(percent(Some(1), Some(3)), Some(33.3));
        assert_eq!(percent(Some(1), Some(0)), None);
        assert_eq!(factor(Some(10), Some(4)), Some(2.5));
        assert_eq!(factor(Some(10), Some(0)), None);
        assert_eq!(
            timestamp(Some(1_795_140_000)).as_deref(),
            Some("2026-11-20T02:00:00Z")
        );
        assert_eq!(timestamp(Some(0)), None);
        assert_eq!(seconds(time(-1)), -1);
    }
}
