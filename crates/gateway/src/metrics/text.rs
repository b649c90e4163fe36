//! The two text formats of an exposition, chosen by `Accept`.
//!
//! prometheus-client writes OpenMetrics. The classic format (text 0.0.4) names a counter's family
//! with its `_total`, knows no units and has no end mark; everything else reads the same.
//! Source: "Exposition formats", prometheus.io/docs/instrumenting/exposition_formats.

use std::collections::HashSet;
use std::fmt::Write as _;

/// `Content-Type` of the OpenMetrics text.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// `Content-Type` of the classic text.
pub const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a client that sent this `Accept` header gets OpenMetrics.
pub fn wants_openmetrics(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_type = parts
                .next()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
            is_type && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
        })
    })
}

/// OpenMetrics text as classic text.
pub(super) fn classic(openmetrics: &str) -> String {
    let counters: HashSet<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut out = String::with_capacity(openmetrics.len());
    for line in openmetrics.lines() {
        let comment = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|start| Some((start, line.strip_prefix(start)?)));
        let written = match comment {
            Some((start, rest)) => {
                let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                let suffix = if counters.contains(name) {
                    "_total"
                } else {
                    ""
                };
                writeln!(out, "{start}{name}{suffix} {rest}")
            }
            None if line.starts_with('#') => Ok(()),
            None => writeln!(out, "{line}"),
        };
        debug_assert!(written.is_ok(), "a String takes every text");
    }
    out
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, false)]
    #[case(Some("*/*"), false)]
    #[case(Some("text/plain;version=0.0.4"), false)]
    #[case(
        Some("application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5"),
        true
    )]
    #[case(Some("text/plain, application/openmetrics-text;q=0"), false)]
    fn the_accept_header_chooses_the_format(#[case] accept: Option<&str>, #[case] wanted: bool) {
        assert_eq!(wants_openmetrics(accept), wanted);
    }

    #[test]
    fn classic_text_names_counters_by_their_series_and_has_no_end_mark() {
        let openmetrics = "# HELP a_calls Calls.\n# TYPE a_calls counter\na_calls_total 1\n\
                           # HELP b Size.\n# TYPE b gauge\n# UNIT b bytes\nb 2\n# EOF\n";

        assert_eq!(
            classic(openmetrics),
            "# HELP a_calls_total Calls.\n# TYPE a_calls_total counter\na_calls_total 1\n\
             # HELP b Size.\n# TYPE b gauge\nb 2\n"
        );
    }
}
