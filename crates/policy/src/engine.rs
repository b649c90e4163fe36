//! The rules in force: decides, counts, and can be given other rules while it runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_core::clock::Clock;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decide, Question, Sight, Verdict};
use homelab_core::store::{Budgets, Take};

use crate::budget::{Budget, used_up};
use crate::rules::{Entry, RuleSet};

/// Decides by the rules in force.
pub struct Engine {
    rules: ArcSwap<RuleSet>,
    pub(crate) budgets: Arc<dyn Budgets>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Engine {
    /// Starts with a set of rules. Budgets are counted in `budgets`, which all processes share.
    pub fn new(rules: RuleSet, budgets: Arc<dyn Budgets>, clock: Arc<dyn Clock>) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            budgets,
            clock,
        }
    }

    /// Puts other rules in force, all at once. Rate limits begin anew, budgets go on.
    pub fn replace(&self, rules: RuleSet) {
        self.rules.store(Arc::new(rules));
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }
}

#[async_trait]
impl Decide for Engine {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict> {
        let rules = self.rules.load();
        let entry = rules.entry(&question.sight);
        limit(&rules, &entry, &question.sight)?;
        let judgement = rules.judge(&entry, question, self.clock.now());
        rules.verdict(&judgement, question)
    }

    async fn spend(&self, question: &Question<'_>) -> ToolResult<()> {
        let rules = self.rules.load_full();
        let sight = &question.sight;
        let entry = rules.entry(sight);
        let counted = budgets(&rules, &entry, sight);
        if counted.is_empty() {
            return Ok(());
        }
        let takes: Vec<Take<'_>> = counted
            .iter()
            .map(|(budget, key)| Take {
                key,
                most: budget.most,
                window: budget.window,
            })
            .collect();
        let now = self.clock.now();
        let taken = self.budgets.take(&takes, now).await.map_err(|_| {
            ToolError::new(
                Code::UpstreamUnreachable,
                "the budgets cannot be read, so nothing is run that counts against one",
            )
            .reason("database_unavailable")
            .hint("run `homelab-mcp doctor` to see what is wrong with the database")
        })?;
        let Err(used) = taken else { return Ok(()) };
        let budget = counted.iter().find(|(_, key)| *key == used.key);
        Err(match budget {
            Some((budget, _)) => used_up(budget, &used, now),
            None => ToolError::new(Code::RateLimited, "a budget is used up").reason("budget"),
        })
    }

    fn hides(&self, sight: &Sight<'_>) -> bool {
        self.rules.load().hides(sight)
    }
}

fn limit(rules: &RuleSet, entry: &Entry, sight: &Sight<'_>) -> ToolResult<()> {
    for place in &entry.limits {
        let Some(limit) = rules.limits.get(*place as usize) else {
            continue;
        };
        if !limit.matcher.fits_caller(sight) {
            continue;
        }
        if let Err(wait) = limit.take(sight) {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let text = format!(
                "too fast: the limit `{}` is {} calls of one tool in {} s",
                limit.name, limit.rate, limit.per_s
            );
            return Err(ToolError::new(Code::RateLimited, text)
                .reason("rate_limit")
                .hint("call it less often; nothing was done")
                .retry_after_s(seconds.max(1)));
        }
    }
    Ok(())
}

/// The budgets that a call counts against, each with the key of its counter.
pub(crate) fn budgets<'a>(
    rules: &'a RuleSet,
    entry: &Entry,
    sight: &Sight<'_>,
) -> Vec<(&'a Budget, String)> {
    entry
        .budgets
        .iter()
        .filter_map(|place| rules.budgets.get(*place as usize))
        .filter(|budget| budget.matcher.fits_caller(sight))
        .map(|budget| (budget, budget.key(sight)))
        .collect()
}
