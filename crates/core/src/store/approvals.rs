//! Held calls, and what decisions on calls need to share between processes.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::approval::{Approval, Refusal, State};
use crate::clock::Micros;
use crate::page::{Page, PageRequest};

/// What became of [`Approvals::ask`].
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    /// It is kept and waits.
    New(Approval),
    /// The same call waits already, or may run already; this is that one.
    Same(Approval),
    /// The same call was denied a moment ago.
    DeniedBefore(Approval),
    /// The credential has as many waiting calls as it may.
    TooMany,
}

/// Which approvals to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Stands like this at `now`; absent for any.
    pub state: Option<State>,
    /// Asked for by this credential.
    pub credential: Option<String>,
}

/// A step from one state of an approval to the next.
pub type Step<'a> = dyn Fn(Approval) -> Result<Approval, Refusal> + Send + Sync + 'a;

/// Stored approvals.
///
/// States are kept as the last step left them; every method answers with
/// [`Approval::as_of`] the given time, so that an expired one never looks alive.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Keeps a new pending one. If the same digest has one that is pending or approved at its
    /// `created_at`, that one is returned instead; if it has one denied less than `cool_down`
    /// before, that one; if the credential has `most` pending ones, nothing is kept. Atomic.
    async fn ask(&self, new: Approval, most: u32, cool_down: Duration) -> StoreResult<Asked>;

    /// Finds one.
    async fn get(&self, id: &str, now: Micros) -> StoreResult<Option<Approval>>;

    /// Newest first.
    async fn list(
        &self,
        filter: &ApprovalFilter,
        page: &PageRequest,
        now: Micros,
    ) -> StoreResult<Page<Approval>>;

    /// Takes one step: reads the approval, applies `step`, keeps the result, all in one transaction
    /// that no other step on it can come between. `None` if there is none of this id. `step` gets what
    /// is kept, not yet as of any time, and may not change what the approval is bound to.
    async fn step(
        &self,
        id: &str,
        step: &Step<'_>,
    ) -> StoreResult<Option<Result<Approval, Refusal>>>;

    /// Forgets those whose last step and time to live are before a time, but for runs whose end is not
    /// known yet; how many there were. What they were about stays in the audit log.
    async fn forget_before(&self, before: Micros) -> StoreResult<u64>;
}

/// A source of text by outsiders that was read in a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaintMark {
    /// What was read: `<instance>:<tool>`.
    pub source: String,
    /// When it was read last.
    pub at: Micros,
}

/// Which scopes have read text that outsiders can write. A scope is a credential with a session or
/// run; see [`taint_scope`].
#[async_trait]
pub trait Taints: Send + Sync {
    /// Notes a read.
    async fn mark(&self, scope: &str, source: &str, at: Micros) -> StoreResult<()>;
    /// The marks at or after a time, newest first; at most 50.
    async fn marks(&self, scope: &str, since: Micros) -> StoreResult<Vec<TaintMark>>;
    /// All scopes with marks at or after a time, with their newest mark, newest first; at most 500.
    async fn scopes(&self, since: Micros) -> StoreResult<Vec<(String, TaintMark)>>;
    /// Forgets a scope's marks; how many there were.
    async fn clear(&self, scope: &str) -> StoreResult<u64>;
    /// Forgets all marks before a time.
    async fn forget_before(&self, before: Micros) -> StoreResult<()>;
}

/// The scope that a call's reads taint and its changes are judged by.
pub fn taint_scope(credential: &str, session: Option<&str>) -> String {
    format!("{credential}/{}", session.unwrap_or_default())
}

/// A wish to count against a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take<'a> {
    /// The budget.
    pub key: &'a str,
    /// Most uses within `window`.
    pub most: u32,
    /// Length of the sliding window.
    pub window: Duration,
}

/// A budget that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedUp {
    /// The budget.
    pub key: String,
    /// When enough uses have left the window for one more.
    pub free_at: Micros,
}

/// Uses of budgets, counted over all processes.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// Counts one use of every budget at `now`, or of none if any is used up: then the one that is
    /// free last is named. A use leaves its window, and is forgotten, as soon as it is as old as the
    /// window is long. A budget that is named twice, with two windows, is used once. Atomic.
    async fn take(&self, takes: &[Take<'_>], now: Micros) -> StoreResult<Result<(), UsedUp>>;
    /// Uses of a budget at or after a time.
    async fn used(&self, key: &str, since: Micros) -> StoreResult<u32>;
}

/// What [`Signals`] tell about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// An approval was asked for or took a step.
    Approvals,
    /// An API key was made or revoked.
    Keys,
    /// A shared setting changed (kill switch, policy revision).
    Settings,
    /// Agents, messages, tasks, sprints or sessions changed.
    Ccpm,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 4] = [Self::Approvals, Self::Keys, Self::Settings, Self::Ccpm];

    /// The topic's name, also of the channel in PostgreSQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approvals => "homelab_mcp_approvals",
            Self::Keys => "homelab_mcp_keys",
            Self::Settings => "homelab_mcp_settings",
            Self::Ccpm => "homelab_mcp_ccpm",
        }
    }
}

/// News between processes on one database.
#[async_trait]
pub trait Signals: Send + Sync {
    /// Returns when something of the topic may have changed after the call began, in this process or
    /// another, and at the latest after `within`. Never an error: whoever waits looks anyway.
    async fn changed(&self, topic: Topic, within: Duration);
}
