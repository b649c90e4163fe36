//! Custom rules, as they are.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::RuleItem;
use crate::client::Cloudflare;
use crate::ids::ZoneArg;
use crate::types::Ruleset;
use homelab_backend::page::page;

/// Which rules.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListFirewallRules {
    /// Zone: its name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// Rows of a page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// Rules of a zone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RuleList {
    /// Name of the zone.
    zone: String,
    /// Counts the changes of the rules.
    version: Option<String>,
    #[serde(flatten)]
    page: Page<RuleItem>,
}

/// List the custom firewall rules of a zone in the order in which they are tried.
#[tool(
    read,
    open_world,
    permission = "cloudflare:firewall:read",
    title = "List firewall rules"
)]
pub(crate) async fn list_firewall_rules(
    cloudflare: &Cloudflare,
    args: ListFirewallRules,
) -> ToolResult<RuleList> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let ruleset = cloudflare.custom_rules(&zone.id).await?;
    let rules = ruleset.as_ref().map(Ruleset::all);
    let rows: Vec<(usize, RuleItem)> = rules
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(index, rule)| (index, RuleItem::of(rule, index)))
        .collect();
    let key = |row: &(usize, RuleItem)| format!("{:06}", row.0);
    Ok(RuleList {
        zone: zone.name,
        version: ruleset.and_then(|ruleset| ruleset.version),
        page: page(rows, args.limit, args.cursor.as_deref(), key)?.map(|(_, rule)| rule),
    })
}
