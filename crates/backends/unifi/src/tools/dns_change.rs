//! Changes and deletions of DNS records.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::dns::{RecordChanged, at};
use crate::api::Source;
use crate::client::Unifi;
use crate::dns::{
    RecordItem, RecordType, Said, Wanted, Which, changes, delete_call, mismatches, replace_call,
};
use crate::page::count;
use crate::site::SiteName;

/// Which record, and what it shall be. What is not given stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateDnsRecord {
    /// Its `id` in `list_dns_records`, or its name.
    #[schemars(length(min = 1, max = 253))]
    record: String,
    /// Its type, beside a name that has several records.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// A new name.
    #[schemars(length(min = 1, max = 253))]
    name: Option<String>,
    /// A new address, host or text.
    #[schemars(length(min = 1, max = 1024))]
    value: Option<String>,
    /// Seconds that others keep it; A, AAAA and CNAME only. 0 is the console's own.
    #[schemars(range(max = 604_800))]
    ttl_s: Option<u32>,
    /// For MX and SRV.
    priority: Option<u16>,
    /// For SRV.
    weight: Option<u16>,
    /// For SRV.
    port: Option<u16>,
    /// On or off.
    enabled: Option<bool>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

impl UpdateDnsRecord {
    fn said(&self) -> Said<'_> {
        Said {
            name: self.name.as_deref(),
            value: self.value.as_deref(),
            ttl_s: self.ttl_s,
            priority: self.priority,
            weight: self.weight,
            port: self.port,
            enabled: self.enabled,
        }
    }

    /// The record as it is and as it shall be.
    async fn resolved(&self, unifi: &Unifi) -> ToolResult<Resolved> {
        if self.said().is_empty() {
            let message = "nothing is to be changed";
            return Err(ToolError::invalid("value", message)
                .reason("nothing_to_change")
                .hint("give at least one of `name`, `value`, `ttl_s`, `priority`, `weight`, `port`, `enabled`"));
        }
        let site = unifi.site(self.site.as_ref()).await?;
        let told = unifi.dns_records(&site).await?;
        let which = Which {
            record: &self.record,
            kind: self.kind,
            value: None,
        };
        let record = which.of(&told.rows)?.clone();
        record.may_change()?;
        let wanted = Wanted::from(&record, self.said())?;
        let others = told.rows.iter().filter(|row| row.id != record.id);
        // A name that has several records of the type keeps them.
        wanted.beside(others, wanted.name == record.name)?;
        Ok(Resolved {
            record,
            wanted,
            api: told.api,
        })
    }
}

struct Resolved {
    record: RecordItem,
    wanted: Wanted,
    api: Source,
}

/// Change a DNS record of the console: name, value, TTL, priority, or whether it is on.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "unifi:dns:update",
    title = "Change a DNS record",
    timeout = 60,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_dns_record(
    unifi: &Unifi,
    args: UpdateDnsRecord,
) -> ToolResult<RecordChanged> {
    let Resolved {
        record,
        wanted,
        api,
    } = args.resolved(unifi).await?;
    if wanted.differences(Some(&record)).is_empty() {
        return Ok(RecordChanged {
            record,
            changed: false,
            api,
        });
    }
    let site = unifi.site(args.site.as_ref()).await?;
    let call = replace_call(&site, api, &record.id, &wanted);
    unifi.api.done(&call).await?;
    let after = unifi.dns_records(&site).await?.rows;
    let by_id = Which {
        record: &record.id,
        kind: None,
        value: None,
    };
    Ok(RecordChanged {
        record: by_id.of(&after)?.clone(),
        changed: true,
        api,
    })
}

async fn preview_update(unifi: &Unifi, args: &UpdateDnsRecord) -> ToolResult<Preview> {
    let resolved = args.resolved(unifi).await?;
    let record = &resolved.record;
    let mut impact = Vec::new();
    if resolved.wanted.name != record.name || args.enabled == Some(false) {
        impact.push(gone(record));
    }
    Ok(Preview {
        summary: format!("change the DNS record `{}`", record.described()),
        changes: changes(resolved.wanted.differences(Some(record))),
        impact,
    })
}

async fn update_targets(unifi: &Unifi, args: &UpdateDnsRecord) -> ToolResult<Vec<Target>> {
    Ok(vec![args.resolved(unifi).await?.record.target()])
}

async fn undo_update(unifi: &Unifi, args: &UpdateDnsRecord) -> ToolResult<Option<Inverse>> {
    let Resolved { record, wanted, .. } = args.resolved(unifi).await?;
    if wanted.differences(Some(&record)).is_empty() {
        return Ok(None);
    }
    let mut arguments = json!({
        "record": record.id,
        "name": record.name,
        "value": record.value,
        "enabled": record.enabled,
    });
    add_numbers(&mut arguments, &record);
    Ok(Some(Inverse {
        tool: "update_dns_record".to_owned(),
        arguments: at(args.site.as_ref(), arguments),
    }))
}

async fn check_update(
    _unifi: &Unifi,
    args: &UpdateDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    let wanted = Wanted::from(&done.record, args.said())?;
    Ok(mismatches(wanted.differences(Some(&done.record))))
}

/// Which record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteDnsRecord {
    /// Its `id` in `list_dns_records`, or its name.
    #[schemars(length(min = 1, max = 253))]
    record: String,
    /// Its type, beside a name that has several records.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// Its value, beside a name that has several records.
    #[schemars(length(max = 1024))]
    value: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

impl DeleteDnsRecord {
    /// The record, the others, and the API that told of them.
    async fn resolved(&self, unifi: &Unifi) -> ToolResult<(RecordItem, Vec<RecordItem>, Source)> {
        let site = unifi.site(self.site.as_ref()).await?;
        let told = unifi.dns_records(&site).await?;
        let which = Which {
            record: &self.record,
            kind: self.kind,
            value: self.value.as_deref(),
        };
        let record = which.of(&told.rows)?.clone();
        record.may_change()?;
        let mut others = told.rows;
        others.retain(|row| row.id != record.id);
        Ok((record, others, told.api))
    }
}

/// Delete one DNS record of the console; refused if several fit.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "unifi:dns:delete",
    title = "Delete a DNS record",
    timeout = 60,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_dns_record(
    unifi: &Unifi,
    args: DeleteDnsRecord,
) -> ToolResult<RecordChanged> {
    let (record, _, api) = args.resolved(unifi).await?;
    let site = unifi.site(args.site.as_ref()).await?;
    unifi.api.done(&delete_call(&site, api, &record.id)).await?;
    Ok(RecordChanged {
        record,
        changed: true,
        api,
    })
}

async fn preview_delete(unifi: &Unifi, args: &DeleteDnsRecord) -> ToolResult<Preview> {
    let (record, others, _) = args.resolved(unifi).await?;
    let left = others.iter().filter(|row| row.name == record.name).count();
    let impact = match left {
        0 => gone(&record),
        left => format!("the name keeps {}", count(left, "other record")),
    };
    Ok(Preview {
        summary: format!("delete the DNS record `{}`", record.described()),
        changes: Vec::new(),
        impact: vec![impact],
    })
}

fn gone(record: &RecordItem) -> String {
    format!(
        "what looks for `{}` does not find `{}` any more",
        record.name, record.value
    )
}

async fn delete_targets(unifi: &Unifi, args: &DeleteDnsRecord) -> ToolResult<Vec<Target>> {
    Ok(vec![args.resolved(unifi).await?.0.target()])
}

/// `None` for a type that is not made here.
async fn undo_delete(unifi: &Unifi, args: &DeleteDnsRecord) -> ToolResult<Option<Inverse>> {
    let (record, ..) = args.resolved(unifi).await?;
    let Some(kind) = record.known_type() else {
        return Ok(None);
    };
    let mut arguments = json!({
        "type": kind,
        "name": record.name,
        "value": record.value,
        "enabled": record.enabled,
        "additional": true,
    });
    add_numbers(&mut arguments, &record);
    Ok(Some(Inverse {
        tool: "create_dns_record".to_owned(),
        arguments: at(args.site.as_ref(), arguments),
    }))
}

/// Adds those that a record has.
fn add_numbers(arguments: &mut serde_json::Value, record: &RecordItem) {
    if let Some(ttl) = record.ttl_s {
        arguments["ttl_s"] = json!(ttl);
    }
    let numbers = [
        ("priority", record.priority),
        ("weight", record.weight),
        ("port", record.port),
    ];
    for (field, number) in numbers {
        if let Some(number) = number {
            arguments[field] = json!(number);
        }
    }
}

async fn check_delete(
    unifi: &Unifi,
    args: &DeleteDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    let site = unifi.site(args.site.as_ref()).await?;
    let rows = unifi.dns_records(&site).await?.rows;
    let mismatch = rows
        .iter()
        .find(|row| row.id == done.record.id)
        .map(|row| Mismatch {
            field: "record",
            wanted: "not there".to_owned(),
            found: row.described(),
        });
    Ok(mismatch.into_iter().collect())
}
