//! Time and randomness as parameters, so that tests decide both.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since the Unix epoch, UTC; how times are stored.
///
/// Serialises as RFC 3339 text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_rfc3339(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not RFC 3339")))
    }
}

impl Micros {
    /// RFC 3339 in UTC with microseconds, such as `2026-01-02T03:04:05.000006Z`.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map_or_else(|_| self.0.to_string(), |time| time.to_string())
    }

    /// Reads RFC 3339.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .map(|time| Self(time.as_microsecond()))
    }

    /// So much later; the end of time if that is behind it.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// So much earlier; the beginning of time if that is before it.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// This many seconds later (or earlier).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_rfc3339())
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Micros;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> Micros {
        Micros(jiff::Timestamp::now().as_microsecond())
    }
}

/// A clock that a test sets.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Starts at `now`.
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves on.
    pub fn advance_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        Micros(self.0.load(Ordering::SeqCst))
    }
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
///
/// Few bytes at a time, as ids take them, come from a supply that is fetched ahead: two ids are made
/// on each call of a tool, and the system call costs more than all the rest of making one. Whatever
/// is long enough to be a secret is fetched when it is asked for, and kept nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

/// Longest request that is served from the supply, bytes.
const FEW: usize = 16;
/// Bytes fetched ahead.
const SUPPLY: usize = 1_024;

struct Supply {
    bytes: [u8; SUPPLY],
    used: usize,
}

static SUPPLIED: Mutex<Supply> = Mutex::new(Supply {
    bytes: [0; SUPPLY],
    used: SUPPLY,
});

impl Entropy for OsEntropy {
    /// # Panics
    /// If the operating system cannot give random bytes: nothing secret may be made then.
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > FEW {
            return from_system(buffer);
        }
        let mut supply = SUPPLIED.lock().unwrap_or_else(PoisonError::into_inner);
        if SUPPLY - supply.used < buffer.len() {
            // A panic leaves it used up.
            supply.used = SUPPLY;
            from_system(&mut supply.bytes);
            supply.used = 0;
        }
        let (from, to) = (supply.used, supply.used + buffer.len());
        buffer.copy_from_slice(&supply.bytes[from..to]);
        supply.bytes[from..to].fill(0);
        supply.used = to;
    }
}

fn from_system(buffer: &mut [u8]) {
    getrandom::fill(buffer).unwrap_or_else(|error| panic!("no system randomness: {error}"));
}

/// A repeatable sequence for tests (SplitMix64); not for secrets.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Starts the sequence.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut word = self
                .0
                .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst)
                .wrapping_add(0x9E37_79B9_7F4A_7C15);
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

impl schemars::JsonSchema for Micros {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Micros".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string", "format": "date-time", "description": "RFC 3339",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_random_bytes_come_twice_from_the_supply() {
        let ids: HashSet<[u8; 10]> = (0..SUPPLY)
            .map(|_| {
                let mut id = [0; 10];
                OsEntropy.fill(&mut id);
                id
            })
            .collect();

        assert_eq!(ids.len(), SUPPLY);
    }
}
