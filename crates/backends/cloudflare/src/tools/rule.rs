//! Custom rules: what they do, how they are written, and how one is found.

use homelab_core::error::{ToolError, ToolResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::client::Cloudflare;
use crate::ids::RuleId;
use crate::types::{Rule, Ruleset, Zone};

/// What happens to a request that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Refuse it.
    Block,
    /// Ask for proof of a human, if need be.
    ManagedChallenge,
    /// Ask the browser for a calculation.
    JsChallenge,
    /// Ask for a puzzle to be solved.
    Challenge,
    /// Write it down; Enterprise only.
    Log,
    /// Let it pass the remaining custom rules, or what `skip` names.
    Skip,
}

impl Action {
    pub(crate) fn name(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }
}

/// Parts of the firewall that a request can pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Skipped {
    /// The custom rules behind this one.
    CustomRules,
    /// Rate limits.
    RateLimits,
    /// Managed rules.
    ManagedRules,
    /// The check of browsers.
    BrowserCheck,
    /// The level of security.
    SecurityLevel,
    /// Blocked user agents.
    UserAgents,
    /// Hot link protection.
    HotLinks,
}

/// The `action_parameters` of a skip.
pub(crate) fn skip_parameters(skipped: &[Skipped]) -> Value {
    let (mut phases, mut products, mut current) = (Vec::new(), Vec::new(), skipped.is_empty());
    for one in skipped {
        match one {
            Skipped::CustomRules => current = true,
            Skipped::RateLimits => phases.push("http_ratelimit"),
            Skipped::ManagedRules => phases.push("http_request_firewall_managed"),
            Skipped::BrowserCheck => products.push("bic"),
            Skipped::SecurityLevel => products.push("securityLevel"),
            Skipped::UserAgents => products.push("uaBlock"),
            Skipped::HotLinks => products.push("hot"),
        }
    }
    let mut parameters = json!({});
    if current {
        parameters["ruleset"] = json!("current");
    }
    if !phases.is_empty() {
        parameters["phases"] = json!(phases);
    }
    if !products.is_empty() {
        parameters["products"] = json!(products);
    }
    parameters
}

/// A custom rule.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RuleItem {
    id: String,
    /// Its own name among rules; the id where none was given.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// Place among the custom rules, from 1; the first that fits and ends the evaluation wins.
    position: usize,
    description: String,
    action: String,
    expression: String,
    enabled: bool,
}

impl RuleItem {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn of(rule: &Rule, index: usize) -> Self {
        Self {
            id: rule.id.clone(),
            reference: rule.reference.clone(),
            position: index + 1,
            description: rule.description.clone(),
            action: rule.action.clone(),
            expression: rule.expression.clone(),
            enabled: rule.enabled,
        }
    }
}

/// A rule after a change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RuleChanged {
    /// Name of the zone.
    pub(crate) zone: String,
    pub(crate) rule: RuleItem,
    /// `created`, `updated`, `unchanged` or `deleted`.
    pub(crate) done: String,
}

impl Rule {
    /// All of it, as a body that writes it back.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({
            "action": self.action,
            "expression": self.expression,
            "description": self.description,
            "enabled": self.enabled,
        });
        if let Some(reference) = &self.reference {
            body["ref"] = json!(reference);
        }
        for (name, value) in &self.other {
            if matches!(name.as_str(), "action_parameters" | "logging" | "ratelimit") {
                body[name] = value.clone();
            }
        }
        body
    }
}

impl Ruleset {
    pub(crate) fn all(&self) -> &[Rule] {
        self.rules.as_deref().unwrap_or_default()
    }

    /// The rule that fits, with its place.
    pub(crate) fn find(&self, fits: impl Fn(&Rule) -> bool) -> Option<(usize, &Rule)> {
        self.all().iter().enumerate().find(|(_, rule)| fits(rule))
    }
}

impl Cloudflare {
    /// The custom rules of a zone with this one among them, and its place.
    pub(crate) async fn the_rule(&self, zone: &Zone, id: &RuleId) -> ToolResult<(Ruleset, usize)> {
        let missing = || {
            ToolError::not_found(format!("no custom rule `{id}` in `{}`", zone.name))
                .reason("rule_not_found")
                .field("rule_id")
                .hint("see `list_firewall_rules`")
                .instance(self.api.who.instance.clone())
        };
        let ruleset = self.custom_rules(&zone.id).await?.ok_or_else(missing)?;
        let found = ruleset.find(|rule| rule.id == id.as_str());
        let index = found.map(|(index, _)| index).ok_or_else(missing)?;
        Ok((ruleset, index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_stands_in_three_places() {
        assert_eq!(skip_parameters(&[]), json!({"ruleset": "current"}));
        assert_eq!(
            skip_parameters(&[Skipped::RateLimits, Skipped::BrowserCheck]),
            json!({"phases": ["http_ratelimit"], "products": ["bic"]})
        );
    }

    #[test]
    fn a_rule_is_written_back_with_what_is_not_named_here() {
        let rule: Rule = serde_json::from_value(json!({
            "id": "1", "version": "3", "action": "skip", "expression": "ssl", "ref": "r",
            "action_parameters": {"ruleset": "current"}, "last_updated": "2026-01-01T00:00:00Z",
        }))
        .unwrap();

        assert_eq!(
            rule.body(),
            json!({
                "action": "skip", "expression": "ssl", "description": "", "enabled": true, "ref": "r",
                "action_parameters": {"ruleset": "current"},
            })
        );
    }
}
