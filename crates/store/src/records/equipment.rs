//! `test_equipment`.

use homelab_core::inventory::{Equipment, ScpiProtocol, Status};
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Stored, record_table};
use crate::terms::{Field, Terms};
use crate::text::{flat, fold, ip_of_url, ip_sort};

impl Stored for Equipment {
    // `$3` folded type, `$4` status, `$5` pattern over name, maker and model.
    record_table! {
        "test_equipment", name "name",
        read: text "name", text "type", text "status", text "manufacturer", text "model",
            text "serial", text "firmware", text "host", int "port", text "protocol",
            text "sub_address", text "terminator", text "idn", text "allowed_queries",
            text "location", text "calibration_due", text "notes";
        derived: text "sort_key", text "ip_sort", text "type_folded", text "label_folded",
            text "search_text";
        joined: "";
        filter: "($3 IS NULL OR t.type_folded = $3) AND ($4 IS NULL OR t.status = $4) \
            AND ($5 IS NULL OR t.label_folded LIKE $5 ESCAPE '\\')";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            kind: row.maybe_text("type")?,
            status: Status::parse(&row.text("status")?),
            manufacturer: row.maybe_text("manufacturer")?,
            model: row.maybe_text("model")?,
            serial: row.maybe_text("serial")?,
            firmware: row.maybe_text("firmware")?,
            host: row.text("host")?,
            port: row.maybe_port("port")?,
            protocol: ScpiProtocol::parse(&row.text("protocol")?),
            sub_address: row.maybe_text("sub_address")?,
            terminator: row.maybe_text("terminator")?,
            idn: row.maybe_text("idn")?,
            allowed_queries: row.json("allowed_queries")?,
            location: row.maybe_text("location")?,
            calibration_due: row.maybe_text("calibration_due")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let address = ip_of_url(&self.host);
        let label = [
            Some(self.name.as_str()),
            self.manufacturer.as_deref(),
            self.model.as_deref(),
        ]
        .map(|part| flat(part.unwrap_or_default()))
        .join("\n");
        let terms = Terms::named(&self.name)
            .with(
                Field::Hostname,
                address.is_none().then_some(self.host.as_str()),
            )
            .printed(Field::Ip, address.as_ref())
            .with(Field::Notes, self.notes.as_deref());
        set(row, "ip_sort", address.map(ip_sort));
        set(row, "type_folded", self.kind.as_deref().map(fold));
        set(row, "label_folded", Some(label));
        set(row, "search_text", Some(terms.finish()));
    }
}
