//! Choices of NetBox's fields that tools take, by NetBox's own words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The word that NetBox uses.
pub(crate) fn word<T: Serialize>(choice: T) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub(crate) enum $name {
            $(#[serde(rename = $word)] $variant,)*
        }
    )* };
}

choices! {
    /// Status of an address.
    IpStatus { Active = "active", Reserved = "reserved", Deprecated = "deprecated", Dhcp = "dhcp", Slaac = "slaac" }
    /// Role of an address.
    IpRole {
        Loopback = "loopback", Secondary = "secondary", Anycast = "anycast", Vip = "vip", Vrrp = "vrrp",
        Hsrp = "hsrp", Glbp = "glbp", Carp = "carp",
    }
    /// Status of a prefix.
    PrefixStatus { Container = "container", Active = "active", Reserved = "reserved", Deprecated = "deprecated" }
    /// Status of a VLAN.
    VlanStatus { Active = "active", Reserved = "reserved", Deprecated = "deprecated" }
    /// Role of a VLAN in QinQ.
    QinqRole { Service = "svlan", Customer = "cvlan" }
    /// Status of a device.
    DeviceStatus {
        Offline = "offline", Active = "active", Planned = "planned", Staged = "staged", Failed = "failed",
        Inventory = "inventory", Decommissioning = "decommissioning",
    }
    /// Status of a virtual machine.
    VmStatus {
        Offline = "offline", Active = "active", Planned = "planned", Staged = "staged", Failed = "failed",
        Decommissioning = "decommissioning", Paused = "paused",
    }
    /// Status of a cable.
    CableStatus { Connected = "connected", Planned = "planned", Decommissioning = "decommissioning" }
    /// Type of a cable.
    CableType {
        Cat3 = "cat3", Cat5 = "cat5", Cat5e = "cat5e", Cat6 = "cat6", Cat6a = "cat6a", Cat7 = "cat7",
        Cat7a = "cat7a", Cat8 = "cat8", Mrj21 = "mrj21-trunk", DacActive = "dac-active",
        DacPassive = "dac-passive", Coaxial = "coaxial", Mmf = "mmf", MmfOm1 = "mmf-om1",
        MmfOm2 = "mmf-om2", MmfOm3 = "mmf-om3", MmfOm4 = "mmf-om4", MmfOm5 = "mmf-om5", Smf = "smf",
        SmfOs1 = "smf-os1", SmfOs2 = "smf-os2", Aoc = "aoc", Usb = "usb", Power = "power",
    }
    /// Unit of a cable's length.
    LengthUnit {
        Kilometres = "km", Metres = "m", Centimetres = "cm", Miles = "mi", Feet = "ft", Inches = "in",
    }
    /// How grave a journal entry is.
    JournalKind { Info = "info", Success = "success", Warning = "warning", Danger = "danger" }
    /// What was done to an object.
    ChangeAction { Create = "create", Update = "update", Delete = "delete" }
}

impl IpRole {
    /// Whether NetBox lets several records have one address, if all of them have such a role.
    pub(crate) fn is_shared(self) -> bool {
        !matches!(self, Self::Loopback | Self::Secondary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_written_with_netboxes_word() {
        assert_eq!(word(QinqRole::Service), "svlan");
        assert_eq!(word(CableType::Mrj21), "mrj21-trunk");
    }
}
