//! Choices: what is written, and what people read.

use super::model::Choice;

pub(super) const SITE_STATUS: &[Choice] = &[
    ("planned", "Planned"),
    ("staging", "Staging"),
    ("active", "Active"),
    ("decommissioning", "Decommissioning"),
    ("retired", "Retired"),
];

pub(super) const RACK_STATUS: &[Choice] = &[
    ("reserved", "Reserved"),
    ("available", "Available"),
    ("planned", "Planned"),
    ("active", "Active"),
    ("deprecated", "Deprecated"),
];

pub(super) const DEVICE_STATUS: &[Choice] = &[
    ("offline", "Offline"),
    ("active", "Active"),
    ("planned", "Planned"),
    ("staged", "Staged"),
    ("failed", "Failed"),
    ("inventory", "Inventory"),
    ("decommissioning", "Decommissioning"),
];

pub(super) const MACHINE_STATUS: &[Choice] = &[
    ("offline", "Offline"),
    ("active", "Active"),
    ("planned", "Planned"),
    ("staged", "Staged"),
    ("failed", "Failed"),
    ("decommissioning", "Decommissioning"),
    ("paused", "Paused"),
];

pub(super) const CLUSTER_STATUS: &[Choice] = &[
    ("planned", "Planned"),
    ("staging", "Staging"),
    ("active", "Active"),
    ("decommissioning", "Decommissioning"),
    ("offline", "Offline"),
];

pub(super) const ON_BOOT: &[Choice] = &[("on", "On"), ("off", "Off"), ("laststate", "Last State")];

pub(super) const FACE: &[Choice] = &[("front", "Front"), ("rear", "Rear")];

pub(super) const AIRFLOW: &[Choice] = &[
    ("front-to-rear", "Front to rear"),
    ("rear-to-front", "Rear to front"),
    ("left-to-right", "Left to right"),
    ("right-to-left", "Right to left"),
    ("side-to-rear", "Side to rear"),
    ("passive", "Passive"),
    ("mixed", "Mixed"),
];

pub(super) const PREFIX_STATUS: &[Choice] = &[
    ("container", "Container"),
    ("active", "Active"),
    ("reserved", "Reserved"),
    ("deprecated", "Deprecated"),
];

pub(super) const RANGE_STATUS: &[Choice] = &[
    ("active", "Active"),
    ("reserved", "Reserved"),
    ("deprecated", "Deprecated"),
];

pub(super) const ADDRESS_STATUS: &[Choice] = &[
    ("active", "Active"),
    ("reserved", "Reserved"),
    ("deprecated", "Deprecated"),
    ("dhcp", "DHCP"),
    ("slaac", "SLAAC"),
];

pub(super) const ADDRESS_ROLE: &[Choice] = &[
    ("loopback", "Loopback"),
    ("secondary", "Secondary"),
    ("anycast", "Anycast"),
    ("vip", "VIP"),
    ("vrrp", "VRRP"),
    ("hsrp", "HSRP"),
    ("glbp", "GLBP"),
    ("carp", "CARP"),
];

pub(super) const QINQ_ROLE: &[Choice] = &[("svlan", "Service"), ("cvlan", "Customer")];

pub(super) const MODE: &[Choice] = &[
    ("access", "Access"),
    ("tagged", "Tagged"),
    ("tagged-all", "Tagged (All)"),
    ("q-in-q", "Q-in-Q (802.1ad)"),
];

pub(super) const DUPLEX: &[Choice] = &[("half", "Half"), ("full", "Full"), ("auto", "Auto")];

pub(super) const POE_MODE: &[Choice] = &[("pd", "PD"), ("pse", "PSE")];

pub(super) const POE_TYPE: &[Choice] = &[
    ("type1-ieee802.3af", "802.3af (Type 1)"),
    ("type2-ieee802.3at", "802.3at (Type 2)"),
    ("type3-ieee802.3bt", "802.3bt (Type 3)"),
    ("type4-ieee802.3bt", "802.3bt (Type 4)"),
    ("passive-24v-2pair", "Passive 24V (2-pair)"),
    ("passive-24v-4pair", "Passive 24V (4-pair)"),
    ("passive-48v-2pair", "Passive 48V (2-pair)"),
    ("passive-48v-4pair", "Passive 48V (4-pair)"),
];

/// Those that occur at home.
pub(super) const INTERFACE_TYPE: &[Choice] = &[
    ("virtual", "Virtual"),
    ("bridge", "Bridge"),
    ("lag", "Link Aggregation Group (LAG)"),
    ("100base-tx", "100BASE-TX (10/100ME)"),
    ("1000base-t", "1000BASE-T (1GE)"),
    ("1000base-x-sfp", "SFP (1GE)"),
    ("2.5gbase-t", "2.5GBASE-T (2.5GE)"),
    ("5gbase-t", "5GBASE-T (5GE)"),
    ("10gbase-t", "10GBASE-T (10GE)"),
    ("10gbase-x-sfpp", "SFP+ (10GE)"),
    ("25gbase-x-sfp28", "SFP28 (25GE)"),
    ("40gbase-x-qsfpp", "QSFP+ (40GE)"),
    ("ieee802.11n", "IEEE 802.11n"),
    ("ieee802.11ac", "IEEE 802.11ac"),
    ("ieee802.11ax", "IEEE 802.11ax"),
    ("ieee802.11be", "IEEE 802.11be"),
    ("other-wireless", "Other (Wireless)"),
    ("other", "Other"),
];

/// Types of interfaces that no cable fits.
pub(super) const WITHOUT_CABLE: &[&str] = &[
    "virtual",
    "bridge",
    "lag",
    "ieee802.11n",
    "ieee802.11ac",
    "ieee802.11ax",
    "ieee802.11be",
    "other-wireless",
];

pub(super) const CONSOLE_TYPE: &[Choice] = &[
    ("de-9", "DE-9"),
    ("rj-45", "RJ-45"),
    ("usb-a", "USB Type A"),
    ("usb-c", "USB Type C"),
    ("other", "Other"),
];

pub(super) const POWER_PORT_TYPE: &[Choice] = &[
    ("iec-60320-c6", "C6"),
    ("iec-60320-c8", "C8"),
    ("iec-60320-c14", "C14"),
    ("iec-60320-c20", "C20"),
    ("dc-terminal", "DC Terminal"),
    ("other", "Other"),
];

pub(super) const OUTLET_TYPE: &[Choice] = &[
    ("iec-60320-c13", "C13"),
    ("iec-60320-c19", "C19"),
    ("cee-7-4", "CEE 7/4"),
    ("other", "Other"),
];

pub(super) const PANEL_TYPE: &[Choice] = &[
    ("8p8c", "8P8C"),
    ("lc", "LC"),
    ("sc", "SC"),
    ("f", "F Connector"),
    ("other", "Other"),
];

pub(super) const CABLE_STATUS: &[Choice] = &[
    ("connected", "Connected"),
    ("planned", "Planned"),
    ("decommissioning", "Decommissioning"),
];

pub(super) const CABLE_TYPE: &[Choice] = &[
    ("cat3", "CAT3"),
    ("cat5", "CAT5"),
    ("cat5e", "CAT5e"),
    ("cat6", "CAT6"),
    ("cat6a", "CAT6a"),
    ("cat7", "CAT7"),
    ("cat7a", "CAT7a"),
    ("cat8", "CAT8"),
    ("mrj21-trunk", "MRJ21 Trunk"),
    ("dac-active", "Direct Attach Copper (Active)"),
    ("dac-passive", "Direct Attach Copper (Passive)"),
    ("coaxial", "Coaxial"),
    ("rg-6", "RG-6"),
    ("rg-8", "RG-8"),
    ("rg-11", "RG-11"),
    ("rg-59", "RG-59"),
    ("rg-62", "RG-62"),
    ("rg-213", "RG-213"),
    ("lmr-100", "LMR-100"),
    ("lmr-200", "LMR-200"),
    ("lmr-400", "LMR-400"),
    ("mmf", "Multimode Fiber"),
    ("mmf-om1", "Multimode Fiber (OM1)"),
    ("mmf-om2", "Multimode Fiber (OM2)"),
    ("mmf-om3", "Multimode Fiber (OM3)"),
    ("mmf-om4", "Multimode Fiber (OM4)"),
    ("mmf-om5", "Multimode Fiber (OM5)"),
    ("smf", "Single-mode Fiber"),
    ("smf-os1", "Single-mode Fiber (OS1)"),
    ("smf-os2", "Single-mode Fiber (OS2)"),
    ("aoc", "Active Optical Cabling (AOC)"),
    ("power", "Power"),
    ("usb", "USB"),
];

pub(super) const CABLE_PROFILE: &[Choice] = &[
    ("single-1c1p", "1C1P"),
    ("single-1c2p", "1C2P"),
    ("single-1c4p", "1C4P"),
    ("trunk-2c1p", "2C1P trunk"),
    ("trunk-4c1p", "4C1P trunk"),
    ("breakout-1c4p-4c1p", "1C4P:4C1P breakout"),
];

pub(super) const LENGTH_UNIT: &[Choice] = &[
    ("km", "Kilometers"),
    ("m", "Meters"),
    ("cm", "Centimeters"),
    ("mi", "Miles"),
    ("ft", "Feet"),
    ("in", "Inches"),
];

pub(super) const JOURNAL_KIND: &[Choice] = &[
    ("info", "Info"),
    ("success", "Success"),
    ("warning", "Warning"),
    ("danger", "Danger"),
];

pub(super) const RACK_WIDTH: &[(i64, &str)] = &[
    (10, "10 inches"),
    (19, "19 inches"),
    (21, "21 inches"),
    (23, "23 inches"),
];
