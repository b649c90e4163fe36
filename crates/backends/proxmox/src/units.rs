//! Numbers and times as people and models read them.

use homelab_core::clock::Micros;

/// A share of a whole in per cent with one decimal; absent without a whole.
pub(crate) fn percent(used: Option<u64>, total: Option<u64>) -> Option<f64> {
    let (used, total) = (u128::from(used?), u128::from(total?));
    let tenths = (used * 1000).checked_div(total)?;
    u32::try_from(tenths)
        .ok()
        .map(|tenths| f64::from(tenths) / 10.0)
}

/// A load of 0 to 1 in per cent with one decimal.
pub(crate) fn load_percent(load: Option<f64>) -> Option<f64> {
    load.map(|load| (load * 1000.0).round() / 10.0)
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

/// Seconds since 1970 as RFC 3339.
pub(crate) fn time(seconds: i64) -> Micros {
    Micros(seconds.saturating_mul(1_000_000))
}

/// RFC 3339 without fractions, absent for 0.
pub(crate) fn timestamp(seconds: Option<i64>) -> Option<String> {
    let seconds = seconds.filter(|seconds| *seconds > 0)?;
    Some(time(seconds).to_rfc3339())
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
    #[case(5 << 50, "5120 TiB")]
    fn sizes(#[case] bytes: u64, #[case] text: &str) {
        assert_eq!(size(bytes), text);
    }

    #[test]
    fn shares() {
        assert_eq!(percent(Some(1), Some(3)), Some(33.3));
        assert_eq!(percent(Some(1), Some(0)), None);
        assert_eq!(percent(None, Some(3)), None);
        assert_eq!(percent(Some(u64::MAX), Some(u64::MAX)), Some(100.0));
        assert_eq!(load_percent(Some(0.0312)), Some(3.1));
        assert_eq!(
            timestamp(Some(1_764_000_000)).as_deref(),
            Some("2025-11-24T16:00:00Z")
        );
        assert_eq!(timestamp(Some(0)), None);
    }
}
