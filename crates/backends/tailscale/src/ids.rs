//! What devices, tags, routes and the like are called, each with a type of its own: what is not one
//! never reaches an address or a parameter.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use homelab_backend::ids::shown;
use homelab_backend::{as_text, text_id};
use ipnet::IpNet;

text_id! {
    /// A device as a caller names it: node id, id, name, hostname or address.
    DeviceRef: "a device's id, name or address", 253, "^[^/\\\\?#%\\s]+$", |text| {
        !text.is_empty() && !matches!(text, "." | "..")
            && !text.chars().any(|letter| "/\\?#%".contains(letter) || letter.is_whitespace() || letter.is_control())
    }
}
text_id! {
    /// A user as a caller names it: id or login name.
    UserRef: "a user's id or login name", 254, "^[^/\\\\?#%\\s]+$", |text| {
        !text.is_empty() && !matches!(text, "." | "..")
            && !text.chars().any(|letter| "/\\?#%".contains(letter) || letter.is_whitespace() || letter.is_control())
    }
}
text_id! {
    /// A tag.
    Tag: "a tag (`tag:` and letters, digits, `-`)", 64, "^tag:[A-Za-z][A-Za-z0-9-]*$", |text| {
        text.strip_prefix("tag:").is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_alphabetic())
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        })
    }
}
text_id! {
    /// A service's name.
    ServiceName: "a service's name (`svc:` and letters, digits, `-`)", 67, "^svc:[A-Za-z0-9-]+$", |text| {
        text.strip_prefix("svc:").is_some_and(|name| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        })
    }
}
text_id! {
    /// A key's id.
    KeyId: "a key's id", 64, "^[A-Za-z0-9_-]+$", |text| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    }
}
text_id! {
    /// A label of a machine's name, or a whole name.
    MachineName: "a machine's name (letters, digits, `-`, `.`)", 253,
    "^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", is_name
}
text_id! {
    /// A domain.
    Domain: "a domain", 253, "^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?$", |text| {
        is_name(text.trim_start_matches('_'))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
        })
}

/// An address of a nameserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(IpAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.parse().map(Self);
        address.map_err(|_| format!("`{}` is not an IP address", shown(text)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

as_text!(Address, 45, "^[0-9A-Fa-f:.]+$");

/// A route: a network whose host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route(IpNet);

/// Both default routes, which an exit node has.
pub(crate) const EXIT_ROUTES: [&str; 2] = ["0.0.0.0/0", "::/0"];

impl Route {
    /// Whether it is a default route.
    pub(crate) fn is_exit(&self) -> bool {
        self.0.prefix_len() == 0
    }

    /// Both default routes.
    pub(crate) fn exit() -> Vec<Self> {
        EXIT_ROUTES
            .iter()
            .filter_map(|route| route.parse().ok())
            .collect()
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network: IpNet = text
            .trim()
            .parse()
            .map_err(|_| format!("`{}` is not a route such as `192.0.2.0/24`", shown(text)))?;
        if network == network.trunc() {
            return Ok(Self(network));
        }
        let right = network.trunc();
        Err(format!(
            "`{network}` has host bits: the network is `{right}`"
        ))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

as_text!(Route, 49, "^[0-9A-Fa-f:.]+/[0-9]{1,3}$");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.0/24", true)]
    #[case("2001:db8::/32", true)]
    #[case("0.0.0.0/0", true)]
    #[case("192.0.2.7/24", false)]
    #[case("192.0.2.0", false)]
    #[case("192.0.2.0/33", false)]
    fn routes_are_networks(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Route>().is_ok(), valid);
    }

    #[test]
    fn a_route_with_host_bits_names_the_right_one() {
        let error = "192.0.2.7/24".parse::<Route>().unwrap_err();

        assert!(error.contains("`192.0.2.0/24`"), "{error}");
    }

    #[rstest]
    #[case("tag:server", true)]
    #[case("server", false)]
    #[case("tag:", false)]
    #[case("tag:1a", false)]
    #[case("tag:a b", false)]
    fn tags_have_their_form(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Tag>().is_ok(), valid);
    }

    #[rstest]
    #[case("..")]
    #[case("a/b")]
    #[case("a?b")]
    #[case("a%2fb")]
    #[case("a b")]
    #[case("")]
    fn a_device_cannot_lead_elsewhere(#[case] text: &str) {
        assert!(text.parse::<DeviceRef>().is_err());
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".*") {
            drop(text.parse::<DeviceRef>());
            drop(text.parse::<Domain>());
            prop_assert!(text.parse::<Route>().is_ok_and(|route| !route.to_string().is_empty()) || text.parse::<Route>().is_err());
        }
    }
}
