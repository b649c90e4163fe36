//! The tools, one file per subject.

pub(crate) mod adoption;
pub(crate) mod blocking;
pub(crate) mod clients;
pub(crate) mod devices;
pub(crate) mod dns;
pub(crate) mod dns_change;
pub(crate) mod dns_create;
pub(crate) mod firewall;
pub(crate) mod firewall_change;
pub(crate) mod forwards;
pub(crate) mod guests;
pub(crate) mod locate;
pub(crate) mod log;
pub(crate) mod networks;
pub(crate) mod power;
pub(crate) mod stats;
pub(crate) mod vouchers;
pub(crate) mod vouchers_change;
