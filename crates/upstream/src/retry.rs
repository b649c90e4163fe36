//! Whether and when an attempt is repeated.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use homelab_core::clock::Micros;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::error::Fault;

/// The waits between the attempts of one request.
pub(crate) struct Retries {
    delays: ExponentialBackoff,
    longest_wait: Duration,
}

impl Retries {
    pub(crate) fn new(most: u32, first_delay: Duration, longest_wait: Duration) -> Self {
        Self {
            delays: ExponentialBuilder::default()
                .with_min_delay(first_delay)
                .with_max_delay(longest_wait)
                .with_max_times(most as usize)
                .with_jitter()
                .build(),
            longest_wait,
        }
    }

    /// How long to wait before the next attempt; `None` if there is none: all are used up, the
    /// upstream asks for more than we wait, or less than that is `left`.
    pub(crate) fn wait(
        &mut self,
        retry_after: Option<Duration>,
        left: Duration,
    ) -> Option<Duration> {
        let delay = self.delays.next()?;
        let wait = match retry_after {
            Some(asked) if asked > self.longest_wait => return None,
            Some(asked) => delay.max(asked),
            None => delay,
        };
        (wait < left).then_some(wait)
    }
}

/// Whether the same request may be answered better in a moment.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

/// Whether no answer came for a reason that may pass.
pub(crate) fn may_pass(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Refused
            | Fault::NoRoute
            | Fault::ConnectTimeout(_)
            | Fault::Connect(_)
            | Fault::Lost
    )
}

/// How long the upstream asks to wait: seconds, or a date compared with the answer's own `Date`, so
/// that our clock does not matter. Source: RFC 9110 §10.2.3.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let now = http_date(headers.get(DATE)?.to_str().ok()?)?;
    let micros = u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0);
    Some(Duration::from_micros(micros))
}

fn http_date(text: &str) -> Option<Micros> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Micros(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("7", None, Some(7))]
    #[case("0", None, Some(0))]
    #[case(
        "Fri, 02 Jan 2026 03:04:15 GMT",
        Some("Fri, 02 Jan 2026 03:04:05 GMT"),
        Some(10)
    )]
    #[case(
        "Fri, 02 Jan 2026 03:04:05 GMT",
        Some("Fri, 02 Jan 2026 03:04:15 GMT"),
        Some(0)
    )]
    #[case("Fri, 02 Jan 2026 03:04:15 GMT", None, None)]
    #[case("soon", Some("Fri, 02 Jan 2026 03:04:15 GMT"), None)]
    #[case("-1", None, None)]
    fn retry_after_is_seconds_or_a_date(
        #[case] text: &str,
        #[case] date: Option<&str>,
        #[case] seconds: Option<u64>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }

        assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs));
    }

    #[test]
    fn waits_grow_with_jitter_and_end() {
        let mut retries = Retries::new(3, Duration::from_millis(100), Duration::from_secs(5));
        let left = Duration::from_secs(30);

        let waits: Vec<_> = std::iter::from_fn(|| retries.wait(None, left))
            .map(|wait| wait.as_millis())
            .collect();

        assert_eq!(waits.len(), 3);
        for (wait, least) in waits.iter().zip([100, 200, 400]) {
            assert!((least..=least * 2).contains(wait), "{waits:?}");
        }
    }

    #[test]
    fn what_the_upstream_asks_for_counts_up_to_our_patience() {
        let second = Duration::from_secs(1);
        let retries = || Retries::new(1, Duration::from_millis(1), 5 * second);

        assert_eq!(
            retries().wait(Some(2 * second), 30 * second),
            Some(2 * second)
        );
        assert_eq!(retries().wait(Some(6 * second), 30 * second), None);
        assert_eq!(retries().wait(Some(2 * second), second), None);
    }
}
