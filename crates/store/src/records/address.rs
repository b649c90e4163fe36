//! `network_config`.

use homelab_core::inventory::Address;
use homelab_core::net::Ip;
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Reference, Stored, Target, record_table};
use crate::terms::{Field, Terms};
use crate::text::ip_sort;

impl Stored for Address {
    // `$3` folded network name. An address that names no network belongs to the one it lies in.
    record_table! {
        "network_config", name "ip_address",
        read: text "ip_address", text "hostname", text "allocated_to", text "type", text "mac",
            text "notes";
        derived: text "sort_key", text "network_id", text "search_text";
        joined: ", (SELECT n.name FROM networks n WHERE n.id = t.network_id) AS network";
        filter: "($3 IS NULL OR EXISTS (SELECT 1 FROM networks n WHERE n.sort_key = $3 \
            AND (n.id = t.network_id OR (t.network_id IS NULL \
            AND t.sort_key BETWEEN n.range_start AND n.range_end))))";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            ip_address: row.parsed("ip_address")?,
            hostname: row.maybe_text("hostname")?,
            allocated_to: row.maybe_text("allocated_to")?,
            kind: row.maybe_text("type")?,
            network: row.maybe_text("network")?,
            mac: row.maybe("mac")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.ip_address.to_string())
            .with(Field::Hostname, self.hostname.as_deref())
            .with(Field::Hostname, self.allocated_to.as_deref())
            .printed(Field::Mac, self.mac.as_ref())
            .with(Field::Notes, self.notes.as_deref());
        set(row, "search_text", Some(terms.finish()));
    }

    fn sort_key(key: &str) -> Option<String> {
        key.parse::<Ip>().ok().map(ip_sort)
    }

    fn references(&mut self) -> Vec<Reference<'_>> {
        vec![Reference {
            field: "network",
            column: "network_id",
            target: Target::Network,
            name: &mut self.network,
        }]
    }
}
