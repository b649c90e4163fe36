//! Which version of the API is spoken: the newest that both sides know.

use std::fmt;

/// A version of the API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Api(u16, u16);

impl Api {
    /// The newest whose answers we know.
    pub(crate) const NEWEST: Self = Self(1, 54);
    /// The oldest that is supported: Docker 19.03, and what Docker 29 still speaks.
    pub(crate) const OLDEST: Self = Self(1, 40);
    /// From here on, `POST /volumes/prune` removes unnamed volumes only, and `stop` takes a signal.
    pub(crate) const CAREFUL_PRUNE: Self = Self(1, 42);

    /// Reads `1.41`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    /// The version to speak with an engine whose newest is this.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub(crate) fn settled(self) -> Result<Self, String> {
        if self < Self::OLDEST {
            return Err(format!(
                "it speaks API {self} at most, and {} is the least",
                Self::OLDEST
            ));
        }
        Ok(self.min(Self::NEWEST))
    }

    /// What every path begins with.
    pub(crate) fn prefix(self) -> String {
        format!("/v{self}")
    }
}

impl fmt::Display for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1.41", Ok("/v1.41"))]
    #[case("1.40", Ok("/v1.40"))]
    #[case("1.99", Ok("/v1.54"))]
    #[case("1.39", Err("it speaks API 1.39 at most, and 1.40 is the least"))]
    fn the_newest_version_that_both_know_is_spoken(
        #[case] theirs: &str,
        #[case] expected: Result<&str, &str>,
    ) {
        let settled = Api::parse(theirs).unwrap().settled().map(Api::prefix);

        assert_eq!(settled.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Api::parse("1.9").unwrap() < Api::parse("1.41").unwrap());
        assert_eq!(Api::parse("v1"), None);
    }
}
