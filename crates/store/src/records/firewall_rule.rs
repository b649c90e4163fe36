//! `firewall_rules`.

use homelab_core::inventory::FirewallRule;
use homelab_core::store::StoreResult;

use super::set;
use crate::db::Values;
use crate::row::Row;
use crate::table::{Stored, record_table};
use crate::terms::{Field, Terms};

impl Stored for FirewallRule {
    record_table! {
        "firewall_rules", name "name",
        read: text "name", text "action", text "direction", text "source", text "destination",
            text "protocol", text "port", int "position", flag "enabled", text "notes";
        derived: text "sort_key", text "search_text";
        joined: "";
        filter: "TRUE";
    }

    fn read(row: Row<'_>) -> StoreResult<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            action: row.text("action")?,
            direction: row.maybe_text("direction")?,
            source: row.maybe_text("source")?,
            destination: row.maybe_text("destination")?,
            protocol: row.maybe_text("protocol")?,
            port: row.maybe_text("port")?,
            position: row.maybe_int("position")?,
            enabled: row.flag("enabled")?,
            notes: row.maybe_text("notes")?,
            updated_at: row.time("updated_at")?,
        })
    }

    fn derive(&self, row: &mut Values) {
        let terms = Terms::named(&self.name)
            .with(Field::Ip, self.source.as_deref())
            .with(Field::Ip, self.destination.as_deref())
            .with(Field::Notes, self.notes.as_deref());
        set(row, "search_text", Some(terms.finish()));
    }
}
