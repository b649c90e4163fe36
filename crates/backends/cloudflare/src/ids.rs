//! Ids and names of Cloudflare, each with a type of its own: what is not one never reaches an
//! address or a parameter.

use homelab_backend::names::host;
use homelab_backend::text_id;

text_id! {
    /// An account's id.
    AccountId: "an account's id (32 hexadecimal digits)", 32, "^[0-9a-fA-F]{32}$", by hex_32
}
text_id! {
    /// A record's id.
    RecordId: "a record's id (32 hexadecimal digits)", 32, "^[0-9a-fA-F]{32}$", by hex_32
}
text_id! {
    /// A rule's id.
    RuleId: "a rule's id (32 hexadecimal digits)", 32, "^[0-9a-fA-F]{32}$", by hex_32
}
text_id! {
    /// A zone's name, in Punycode.
    ZoneName: "a zone's name such as `example.com`", 253, "^[^\\s/]+\\.[^\\s/]+$", by |text| {
        let name = host(text)?;
        (name.contains('.') && !name.contains('*')).then_some(name)
    }
}
text_id! {
    /// A zone's name, the name of a host in it, or a zone's id.
    ZoneArg: "a zone's name or id", 253, "^[^\\s/]+$", by |text| {
        hex_32(text).or_else(|| host(text).filter(|name| name.contains('.')))
    }
}
text_id! {
    /// A record's name: whole, below its zone, or `@` for the zone itself; in Punycode.
    RecordName: "a name for a record", 253, "^[^\\s/]+\\.?$", by |text| {
        if text == "@" { Some(text.to_owned()) } else { host(text) }
    }
}
text_id! {
    /// A tunnel's id or name.
    TunnelArg: "a tunnel's name or id", 100, "^[^/]+$", by |text| {
        let plain = !text.trim().is_empty() && !text.contains(|one: char| one.is_control() || one == '/');
        plain.then(|| text.trim().to_owned())
    }
}

/// Types whose text is looked at.
macro_rules! readable {
    ($($name:ident),*) => {
        $(impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        })*
    };
}

readable!(RecordId, RuleId, ZoneName, ZoneArg, RecordName, TunnelArg);

impl ZoneArg {
    /// Whether it is an id.
    pub(crate) fn is_id(&self) -> bool {
        hex_32(&self.0).is_some()
    }

    /// The zones that a host may be in, the longest name first.
    pub(crate) fn suffixes(&self) -> Vec<&str> {
        let name = self.0.as_str();
        let dots = name.match_indices('.').map(|(at, _)| at + 1);
        let shorter = dots.filter_map(|at| name.get(at..));
        std::iter::once(name)
            .chain(shorter)
            .filter(|name| name.contains('.'))
            .collect()
    }
}

impl From<&ZoneName> for ZoneArg {
    fn from(name: &ZoneName) -> Self {
        Self(name.0.clone())
    }
}

impl TunnelArg {
    /// Whether it is an id.
    pub(crate) fn is_id(&self) -> bool {
        let groups = self.0.split('-').map(str::len).collect::<Vec<_>>();
        groups == [8, 4, 4, 4, 12]
            && self
                .0
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
    }
}

impl RecordName {
    /// The whole name within a zone.
    pub(crate) fn within(&self, zone: &str) -> String {
        let inside = self.0 == zone
            || self
                .0
                .strip_suffix(zone)
                .is_some_and(|rest| rest.ends_with('.'));
        match self.0.as_str() {
            "@" => zone.to_owned(),
            name if inside => name.to_owned(),
            name => format!("{name}.{zone}"),
        }
    }
}

fn hex_32(text: &str) -> Option<String> {
    let fits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("www", "www.example.com")]
    #[case("@", "example.com")]
    #[case("example.com", "example.com")]
    #[case("A.Example.com.", "a.example.com")]
    #[case("*.lab", "*.lab.example.com")]
    #[case("bücher", "xn--bcher-kva.example.com")]
    #[case("notexample.com", "notexample.com.example.com")]
    fn names_become_whole(#[case] given: &str, #[case] whole: &str) {
        let name: RecordName = given.parse().unwrap();

        assert_eq!(name.within("example.com"), whole);
    }

    #[rstest]
    #[case("a b")]
    #[case("a/b")]
    #[case("a..b")]
    #[case("")]
    fn what_is_no_name_is_refused(#[case] given: &str) {
        assert!(given.parse::<RecordName>().is_err());
    }

    #[test]
    fn a_host_may_be_in_the_longest_zone() {
        let zone: ZoneArg = "a.lab.example.com".parse().unwrap();

        assert_eq!(
            zone.suffixes(),
            ["a.lab.example.com", "lab.example.com", "example.com"]
        );
        assert!(!zone.is_id());
    }

    #[test]
    fn ids_are_told_from_names() {
        let id = |text: &str| text.parse::<TunnelArg>().unwrap().is_id();
        let zone: ZoneArg = "023E105F4ECEF8AD9CA31A8372D0C353".parse().unwrap();

        assert!(id("f70ff985-a4ef-4643-bbbc-4a0ed4fc8415"));
        assert!(!id("home-lab-of-the-family"));
        assert!(zone.is_id());
        assert!("short".parse::<RecordId>().is_err());
    }
}
