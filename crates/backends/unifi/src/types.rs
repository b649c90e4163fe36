//! What the console sends. Only fields that answers need: records of the old API hold passwords and
//! keys, which are never read, so they cannot leak.

mod legacy;
mod official;

pub(crate) use legacy::{
    Answer, EventRow, ForwardRow, HealthRow, LegacyDevice, LegacyNetwork, LegacyPort, LegacySite,
    LegacyVoucher, LegacyWlan, LogPage, Rows, StaticDns, Station, SysInfo,
};
pub(crate) use official::{
    ClientRow, DeviceRow, DnsPolicy, GuestAction, Info, MadeVouchers, NetworkRow, Paged, PortRow,
    SiteRow, Statistics, VoucherRow, WlanRow, ZoneRow,
};
