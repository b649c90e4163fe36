//! DNS records, as they are.

use homelab_backend::names::from_the_end;
use homelab_backend::page::page;
use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::{RecordItem, RecordType};
use crate::client::Cloudflare;
use crate::ids::{RecordName, ZoneArg};

/// Longest file of an export that is given back, in characters.
const LONGEST_FILE: usize = 60_000;

/// Which records.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListDnsRecords {
    /// Zone: its name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// Only of this type.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// Only of this name: whole, below the zone, or `@`.
    name: Option<RecordName>,
    /// Only with exactly this content.
    #[schemars(length(max = 2048))]
    content: Option<String>,
    /// Only those that are proxied, or not.
    proxied: Option<bool>,
    /// Only with this text in name, content or comment.
    #[schemars(length(max = 100))]
    search: Option<String>,
    /// Only with this tag: `name` or `name:value`.
    #[schemars(length(max = 132))]
    tag: Option<String>,
    /// Only with this text in the comment.
    #[schemars(length(max = 100))]
    comment: Option<String>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// Records of a zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordList {
    /// Name of the zone.
    zone: String,
    #[serde(flatten)]
    page: Page<RecordItem>,
}

/// List the DNS records of a zone with content, TTL, whether they are proxied, comment and tags.
#[tool(
    read,
    open_world,
    permission = "cloudflare:dns:read",
    title = "List DNS records",
    timeout = 60,
    untrusted("items.*.comment")
)]
pub(crate) async fn list_dns_records(
    cloudflare: &Cloudflare,
    args: ListDnsRecords,
) -> ToolResult<RecordList> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let filters = [
        ("type", args.kind.map(RecordType::name)),
        ("name", args.name.map(|name| name.within(&zone.name))),
        ("content", args.content),
        ("proxied", args.proxied.map(|proxied| proxied.to_string())),
        ("search", args.search),
        ("tag", args.tag),
        ("comment.contains", args.comment),
    ];
    let filters: Vec<(&str, String)> = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let rows = cloudflare.records(&zone.id, &filters).await?;
    let keyed = rows
        .iter()
        .map(|row| (from_the_end(&row.name), row.kind.clone(), row))
        .collect::<Vec<_>>();
    let key = |row: &(String, String, &crate::types::Record)| {
        format!("{}\u{1}{}\u{1}{}", row.0, row.1, row.2.id)
    };
    let page = page(keyed, args.limit, args.cursor.as_deref(), key)?;
    Ok(RecordList {
        zone: zone.name,
        page: page.map(|(_, _, record)| RecordItem::from(record)),
    })
}

/// Which zone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExportDnsRecords {
    /// Zone: its name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
}

/// A zone's file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ZoneFile {
    /// Name of the zone.
    zone: String,
    /// In BIND's format.
    file: String,
    /// Whether the end is missing, because it is longer than 60,000 characters.
    truncated: bool,
}

/// Export all DNS records of a zone as a BIND zone file, for a backup or a comparison.
#[tool(
    read,
    open_world,
    permission = "cloudflare:dns:read",
    title = "Export DNS records",
    timeout = 60,
    untrusted("file")
)]
pub(crate) async fn export_dns_records(
    cloudflare: &Cloudflare,
    args: ExportDnsRecords,
) -> ToolResult<ZoneFile> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let mut file = cloudflare.export(&zone.id).await?;
    let end = file.char_indices().nth(LONGEST_FILE).map(|(at, _)| at);
    if let Some(end) = end {
        file.truncate(end);
    }
    Ok(ZoneFile {
        zone: zone.name,
        file,
        truncated: end.is_some(),
    })
}
