//! Addresses in one spelling, so that they can be compared and indexed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An IPv4 or IPv6 address in its canonical text form (RFC 5952); an IPv4-mapped IPv6 address is
/// the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ip(pub IpAddr);

impl FromStr for Ip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim().trim_start_matches('[').trim_end_matches(']');
        trimmed
            .parse::<IpAddr>()
            .map(|address| Self(address.to_canonical()))
            .map_err(|_| format!("`{text}` is not an IP address"))
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A MAC address as six lower-case pairs with colons; read with colons, hyphens, dots or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a MAC address");
        let digits: String = text
            .trim()
            .chars()
            .filter(|letter| !matches!(letter, ':' | '-' | '.'))
            .collect();
        let mut bytes = [0; 6];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| refused())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(formatter, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A network in CIDR notation with its host bits cleared, such as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(pub ipnet::IpNet);

impl Cidr {
    /// Whether the address lies in the network.
    pub fn contains(&self, ip: Ip) -> bool {
        self.0.contains(&ip.0)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .parse::<ipnet::IpNet>()
            .map(|network| Self(network.trunc()))
            .map_err(|_| format!("`{text}` is not a network in CIDR notation"))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

macro_rules! as_text {
    ($($name:ident: $description:literal),*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
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
                json_schema!({ "type": "string", "description": $description })
            }
        }
    )* };
}

as_text!(Ip: "IPv4 or IPv6 address", Mac: "MAC address", Cidr: "network in CIDR notation");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2001:DB8:0:0::1", "2001:db8::1")]
    #[case("::ffff:192.0.2.7", "192.0.2.7")]
    #[case(" [2001:db8::2] ", "2001:db8::2")]
    fn addresses_have_one_spelling(#[case] text: &str, #[case] canonical: &str) {
        assert_eq!(text.parse::<Ip>().unwrap().to_string(), canonical);
    }

    #[rstest]
    #[case("00-1B-44-11-3A-B7")]
    #[case("001b.4411.3ab7")]
    #[case("001B44113AB7")]
    fn mac_addresses_have_one_spelling(#[case] text: &str) {
        assert_eq!(
            text.parse::<Mac>().unwrap().to_string(),
            "00:1b:44:11:3a:b7"
        );
    }

    #[rstest]
    #[case("192.0.2.300")]
    #[case("host")]
    #[case("192.0.2.1/24")]
    fn what_is_no_address_is_refused_by_its_text(#[case] text: &str) {
        assert!(text.parse::<Ip>().unwrap_err().contains(text));
    }

    #[test]
    fn a_network_clears_its_host_bits() {
        let network: Cidr = "192.0.2.17/24".parse().unwrap();

        assert_eq!(network.to_string(), "192.0.2.0/24");
        assert!(network.contains("192.0.2.200".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".*") {
            prop_assert!(text.parse::<Ip>().map_or(true, |ip| ip.to_string().parse() == Ok(ip)));
            prop_assert!(text.parse::<Mac>().map_or(true, |mac| mac.to_string().parse() == Ok(mac)));
        }
    }
}
