//! New DNS records.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::record::{RecordChanged, RecordItem, RecordType, Said, Which};
use super::record_changes::as_it_was;
use crate::client::Cloudflare;
use crate::ids::{RecordName, ZoneArg};
use crate::types::{Record, Zone};

/// What to do where the name has a record of this type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IfExists {
    /// Add one more where DNS allows it; a record with the same content is an error.
    #[default]
    Error,
    /// Change the one that is there.
    Update,
    /// Leave what is there.
    Skip,
}

/// The record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDnsRecord {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// Its type.
    #[serde(rename = "type")]
    kind: RecordType,
    /// Its name: whole (`www.example.com`), below the zone (`www`), or `@` for the zone itself.
    name: RecordName,
    /// Address, host or text, for A, AAAA, CNAME, MX, NS, PTR and TXT.
    #[schemars(length(max = 4096))]
    content: Option<String>,
    /// Fields of the other types, such as `{"priority": 0, "weight": 5, "port": 25565, "target":
    /// "mc.example.com"}` for SRV.
    #[schemars(extend("maxProperties" = 20))]
    data: Option<Map<String, Value>>,
    /// Seconds that others keep it, 30 to 86400; 1, the default, is automatic.
    #[schemars(range(min = 1, max = 86400))]
    ttl: Option<u32>,
    /// Lead traffic through Cloudflare, which hides the address; A, AAAA and CNAME only, default no.
    proxied: Option<bool>,
    /// For MX and URI.
    priority: Option<u16>,
    /// A note, up to 100 characters on the free plan.
    #[schemars(length(max = 500))]
    comment: Option<String>,
    /// Tags as `name:value`; paid plans only.
    #[schemars(length(max = 20), inner(length(max = 132)))]
    tags: Option<Vec<String>>,
    /// What to do where the name has a record of this type already.
    #[serde(default)]
    if_exists: IfExists,
}

impl CreateDnsRecord {
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
}

/// What a call comes to.
enum Plan {
    Create,
    Update(Box<Record>),
    Leave(Box<Record>),
}

async fn plan(cloudflare: &Cloudflare, args: &CreateDnsRecord) -> ToolResult<(Zone, Plan)> {
    args.said().check_whole(args.kind)?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    if args.if_exists == IfExists::Error {
        return Ok((zone, Plan::Create));
    }
    let mut there = cloudflare.named(&zone, &args.name, Some(args.kind)).await?;
    let plan = match (args.if_exists, there.len()) {
        (_, 0) => Plan::Create,
        (IfExists::Skip, _) => Plan::Leave(Box::new(there.swap_remove(0))),
        (_, 1) => Plan::Update(Box::new(there.swap_remove(0))),
        _ => {
            let which = Which {
                id: None,
                name: Some(&args.name),
                kind: Some(args.kind),
                content: None,
            };
            // Several: the error names them.
            Plan::Update(Box::new(cloudflare.the_record(&zone, which).await?))
        }
    };
    Ok((zone, plan))
}

/// Create a DNS record; where the name has one of this type, `if_exists` says whether to add another,
/// change it or leave it.
#[tool(
    write,
    open_world,
    permission = "cloudflare:dns:create",
    title = "Create a DNS record",
    timeout = 60,
    untrusted("record.comment"),
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_dns_record(
    cloudflare: &Cloudflare,
    args: CreateDnsRecord,
) -> ToolResult<RecordChanged> {
    let (zone, plan) = plan(cloudflare, &args).await?;
    let mut body = args.said().body(args.kind);
    let (record, remarks, done) = match plan {
        Plan::Leave(record) => (*record, Vec::new(), "unchanged"),
        Plan::Update(record) => {
            let (record, remarks) = cloudflare.patch_record(&zone.id, &record.id, body).await?;
            (record, remarks, "updated")
        }
        Plan::Create => {
            body.insert("type".to_owned(), json!(args.kind));
            body.insert("name".to_owned(), json!(args.name.within(&zone.name)));
            body.entry("ttl").or_insert(json!(1));
            let (record, remarks) = cloudflare.create_record(&zone.id, body).await?;
            (record, remarks, "created")
        }
    };
    Ok(RecordChanged {
        zone: zone.name,
        record: RecordItem::from(&record),
        done: done.to_owned(),
        remarks,
    })
}

async fn preview_create(cloudflare: &Cloudflare, args: &CreateDnsRecord) -> ToolResult<Preview> {
    let (zone, plan) = plan(cloudflare, args).await?;
    let (name, kind) = (args.name.within(&zone.name), args.kind.name());
    let said = args.said();
    let (summary, changes) = match &plan {
        Plan::Create => (
            format!("create the {kind} record `{name}`"),
            said.changes(args.kind, None),
        ),
        Plan::Update(record) => (
            format!("change the {kind} record `{name}` that is there"),
            said.changes(args.kind, Some(record)),
        ),
        Plan::Leave(record) => (
            format!("leave the record `{}` as it is", record.described()),
            Vec::new(),
        ),
    };
    let mut impact = Vec::new();
    if matches!(plan, Plan::Create) {
        let others = cloudflare.named(&zone, &args.name, None).await?;
        impact.extend(
            others
                .iter()
                .take(10)
                .map(|other| format!("the name has the record `{}` already", other.described())),
        );
    }
    Ok(Preview {
        summary,
        changes,
        impact,
    })
}

async fn create_targets(
    cloudflare: &Cloudflare,
    args: &CreateDnsRecord,
) -> ToolResult<Vec<Target>> {
    let (zone, plan) = plan(cloudflare, args).await?;
    let name = args.name.within(&zone.name);
    let record = match plan {
        Plan::Update(record) | Plan::Leave(record) => record.target(),
        Plan::Create => Target {
            kind: "dns_record".to_owned(),
            id: name.clone(),
            name: Some(name),
            tags: args.tags.clone().unwrap_or_default(),
        },
    };
    Ok(vec![zone.target(), record])
}

async fn undo_create(
    cloudflare: &Cloudflare,
    args: &CreateDnsRecord,
) -> ToolResult<Option<Inverse>> {
    let (zone, plan) = plan(cloudflare, args).await?;
    Ok(match plan {
        Plan::Leave(_) => None,
        Plan::Update(record) => Some(as_it_was(&zone, &record)),
        Plan::Create => {
            // One with the same content makes the call fail, and is not ours to delete.
            let body = args.said().body(args.kind);
            let mut arguments = json!({
                "zone": zone.name,
                "name": args.name.within(&zone.name),
                "type": args.kind,
            });
            if let Some(content) = body.get("content") {
                arguments["content"] = content.clone();
            }
            Some(Inverse {
                tool: "delete_dns_record".to_owned(),
                arguments,
            })
        }
    })
}

async fn check_create(
    cloudflare: &Cloudflare,
    args: &CreateDnsRecord,
    done: &RecordChanged,
) -> ToolResult<Vec<Mismatch>> {
    if done.done == "unchanged" {
        return Ok(Vec::new());
    }
    let found = reread(cloudflare, done).await?;
    Ok(args.said().mismatches(args.kind, &found))
}

/// The record of a result, read again.
pub(crate) async fn reread(cloudflare: &Cloudflare, done: &RecordChanged) -> ToolResult<Record> {
    let zone: ZoneArg = done
        .zone
        .parse()
        .map_err(|_| ToolError::internal("a zone's name is not of its form"))?;
    let zone = cloudflare.zone(Some(&zone)).await?;
    let found = cloudflare.record(&zone.id, done.record.id()).await?;
    found.ok_or_else(|| {
        ToolError::new(Code::Conflict, "the record is gone again")
            .reason("record_not_found")
            .hint("somebody else deleted it meanwhile; see `list_dns_records`")
    })
}
