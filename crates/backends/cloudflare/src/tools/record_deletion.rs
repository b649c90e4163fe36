//! Deletions of DNS records.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::record::{RecordChanged, RecordItem, RecordType, Which};
use crate::client::Cloudflare;
use crate::ids::{RecordId, RecordName, ZoneArg};
use crate::types::{Record, Zone};

/// Which record.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeleteDnsRecord {
    /// Zone: its name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// The record's id, of `list_dns_records`.
    record_id: Option<RecordId>,
    /// The record's name, instead of `record_id`; refused if several fit.
    name: Option<RecordName>,
    /// The record's type, beside `name`.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// The record's content, beside `name`.
    #[schemars(length(max = 4096))]
    content: Option<String>,
}

impl DeleteDnsRecord {
    async fn resolved(&self, cloudflare: &Cloudflare) -> ToolResult<(Zone, Record)> {
        let zone = cloudflare.zone(self.zone.as_ref()).await?;
        let which = Which {
            id: self.record_id.as_ref(),
            name: self.name.as_ref(),
            kind: self.kind,
            content: self.content.as_deref(),
        };
        let record = cloudflare.the_record(&zone, which).await?;
        Ok((zone, record))
    }
}

/// Delete one DNS record, by id or by name, type and content; refused if several fit.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "cloudflare:dns:delete",
    title = "Delete a DNS record",
    timeout = 60,
    untrusted("record.comment"),
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_dns_record(
    cloudflare: &Cloudflare,
    args: DeleteDnsRecord,
) -> ToolResult<RecordChanged> {
    let (zone, record) = args.resolved(cloudflare).await?;
    cloudflare.delete_record(&zone.id, &record.id).await?;
    Ok(RecordChanged {
        zone: zone.name,
        record: RecordItem::from(&record),
        done: "deleted".to_owned(),
        remarks: Vec::new(),
    })
}

async fn preview_delete(cloudflare: &Cloudflare, args: &DeleteDnsRecord) -> ToolResult<Preview> {
    let (zone, record) = args.resolved(cloudflare).await?;
    let name: RecordName = record
        .name
        .parse()
        .map_err(|what: String| homelab_core::error::ToolError::invalid("name", what))?;
    let others = cloudflare.named(&zone, &name, None).await?.len();
    let impact = if others > 1 {
        format!("the name keeps {} other records", others - 1)
    } else {
        format!("`{}` no longer resolves", record.name)
    };
    Ok(Preview {
        summary: format!("delete the record `{}`", record.described()),
        changes: Vec::new(),
        impact: vec![impact],
    })
}

async fn delete_targets(
    cloudflare: &Cloudflare,
    args: &DeleteDnsRecord,
) -> ToolResult<Vec<Target>> {
    let (zone, record) = args.resolved(cloudflare).await?;
    Ok(vec![zone.target(), record.target()])
}

async fn undo_delete(
    cloudflare: &Cloudflare,
    args: &DeleteDnsRecord,
) -> ToolResult<Option<Inverse>> {
    let (zone, record) = args.resolved(cloudflare).await?;
    Ok(again(&zone, &record))
}

/// The call that makes the same record anew; `None` for a type that is not made here.
pub(crate) fn again(zone: &Zone, record: &Record) -> Option<Inverse> {
    serde_json::from_value::<RecordType>(json!(record.kind)).ok()?;
    let mut arguments = json!({
        "zone": zone.name,
        "type": record.kind,
        "name": record.name,
        "ttl": if record.proxied == Some(true) { 1 } else { record.ttl.unwrap_or(1) },
    });
    match &record.data {
        Some(data) => arguments["data"] = json!(data),
        None => arguments["content"] = json!(record.content),
    }
    if record.proxied == Some(true) {
        arguments["proxied"] = json!(true);
    }
    if let Some(priority) = record.priority.filter(|_| record.kind == "MX") {
        arguments["priority"] = json!(priority);
    }
    if let Some(comment) = record.comment.as_ref().filter(|text| !text.is_empty()) {
        arguments["comment"] = json!(comment);
    }
    if let Some(tags) = record.tags.as_ref().filter(|tags| !tags.is_empty()) {
        arguments["tags"] = json!(tags);
    }
    Some(Inverse {
        tool: "create_dns_record".to_owned(),
        arguments,
    })
}

async fn check_delete(
    cloudflare: &Cloudflare,
    args: &DeleteDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let found = cloudflare.record(&zone.id, done.record.id()).await?;
    let mismatch = found.map(|record| Mismatch {
        field: "record_id",
        wanted: "not there".to_owned(),
        found: record.described(),
    });
    Ok(mismatch.into_iter().collect())
}
