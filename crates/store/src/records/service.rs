//! `services`.

use homelab_core::inventory::{Service, Status};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Reference, Stored, Target, record_table};
use crate::terms::{Field, Terms};
use crate::text::{fold, ip_of_url, ip_sort};

impl Stored for Service {
    // `$3` folded name of a device or guest, `$4` folded type.
    record_table! {
        "services", name "service_name",
        read: text "service_name", text "type", text "url", int "port", text "protocol",
            text "health_endpoint", text "status", text "tags", text "notes";
        derived: text "sort_key", text "vm_id", text "device_id", text "ip_sort",
            text "type_folded", text "search_text";
        joined: ", (SELECT v.name FROM virtual_machines v WHERE v.id = t.vm_id) AS vm, \
            (SELECT d.name FROM devices d WHERE d.id = t.device_id) AS device";
        filter: "($3 IS NULL OR t.device_id = (SELECT d.id FROM devices d WHERE d.sort_key = $3) \
            OR t.vm_id = (SELECT v.id FROM virtual_machines v WHERE v.sort_key = $3)) \
            AND ($4 IS NULL OR t.type_folded = $4)";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            service_name: row.text("service_name")?,
            kind: row.maybe_text("type")?,
            url: row.maybe_text("url")?,
            port: row.maybe_port("port")?,
            protocol: row.maybe_text("protocol")?,
            health_endpoint: row.maybe_text("health_endpoint")?,
            vm: row.maybe_text("vm")?,
            device: row.maybe_text("device")?,
            status: Status::parse(&row.text("status")?),
            tags: row.json("tags")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let address = self.url.as_deref().and_then(ip_of_url);
        let terms = Terms::named(&self.service_name)
            .with(Field::Hostname, self.url.as_deref())
            .printed(Field::Ip, address.as_ref())
            .tags(&self.tags)
            .with(Field::Notes, self.notes.as_deref());
        set(row, "ip_sort", address.map(ip_sort));
        set(row, "type_folded", self.kind.as_deref().map(fold));
        set(row, "search_text", Some(terms.finish()));
    }

    fn references(&mut self) -> Vec<Reference<'_>> {
        vec![
            Reference {
                field: "vm",
                column: "vm_id",
                target: Target::Guest,
                name: &mut self.vm,
            },
            Reference {
                field: "device",
                column: "device_id",
                target: Target::Device,
                name: &mut self.device,
            },
        ]
    }
}
