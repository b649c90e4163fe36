//! The tools, one file per subject.

pub(crate) mod address_create;
pub(crate) mod addresses;
pub(crate) mod allocate;
pub(crate) mod allocation;
pub(crate) mod cable_list;
pub(crate) mod cable_plan;
pub(crate) mod cables;
pub(crate) mod changelog;
pub(crate) mod device;
pub(crate) mod devices;
pub(crate) mod interfaces;
pub(crate) mod journal;
pub(crate) mod journal_write;
pub(crate) mod object_create;
pub(crate) mod object_delete;
pub(crate) mod object_update;
pub(crate) mod objects;
pub(crate) mod places;
pub(crate) mod prefixes;
pub(crate) mod release;
pub(crate) mod search;
pub(crate) mod utilization;
pub(crate) mod virtual_machines;
pub(crate) mod vlan_create;
pub(crate) mod vlan_delete;
pub(crate) mod vlans;
