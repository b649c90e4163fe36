//! Changes of custom rules.

use homelab_core::error::{ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rule::{Action, RuleChanged, RuleItem};
use crate::client::Cloudflare;
use crate::ids::{RuleId, ZoneArg};
use crate::types::{Rule, Ruleset, Zone};

/// Which rule, and what of it changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateFirewallRule {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// The rule's id, of `list_firewall_rules`.
    rule_id: RuleId,
    /// What it is for.
    #[schemars(length(max = 500))]
    description: Option<String>,
    /// What happens to a request that fits. To or from `skip` a rule is made anew.
    action: Option<Action>,
    /// Which requests fit, in the Rules language.
    #[schemars(length(min = 1, max = 4096))]
    expression: Option<String>,
    /// Whether it counts.
    enabled: Option<bool>,
}

impl UpdateFirewallRule {
    /// The whole rule with what changes: what a body leaves out is lost.
    fn body(&self, rule: &Rule) -> ToolResult<Value> {
        let mut body = rule.body();
        let said = [
            (
                "description",
                self.description.as_ref().map(|text| json!(text)),
            ),
            ("action", self.action.map(|action| json!(action))),
            (
                "expression",
                self.expression.as_ref().map(|text| json!(text.trim())),
            ),
            ("enabled", self.enabled.map(|enabled| json!(enabled))),
        ];
        let mut any = false;
        for (name, value) in said {
            if let Some(value) = value {
                body[name] = value;
                any = true;
            }
        }
        if !any {
            return Err(ToolError::invalid("expression", "nothing is to be changed")
                .hint("give `description`, `action`, `expression` or `enabled`"));
        }
        let skips = |action: &Value| *action == "skip";
        if skips(&body["action"]) != skips(&json!(rule.action)) {
            let text = "a rule cannot become one that skips, or cease to be one";
            return Err(ToolError::invalid("action", text)
                .hint("delete it and create another with `create_firewall_rule`"));
        }
        Ok(body)
    }

    async fn resolved(&self, cloudflare: &Cloudflare) -> ToolResult<(Zone, Ruleset, Rule)> {
        let zone = cloudflare.zone(self.zone.as_ref()).await?;
        let (ruleset, index) = cloudflare.the_rule(&zone, &self.rule_id).await?;
        let rule = ruleset.all().get(index).cloned();
        let rule = rule.ok_or_else(|| ToolError::internal("a rule is not where it was found"))?;
        Ok((zone, ruleset, rule))
    }
}

/// Change a custom firewall rule: description, action, expression, or whether it counts; the rest of it,
/// its place and the other rules stay.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "cloudflare:firewall:update",
    title = "Change a firewall rule",
    timeout = 60,
    preview = preview_update,
    targets = update_targets,
    inverse = undo_update,
    read_back = check_update
)]
pub(crate) async fn update_firewall_rule(
    cloudflare: &Cloudflare,
    args: UpdateFirewallRule,
) -> ToolResult<RuleChanged> {
    let _one_at_a_time = cloudflare.changing.lock().await;
    let (zone, ruleset, rule) = args.resolved(cloudflare).await?;
    let body = args.body(&rule)?;
    let after = cloudflare
        .put_rule(&zone.id, &ruleset.id, &rule.id, body)
        .await?;
    let found = after.find(|one| one.id == rule.id);
    let (index, rule) = found.unwrap_or((0, &rule));
    Ok(RuleChanged {
        zone: zone.name,
        rule: RuleItem::of(rule, index),
        done: "updated".to_owned(),
    })
}

async fn preview_update(cloudflare: &Cloudflare, args: &UpdateFirewallRule) -> ToolResult<Preview> {
    let (zone, _, rule) = args.resolved(cloudflare).await?;
    let (before, after) = (rule.body(), args.body(&rule)?);
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let names = ["description", "action", "expression", "enabled"];
    let changes = names
        .iter()
        .filter(|name| before[**name] != after[**name])
        .map(|name| Change {
            field: (*name).to_owned(),
            from: Some(text(&before[*name])),
            to: Some(text(&after[*name])),
        });
    Ok(Preview {
        summary: format!("change the rule `{}` of `{}`", rule.described(), zone.name),
        changes: changes.collect(),
        impact: Vec::new(),
    })
}

async fn update_targets(
    cloudflare: &Cloudflare,
    args: &UpdateFirewallRule,
) -> ToolResult<Vec<Target>> {
    let (zone, _, rule) = args.resolved(cloudflare).await?;
    Ok(vec![zone.target(), rule.target()])
}

impl Rule {
    /// As an object that a call touches.
    pub(crate) fn target(&self) -> Target {
        Target {
            kind: "firewall_rule".to_owned(),
            id: self.id.clone(),
            name: self.reference.clone(),
            tags: Vec::new(),
        }
    }
}

async fn undo_update(
    cloudflare: &Cloudflare,
    args: &UpdateFirewallRule,
) -> ToolResult<Option<Inverse>> {
    let (zone, _, rule) = args.resolved(cloudflare).await?;
    Ok(Some(Inverse {
        tool: "update_firewall_rule".to_owned(),
        arguments: json!({
            "zone": zone.name,
            "rule_id": rule.id,
            "description": rule.description,
            "action": rule.action,
            "expression": rule.expression,
            "enabled": rule.enabled,
        }),
    }))
}

async fn check_update(
    cloudflare: &Cloudflare,
    args: &UpdateFirewallRule,
    _done: &RuleChanged,
) -> ToolResult<Vec<Mismatch>> {
    let (_, _, rule) = args.resolved(cloudflare).await?;
    let (found, wanted) = (rule.body(), args.body(&rule)?);
    let names = ["description", "action", "expression", "enabled"];
    let mismatches = names
        .into_iter()
        .filter(|name| found[*name] != wanted[*name])
        .map(|field| Mismatch {
            field,
            wanted: wanted[field].to_string(),
            found: found[field].to_string(),
        });
    Ok(mismatches.collect())
}
