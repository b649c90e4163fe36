//! Many changes of DNS records at once, all of them or none.

use homelab_core::error::ToolResult;
use homelab_core::tool::{Change, Effect, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::batch_plan::BatchDnsRecords;
use super::record_change::kind_of;
use super::record_changes::as_it_was;
use super::record_deletion::again;
use crate::client::Cloudflare;
use crate::types::Record;

/// A record in short.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BatchRow {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    content: Option<String>,
}

impl From<&Record> for BatchRow {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id.clone(),
            kind: record.kind.clone(),
            name: record.name.clone(),
            content: record.content.clone(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BatchDone {
    /// Name of the zone.
    zone: String,
    deleted: Vec<BatchRow>,
    updated: Vec<BatchRow>,
    created: Vec<BatchRow>,
}

/// Change many DNS records of a zone at once, all or none: deletions first, then changes, then new ones.
#[tool(
    destructive,
    open_world,
    permission = "cloudflare:dns:batch",
    title = "Change many DNS records",
    timeout = 90,
    effect = batch_effect,
    stands_for = batch_stands_for,
    preview = preview_batch,
    targets = batch_targets,
    inverse = undo_batch,
    read_back = check_batch
)]
pub(crate) async fn batch_dns_records(
    cloudflare: &Cloudflare,
    args: BatchDnsRecords,
) -> ToolResult<BatchDone> {
    let plan = args.plan(cloudflare).await?;
    let done = cloudflare.batch_records(&plan.zone.id, plan.body()).await?;
    let rows = |records: Option<Vec<Record>>| {
        let records = records.unwrap_or_default();
        records.iter().map(BatchRow::from).collect()
    };
    Ok(BatchDone {
        zone: plan.zone.name,
        deleted: plan.deletes.iter().map(BatchRow::from).collect(),
        updated: rows(done.patches),
        created: rows(done.posts),
    })
}

fn batch_effect(_: &Cloudflare, args: &BatchDnsRecords) -> Effect {
    if args.deletes.is_empty() {
        Effect::Write
    } else {
        Effect::Destructive
    }
}

/// The gravest of the tools that do one of the changes.
fn batch_stands_for(_: &Cloudflare, args: &BatchDnsRecords) -> Option<&'static str> {
    let tools = [
        (args.deletes.is_empty(), "delete_dns_record"),
        (args.patches.is_empty(), "update_dns_record"),
        (args.posts.is_empty(), "create_dns_record"),
    ];
    let (_, tool) = tools.into_iter().find(|(is_empty, _)| !is_empty)?;
    Some(tool)
}

async fn preview_batch(cloudflare: &Cloudflare, args: &BatchDnsRecords) -> ToolResult<Preview> {
    let plan = args.plan(cloudflare).await?;
    let (mut changes, mut impact) = (Vec::new(), Vec::new());
    for record in &plan.deletes {
        changes.push(Change {
            field: format!("{} {}", record.name, record.kind),
            from: Some(record.content.clone().unwrap_or_default()),
            to: None,
        });
    }
    for (patch, changed) in args.patches.iter().zip(&plan.patches) {
        let record = &changed.record;
        let (own, more) = patch.foreseen(changed, &plan.zone);
        changes.extend(own.into_iter().map(|change| Change {
            field: format!("{} {}: {}", record.name, record.kind, change.field),
            ..change
        }));
        impact.extend(more);
    }
    for (post, body) in args.posts.iter().zip(&plan.posts) {
        let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
        let content = body.get("content").and_then(Value::as_str);
        let data = || body.get("data").map(ToString::to_string);
        changes.push(Change {
            field: format!("{name} {}", post.kind.name()),
            from: None,
            to: content.map(str::to_owned).or_else(data),
        });
    }
    impact.push("all of it is done, or nothing; resolvers learn it one by one".to_owned());
    Ok(Preview {
        summary: format!(
            "in `{}`: delete {}, change {} and create {} records",
            plan.zone.name,
            plan.deletes.len(),
            plan.patches.len(),
            plan.posts.len()
        ),
        changes,
        impact,
    })
}

async fn batch_targets(cloudflare: &Cloudflare, args: &BatchDnsRecords) -> ToolResult<Vec<Target>> {
    let plan = args.plan(cloudflare).await?;
    let there = plan.patches.iter().map(|changed| &changed.record);
    let there = plan.deletes.iter().chain(there).map(Record::target);
    let new = args.posts.iter().map(|post| {
        let name = post.name.within(&plan.zone.name);
        Target {
            kind: "dns_record".to_owned(),
            id: name.clone(),
            name: Some(name),
            tags: post.tags.clone().unwrap_or_default(),
        }
    });
    let zone = std::iter::once(plan.zone.target());
    Ok(zone.chain(there).chain(new).collect())
}

/// The batch that makes everything as it was; `None` where a deleted record cannot be made here.
async fn undo_batch(
    cloudflare: &Cloudflare,
    args: &BatchDnsRecords,
) -> ToolResult<Option<Inverse>> {
    let plan = args.plan(cloudflare).await?;
    let bare = |inverse: Inverse| {
        let mut arguments = inverse.arguments;
        if let Value::Object(members) = &mut arguments {
            members.remove("zone");
        }
        arguments
    };
    let again: Option<Vec<Value>> = plan
        .deletes
        .iter()
        .map(|record| again(&plan.zone, record).map(bare))
        .collect();
    let Some(posts) = again else {
        return Ok(None);
    };
    let patches = plan.patches.iter();
    let patches: Vec<Value> = patches
        .map(|changed| bare(as_it_was(&plan.zone, &changed.record)))
        .collect();
    let deletes: Vec<Value> = plan
        .posts
        .iter()
        .map(|body| {
            let mut meant = json!({ "name": body.get("name"), "type": body.get("type") });
            if let Some(content) = body.get("content") {
                meant["content"] = content.clone();
            }
            meant
        })
        .collect();
    Ok(Some(Inverse {
        tool: "batch_dns_records".to_owned(),
        arguments: json!({
            "zone": plan.zone.name,
            "deletes": deletes,
            "patches": patches,
            "posts": posts,
        }),
    }))
}

async fn check_batch(
    cloudflare: &Cloudflare,
    args: &BatchDnsRecords,
    done: &BatchDone,
) -> ToolResult<Vec<Mismatch>> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let there = cloudflare.records(&zone.id, &[]).await?;
    let by_id = |id: &str| there.iter().find(|record| record.id == id);
    let mut mismatches = Vec::new();
    for row in &done.deleted {
        if let Some(record) = by_id(&row.id) {
            mismatches.push(mismatch("deletes", "not there", &record.described()));
        }
    }
    let patches = args.patches.iter().map(|patch| patch.said());
    let posts = args.posts.iter().map(|post| post.said());
    let patches = done
        .updated
        .iter()
        .zip(patches)
        .map(|both| ("patches", both));
    let posts = done.created.iter().zip(posts).map(|both| ("posts", both));
    for (list, (row, said)) in patches.chain(posts) {
        let Some(record) = by_id(&row.id) else {
            mismatches.push(mismatch(list, &row.name, "not there"));
            continue;
        };
        if let Some(kind) = kind_of(record) {
            let own = said.mismatches(kind, record).into_iter();
            mismatches.extend(own.map(|one| Mismatch {
                field: list,
                wanted: format!("{} {}: {}", record.name, one.field, one.wanted),
                found: one.found,
            }));
        }
    }
    Ok(mismatches)
}

fn mismatch(field: &'static str, wanted: &str, found: &str) -> Mismatch {
    Mismatch {
        field,
        wanted: wanted.to_owned(),
        found: found.to_owned(),
    }
}
