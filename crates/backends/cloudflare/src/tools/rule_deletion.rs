//! Deletions of custom rules.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::rule::{RuleChanged, RuleItem};
use crate::client::Cloudflare;
use crate::ids::{RuleId, ZoneArg};
use crate::types::{Rule, Ruleset, Zone};

/// Which rule.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DeleteFirewallRule {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// The rule's id, of `list_firewall_rules`.
    rule_id: Option<RuleId>,
    /// The rule's own name, instead of `rule_id`.
    #[serde(rename = "ref")]
    #[schemars(length(max = 64))]
    reference: Option<String>,
}

impl DeleteFirewallRule {
    fn fits(&self, rule: &Rule) -> bool {
        match (&self.rule_id, &self.reference) {
            (Some(id), _) => rule.id == id.as_str(),
            (None, Some(reference)) => rule.reference.as_ref() == Some(reference),
            (None, None) => false,
        }
    }

    async fn resolved(&self, cloudflare: &Cloudflare) -> ToolResult<(Zone, Ruleset, usize)> {
        if self.rule_id.is_none() && self.reference.is_none() {
            return Err(ToolError::invalid("rule_id", "no rule is named")
                .hint("give `rule_id` or `ref`, see `list_firewall_rules`"));
        }
        let zone = cloudflare.zone(self.zone.as_ref()).await?;
        let missing = || {
            ToolError::not_found(format!("no such custom rule in `{}`", zone.name))
                .reason("rule_not_found")
                .field("rule_id")
                .hint("see `list_firewall_rules`")
                .instance(cloudflare.api.who.instance.clone())
        };
        let ruleset = cloudflare.custom_rules(&zone.id).await?;
        let ruleset = ruleset.ok_or_else(missing)?;
        let found = ruleset.find(|rule| self.fits(rule));
        let index = found.map(|(index, _)| index).ok_or_else(missing)?;
        Ok((zone, ruleset, index))
    }
}

fn at(ruleset: &Ruleset, index: usize) -> ToolResult<&Rule> {
    let rule = ruleset.all().get(index);
    rule.ok_or_else(|| ToolError::internal("a rule is not where it was found"))
}

/// Delete one custom firewall rule of a zone; the others stay.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "cloudflare:firewall:delete",
    title = "Delete a firewall rule",
    timeout = 60,
    preview = preview_delete,
    targets = delete_targets,
    inverse = undo_delete,
    read_back = check_delete
)]
pub(crate) async fn delete_firewall_rule(
    cloudflare: &Cloudflare,
    args: DeleteFirewallRule,
) -> ToolResult<RuleChanged> {
    let _one_at_a_time = cloudflare.changing.lock().await;
    let (zone, ruleset, index) = args.resolved(cloudflare).await?;
    let rule = at(&ruleset, index)?;
    cloudflare
        .delete_rule(&zone.id, &ruleset.id, &rule.id)
        .await?;
    Ok(RuleChanged {
        zone: zone.name,
        rule: RuleItem::of(rule, index),
        done: "deleted".to_owned(),
    })
}

async fn preview_delete(cloudflare: &Cloudflare, args: &DeleteFirewallRule) -> ToolResult<Preview> {
    let (zone, ruleset, index) = args.resolved(cloudflare).await?;
    let rule = at(&ruleset, index)?;
    let then = format!(
        "`{}` no longer applies to `{}`",
        rule.action, rule.expression
    );
    Ok(Preview {
        summary: format!("delete the rule `{}` of `{}`", rule.described(), zone.name),
        changes: Vec::new(),
        impact: vec![then],
    })
}

async fn delete_targets(
    cloudflare: &Cloudflare,
    args: &DeleteFirewallRule,
) -> ToolResult<Vec<Target>> {
    let (zone, ruleset, index) = args.resolved(cloudflare).await?;
    Ok(vec![zone.target(), at(&ruleset, index)?.target()])
}

/// A rule with parameters of its own is not made again by a call: there is no argument for them.
async fn undo_delete(
    cloudflare: &Cloudflare,
    args: &DeleteFirewallRule,
) -> ToolResult<Option<Inverse>> {
    let (zone, ruleset, index) = args.resolved(cloudflare).await?;
    let rule = at(&ruleset, index)?;
    let plain = ["action_parameters", "logging"]
        .iter()
        .all(|name| !rule.other.contains_key(*name));
    if !plain || rule.description.is_empty() {
        return Ok(None);
    }
    let mut arguments = json!({
        "zone": zone.name,
        "description": rule.description,
        "action": rule.action,
        "expression": rule.expression,
        "enabled": rule.enabled,
    });
    if let Some(reference) = rule.reference.as_ref().filter(|name| **name != rule.id) {
        arguments["ref"] = json!(reference);
    }
    if let Some(next) = ruleset.all().get(index + 1) {
        arguments["before"] = json!(next.id);
    }
    Ok(Some(Inverse {
        tool: "create_firewall_rule".to_owned(),
        arguments,
    }))
}

async fn check_delete(
    cloudflare: &Cloudflare,
    args: &DeleteFirewallRule,
    done: &RuleChanged,
) -> ToolResult<Vec<Mismatch>> {
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let now = cloudflare.custom_rules(&zone.id).await?;
    let there = now.is_some_and(|all| all.find(|rule| rule.id == done.rule.id()).is_some());
    let mismatch = there.then(|| Mismatch {
        field: "rule_id",
        wanted: "not there".to_owned(),
        found: done.rule.id().to_owned(),
    });
    Ok(mismatch.into_iter().collect())
}
