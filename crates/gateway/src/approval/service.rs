//! The one place that moves held calls on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use homelab_core::approval::{
    Action, Approval, COOL_DOWN, Channel, EXPIRES_AFTER, MOST_PENDING, Refusal, Requester, State,
    Vote,
};
use homelab_core::audit::{AuditEntry, EntryKind};
use homelab_core::call::{CallContext, CredentialKind, Principal};
use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::{Page, PageRequest};
use homelab_core::policy::Verdict;
use homelab_core::store::{
    ApprovalFilter, Approvals, Asked, AuditFilter, AuditLog, AuditSink, Settings, Signals,
    StoreResult, Topic,
};
use homelab_core::tool::Preview;
use serde_json::json;
use tokio::time::Instant;

use super::errors::{VoteError, clipped, denied, not_usable, refused, unknown};
use super::{FaultPoint, Faults};
use crate::metrics::Metrics;
use crate::trail::{Durability, Trail};

/// How much longer than its limit a run may take before it counts as lost.
const GRACE: Duration = Duration::from_secs(30);
/// How long an approval is kept after its last step; the audit log keeps what it was about.
const KEEP: Duration = Duration::from_hours(90 * 24);
/// How often old ones are looked for.
const CLEAN_EVERY: Duration = Duration::from_hours(24);
/// Longest that somebody who waits goes without a look: news may come between a look and the wait.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What an [`ApprovalService`] is made of.
pub struct ApprovalParts {
    /// The stored approvals.
    pub store: Arc<dyn Approvals>,
    /// Holds the kill switch.
    pub settings: Arc<dyn Settings>,
    /// Stored audit rows, to find out how a lost run ended.
    pub log: Arc<dyn AuditLog>,
    /// News of other processes' decisions.
    pub signals: Arc<dyn Signals>,
    /// Where questions and decisions are recorded.
    pub audit: Arc<dyn AuditSink>,
    /// Decides about expiry.
    pub clock: Arc<dyn Clock>,
    /// Randomness of ids.
    pub entropy: Arc<dyn Entropy>,
    /// Where questions and decisions are counted.
    pub metrics: Arc<Metrics>,
    /// Where a test may end the process.
    pub faults: Faults,
}

/// Moves held calls on; see the module.
pub struct ApprovalService {
    store: Arc<dyn Approvals>,
    pub(super) settings: Arc<dyn Settings>,
    log: Arc<dyn AuditLog>,
    signals: Arc<dyn Signals>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    pub(super) trail: Trail,
    faults: Faults,
    /// When old ones were looked for last.
    cleaned: AtomicI64,
}

/// A call that is to be held.
pub(crate) struct Held<'a> {
    pub(crate) digest: String,
    pub(crate) action: Action,
    pub(crate) verdict: &'a Verdict,
    pub(crate) preview: Option<Preview>,
    pub(crate) read_before: Vec<String>,
    pub(crate) context: &'a CallContext,
}

/// Somebody's word on a held call.
#[derive(Debug, Clone)]
pub struct Ballot<'a> {
    /// Who.
    pub voter: &'a Principal,
    /// Through which door.
    pub channel: Channel,
    /// Yes or no.
    pub approve: bool,
    /// Why.
    pub comment: Option<String>,
    /// The digest of what they were shown.
    pub digest: &'a str,
}

impl ApprovalService {
    /// Reads nothing yet.
    pub fn new(parts: ApprovalParts) -> Arc<Self> {
        let trail = Trail::new(
            parts.audit,
            Arc::clone(&parts.clock),
            parts.entropy,
            Arc::clone(&parts.metrics),
        );
        Arc::new(Self {
            store: parts.store,
            settings: parts.settings,
            log: parts.log,
            signals: parts.signals,
            clock: parts.clock,
            metrics: parts.metrics,
            trail,
            faults: parts.faults,
            cleaned: AtomicI64::new(0),
        })
    }

    /// The time by which approvals expire.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Keeps a call that is to wait, or finds the same one: the result is pending, or approved and
    /// not used yet.
    ///
    /// # Errors
    /// `approval_denied` if it was denied a moment ago, `rate_limited` if too many wait already.
    pub(crate) async fn ask(&self, held: Held<'_>) -> ToolResult<Approval> {
        let now = self.clock.now();
        let lives = held.verdict.expires_after.unwrap_or(EXPIRES_AFTER);
        let context = held.context;
        let approval = Approval {
            id: self.trail.new_id(),
            state: State::Pending,
            needs: held.verdict.decision,
            approvers: held.verdict.approvers.max(1),
            digest: held.digest,
            requester: Requester {
                principal: context.principal.name.clone(),
                credential: context.principal.credential.clone(),
                session: context.session.as_deref().map(str::to_owned),
                transport: context.transport.as_str().to_owned(),
                request_id: context.request_id.to_string(),
            },
            action: held.action,
            preview: held.preview,
            rule: held.verdict.rule.as_deref().map(str::to_owned),
            reason: held.verdict.reason.clone(),
            read_before: held.read_before,
            votes: Vec::new(),
            created_at: now,
            until: now.later(lives),
            run: None,
            outcome: None,
            updated_at: now,
        };
        match self.store.ask(approval, MOST_PENDING, COOL_DOWN).await? {
            Asked::Same(approval) => Ok(approval),
            Asked::New(approval) => {
                self.metrics.approval("asked", "pipeline");
                self.record("approval_requested", &approval, &context.principal, None)
                    .await?;
                self.faults.at(FaultPoint::Asked);
                self.clean(now).await;
                Ok(approval)
            }
            Asked::DeniedBefore(approval) => Err(denied(&approval)),
            Asked::TooMany => Err(ToolError::new(
                Code::RateLimited,
                format!("{MOST_PENDING} calls of yours wait for approval already"),
            )
            .reason("too_many_pending")
            .retry_after_s(60)
            .hint("withdraw those that are not needed with `approval_cancel`")),
        }
    }

    /// Forgets approvals that nobody asks about any more, now and then.
    async fn clean(&self, now: Micros) {
        let last = self.cleaned.load(Ordering::Relaxed);
        if Micros(last).later(CLEAN_EVERY) > now {
            return;
        }
        self.cleaned.store(now.0, Ordering::Relaxed);
        if let Err(error) = self.store.forget_before(now.earlier(KEEP)).await {
            tracing::debug!(%error, "old approvals stay for now");
        }
    }

    /// Counts somebody's word. Refused ones are recorded too: they may be an attempt.
    ///
    /// # Errors
    /// [`VoteError`], with nothing changed.
    pub async fn vote(&self, id: &str, ballot: Ballot<'_>) -> Result<Approval, VoteError> {
        let vote = Vote {
            principal: ballot.voter.name.clone(),
            credential: ballot.voter.credential.clone(),
            kind: ballot.voter.kind,
            channel: ballot.channel,
            approve: ballot.approve,
            comment: ballot.comment.map(|text| clipped(&text)),
            at: self.clock.now(),
        };
        let digest = ballot.digest;
        let step = |approval: Approval| approval.vote(vote.clone(), digest);
        let found = self.store.step(id, &step).await?;
        let decided = found.ok_or_else(|| VoteError::NotFound(id.to_owned()))?;
        let channel = channel_name(ballot.channel);
        match decided {
            Ok(approval) => {
                self.metrics
                    .approval(if vote.approve { "approved" } else { "denied" }, channel);
                let action = if vote.approve {
                    "approval_granted"
                } else {
                    "approval_denied"
                };
                // The word counts; that it could not be recorded must not turn it into a failure
                // that the voter repeats. The trail has counted and logged it.
                drop(self.record(action, &approval, ballot.voter, None).await);
                self.faults.at(FaultPoint::Voted);
                Ok(approval)
            }
            Err(refusal) => {
                self.metrics.approval("refused", channel);
                if let Some(approval) = self.store.get(id, self.clock.now()).await? {
                    let why = Some(refusal.to_string());
                    drop(
                        self.record("approval_vote_refused", &approval, ballot.voter, why)
                            .await,
                    );
                }
                Err(refusal.into())
            }
        }
    }

    /// Uses an approval up: of all that try, one succeeds.
    ///
    /// # Errors
    /// `conflict` if it was used, withdrawn or has expired meanwhile.
    pub(crate) async fn begin(
        &self,
        approval: &Approval,
        run: &str,
        limit: Duration,
    ) -> ToolResult<()> {
        let now = self.clock.now();
        let credential = approval.requester.credential.as_str();
        let step =
            |found: Approval| found.begin(&approval.digest, credential, run, limit + GRACE, now);
        match self.store.step(&approval.id, &step).await? {
            Some(Ok(_)) => {
                self.faults.at(FaultPoint::Begun);
                Ok(())
            }
            Some(Err(Refusal::State(state))) => Err(not_usable(&approval.id, state)),
            Some(Err(refusal)) => Err(refused(refusal)),
            None => Err(ToolError::internal("the approval vanished")),
        }
    }

    /// Tells how the run ended. The audit has it already; a failure here leaves the approval
    /// `unknown`, from where it is read back.
    pub(crate) async fn end(&self, id: &str, run: &str, outcome: &str) {
        let now = self.clock.now();
        let step = |found: Approval| found.end(run, outcome, now);
        match self.store.step(id, &step).await {
            Ok(Some(Ok(_))) => {}
            Ok(other) => tracing::error!(
                approval.id = id,
                ?other,
                "a run ended that was not under way"
            ),
            Err(error) => {
                tracing::warn!(approval.id = id, %error, "the approval does not know how its run ended");
            }
        }
    }

    /// Withdraws a caller's own.
    ///
    /// # Errors
    /// `not_found` for another caller's, `conflict` if it is decided on or used already.
    pub(crate) async fn cancel(&self, id: &str, caller: &Principal) -> ToolResult<Approval> {
        let now = self.clock.now();
        let step = |found: Approval| found.cancel(&caller.credential, now);
        match self.store.step(id, &step).await? {
            Some(Ok(approval)) => {
                self.record("approval_cancelled", &approval, caller, None)
                    .await?;
                Ok(approval)
            }
            None | Some(Err(Refusal::OtherCaller)) => Err(unknown(id)),
            Some(Err(refusal)) => Err(refused(refusal)),
        }
    }

    /// One that this caller may know of: its own, or any for an owner.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, id: &str, caller: &Principal) -> ToolResult<Approval> {
        let found = self.store.get(id, self.clock.now()).await?;
        let approval = found.filter(|one| may_see(caller, one));
        self.read_back(approval.ok_or_else(|| unknown(id))?).await
    }

    /// Those that this caller may know of, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(
        &self,
        state: Option<State>,
        caller: &Principal,
        page: &PageRequest,
    ) -> ToolResult<Page<Approval>> {
        let sees_all = caller.kind == CredentialKind::Owner;
        let filter = ApprovalFilter {
            state,
            credential: (!sees_all).then(|| caller.credential.clone()),
        };
        Ok(self.store.list(&filter, page, self.clock.now()).await?)
    }

    /// Waits until it is decided, at most `within`; returns it as it is then.
    ///
    /// # Errors
    /// As [`ApprovalService::get`].
    pub async fn wait(
        &self,
        id: &str,
        caller: &Principal,
        within: Duration,
    ) -> ToolResult<Approval> {
        let deadline = Instant::now() + within;
        loop {
            let approval = self.get(id, caller).await?;
            let left = deadline.saturating_duration_since(Instant::now());
            if approval.state != State::Pending || left.is_zero() {
                return Ok(approval);
            }
            self.signals
                .changed(Topic::Approvals, left.min(LOOK_EVERY))
                .await;
        }
    }

    /// A run that was cut off may have left its outcome in the audit all the same.
    async fn read_back(&self, mut approval: Approval) -> ToolResult<Approval> {
        if approval.state == State::Unknown
            && approval.outcome.is_none()
            && let Some(run) = &approval.run
        {
            approval.outcome = self.recorded_outcome(run).await?;
        }
        Ok(approval)
    }

    async fn recorded_outcome(&self, run: &str) -> StoreResult<Option<String>> {
        let filter = AuditFilter {
            request_id: Some(run.to_owned()),
            ..AuditFilter::default()
        };
        let rows = self.log.show(&filter, &PageRequest::first(20)).await?;
        let outcome = |row: &homelab_core::audit::ChainedEntry| {
            (row.entry.kind == EntryKind::Outcome).then(|| row.entry.outcome.clone())?
        };
        Ok(rows.items.iter().find_map(outcome))
    }

    /// Puts a step into the audit, durably.
    async fn record(
        &self,
        action: &str,
        approval: &Approval,
        who: &Principal,
        problem: Option<String>,
    ) -> ToolResult<()> {
        let details = json!({
            "tool": approval.action.tool,
            "instance": approval.action.instance,
            "digest": approval.digest,
            "state": approval.state,
            "needs": approval.needs,
            "rule": approval.rule,
            "vote": approval.votes.last().filter(|_| problem.is_none()),
            "problem": problem,
        });
        let entry = AuditEntry {
            id: String::new(),
            timestamp: Micros::default(),
            kind: EntryKind::Event,
            user: who.name.clone(),
            credential: who.credential.clone(),
            transport: approval.requester.transport.clone(),
            ip_address: None,
            action: action.to_owned(),
            target_type: "approval".to_owned(),
            target_id: approval.id.clone(),
            effect: None,
            arguments: None,
            arguments_digest: None,
            outcome: Some(if problem.is_some() { "refused" } else { "ok" }.to_owned()),
            duration_us: None,
            request_id: approval.requester.request_id.clone(),
            details: Some(details.to_string()),
        };
        let written = self.trail.write(entry, Durability::Durable).await;
        Ok(written?)
    }

    /// A test may end the process here.
    pub(crate) fn fault(&self, point: FaultPoint) {
        self.faults.at(point);
    }
}

fn may_see(caller: &Principal, approval: &Approval) -> bool {
    caller.kind == CredentialKind::Owner || caller.credential == approval.requester.credential
}

fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Elicitation => "elicitation",
        Channel::Prompt => "prompt",
        Channel::Cli => "cli",
        Channel::Rest => "rest",
        Channel::Web => "web",
        Channel::Chat => "chat",
    }
}
