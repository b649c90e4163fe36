//! `proxmox_hosts`.

use homelab_core::inventory::{Host, Status};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Stored, record_table};
use crate::terms::{Field, Terms};
use crate::text::ip_sort;

impl Stored for Host {
    record_table! {
        "proxmox_hosts", name "node_name",
        read: text "node_name", text "ip_address", text "cluster", text "status", text "notes";
        derived: text "sort_key", text "ip_sort", text "search_text";
        joined: "";
        filter: "TRUE";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            node_name: row.text("node_name")?,
            ip_address: row.maybe("ip_address")?,
            cluster: row.maybe_text("cluster")?,
            status: Status::parse(&row.text("status")?),
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.node_name)
            .printed(Field::Ip, self.ip_address.as_ref())
            .with(Field::Notes, self.notes.as_deref());
        set(row, "ip_sort", self.ip_address.map(ip_sort));
        set(row, "search_text", Some(terms.finish()));
    }
}
