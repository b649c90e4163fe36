//! Reading the firewall.

use homelab_core::error::ToolResult;
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Source;
use crate::client::Unifi;
use crate::page::page;
use crate::rules::{Model, RuleItem, Rules};
use crate::site::SiteName;

/// Which firewall to read.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The one in force.
    #[default]
    Auto,
    /// Policies between zones.
    Zones,
    /// Rules of before, which a site with zones ignores.
    Legacy,
}

/// Which rules.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFirewallRules {
    /// Which firewall; default `auto`, the one in force.
    #[serde(default)]
    mode: Mode,
    /// Only those that are on, or off.
    enabled: Option<bool>,
    /// Only those that the console did not make itself; default false.
    #[serde(default)]
    user_defined: bool,
    /// Only those whose name, source, destination or ruleset contains this.
    #[schemars(length(min = 1, max = 100))]
    search: Option<String>,
    /// The site; default the configured one.
    site: Option<SiteName>,
    /// Rows per page; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1000))]
    cursor: Option<String>,
}

/// A page of rules.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RulePage {
    #[serde(flatten)]
    page: Page<RuleItem>,
    /// What the firewall is made of.
    model: Model,
    /// The API that told it.
    api: Source,
}

/// List the firewall's policies between zones, or its rules where it has no zones, in their order.
#[tool(read, open_world, permission = "unifi:firewall:read", timeout = 60)]
pub(crate) async fn list_firewall_rules(
    unifi: &Unifi,
    args: ListFirewallRules,
) -> ToolResult<RulePage> {
    let site = unifi.site(args.site.as_ref()).await?;
    let Rules {
        mut rows,
        api,
        model,
    } = match args.mode {
        Mode::Auto => unifi.rules(&site).await?,
        Mode::Legacy => unifi.legacy_rules(&site).await?,
        Mode::Zones => unifi.policies(&site).await?.unwrap_or(Rules {
            rows: Vec::new(),
            api: Source::Legacy,
            model: Model::ZonePolicy,
        }),
    };
    rows.retain(|row| {
        args.enabled.is_none_or(|enabled| row.enabled == enabled)
            && (!args.user_defined || row.origin == "USER_DEFINED")
            && args.search.as_ref().is_none_or(|text| row.has(text))
    });
    Ok(RulePage {
        page: page(rows, args.limit, args.cursor.as_deref(), RuleItem::key)?,
        model,
        api,
    })
}
