//! Identifiers: UUIDv7, so that they sort by creation time.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Builder;

use crate::clock::{Clock, Entropy};

/// A new UUIDv7 (RFC 9562 §5.7) from the given time and randomness, in lower-case hyphenated form.
pub fn uuid_v7(clock: &dyn Clock, entropy: &dyn Entropy) -> String {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(clock.now().0 / 1000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &random)
        .into_uuid()
        .to_string()
}

/// Finds one request in logs, audit and error answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Takes over an id.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Micros, SeededEntropy};

    #[test]
    fn ids_sort_by_creation_time_and_are_version_7() {
        let clock = ManualClock::at(Micros(1_700_000_000_000_000));
        let entropy = SeededEntropy::new(1);

        let first = uuid_v7(&clock, &entropy);
        clock.advance_seconds(1);
        let second = uuid_v7(&clock, &entropy);

        assert!(first < second);
        assert_eq!(uuid::Uuid::parse_str(&first).unwrap().get_version_num(), 7);
    }
}
