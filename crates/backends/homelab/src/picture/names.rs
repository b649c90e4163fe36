//! How things are found by what people call them.

use homelab_core::net::{Ip, Mac};

/// What somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// An address.
    Ip(Ip),
    /// A MAC address.
    Mac(Mac),
    /// A name, or a number such as a VMID.
    Name(String),
}

impl Subject {
    /// Reads an address, a MAC address, or a name.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Ok(ip) = text.parse() {
            return Self::Ip(ip);
        }
        // Twelve hexadecimal digits without separators may also be a name.
        if text.contains([':', '-', '.'])
            && let Ok(mac) = text.parse()
        {
            return Self::Mac(mac);
        }
        Self::Name(text.to_owned())
    }
}

/// A name as names are compared: without case, without the dot at the end.
pub(crate) fn fold(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

/// The first part of a name with dots: machines are called `web` here and `web.lab.example` there.
pub(crate) fn label(folded: &str) -> &str {
    folded.split('.').next().unwrap_or(folded)
}

/// Whether two folded names can be the same machine's: equal, or one is the other's first part.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    one == other
        || !one.is_empty()
            && label(one) == label(other)
            && (!one.contains('.') || !other.contains('.'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("web", "web", true)]
    #[case("web", "web.lab.example", true)]
    #[case("web.lab.example", "web", true)]
    #[case("web.lab.example", "web.example.com", false)]
    #[case("web", "web-2", false)]
    #[case("", "", true)]
    #[case("", ".lab", false)]
    fn a_machine_goes_by_its_short_and_its_long_name(
        #[case] one: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(alike(one, other), expected);
    }

    #[test]
    fn what_is_asked_about_is_told_by_its_form() {
        let ip = |text: &str| Subject::Ip(text.parse().unwrap());
        assert_eq!(Subject::parse(" 192.0.2.7 "), ip("192.0.2.7"));
        assert_eq!(Subject::parse("2001:db8::7"), ip("2001:db8::7"));
        assert!(matches!(
            Subject::parse("BC-24-11-00-00-01"),
            Subject::Mac(_)
        ));
        assert_eq!(
            Subject::parse("deadbeef0000"),
            Subject::Name("deadbeef0000".into())
        );
        assert_eq!(Subject::parse("107"), Subject::Name("107".into()));
    }
}
