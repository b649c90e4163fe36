//! `virtual_machines`.

use homelab_core::inventory::{Status, VirtualMachine};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Reference, Stored, Target, record_table};
use crate::terms::{Field, Terms};
use crate::text::ip_sort;

impl Stored for VirtualMachine {
    // `$3` status, `$4` folded node name.
    record_table! {
        "virtual_machines", name "name",
        read: int "vm_id", text "name", text "type", text "ip", text "mac", text "status",
            int "cores", int "memory_mib", text "tags", text "notes";
        derived: text "sort_key", text "host_id", text "ip_sort", text "search_text";
        joined: ", (SELECT h.node_name FROM proxmox_hosts h WHERE h.id = t.host_id) AS host";
        filter: "($3 IS NULL OR t.status = $3) AND ($4 IS NULL OR t.host_id = \
            (SELECT h.id FROM proxmox_hosts h WHERE h.sort_key = $4))";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            vm_id: row.maybe_int("vm_id")?,
            name: row.text("name")?,
            kind: row.maybe_text("type")?,
            ip: row.maybe("ip")?,
            mac: row.maybe("mac")?,
            status: Status::parse(&row.text("status")?),
            host: row.maybe_text("host")?,
            cores: row.maybe_int("cores")?,
            memory_mib: row.maybe_int("memory_mib")?,
            tags: row.json("tags")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.name)
            .printed(Field::Ip, self.ip.as_ref())
            .printed(Field::Mac, self.mac.as_ref())
            .tags(&self.tags)
            .with(Field::Notes, self.notes.as_deref());
        set(row, "ip_sort", self.ip.map(ip_sort));
        set(row, "search_text", Some(terms.finish()));
    }

    fn references(&mut self) -> Vec<Reference<'_>> {
        vec![Reference {
            field: "host",
            column: "host_id",
            target: Target::Host,
            name: &mut self.host,
        }]
    }
}
