//! `devices`.

use homelab_core::inventory::{Device, Status};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Stored, record_table};
use crate::terms::{Field, Terms};
use crate::text::{fold, ip_sort, tags_folded};

impl Stored for Device {
    // `$3` folded category, `$4` status, `$5` folded type, `$6` pattern of a label.
    record_table! {
        "devices", name "name",
        read: text "name", text "category", text "type", text "status", text "hostname",
            text "ip", text "mac", text "manufacturer", text "model", text "serial", text "os",
            text "location", text "tags", text "notes", text "metadata";
        derived: text "sort_key", text "ip_sort", text "category_folded", text "type_folded",
            text "tags_folded", text "search_text";
        joined: "";
        filter: "($3 IS NULL OR t.category_folded = $3) AND ($4 IS NULL OR t.status = $4) \
            AND ($5 IS NULL OR t.type_folded = $5) \
            AND ($6 IS NULL OR t.tags_folded LIKE $6 ESCAPE '\\')";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            category: row.maybe_text("category")?,
            kind: row.maybe_text("type")?,
            status: Status::parse(&row.text("status")?),
            hostname: row.maybe_text("hostname")?,
            ip: row.maybe("ip")?,
            mac: row.maybe("mac")?,
            manufacturer: row.maybe_text("manufacturer")?,
            model: row.maybe_text("model")?,
            serial: row.maybe_text("serial")?,
            os: row.maybe_text("os")?,
            location: row.maybe_text("location")?,
            tags: row.json("tags")?,
            notes: row.maybe_text("notes")?,
            metadata: row.json("metadata")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.name)
            .with(Field::Hostname, self.hostname.as_deref())
            .printed(Field::Ip, self.ip.as_ref())
            .printed(Field::Mac, self.mac.as_ref())
            .tags(&self.tags)
            .with(Field::Notes, self.notes.as_deref());
        set(row, "ip_sort", self.ip.map(ip_sort));
        set(row, "category_folded", self.category.as_deref().map(fold));
        set(row, "type_folded", self.kind.as_deref().map(fold));
        set(row, "tags_folded", tags_folded(&self.tags));
        set(row, "search_text", Some(terms.finish()));
    }
}
