//! The older audit rows, unchained.

use std::collections::HashMap;

use homelab_core::audit::{AuditEntry, EntryKind, canonical, digest};
use homelab_core::clock::Micros;
use serde_json::Value;

use super::fields::{Fields, Warnings};
use crate::db::Values;

pub(super) fn read(rows: &[Values], warnings: &mut Warnings) -> Vec<AuditEntry> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    rows.iter()
        .map(|row| {
            let content = digest(&canonical(&Value::Object(row.clone())));
            let row = Fields::new("audit_log", row);
            let text = |names: &[&str]| row.text(names).unwrap_or_default();
            let times = seen.entry(content.clone()).or_default();
            *times += 1;
            AuditEntry {
                id: format!("legacy-{content}-{times}"),
                timestamp: row.time(&["timestamp", "created_at"]).unwrap_or_else(|| {
                    warnings.add(format!("audit_log: {} has no readable time", row.label()));
                    Micros(0)
                }),
                kind: EntryKind::Legacy,
                user: text(&["user", "user_name", "username"]),
                credential: String::new(),
                transport: "legacy".into(),
                ip_address: row.text(&["ip_address"]),
                action: text(&["action"]),
                target_type: text(&["target_type"]),
                target_id: text(&["target_id"]),
                effect: None,
                arguments: None,
                arguments_digest: None,
                outcome: None,
                duration_us: None,
                request_id: String::new(),
                details: row.text(&["details"]),
            }
        })
        .collect()
}
