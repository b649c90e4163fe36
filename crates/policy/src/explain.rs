//! Why a call is decided the way it is, for `homelab-mcp policy test`; takes nothing from any limit
//! or budget.

use std::sync::Arc;

use homelab_core::clock::Micros;
use homelab_core::policy::{Decision, Question, role_default};
use serde::Serialize;

use crate::budget::Budget;
use crate::condition::Facts;
use crate::config::Per;
use crate::engine::{Engine, budgets};
use crate::rules::{By, Entry, RuleSet, Side};

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// What is to happen.
    pub decision: Decision,
    /// What made it: `role_default`, `rule`, `protected`, `window`, `read_only`, `secret`, `viewer`,
    /// or `policy_error` if a condition could not be evaluated.
    pub by: &'static str,
    /// Name of the rule, window or list of protected objects that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many people have to agree if it is `approve`.
    pub approvers: u32,
    /// How long it waits for them, where a rule says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after_s: Option<u64>,
    /// What stands where no rule matches.
    pub role_default: Decision,
    /// Rules that fit tool and caller, in the order in which they are asked: the strictest first.
    pub rules: Vec<Asked>,
    /// Bounds that no rule loosens and that apply to this call.
    pub bounds: Vec<Bound>,
    /// Rate limits that count it; each process counts its own.
    pub limits: Vec<LimitState>,
    /// Budgets that it is counted against when it runs.
    pub budgets: Vec<BudgetState>,
    /// For which time it was decided.
    pub at: Micros,
}

/// One rule that was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in the configuration.
    pub path: String,
    /// What it says.
    pub decision: Decision,
    /// Its condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Whether it matches; absent if its condition could not be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<bool>,
}

/// A bound that applies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bound {
    /// `secret`, `viewer`, `read_only`, `protected` or `window`.
    pub kind: &'static str,
    /// Name of the window or list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The decision is at least this.
    pub decision: Decision,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LimitState {
    /// Its name.
    pub name: Arc<str>,
    /// Calls of the tool by the caller…
    pub rate: u32,
    /// …in this many seconds.
    pub per_s: u32,
}

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetState {
    /// Its name.
    pub name: Arc<str>,
    /// Most runs…
    pub most: u32,
    /// …in this many seconds.
    pub window_s: u64,
    /// Whose runs are counted together.
    pub per: Per,
    /// Runs in the window now; absent if they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u32>,
}

impl Engine {
    /// Explains the decision on a call, now or at another time.
    pub async fn explain(&self, question: &Question<'_>, at: Option<Micros>) -> Explanation {
        let rules = self.rules();
        let now = at.unwrap_or_else(|| self.clock.now());
        let entry = rules.entry(&question.sight);
        let mut explanation = rules.explain(&entry, question, now);
        for (budget, key) in budgets(&rules, &entry, &question.sight) {
            let since = Micros(now.earlier(budget.window).0.saturating_add(1));
            let used = self.budgets.used(&key, since).await.ok();
            explanation.budgets.push(state(budget, used));
        }
        explanation
    }
}

fn state(budget: &Budget, used: Option<u32>) -> BudgetState {
    BudgetState {
        name: Arc::clone(&budget.name),
        most: budget.most,
        window_s: budget.window.as_secs(),
        per: budget.per,
        used,
    }
}

impl RuleSet {
    fn explain(&self, entry: &Entry, question: &Question<'_>, now: Micros) -> Explanation {
        let sight = &question.sight;
        let judgement = self.judge(entry, question, now);
        let facts = Facts::new(question, now, &self.zone);
        let asked = self.candidates(entry, sight).map(|(_, rule)| Asked {
            name: Arc::clone(&rule.name),
            path: format!("policy.rules[{}]", rule.place),
            decision: rule.decision,
            when: rule.when.as_ref().map(|(_, text)| text.clone()),
            matches: rule.holds(&facts).ok(),
        });
        let limits = entry
            .limits
            .iter()
            .filter_map(|place| self.limits.get(*place as usize))
            .filter(|limit| limit.matcher.fits_caller(sight))
            .map(|limit| LimitState {
                name: Arc::clone(&limit.name),
                rate: limit.rate,
                per_s: limit.per_s,
            });
        let reason = match judgement.by {
            By::Broken(_, failure) => Some(format!("its condition fails: {}", failure.as_str())),
            by => self.reason(by, question),
        };
        Explanation {
            decision: judgement.decision,
            by: judgement.by.as_str(),
            rule: self.name(judgement.by),
            reason,
            approvers: judgement.approvers,
            expires_after_s: judgement.expires_after.map(|time| time.as_secs()),
            role_default: role_default(sight.principal.role, sight.spec),
            rules: asked.collect(),
            bounds: self.bounds(entry, question, now),
            limits: limits.collect(),
            budgets: Vec::new(),
            at: now,
        }
    }

    fn bounds(&self, entry: &Entry, question: &Question<'_>, now: Micros) -> Vec<Bound> {
        let bound = |decision: Decision, by: By| Bound {
            kind: by.as_str(),
            name: self.name(by),
            decision,
            reason: self.reason(by, question),
        };
        let floor = self.floor(&question.sight);
        let mut bounds: Vec<Bound> = floor
            .map(|by| bound(Decision::Deny, by))
            .into_iter()
            .collect();
        for index in 0..question.targets.len() {
            let Some(judgement) = self.protection(question, index) else {
                continue;
            };
            bounds.push(bound(judgement.decision, judgement.by));
        }
        for place in &entry.windows {
            let Some(window) = self.windows.get(*place as usize) else {
                continue;
            };
            if !window.matcher.fits_caller(&question.sight) {
                continue;
            }
            let (side, decision) = if window.contains(now) {
                (Side::Inside, window.inside)
            } else {
                (Side::Outside, window.outside)
            };
            if let Some(decision) = decision {
                bounds.push(bound(decision, By::Window(*place, side)));
            }
        }
        bounds
    }
}
