//! New custom rules.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Change, Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::rule::{Action, RuleChanged, RuleItem, Skipped, skip_parameters};
use crate::client::Cloudflare;
use crate::expression::{Parts, expression};
use crate::ids::{RuleId, ZoneArg};
use crate::types::{Rule, Ruleset, Zone};

/// The rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateFirewallRule {
    /// The zone, by name or id, or a host in it; default the configured one.
    zone: Option<ZoneArg>,
    /// What it is for.
    #[schemars(length(min = 1, max = 500))]
    description: String,
    /// What happens to a request that fits.
    action: Action,
    /// Which requests fit, in the Rules language, such as `http.host eq "git.example.com" and
    /// not ip.src.country in {"DE"}`; instead of the parts below.
    #[schemars(length(max = 4096))]
    expression: Option<String>,
    /// From these addresses or networks.
    #[serde(default)]
    #[schemars(length(max = 200), inner(length(max = 50)))]
    ips: Vec<String>,
    /// From these countries, as codes of two letters.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 2)))]
    countries: Vec<String>,
    /// From any country but these.
    #[serde(default)]
    #[schemars(length(max = 100), inner(length(max = 2)))]
    not_countries: Vec<String>,
    /// To these hosts.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    hosts: Vec<String>,
    /// To paths that begin with one of these.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 500)))]
    paths: Vec<String>,
    /// What a request passes, for the action `skip`; default the custom rules behind this one.
    #[serde(default)]
    #[schemars(length(max = 7))]
    skip: Vec<Skipped>,
    /// Whether it counts from the beginning; default yes.
    enabled: Option<bool>,
    /// Put it before this rule; default behind all.
    before: Option<RuleId>,
    /// Its own name, by which a repeated call finds it; default one made of what it does.
    #[serde(rename = "ref")]
    #[schemars(length(min = 1, max = 64))]
    reference: Option<String>,
}

impl CreateFirewallRule {
    fn expression(&self) -> ToolResult<String> {
        let parts = Parts {
            ips: &self.ips,
            countries: &self.countries,
            not_countries: &self.not_countries,
            hosts: &self.hosts,
            paths: &self.paths,
        };
        expression(self.expression.as_deref(), &parts)
    }

    /// What is sent, without its place.
    fn body(&self) -> ToolResult<Value> {
        if self.action != Action::Skip && !self.skip.is_empty() {
            let text = "only the action `skip` skips something";
            return Err(ToolError::invalid("skip", text));
        }
        let expression = self.expression()?;
        let reference = self.reference.clone().unwrap_or_else(|| {
            let text = format!("{}\n{expression}\n{}", self.action.name(), self.description);
            let digest = hex::encode(Sha256::digest(text.as_bytes()));
            format!("homelab-{}", digest.chars().take(16).collect::<String>())
        });
        let mut body = json!({
            "action": self.action,
            "expression": expression,
            "description": self.description,
            "enabled": self.enabled.unwrap_or(true),
            "ref": reference,
        });
        if self.action == Action::Skip {
            body["action_parameters"] = skip_parameters(&self.skip);
        }
        Ok(body)
    }
}

/// The rule that a body would make, if it is there already.
fn known<'a>(ruleset: &'a Ruleset, body: &Value) -> Option<(usize, &'a Rule)> {
    ruleset.find(|rule| rule.reference.as_deref() == body["ref"].as_str())
}

/// Whether a rule is what a body asks for.
fn same(rule: &Rule, body: &Value) -> bool {
    ["action", "expression", "description", "enabled"]
        .iter()
        .all(|name| rule.body()[*name] == body[*name])
}

/// Create a custom firewall rule for a zone: block, challenge, log or skip requests by address, country,
/// host, path or an expression. Other rules stay as they are; the same call again changes nothing.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "cloudflare:firewall:create",
    title = "Create a firewall rule",
    timeout = 60,
    preview = preview_create,
    targets = create_targets,
    inverse = undo_create,
    read_back = check_create
)]
pub(crate) async fn create_firewall_rule(
    cloudflare: &Cloudflare,
    args: CreateFirewallRule,
) -> ToolResult<RuleChanged> {
    let body = args.body()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let _one_at_a_time = cloudflare.changing.lock().await;
    let before = cloudflare.custom_rules(&zone.id).await?;
    if let Some((index, rule)) = before.as_ref().and_then(|all| known(all, &body)) {
        if !same(rule, &body) {
            return Err(exists(cloudflare, rule));
        }
        return Ok(changed(zone, rule, index, "unchanged"));
    }
    let after = add(cloudflare, &zone, before, &args, &body).await?;
    let lost = || {
        let text = "Cloudflare accepted the rule, but does not show it";
        ToolError::new(Code::UpstreamRejected, text)
            .reason("unexpected_answer")
            .hint("see `list_firewall_rules`")
            .instance(cloudflare.api.who.instance.clone())
    };
    let (index, rule) = known(&after, &body).ok_or_else(lost)?;
    Ok(changed(zone, rule, index, "created"))
}

/// Adds it. The first rule of a zone makes the ruleset; where somebody else made that meanwhile, ours
/// goes behind theirs.
async fn add(
    cloudflare: &Cloudflare,
    zone: &Zone,
    before: Option<Ruleset>,
    args: &CreateFirewallRule,
    body: &Value,
) -> ToolResult<Ruleset> {
    let mut rule = body.clone();
    if let Some(id) = &args.before {
        rule["position"] = json!({ "before": id });
    }
    if let Some(ruleset) = before {
        return cloudflare.add_rule(&zone.id, &ruleset.id, rule).await;
    }
    if args.before.is_some() {
        let text = "the zone has no custom rules yet, so none to be put before";
        return Err(ToolError::invalid("before", text));
    }
    let refused = match cloudflare.create_custom_rules(&zone.id, rule.clone()).await {
        Ok(ruleset) => return Ok(ruleset),
        Err(error) => error,
    };
    match cloudflare.custom_rules(&zone.id).await? {
        Some(ruleset) => cloudflare.add_rule(&zone.id, &ruleset.id, rule).await,
        None => Err(refused),
    }
}

fn exists(cloudflare: &Cloudflare, rule: &Rule) -> ToolError {
    let reference = rule.reference.as_deref().unwrap_or_default();
    let message = format!("the rule `{reference}` is there, and does something else");
    ToolError::new(Code::Conflict, message)
        .reason("rule_exists")
        .field("ref")
        .hint(format!(
            "change it with `update_firewall_rule` (`rule_id` `{}`), or take another `ref`",
            rule.id
        ))
        .instance(cloudflare.api.who.instance.clone())
}

fn changed(zone: Zone, rule: &Rule, index: usize, done: &str) -> RuleChanged {
    RuleChanged {
        zone: zone.name,
        rule: RuleItem::of(rule, index),
        done: done.to_owned(),
    }
}

async fn preview_create(cloudflare: &Cloudflare, args: &CreateFirewallRule) -> ToolResult<Preview> {
    let body = args.body()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let before = cloudflare.custom_rules(&zone.id).await?;
    let count = before.as_ref().map_or(0, |all| all.all().len());
    let there = before.as_ref().and_then(|all| known(all, &body));
    let mut impact = vec![format!("`{}` has {count} custom rules now", zone.name)];
    if there.is_some() {
        impact.push("a rule of this `ref` is there already".to_owned());
    }
    Ok(Preview {
        summary: format!(
            "{} requests to `{}` that fit `{}`",
            args.action.name(),
            zone.name,
            body["expression"].as_str().unwrap_or_default()
        ),
        changes: vec![Change {
            field: "rules".to_owned(),
            from: None,
            to: Some(args.description.clone()),
        }],
        impact,
    })
}

async fn create_targets(
    cloudflare: &Cloudflare,
    args: &CreateFirewallRule,
) -> ToolResult<Vec<Target>> {
    Ok(vec![cloudflare.zone(args.zone.as_ref()).await?.target()])
}

/// By its name, for it has no id before.
async fn undo_create(
    cloudflare: &Cloudflare,
    args: &CreateFirewallRule,
) -> ToolResult<Option<Inverse>> {
    let body = args.body()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let before = cloudflare.custom_rules(&zone.id).await?;
    let there = before.as_ref().and_then(|all| known(all, &body));
    Ok(there.is_none().then(|| Inverse {
        tool: "delete_firewall_rule".to_owned(),
        arguments: json!({ "zone": zone.name, "ref": body["ref"] }),
    }))
}

async fn check_create(
    cloudflare: &Cloudflare,
    args: &CreateFirewallRule,
    done: &RuleChanged,
) -> ToolResult<Vec<Mismatch>> {
    let body = args.body()?;
    let zone = cloudflare.zone(args.zone.as_ref()).await?;
    let now = cloudflare.custom_rules(&zone.id).await?;
    let found = now
        .as_ref()
        .and_then(|all| all.find(|rule| rule.id == done.rule.id()));
    let right = found.is_some_and(|(_, rule)| same(rule, &body));
    let mismatch = (!right).then(|| Mismatch {
        field: "expression",
        wanted: body["expression"].as_str().unwrap_or_default().to_owned(),
        found: found.map_or_else(
            || "no such rule".to_owned(),
            |(_, rule)| rule.expression.clone(),
        ),
    });
    Ok(mismatch.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rule_has_the_same_name() {
        let rule = |description: &str| {
            let args =
                json!({ "description": description, "action": "block", "ips": ["192.0.2.1"] });
            let args: CreateFirewallRule = serde_json::from_value(args).unwrap();
            args.body().unwrap()["ref"].clone()
        };

        assert_eq!(rule("a"), rule("a"));
        assert_ne!(rule("a"), rule("b"));
    }
}
