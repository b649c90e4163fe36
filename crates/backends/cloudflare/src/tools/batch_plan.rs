//! What a batch of changes is about: the records that are meant, found and checked before anything is
//! sent.

use std::collections::HashSet;

use homelab_core::error::{Code, ToolError, ToolResult};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::record::{RecordType, Said, Which, same_content};
use super::record_change::{Changed, Patch};
use crate::client::Cloudflare;
use crate::ids::{RecordId, RecordName, ZoneArg};
use crate::types::{Record, Zone};

/// Most changes of one call: what the free plan allows.
const MOST: usize = 200;

/// A record that is there.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Meant {
    /// The record's id.
    record_id: Option<RecordId>,
    /// Its name, instead of `record_id`; refused if several fit.
    name: Option<RecordName>,
    /// Its type, beside `name`.
    #[serde(rename = "type")]
    kind: Option<RecordType>,
    /// Its content, beside `name`.
    #[schemars(length(max = 4096))]
    content: Option<String>,
}

/// A new record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Post {
    /// Its type.
    #[serde(rename = "type")]
    pub(super) kind: RecordType,
    /// Whole, below the zone, or `@`.
    pub(super) name: RecordName,
    /// As in `create_dns_record`.
    #[schemars(length(max = 4096))]
    content: Option<String>,
    /// Fields of types without `content`.
    #[schemars(extend("maxProperties" = 20))]
    data: Option<Map<String, Value>>,
    /// Seconds; 1 is automatic.
    #[schemars(range(min = 1, max = 86400))]
    ttl: Option<u32>,
    /// Lead traffic through Cloudflare.
    proxied: Option<bool>,
    /// For MX and URI.
    priority: Option<u16>,
    /// A note.
    #[schemars(length(max = 500))]
    comment: Option<String>,
    /// As `name:value`.
    #[schemars(length(max = 20), inner(length(max = 132)))]
    pub(super) tags: Option<Vec<String>>,
}

impl Post {
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
}

/// The changes, at most 200 in all.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BatchDnsRecords {
    /// Zone: its name or id, or a host in it; default the configured one.
    pub(super) zone: Option<ZoneArg>,
    /// Records to delete; done first.
    #[schemars(length(max = 200))]
    pub(super) deletes: Vec<Meant>,
    /// Records to change; what is not named stays. Done second.
    #[schemars(length(max = 200))]
    pub(super) patches: Vec<Patch>,
    /// Records to make; done last.
    #[schemars(length(max = 200))]
    pub(super) posts: Vec<Post>,
}

/// The changes with the records that they are about.
pub(super) struct Plan {
    pub(super) zone: Zone,
    pub(super) deletes: Vec<Record>,
    pub(super) patches: Vec<Changed>,
    /// Bodies of new records.
    pub(super) posts: Vec<Map<String, Value>>,
}

impl BatchDnsRecords {
    pub(super) async fn plan(&self, cloudflare: &Cloudflare) -> ToolResult<Plan> {
        let count = self.deletes.len() + self.patches.len() + self.posts.len();
        if !(1..=MOST).contains(&count) {
            let message = format!("a batch has 1 to {MOST} changes, not {count}");
            return Err(ToolError::invalid("deletes", message)
                .hint("give records in `deletes`, `patches` or `posts`; split what is more"));
        }
        let zone = cloudflare.zone(self.zone.as_ref()).await?;
        let posts = self.posts(&zone)?;
        // One list for all of them: what is found by name is found in one state of the zone.
        let there = if self.deletes.is_empty() && self.patches.is_empty() {
            Vec::new()
        } else {
            cloudflare.records(&zone.id, &[]).await?
        };
        let mut seen = HashSet::new();
        let mut once = |record: &Record, at: &str| {
            if seen.insert(record.id.clone()) {
                return Ok(());
            }
            let message = format!("`{}` is in the batch twice", record.described());
            Err(ToolError::invalid(at, message).hint("say each record once"))
        };
        let mut deletes = Vec::new();
        for (index, meant) in self.deletes.iter().enumerate() {
            let which = Which {
                id: meant.record_id.as_ref(),
                name: meant.name.as_ref(),
                kind: meant.kind,
                content: meant.content.as_deref(),
            };
            let at = format!("deletes[{index}]");
            let record = pick(&there, &zone, which, &at)?;
            once(record, &at)?;
            deletes.push(record.clone());
        }
        let mut patches = Vec::new();
        for (index, patch) in self.patches.iter().enumerate() {
            let at = format!("patches[{index}]");
            let record = pick(&there, &zone, patch.which(), &at)?.clone();
            let changed = patch.of(record, &zone);
            let changed = changed.map_err(|error| below(&at, &error))?;
            once(&changed.record, &at)?;
            patches.push(changed);
        }
        Ok(Plan {
            zone,
            deletes,
            patches,
            posts,
        })
    }

    fn posts(&self, zone: &Zone) -> ToolResult<Vec<Map<String, Value>>> {
        let bodies = self.posts.iter().enumerate().map(|(index, post)| {
            let said = post.said();
            said.check_whole(post.kind)
                .map_err(|error| below(&format!("posts[{index}]"), &error))?;
            let mut body = said.body(post.kind);
            body.insert("type".to_owned(), json!(post.kind));
            body.insert("name".to_owned(), json!(post.name.within(&zone.name)));
            body.entry("ttl").or_insert(json!(1));
            Ok(body)
        });
        bodies.collect()
    }
}

/// The error with its field below this place.
fn below(at: &str, error: &ToolError) -> ToolError {
    let mut envelope = error.envelope().clone();
    envelope.field = Some(match &envelope.field {
        Some(field) => format!("{at}.{field}"),
        None => at.to_owned(),
    });
    envelope.into()
}

/// The one record that is meant, of those there are.
fn pick<'a>(
    there: &'a [Record],
    zone: &Zone,
    which: Which<'_>,
    at: &str,
) -> ToolResult<&'a Record> {
    let missing = |what: &str| {
        ToolError::not_found(format!("no record `{what}` in `{}`", zone.name))
            .reason("record_not_found")
            .field(at)
            .hint("see `list_dns_records`")
    };
    if let Some(id) = which.id {
        let found = there.iter().find(|record| record.id == id.as_str());
        return found.ok_or_else(|| missing(id.as_str()));
    }
    let Some(name) = which.name else {
        return Err(ToolError::invalid(at, "no record is named")
            .hint("give `record_id`, or `name` and, where it has several records, `type`"));
    };
    let name = name.within(&zone.name);
    let fits = |record: &&Record| {
        let own = record.content.as_deref().unwrap_or_default();
        record.name == name
            && which.kind.is_none_or(|kind| record.kind == kind.name())
            && (which.content).is_none_or(|content| same_content(&record.kind, own, content))
    };
    let found: Vec<&Record> = there.iter().filter(fits).collect();
    match found[..] {
        [] => Err(missing(&name)),
        [only] => Ok(only),
        ref several => {
            let rows: Vec<String> = several
                .iter()
                .take(10)
                .map(|record| format!("`{}` ({})", record.id, record.described()))
                .collect();
            let message = format!("`{name}` has {} records that fit", several.len());
            Err(ToolError::new(Code::Conflict, message)
                .reason("record_ambiguous")
                .field(format!("{at}.record_id"))
                .hint(format!("name one by `record_id`: {}", rows.join(", "))))
        }
    }
}

impl Plan {
    pub(super) fn body(&self) -> Value {
        let patches = self.patches.iter().map(|changed| {
            let mut body = changed.body.clone();
            body.insert("id".to_owned(), json!(changed.record.id));
            body
        });
        json!({
            "deletes": self.deletes.iter().map(|record| json!({ "id": record.id })).collect::<Vec<_>>(),
            "patches": patches.collect::<Vec<_>>(),
            "posts": self.posts,
        })
    }
}
