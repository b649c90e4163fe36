//! Budgets: how often calls may run in a longer time, counted in the database.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError};
use homelab_core::policy::Sight;
use homelab_core::store::UsedUp;

use crate::config::{BudgetConfig, Per};
use crate::matcher::Matcher;

/// A compiled budget.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) name: Arc<str>,
    pub(crate) matcher: Matcher,
    pub(crate) most: u32,
    pub(crate) window: Duration,
    pub(crate) per: Per,
}

impl Budget {
    pub(crate) fn compile(config: &BudgetConfig, matcher: Matcher) -> Self {
        Self {
            name: config.name.as_str().into(),
            matcher,
            most: config.most,
            window: Duration::from_secs(config.window_s),
            per: config.per,
        }
    }

    /// Under which name it is counted for this caller. No budget's name holds a `/`.
    pub(crate) fn key(&self, sight: &Sight<'_>) -> String {
        match self.per {
            Per::Everyone => format!("policy/{}", self.name),
            Per::Principal => format!("policy/{}/{}", self.name, sight.principal.credential),
        }
    }
}

/// What the caller of a used-up budget is told.
pub(crate) fn used_up(budget: &Budget, used: &UsedUp, now: Micros) -> ToolError {
    let wait = used.free_at.0.saturating_sub(now.0).max(0);
    let seconds = u64::try_from(wait).unwrap_or(0).div_ceil(1_000_000);
    ToolError::new(
        Code::RateLimited,
        format!(
            "the budget `{}` is used up: {} in {} s",
            budget.name,
            budget.most,
            budget.window.as_secs()
        ),
    )
    .reason("budget")
    .hint("wait, or ask the owner; nothing was done")
    .retry_after_s(seconds.max(1))
}
