//! Names and addresses as callers give them, each with a type of its own: what is not one never
//! reaches a request.

use std::fmt;
use std::str::FromStr;

use homelab_backend::ids::shown;
use homelab_core::net::{Cidr, Ip};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A type that is read from a text and written as one.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident: $noun:literal, $most:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(String);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let valid: fn(&str) -> bool = $valid;
                let text = text.trim();
                if !text.is_empty() && text.chars().count() <= $most && valid(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(format!("`{}` is not {}", shown(text), $noun))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $most })
            }
        }
    };
}

text_type! {
    /// An object by its name, its slug, or its id in digits.
    Named: "a name, slug or id", 100, plain
}
text_type! {
    /// Text to look for.
    Words: "text to look for", 100, plain
}
text_type! {
    /// A network in CIDR notation, or a prefix's id in digits.
    PrefixRef: "a network such as `192.0.2.0/24`, or the id of a prefix", 50, |text| {
        digits(text) || text.contains('/') && text.parse::<Cidr>().is_ok()
    }
}
text_type! {
    /// The first address of an IP range, or its id in digits.
    RangeRef: "the first address of an IP range, or its id", 50, |text| {
        digits(text) || host(text).is_some()
    }
}
text_type! {
    /// An address, with or without the length of its prefix.
    HostRef: "an address such as `192.0.2.7` or `192.0.2.7/24`", 50, |text| host(text).is_some()
}
text_type! {
    /// An address with the length of its prefix.
    Interface: "an address with the length of its prefix, such as `192.0.2.7/24`", 50, |text| {
        text.contains('/') && host(text).is_some()
    }
}
text_type! {
    /// A DNS name as NetBox takes it.
    DnsName: "a DNS name", 255, |text| {
        let text = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let rest = text.strip_prefix("*.").unwrap_or(text);
        text == "*" || rest.split('.').all(label)
    }
}
text_type! {
    /// A key that makes repeating an allocation harmless.
    Key: "a key of letters, digits, `.`, `_` and `-`", 64, |text| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    }
}
text_type! {
    /// A port's or interface's name.
    PortName: "the name of a port", 64, plain
}
text_type! {
    /// Six hexadecimal digits in lower case.
    Color: "a colour of six hexadecimal digits in lower case", 6, |text| {
        text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    }
}
text_type! {
    /// A point in time, RFC 3339.
    When: "a time such as `2026-11-20T02:00:00Z`", 40, |text| {
        homelab_core::clock::Micros::from_rfc3339(text).is_some()
    }
}

text_type! {
    /// A kind of objects: `app.model`, or the path of their list.
    ObjectType: "a kind of object such as `dcim.site`, or the path of its list such as `dcim/sites`", 120, |text| {
        Spelled::read(text).is_some()
    }
}
text_type! {
    /// The name of a field.
    FieldName: "the name of a field", 64, field_name
}
text_type! {
    /// Fields to sort by.
    Ordering: "fields to sort by, such as `name` or `-last_updated,name`", 200, |text| {
        text.split(',').all(|part| field_name(part.strip_prefix('-').unwrap_or(part)))
    }
}

/// Types whose text is looked at.
macro_rules! readable {
    ($($name:ident),*) => { $(
        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }
    )* };
}

readable!(
    Named, PrefixRef, RangeRef, HostRef, Interface, DnsName, Key, PortName, Color, When, FieldName,
    Ordering
);

/// How a kind of objects is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spelled {
    /// App and model.
    Model(String, String),
    /// The segments of the path of the list, below `/api`.
    Path(Vec<String>),
}

impl Spelled {
    fn read(text: &str) -> Option<Self> {
        let word = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !text.is_empty() && text.bytes().all(plain)
        };
        let text = text.to_ascii_lowercase();
        if let Some((app, model)) = text.split_once('.') {
            return (word(app) && word(model))
                .then(|| Self::Model(app.to_owned(), model.to_owned()));
        }
        let below = text.strip_prefix("/api/").unwrap_or(&text);
        let below = below.trim_start_matches('/').trim_end_matches('/');
        let parts: Vec<String> = below.split('/').map(str::to_owned).collect();
        let of_plugin = parts.first().is_some_and(|first| first == "plugins");
        let fits = parts.len() == if of_plugin { 3 } else { 2 };
        (fits && parts.iter().all(|part| word(part))).then_some(Self::Path(parts))
    }
}

impl ObjectType {
    /// How it is named.
    pub(crate) fn spelled(&self) -> Spelled {
        // Others are not made.
        Spelled::read(&self.0).unwrap_or(Spelled::Path(Vec::new()))
    }
}

impl Named {
    /// The id, where it is one.
    pub(crate) fn id(&self) -> Option<u64> {
        id(&self.0)
    }
}

impl PrefixRef {
    /// The id, or the network without its host bits.
    pub(crate) fn read(&self) -> Result<u64, Cidr> {
        match (id(&self.0), self.0.parse()) {
            (_, Ok(network)) if self.0.contains('/') => Err(network),
            (Some(id), _) => Ok(id),
            // Neither is not made.
            _ => Ok(0),
        }
    }
}

impl RangeRef {
    pub(crate) fn id(&self) -> Option<u64> {
        id(&self.0)
    }
}

/// The address without the length of its prefix.
pub(crate) fn host(text: &str) -> Option<Ip> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: Ip = address.parse().ok()?;
    let most = if address.0.is_ipv4() { 32 } else { 128 };
    let fits = |length: &str| length.parse::<u8>().is_ok_and(|length| length <= most);
    length.is_none_or(fits).then_some(address)
}

fn id(text: &str) -> Option<u64> {
    digits(text).then(|| text.parse().ok()).flatten()
}

fn digits(text: &str) -> bool {
    text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn field_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("192.0.2.0/24", true)]
    #[case("192.0.2.7/24", true)]
    #[case("2001:db8::/64", true)]
    #[case("17", true)]
    #[case("192.0.2.0", false)]
    #[case("192.0.2.0/33", false)]
    #[case("lan", false)]
    fn a_prefix_is_a_network_or_an_id(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<PrefixRef>().is_ok(), valid);
    }

    #[test]
    fn a_network_loses_its_host_bits() {
        let network: PrefixRef = "192.0.2.7/24".parse().unwrap();

        assert_eq!(network.read().unwrap_err().to_string(), "192.0.2.0/24");
        assert_eq!("17".parse::<PrefixRef>().unwrap().read(), Ok(17));
    }

    #[rstest]
    #[case("a.lab.example", true)]
    #[case("*.lab.example.", true)]
    #[case("_srv.lab", true)]
    #[case("a b", false)]
    #[case("a..b", false)]
    #[case("*x", false)]
    fn dns_names_are_what_netbox_takes(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<DnsName>().is_ok(), valid);
    }

    #[rstest]
    #[case("192.0.2.7", true, false)]
    #[case("192.0.2.7/24", true, true)]
    #[case("2001:db8::7/64", true, true)]
    #[case("192.0.2.7/64", false, false)]
    fn addresses_have_a_length_or_not(#[case] text: &str, #[case] host: bool, #[case] whole: bool) {
        assert_eq!(text.parse::<HostRef>().is_ok(), host);
        assert_eq!(text.parse::<Interface>().is_ok(), whole);
    }

    #[rstest]
    #[case("dcim.site", Some(Spelled::Model("dcim".into(), "site".into())))]
    #[case("DCIM.Site", Some(Spelled::Model("dcim".into(), "site".into())))]
    #[case("dcim/sites", Some(Spelled::Path(vec!["dcim".into(), "sites".into()])))]
    #[case("/api/dcim/sites/", Some(Spelled::Path(vec!["dcim".into(), "sites".into()])))]
    #[case("plugins/dns/zones", Some(Spelled::Path(vec!["plugins".into(), "dns".into(), "zones".into()])))]
    #[case("sites", None)]
    #[case("dcim/sites/1", None)]
    #[case("dcim/../users", None)]
    #[case("a.b.c", None)]
    #[case("dcim/si tes", None)]
    fn a_kind_of_objects_is_a_model_or_a_path(
        #[case] text: &str,
        #[case] spelled: Option<Spelled>,
    ) {
        let read = text.parse::<ObjectType>().ok();

        assert_eq!(read.map(|of| of.spelled()), spelled);
    }

    #[rstest]
    #[case("name", true)]
    #[case("-last_updated,name", true)]
    #[case("name,,id", false)]
    #[case("--name", false)]
    fn an_order_is_of_names_of_fields(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<Ordering>().is_ok(), valid);
    }

    #[test]
    fn control_characters_are_no_part_of_a_name() {
        assert!("a\nb".parse::<Named>().is_err());
        assert_eq!("42".parse::<Named>().unwrap().id(), Some(42));
        assert_eq!("pve1".parse::<Named>().unwrap().id(), None);
    }
}
