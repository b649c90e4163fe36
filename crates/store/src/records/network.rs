//! `networks`.

use homelab_core::inventory::Network;
use homelab_core::net::{Cidr, Ip};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Stored, record_table};
use crate::terms::{Field, Terms};
use crate::text::ip_sort;

impl Stored for Network {
    record_table! {
        "networks", name "name",
        read: text "name", int "vlan_id", text "cidr", text "gateway", text "dns",
            text "dhcp_start", text "dhcp_end", text "purpose", text "notes";
        derived: text "sort_key", text "gateway_sort", text "range_start", text "range_end",
            text "search_text";
        joined: "";
        filter: "TRUE";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            vlan_id: row.maybe_int("vlan_id")?,
            cidr: row.maybe("cidr")?,
            gateway: row.maybe("gateway")?,
            dns: row.json("dns")?,
            dhcp_start: row.maybe("dhcp_start")?,
            dhcp_end: row.maybe("dhcp_end")?,
            purpose: row.maybe_text("purpose")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.name)
            .printed(Field::Ip, self.cidr.as_ref())
            .printed(Field::Ip, self.gateway.as_ref())
            .with(Field::Notes, self.purpose.as_deref())
            .with(Field::Notes, self.notes.as_deref());
        set(row, "gateway_sort", self.gateway.map(ip_sort));
        let range = self.cidr.map(bounds);
        set(row, "range_start", range.map(|(first, _)| ip_sort(first)));
        set(row, "range_end", range.map(|(_, last)| ip_sort(last)));
        set(row, "search_text", Some(terms.finish()));
    }
}

/// The first and the last address of a network, those not for hosts included.
pub(crate) fn bounds(cidr: Cidr) -> (Ip, Ip) {
    (Ip(cidr.0.network()), Ip(cidr.0.broadcast()))
}
