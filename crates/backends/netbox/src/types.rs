//! What NetBox sends. Unknown members are ignored; what versions differ in is optional.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

mod records;

pub(crate) use records::{JournalEntry, ObjectChange, Rack, Site};

/// `GET /status/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    #[serde(rename = "netbox-version")]
    pub(crate) version: String,
    /// Versions by name; plugins add calls to the API.
    #[serde(default)]
    pub(crate) plugins: BTreeMap<String, Value>,
}

/// A version as it is written, and its first two numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) text: String,
    pub(crate) numbers: (u32, u32),
    /// `name-version`, by name.
    pub(crate) plugins: Vec<String>,
}

impl Version {
    /// Of the version and plugins that answered.
    pub(crate) fn of(status: &Status) -> Option<Self> {
        let version = Self::read(&status.version)?;
        let plugin = |(name, version): (&String, &Value)| match version.as_str() {
            Some(version) => format!("{name}-{version}"),
            None => name.clone(),
        };
        Some(Self {
            plugins: status.plugins.iter().map(plugin).collect(),
            ..version
        })
    }

    /// What tells this description of the API from others.
    pub(crate) fn edition(&self) -> String {
        let parts = std::iter::once(&self.text).chain(&self.plugins);
        let parts: Vec<&str> = parts.map(String::as_str).collect();
        parts.join("+")
    }

    /// Reads `4.7.3`, `4.5.0-Docker-3.4.1`, `v4.6-beta1`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim_start_matches('v').split(['.', '-', '+']);
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self {
            text: text.to_owned(),
            numbers: (major, minor),
            plugins: Vec::new(),
        })
    }
}

/// A part of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows<T> {
    /// How many there are in all.
    pub(crate) count: u64,
    pub(crate) results: Vec<T>,
}

/// An object as another one names it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Brief {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) display: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) slug: Option<String>,
}

impl Brief {
    /// Its name, or how NetBox shows it where it has none.
    pub(crate) fn label(&self) -> String {
        let name = self.name.clone().filter(|name| !name.is_empty());
        name.unwrap_or_else(|| self.display.clone())
    }
}

/// A choice: `{value, label}`, or the value alone in nested objects.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Choice {
    Whole { value: Value },
    Value(String),
}

impl Choice {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Whole {
                value: Value::String(text),
            }
            | Self::Value(text) => text.clone(),
            Self::Whole { value } => value.to_string(),
        }
    }
}

/// The text of a choice that is there and not empty.
pub(crate) fn chosen(choice: Option<&Choice>) -> Option<String> {
    choice.map(Choice::text).filter(|text| !text.is_empty())
}

/// The label of an object that is there.
pub(crate) fn label(of: Option<&Brief>) -> Option<String> {
    of.map(Brief::label)
}

/// A text that is not empty.
pub(crate) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Slugs of tags.
pub(crate) fn slugs(tags: &[Brief]) -> Vec<String> {
    let slug = |tag: &Brief| tag.slug.clone().unwrap_or_else(|| tag.label());
    tags.iter().map(slug).collect()
}

/// A row of `/ipam/ip-addresses/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IpAddress {
    pub(crate) id: u64,
    pub(crate) address: String,
    #[serde(default)]
    pub(crate) vrf: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) role: Option<Choice>,
    #[serde(default)]
    pub(crate) dns_name: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) assigned_object: Option<Assigned>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// What an address is assigned to.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Assigned {
    #[serde(default)]
    pub(crate) display: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) device: Option<Brief>,
    #[serde(default)]
    pub(crate) virtual_machine: Option<Brief>,
}

/// `GET …/available-ips/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AvailableIp {
    pub(crate) address: String,
}

/// A row of `/ipam/prefixes/`.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are NetBox's")]
pub(crate) struct Prefix {
    pub(crate) id: u64,
    pub(crate) prefix: String,
    #[serde(default)]
    pub(crate) vrf: Option<Brief>,
    #[serde(default)]
    pub(crate) scope: Option<Brief>,
    #[serde(default)]
    pub(crate) vlan: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) role: Option<Brief>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) is_pool: bool,
    #[serde(default)]
    pub(crate) mark_utilized: bool,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) children: Option<u64>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// A row of `/ipam/ip-ranges/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct IpRange {
    pub(crate) id: u64,
    pub(crate) start_address: String,
    pub(crate) end_address: String,
    #[serde(default)]
    pub(crate) vrf: Option<Brief>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// A row of `/ipam/vlans/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Vlan {
    pub(crate) id: u64,
    pub(crate) vid: u16,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) site: Option<Brief>,
    #[serde(default)]
    pub(crate) group: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) role: Option<Brief>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) qinq_role: Option<Choice>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) prefix_count: Option<u64>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// A row of `/dcim/devices/`.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are NetBox's")]
pub(crate) struct Device {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) display: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) device_type: Option<DeviceType>,
    #[serde(default)]
    pub(crate) role: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) platform: Option<Brief>,
    #[serde(default)]
    pub(crate) serial: Option<String>,
    #[serde(default)]
    pub(crate) asset_tag: Option<String>,
    #[serde(default)]
    pub(crate) site: Option<Brief>,
    #[serde(default)]
    pub(crate) location: Option<Brief>,
    #[serde(default)]
    pub(crate) rack: Option<Brief>,
    #[serde(default)]
    pub(crate) position: Option<f64>,
    #[serde(default)]
    pub(crate) face: Option<Choice>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) primary_ip: Option<Address>,
    #[serde(default)]
    pub(crate) cluster: Option<Brief>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) comments: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
    #[serde(default)]
    pub(crate) custom_fields: Map<String, Value>,
}

/// A device type as a device names it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DeviceType {
    #[serde(default)]
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) manufacturer: Option<Brief>,
}

/// An address as another object names it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Address {
    #[serde(default)]
    pub(crate) address: String,
}

/// A row of `/virtualization/virtual-machines/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct VirtualMachine {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) site: Option<Brief>,
    #[serde(default)]
    pub(crate) cluster: Option<Brief>,
    #[serde(default)]
    pub(crate) device: Option<Brief>,
    #[serde(default)]
    pub(crate) role: Option<Brief>,
    #[serde(default)]
    pub(crate) tenant: Option<Brief>,
    #[serde(default)]
    pub(crate) platform: Option<Brief>,
    #[serde(default)]
    pub(crate) primary_ip: Option<Address>,
    #[serde(default)]
    pub(crate) vcpus: Option<f64>,
    #[serde(default)]
    pub(crate) memory: Option<u64>,
    #[serde(default)]
    pub(crate) disk: Option<u64>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// A row of the lists of ports and interfaces, of devices and of virtual machines.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Port {
    pub(crate) id: u64,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) device: Option<Brief>,
    #[serde(default)]
    pub(crate) virtual_machine: Option<Brief>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<Choice>,
    #[serde(default)]
    pub(crate) enabled: Option<bool>,
    #[serde(default)]
    pub(crate) mgmt_only: bool,
    #[serde(default)]
    pub(crate) mtu: Option<u32>,
    #[serde(default)]
    pub(crate) mac_address: Option<String>,
    #[serde(default)]
    pub(crate) mode: Option<Choice>,
    #[serde(default)]
    pub(crate) untagged_vlan: Option<Brief>,
    #[serde(default)]
    pub(crate) tagged_vlans: Vec<Brief>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) cable: Option<Brief>,
    #[serde(default)]
    pub(crate) connected_endpoints: Option<Vec<Peer>>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Peer {
    #[serde(default)]
    pub(crate) display: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) device: Option<Brief>,
}

impl Peer {
    /// `device: port`.
    pub(crate) fn label(&self) -> String {
        let name = self.name.clone().unwrap_or_else(|| self.display.clone());
        match &self.device {
            Some(device) => format!("{}: {name}", device.label()),
            None => name,
        }
    }
}

/// A row of `/dcim/cables/`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cable {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) a_terminations: Vec<Termination>,
    #[serde(default)]
    pub(crate) b_terminations: Vec<Termination>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<Choice>,
    #[serde(default)]
    pub(crate) status: Option<Choice>,
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) color: Option<String>,
    #[serde(default)]
    pub(crate) length: Option<f64>,
    #[serde(default)]
    pub(crate) length_unit: Option<Choice>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<Brief>,
}

/// One end of a cable.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Termination {
    pub(crate) object_type: String,
    pub(crate) object_id: u64,
    #[serde(default)]
    pub(crate) object: Option<Peer>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("4.7.3", Some((4, 7)))]
    #[case("4.5.0-Docker-3.4.1", Some((4, 5)))]
    #[case("v4.6-beta1", Some((4, 6)))]
    #[case("unknown", None)]
    fn versions_are_read(#[case] text: &str, #[case] numbers: Option<(u32, u32)>) {
        assert_eq!(Version::read(text).map(|version| version.numbers), numbers);
    }

    #[test]
    fn a_choice_comes_whole_or_as_its_value() {
        let whole: Choice =
            serde_json::from_value(json!({ "value": "cat6", "label": "CAT6" })).unwrap();
        let plain: Choice = serde_json::from_value(json!("cat6")).unwrap();

        assert_eq!(
            (whole.text(), plain.text()),
            ("cat6".to_owned(), "cat6".to_owned())
        );
    }
}
