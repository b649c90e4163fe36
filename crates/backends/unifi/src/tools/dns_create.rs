//! New DNS records.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::dns::{RecordChanged, at};
use crate::client::Unifi;
use crate::dns::{RecordItem, RecordType, Said, Wanted, changes, create_call, mismatches, target};
use crate::site::SiteName;

/// The record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDnsRecord {
    /// Its type; `FORWARD_DOMAIN` has the names in a domain asked of another resolver.
    #[serde(rename = "type")]
    kind: RecordType,
    /// Its whole name, such as `nas.lab.example`; for SRV, `_service._protocol.domain`.
    #[schemars(length(min = 1, max = 253))]
    name: String,
    /// Address of A and AAAA, host of CNAME, MX and SRV, text of TXT, resolver's address of
    /// `FORWARD_DOMAIN`.
    #[schemars(length(min = 1, max = 1024))]
    value: String,
    /// Seconds that others keep it, up to 86400, of CNAME 604800; only A, AAAA and CNAME have it. 0,
    /// the default, is the console's own.
    #[schemars(range(max = 604_800))]
    ttl_s: Option<u32>,
    /// Lower comes first: for MX, and for SRV with default 0.
    priority: Option<u16>,
    /// For SRV: its share among those of one priority; default 0.
    weight: Option<u16>,
    /// For SRV.
    port: Option<u16>,
    /// Default true.
    enabled: Option<bool>,
    /// Add it though the name has records of this type; default false. Never beside an alias.
    #[serde(default)]
    additional: bool,
    /// The site; default the configured one.
    site: Option<SiteName>,
}

impl CreateDnsRecord {
    fn wanted(&self) -> ToolResult<Wanted> {
        let said = Said {
            name: Some(&self.name),
            value: Some(&self.value),
            ttl_s: self.ttl_s,
            priority: self.priority,
            weight: self.weight,
            port: self.port,
            enabled: self.enabled,
        };
        Wanted::new(self.kind, said)
    }
}

/// Create a DNS record of the console, which its own resolver answers in the lab alone.
#[tool(
    write,
    open_world,
    permission = "unifi:dns:create",
    title = "Create a DNS record",
    timeout = 60,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_dns_record(
    unifi: &Unifi,
    args: CreateDnsRecord,
) -> ToolResult<RecordChanged> {
    let wanted = args.wanted()?;
    let site = unifi.site(args.site.as_ref()).await?;
    let before = unifi.dns_records(&site).await?;
    wanted.beside(before.rows.iter(), args.additional)?;
    let call = create_call(&site, before.api, &wanted);
    unifi.api.done(&call).await?;
    let after = unifi.dns_records(&site).await?;
    // What the call answers differs between the APIs and their releases.
    let new = |row: &RecordItem| {
        row.name == wanted.name
            && row.known_type() == Some(wanted.kind)
            && !before.rows.iter().any(|old| old.id == row.id)
    };
    let record = after.rows.into_iter().find(new).ok_or_else(|| {
        let message = format!("`{}` is not there after it was made", wanted.described());
        ToolError::new(Code::Conflict, message)
            .reason("not_applied")
            .hint("the console took the record and did not keep it; call `list_dns_records`, and look at the console's own page")
    })?;
    Ok(RecordChanged {
        record,
        changed: true,
        api: after.api,
    })
}

async fn preview_create(unifi: &Unifi, args: &CreateDnsRecord) -> ToolResult<Preview> {
    let wanted = args.wanted()?;
    let site = unifi.site(args.site.as_ref()).await?;
    let rows = unifi.dns_records(&site).await?.rows;
    wanted.beside(rows.iter(), args.additional)?;
    let of_name = rows.iter().filter(|row| row.name == wanted.name);
    let mut impact: Vec<String> = of_name
        .map(|row| format!("the name has the record `{}` already", row.described()))
        .collect();
    if args.kind == RecordType::ForwardDomain {
        let (name, value) = (&wanted.name, &wanted.value);
        impact.push(format!("`{value}` answers for every name in `{name}`"));
    }
    Ok(Preview {
        summary: format!("create the DNS record `{}`", wanted.described()),
        changes: changes(wanted.differences(None)),
        impact,
    })
}

async fn create_targets(_unifi: &Unifi, args: &CreateDnsRecord) -> ToolResult<Vec<Target>> {
    let wanted = args.wanted()?;
    let kind = wanted.kind.name();
    Ok(vec![target(wanted.name.clone(), &wanted.name, kind)])
}

async fn undo_create(unifi: &Unifi, args: &CreateDnsRecord) -> ToolResult<Option<Inverse>> {
    let wanted = args.wanted()?;
    let site = unifi.site(args.site.as_ref()).await?;
    let rows = unifi.dns_records(&site).await?.rows;
    // One that is there makes the call fail, and is not ours to delete.
    if wanted.beside(rows.iter(), args.additional).is_err() {
        return Ok(None);
    }
    let arguments = json!({
        "record": wanted.name,
        "type": wanted.kind,
        "value": wanted.value,
    });
    Ok(Some(Inverse {
        tool: "delete_dns_record".to_owned(),
        arguments: at(args.site.as_ref(), arguments),
    }))
}

async fn check_create(
    _unifi: &Unifi,
    args: &CreateDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    let differences = args.wanted()?.differences(Some(&done.record));
    Ok(mismatches(differences))
}
