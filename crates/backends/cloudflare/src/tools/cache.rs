//! The cache.

use homelab_backend::names;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Effect, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Cloudflare;
use crate::ids::ZoneArg;

/// Most entries in one request.
const AT_ONCE: usize = 100;

/// What to forget; exactly one of the five.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PurgeCache {
    /// Zone: its name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// Whole addresses with their scheme, such as `https://www.example.com/css/site.css`.
    #[schemars(length(max = 1000), inner(length(max = 2000)))]
    files: Vec<String>,
    /// Everything with one of these cache tags.
    #[schemars(length(max = 1000), inner(length(max = 1024)))]
    tags: Vec<String>,
    /// Everything of these hosts, without a scheme.
    #[schemars(length(max = 1000), inner(length(max = 253)))]
    hosts: Vec<String>,
    /// Everything whose address begins so, without a scheme: `www.example.com/css`.
    #[schemars(length(max = 1000), inner(length(max = 2000)))]
    prefixes: Vec<String>,
    /// Everything of the zone: all requests go to the origin until it is cached again.
    purge_everything: bool,
}

/// What was forgotten.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Purged {
    /// Name of the zone.
    zone: String,
    /// `files`, `tags`, `hosts`, `prefixes` or `purge_everything`.
    by: String,
    /// Entries that were purged; absent for everything.
    entries: Option<usize>,
}

impl PurgeCache {
    /// The one way that is given, with its entries.
    fn way(&self) -> ToolResult<(&'static str, &[String])> {
        let lists: [(&'static str, &[String]); 4] = [
            ("files", &self.files),
            ("tags", &self.tags),
            ("hosts", &self.hosts),
            ("prefixes", &self.prefixes),
        ];
        let mut given: Vec<_> = lists
            .into_iter()
            .filter(|(_, list)| !list.is_empty())
            .collect();
        if self.purge_everything {
            given.push(("purge_everything", &[]));
        }
        let [(way, entries)] = given[..] else {
            let text = format!("{} ways to purge are given, not one", given.len());
            return Err(ToolError::invalid("files", text).hint(
                "give exactly one of `files`, `tags`, `hosts`, `prefixes` and `purge_everything`",
            ));
        };
        for (index, entry) in entries.iter().enumerate() {
            let schemed = entry.starts_with("https://") || entry.starts_with("http://");
            let wrong = match way {
                "files" => !schemed,
                "hosts" => names::host(entry).is_none(),
                "prefixes" => schemed,
                _ => entry.is_empty(),
            };
            if wrong {
                let what = match way {
                    "files" => "an address with its scheme",
                    "hosts" => "the name of a host",
                    "prefixes" => "an address without a scheme",
                    _ => "a tag",
                };
                let text = format!("`{entry}` is not {what}");
                return Err(ToolError::invalid(format!("{way}[{index}]"), text));
            }
        }
        Ok((way, entries))
    }
}

/// What was cached comes back by itself; all of it at once is a load for the origin.
fn effect(_cloudflare: &Cloudflare, args: &PurgeCache) -> Effect {
    if args.purge_everything {
        Effect::Destructive
    } else {
        Effect::Write
    }
}

/// Purge Cloudflare's cache of a zone: by address, tag, host or prefix, or all of it with
/// `purge_everything`.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "cloudflare:cache:purge",
    title = "Purge the cache",
    timeout = 120,
    effect = effect,
    preview = preview_purge,
    targets = purge_targets
)]
pub(crate) async fn purge_cache(cloudflare: &Cloudflare, args: PurgeCache) -> ToolResult<Purged> {
    let (way, entries) = args.way()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    if args.purge_everything {
        let body = json!({ "purge_everything": true });
        cloudflare.purge(&zone.id, body).await?;
    }
    let mut done = 0;
    for part in entries.chunks(AT_ONCE) {
        let mut body = json!({});
        body[way] = Value::from(part);
        if let Err(error) = cloudflare.purge(&zone.id, body).await {
            let mut envelope = error.envelope().clone();
            if done > 0 {
                envelope.message = format!(
                    "{done} of {} are purged, then: {}",
                    entries.len(),
                    envelope.message
                );
            }
            return Err(envelope.into());
        }
        done += part.len();
    }
    Ok(Purged {
        zone: zone.name,
        by: way.to_owned(),
        entries: (!args.purge_everything).then_some(done),
    })
}

async fn preview_purge(cloudflare: &Cloudflare, args: &PurgeCache) -> ToolResult<Preview> {
    let (way, entries) = args.way()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let what = if args.purge_everything {
        "everything".to_owned()
    } else {
        format!("{} {way}", entries.len())
    };
    let impact = if args.purge_everything {
        vec!["all requests go to the origin until it is cached again".to_owned()]
    } else {
        entries.iter().take(20).cloned().collect()
    };
    Ok(Preview {
        summary: format!("purge {what} of `{}` from the cache", zone.name),
        changes: Vec::new(),
        impact,
    })
}

async fn purge_targets(cloudflare: &Cloudflare, args: &PurgeCache) -> ToolResult<Vec<Target>> {
    args.way()?;
    Ok(vec![cloudflare.zone(args.zone.as_ref()).await?.target()])
}
