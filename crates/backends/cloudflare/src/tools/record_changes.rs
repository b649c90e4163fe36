//! Changes of DNS records.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::record::{RecordChanged, RecordItem, RecordType, Said, Which};
use super::record_creation::reread;
use crate::client::Cloudflare;
use crate::ids::{RecordId, RecordName, ZoneArg};
use crate::types::{Record, Zone};

/// Which record, and what of it changes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpdateDnsRecord {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
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
    rename_to: Option<RecordName>,
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

impl UpdateDnsRecord {
    fn said(&self) -> Said<'_> {
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

    /// The record, its type, and what the call would send about it.
    async fn resolved(&self, cloudflare: &Cloudflare) -> ToolResult<Resolved> {
        let zone = cloudflare.zone(self.zone.as_ref()).await?;
        let which = Which {
            id: self.record_id.as_ref(),
            name: self.name.as_ref(),
            kind: self.kind,
            content: self.current_content.as_deref(),
        };
        let record = cloudflare.the_record(&zone, which).await?;
        let kind: RecordType = serde_json::from_value(json!(record.kind)).map_err(|_| {
            ToolError::invalid(
                "record_id",
                format!("records of type {} cannot be changed here", record.kind),
            )
            .hint("change it in the dashboard")
        })?;
        let said = self.said();
        said.check(kind)?;
        let mut body = said.body(kind);
        if let Some(name) = &self.rename_to {
            body.insert("name".to_owned(), json!(name.within(&zone.name)));
        }
        if body.is_empty() {
            return Err(ToolError::invalid("content", "nothing is to be changed")
                .hint("give what changes: `content`, `data`, `ttl`, `proxied`, `priority`, `comment`, `tags` or `rename_to`"));
        }
        Ok(Resolved {
            zone,
            record,
            kind,
            body,
        })
    }
}

struct Resolved {
    zone: Zone,
    record: Record,
    kind: RecordType,
    body: Map<String, Value>,
}

/// Change a DNS record that is there: content, TTL, whether it is proxied, comment, tags or name; what is
/// not named stays.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "cloudflare:dns:update",
    title = "Change a DNS record",
    timeout = 60,
    untrusted("record.comment"),
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_dns_record(
    cloudflare: &Cloudflare,
    args: UpdateDnsRecord,
) -> ToolResult<RecordChanged> {
    let Resolved {
        zone, record, body, ..
    } = args.resolved(cloudflare).await?;
    let (record, remarks) = cloudflare.patch_record(&zone.id, &record.id, body).await?;
    Ok(RecordChanged {
        zone: zone.name,
        record: RecordItem::from(&record),
        done: "updated".to_owned(),
        remarks,
    })
}

async fn preview_update(cloudflare: &Cloudflare, args: &UpdateDnsRecord) -> ToolResult<Preview> {
    let resolved = args.resolved(cloudflare).await?;
    let record = &resolved.record;
    let mut changes = args.said().changes(resolved.kind, Some(record));
    if let Some(name) = &args.rename_to {
        changes.push(Change {
            field: "name".to_owned(),
            from: Some(record.name.clone()),
            to: Some(name.within(&resolved.zone.name)),
        });
    }
    let mut impact = Vec::new();
    if record.proxied == Some(true) && args.proxied == Some(false) {
        let address = record.content.as_deref().unwrap_or_default();
        impact.push(format!("`{address}` becomes visible to everybody"));
    }
    Ok(Preview {
        summary: format!("change the record `{}`", record.described()),
        changes,
        impact,
    })
}

async fn update_targets(
    cloudflare: &Cloudflare,
    args: &UpdateDnsRecord,
) -> ToolResult<Vec<Target>> {
    let resolved = args.resolved(cloudflare).await?;
    Ok(vec![resolved.zone.target(), resolved.record.target()])
}

async fn undo_update(
    cloudflare: &Cloudflare,
    args: &UpdateDnsRecord,
) -> ToolResult<Option<Inverse>> {
    let resolved = args.resolved(cloudflare).await?;
    Ok(Some(as_it_was(&resolved.zone, &resolved.record)))
}

/// The call that makes a record what it is now.
pub(crate) fn as_it_was(zone: &Zone, record: &Record) -> Inverse {
    let mut arguments = json!({
        "zone": zone.name,
        "record_id": record.id,
        "rename_to": record.name,
        "comment": record.comment.clone().unwrap_or_default(),
    });
    let automatic = record.proxied == Some(true) || record.ttl.is_none();
    arguments["ttl"] = json!(if automatic {
        1
    } else {
        record.ttl.unwrap_or(1)
    });
    match &record.data {
        Some(data) => arguments["data"] = json!(data),
        None => arguments["content"] = json!(record.content),
    }
    if matches!(record.kind.as_str(), "A" | "AAAA" | "CNAME") {
        arguments["proxied"] = json!(record.proxied.unwrap_or(false));
    }
    if let Some(priority) = record.priority.filter(|_| record.kind == "MX") {
        arguments["priority"] = json!(priority);
    }
    if let Some(tags) = record.tags.as_ref().filter(|tags| !tags.is_empty()) {
        arguments["tags"] = json!(tags);
    }
    Inverse {
        tool: "update_dns_record".to_owned(),
        arguments,
    }
}

async fn check_update(
    cloudflare: &Cloudflare,
    args: &UpdateDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    let found = reread(cloudflare, done).await?;
    let Ok(kind) = serde_json::from_value::<RecordType>(json!(found.kind)) else {
        return Ok(Vec::new());
    };
    let mut mismatches = args.said().mismatches(kind, &found);
    if let Some(name) = args.rename_to.as_ref().map(|name| name.within(&done.zone))
        && found.name != name
    {
        mismatches.push(Mismatch {
            field: "rename_to",
            wanted: name,
            found: found.name,
        });
    }
    Ok(mismatches)
}
