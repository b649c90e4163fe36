//! The rules as `homelab-mcp policy list` shows them.

use std::sync::Arc;

use homelab_core::policy::Decision;
use serde::Serialize;

use crate::config::Per;
use crate::rules::RuleSet;

/// One rule, window, limit, budget or list of protected objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// `rule`, `protected`, `window`, `limit` or `budget`.
    pub kind: &'static str,
    /// Its name.
    pub name: Arc<str>,
    /// What it makes of a call: a decision, or how many are allowed.
    pub effect: String,
    /// Which calls it is about.
    pub matches: String,
    /// Its condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Tools that a rule is about, configured or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<usize>,
}

impl RuleSet {
    /// Everything, rules in the order in which they are asked: the strictest first.
    pub fn list(&self) -> Vec<Listed> {
        let one = |kind, name: &Arc<str>, effect: String, matches: String| Listed {
            kind,
            name: Arc::clone(name),
            effect,
            matches,
            when: None,
            tools: None,
        };
        let mut listed = Vec::new();
        for rule in &self.rules {
            let effect = match rule.decision {
                Decision::Approve if rule.approvers > 1 => format!("approve by {}", rule.approvers),
                other => other.as_str().to_owned(),
            };
            listed.push(Listed {
                when: rule.when.as_ref().map(|(_, text)| text.clone()),
                tools: Some(rule.tools),
                ..one("rule", &rule.name, effect, rule.matcher.describe())
            });
        }
        for object in &self.protected {
            let effect = "approve for admin, else deny".to_owned();
            listed.push(one("protected", &object.name, effect, object.describe()));
        }
        for window in &self.windows {
            let side = |side: &str, decision: Option<Decision>| {
                decision.map(|decision| format!("{side}: {}", decision.as_str()))
            };
            let sides = [
                side("inside", window.inside),
                side("outside", window.outside),
            ];
            let effect: Vec<String> = sides.into_iter().flatten().collect();
            let matches = window.matcher.describe();
            listed.push(one("window", &window.name, effect.join(", "), matches));
        }
        for limit in &self.limits {
            let effect = format!("{} in {} s, each caller and tool", limit.rate, limit.per_s);
            listed.push(one("limit", &limit.name, effect, limit.matcher.describe()));
        }
        for budget in &self.budgets {
            let whose = match budget.per {
                Per::Principal => "each caller",
                Per::Everyone => "everyone together",
            };
            let effect = format!("{} in {} s, {whose}", budget.most, budget.window.as_secs());
            listed.push(one(
                "budget",
                &budget.name,
                effect,
                budget.matcher.describe(),
            ));
        }
        listed
    }
}
