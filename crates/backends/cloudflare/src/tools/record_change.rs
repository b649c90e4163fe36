//! What changes of a DNS record that is there: the same of one record, and of each of a batch.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::Change;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::record::{RecordType, Said, Which};
use crate::ids::{RecordId, RecordName, ZoneArg};
use crate::types::{Record, Zone};

/// Declares arguments that say which record is meant and what of it changes, after some of their own.
/// They are not flattened into one another, because serde then lets misspelt ones pass.
macro_rules! record_change {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $own:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            $($(#[$of])* pub(super) $own: $kind,)*
            /// The record's id, of `list_dns_records`.
            record_id: Option<RecordId>,
            /// The record's name, instead of `record_id`; refused if several fit.
            name: Option<RecordName>,
            /// The record's type, beside `name`.
            #[serde(rename = "type")]
            kind: Option<RecordType>,
            /// The content that it has now, beside `name`, to tell it from others.
            #[schemars(length(max = 4096))]
            current_content: Option<String>,
            /// Give it this name.
            pub(super) rename_to: Option<RecordName>,
            /// Address, host or text, for A, AAAA, CNAME, MX, NS, PTR and TXT.
            #[schemars(length(max = 4096))]
            content: Option<String>,
            /// Fields of the other types, all of them.
            #[schemars(extend("maxProperties" = 20))]
            data: Option<Map<String, Value>>,
            /// Seconds that others keep it, 30 to 86400; 1 is automatic.
            #[schemars(range(min = 1, max = 86400))]
            ttl: Option<u32>,
            /// Lead traffic through Cloudflare, which hides the address; A, AAAA and CNAME only.
            proxied: Option<bool>,
            /// For MX and URI.
            priority: Option<u16>,
            /// A note that takes the place of the one there; empty for none.
            #[schemars(length(max = 500))]
            comment: Option<String>,
            /// Tags that take the place of those there; paid plans only.
            #[schemars(length(max = 20), inner(length(max = 132)))]
            tags: Option<Vec<String>>,
        }

        impl $name {
            /// Which record is meant.
            pub(super) fn which(&self) -> Which<'_> {
                Which {
                    id: self.record_id.as_ref(),
                    name: self.name.as_ref(),
                    kind: self.kind,
                    content: self.current_content.as_deref(),
                }
            }

            /// What it says of the record.
            pub(super) fn said(&self) -> Said<'_> {
                Said {
                    content: self.content.as_deref(),
                    data: self.data.as_ref(),
                    ttl: self.ttl,
                    proxied: self.proxied,
                    priority: self.priority,
                    comment: self.comment.as_deref(),
                    tags: self.tags.as_deref(),
                }
            }

            /// The record with what is to be sent about it.
            pub(super) fn of(&self, record: Record, zone: &Zone) -> ToolResult<Changed> {
                Changed::of(record, zone, &self.said(), self.rename_to.as_ref())
            }

            /// The fields that change, and what else follows.
            pub(super) fn foreseen(&self, changed: &Changed, zone: &Zone) -> (Vec<Change>, Vec<String>) {
                let changes = changed.changes(zone, &self.said(), self.rename_to.as_ref());
                (changes, changed.impact(self.proxied))
            }
        }
    };
}

record_change! {
    /// Which record, and what of it changes.
    UpdateDnsRecord {
        /// Zone: its name or id, or a host in it; default the configured one.
        zone: Option<ZoneArg>,
    }
}
record_change! {
    /// What a record is to have.
    Patch {}
}

/// A record that is there, its type, and what is to be sent about it.
pub(super) struct Changed {
    pub(super) record: Record,
    pub(super) kind: RecordType,
    pub(super) body: Map<String, Value>,
}

impl Changed {
    fn of(
        record: Record,
        zone: &Zone,
        said: &Said<'_>,
        rename_to: Option<&RecordName>,
    ) -> ToolResult<Self> {
        let kind = kind_of(&record).ok_or_else(|| {
            let message = format!("records of type {} cannot be changed here", record.kind);
            ToolError::invalid("record_id", message).hint("change it in the dashboard")
        })?;
        said.check(kind)?;
        let mut body = said.body(kind);
        if let Some(name) = rename_to {
            body.insert("name".to_owned(), json!(name.within(&zone.name)));
        }
        if body.is_empty() {
            let message = format!("nothing of `{}` is to be changed", record.described());
            return Err(ToolError::invalid("content", message)
                .hint("give what changes: `content`, `data`, `ttl`, `proxied`, `priority`, `comment`, `tags` or `rename_to`"));
        }
        Ok(Self { record, kind, body })
    }

    fn impact(&self, proxied: Option<bool>) -> Vec<String> {
        if self.record.proxied != Some(true) || proxied != Some(false) {
            return Vec::new();
        }
        let address = self.record.content.as_deref().unwrap_or_default();
        vec![format!("`{address}` becomes visible to everybody")]
    }

    fn changes(&self, zone: &Zone, said: &Said<'_>, rename_to: Option<&RecordName>) -> Vec<Change> {
        let mut changes = said.changes(self.kind, Some(&self.record));
        changes.extend(rename_to.map(|name| Change {
            field: "name".to_owned(),
            from: Some(self.record.name.clone()),
            to: Some(name.within(&zone.name)),
        }));
        changes
    }
}

/// The type of a record, where it is one that the tools know.
pub(super) fn kind_of(record: &Record) -> Option<RecordType> {
    serde_json::from_value(json!(record.kind)).ok()
}
