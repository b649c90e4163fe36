//! What is asked about a call, and what the answer holds.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{Decision, role_default};
use crate::call::{Principal, Transport};
use crate::error::ToolResult;
use crate::tool::{Target, ToolSpec};

/// What is known of a tool and a caller before there are arguments.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For which tool.
    pub spec: &'a ToolSpec,
    /// Its name at `/mcp`.
    pub aggregated: &'a str,
    /// Of which kind.
    pub kind: &'a str,
    /// At which instance.
    pub instance: &'a str,
}

/// One call, before it runs.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who asks for which tool.
    pub sight: Sight<'a>,
    /// Through which door.
    pub transport: Transport,
    /// With which arguments, normalised; `null` where they are not known, so that a condition which
    /// asks for one cannot be evaluated.
    pub arguments: &'a Value,
    /// The objects it will touch; empty for reads.
    pub targets: &'a [Target],
}

/// The decision on one call, and who or what made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is to happen.
    pub decision: Decision,
    /// Name of the rule that made it; absent where the role's default stands.
    pub rule: Option<Arc<str>>,
    /// Why, for the caller and the approver: the rule's own words, or what bound was met.
    pub reason: Option<String>,
    /// How many different people have to agree to a held call; at least 1.
    pub approvers: u32,
    /// How long a held call waits for its decision, where the rule says so.
    pub expires_after: Option<Duration>,
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        Self {
            decision,
            rule: None,
            reason: None,
            approvers: 1,
            expires_after: None,
        }
    }
}

/// Decides on calls that the caller's role and patterns allow in principle.
#[async_trait]
pub trait Decide: Send + Sync {
    /// The decision on one call. Takes from rate limits, not from budgets.
    ///
    /// # Errors
    /// `rate_limited`, or that it cannot be decided; the call does not run then.
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict>;

    /// Takes one from each budget that the call counts against: called once, right before it runs,
    /// after any approval.
    ///
    /// # Errors
    /// `rate_limited` if a budget is used up; nothing is taken then, and the call does not run.
    async fn spend(&self, question: &Question<'_>) -> ToolResult<()>;

    /// Whether every call of this tool by this caller is denied whatever its arguments; it is not
    /// listed then, and looks unknown.
    fn hides(&self, sight: &Sight<'_>) -> bool;
}

/// The role's default, without any rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoleDefaults;

#[async_trait]
impl Decide for RoleDefaults {
    async fn decide(&self, question: &Question<'_>) -> ToolResult<Verdict> {
        let sight = &question.sight;
        Ok(role_default(sight.principal.role, sight.spec).into())
    }

    async fn spend(&self, _question: &Question<'_>) -> ToolResult<()> {
        Ok(())
    }

    fn hides(&self, sight: &Sight<'_>) -> bool {
        role_default(sight.principal.role, sight.spec) == Decision::Deny
    }
}
