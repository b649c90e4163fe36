//! Changes of DNS records.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use serde_json::json;

use super::record::{RecordChanged, RecordItem};
use super::record_change::{Changed, UpdateDnsRecord, kind_of};
use super::record_creation::reread;
use crate::client::Cloudflare;
use crate::types::{Record, Zone};

/// The zone, and its record with what is to be sent about it.
async fn resolved(cloudflare: &Cloudflare, args: &UpdateDnsRecord) -> ToolResult<(Zone, Changed)> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let record = cloudflare.the_record(&zone, args.which()).await?;
    let changed = args.of(record, &zone)?;
    Ok((zone, changed))
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
    let (zone, changed) = resolved(cloudflare, &args).await?;
    let (record, remarks) = cloudflare
        .patch_record(&zone.id, &changed.record.id, changed.body)
        .await?;
    Ok(RecordChanged {
        zone: zone.name,
        record: RecordItem::from(&record),
        done: "updated".to_owned(),
        remarks,
    })
}

async fn preview_update(cloudflare: &Cloudflare, args: &UpdateDnsRecord) -> ToolResult<Preview> {
    let (zone, changed) = resolved(cloudflare, args).await?;
    let (changes, impact) = args.foreseen(&changed, &zone);
    Ok(Preview {
        summary: format!("change the record `{}`", changed.record.described()),
        changes,
        impact,
    })
}

async fn update_targets(
    cloudflare: &Cloudflare,
    args: &UpdateDnsRecord,
) -> ToolResult<Vec<Target>> {
    let (zone, changed) = resolved(cloudflare, args).await?;
    Ok(vec![zone.target(), changed.record.target()])
}

async fn undo_update(
    cloudflare: &Cloudflare,
    args: &UpdateDnsRecord,
) -> ToolResult<Option<Inverse>> {
    let (zone, changed) = resolved(cloudflare, args).await?;
    Ok(Some(as_it_was(&zone, &changed.record)))
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
    let Some(kind) = kind_of(&found) else {
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
