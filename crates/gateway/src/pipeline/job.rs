//! One tool at one instance, from the decision to the recorded outcome.

use std::sync::Arc;

use homelab_core::approval::Approval;
use homelab_core::call::CallContext;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Question, Sight, Verdict};
use homelab_core::tool::{Inverse, Target, ToolSpec};
use serde_json::Value;
use tokio::time::Instant;

use super::authorize::{changes, may_call};
use super::beside::Beside;
use super::catalogue::{Entry, Place};
use super::execute::{Bounds, busy, not_applied};
use super::record::Open;
use super::size::{self, Answer, Budget};
use super::{Pipeline, shape};
use crate::approval::FaultPoint;

/// How often a page is asked for anew with fewer rows, before it is cut.
const PAGE_ATTEMPTS: usize = 3;

/// What is to be done.
pub(super) struct Job {
    pub(super) entry: Arc<Entry>,
    /// The tool's specification with the effect that these arguments have.
    pub(super) spec: ToolSpec,
    /// The tool whose work the call does by another way.
    pub(super) beside: Option<Beside>,
    pub(super) place: Arc<Place>,
    /// The tool's name where it was called.
    pub(super) listed_name: Arc<str>,
    /// Normalised and valid.
    pub(super) arguments: Value,
    /// The caller said how many rows it wants.
    pub(super) is_sized: bool,
    pub(super) budget: Budget,
    pub(super) context: CallContext,
    pub(super) started: Instant,
    /// When the caller itself gives up.
    pub(super) own_deadline: Option<Instant>,
}

/// What is known of a job before it is let through.
pub(super) struct Admitted {
    pub(super) targets: Vec<Target>,
    pub(super) verdict: Verdict,
    /// Sources of text by outsiders that the caller read before; empty unless that matters.
    pub(super) read_before: Vec<String>,
}

impl Pipeline {
    /// Decides, runs, shapes and records one job.
    pub(super) async fn perform(&self, mut job: Job) -> ToolResult<Answer> {
        let deadline = job.started + job.spec.timeout;
        let own = job.own_deadline;
        job.context.deadline = Some(own.map_or(deadline, |own| own.min(deadline)));
        // Ends with the call, so that work which a tool left behind stops too.
        let token = job.context.cancel.child_token();
        let _ends_with_call = token.clone().drop_guard();
        job.context.cancel = token;
        if job.context.progress.is_wanted() {
            job.context.progress = shape::clean_progress(job.context.progress, &self.redactor);
        }

        let record = self.recorder.open(
            &job.context,
            (&job.entry, &job.spec),
            &job.place,
            &job.arguments,
            job.started,
        );
        let admitted = self.bounds(&job).hold(self.admit(&job)).await;
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.stopped(record, error, &job).await),
        };
        let approval = match self.leave(&mut job, &admitted).await {
            Ok(approval) => approval,
            Err(error) => return Err(self.stopped(record, error, &job).await),
        };
        if changes(&job.spec) {
            let begun = async {
                record.intent(&admitted.targets, approval.as_ref()).await?;
                self.begin(&job, &admitted, approval.as_ref()).await
            };
            if let Err(error) = begun.await {
                return Err(self.stopped(record, error, &job).await);
            }
        }

        let (inverse, answer) = self.execute(&job).await;
        let mut answer = answer.map_err(|error| self.clean_error(error, &job));
        self.reached(approval.as_ref(), FaultPoint::Ran);
        if let Err(error) = self.note_untrusted(&job, &answer).await {
            answer = Err(self.clean_error(error, &job));
        }
        let outcome = answer
            .as_ref()
            .err()
            .map_or("ok", |error| error.code().as_str());
        // The inverse is kept for a failure too: part of the change may have been made.
        let kept = record.ended(answer.as_ref().err(), inverse).await;
        self.reached(approval.as_ref(), FaultPoint::Recorded);
        if let Some(approval) = &approval {
            let run = job.context.request_id.as_str();
            self.approvals.end(&approval.id, run, outcome).await;
        }
        let audit_id = kept?;
        note(&job, &answer);
        answer.map(|answer| size::with_audit_id(answer, audit_id, &job.entry))
    }

    /// Records a call that did not begin.
    async fn stopped(&self, record: Open<'_>, error: ToolError, job: &Job) -> ToolError {
        let error = self.clean_error(error, job);
        // Refusals may come as fast as a caller can call; repeats of one are gathered.
        if matches!(
            error.code(),
            Code::PermissionDenied
                | Code::ApprovalRequired
                | Code::ApprovalDenied
                | Code::RateLimited
        ) {
            record.refused(&error).await;
        } else {
            // Nothing ran, so there is nothing to withhold if this cannot be kept.
            drop(record.ended(Some(&error), None).await);
        }
        error
    }

    /// Kill switch, targets, decision. Reads have no targets: nothing of theirs is protected yet.
    async fn admit(&self, job: &Job) -> ToolResult<Admitted> {
        let spec = &job.spec;
        may_call(job)?;
        self.may_do_beside(job)?;
        let server = &job.place.instance.server;
        let mut targets = Vec::new();
        if changes(spec) {
            self.kill_switch.check(&*self.settings).await?;
            if let Some(found) = server.targets(job.place.index, job.arguments.clone()) {
                targets = found.await?;
            }
        }
        let verdict = self.policy.decide(&question(job, &targets)).await?;
        let verdict = self.decide_beside(job, &targets, verdict).await?;
        let mut admitted = Admitted {
            targets,
            verdict,
            read_before: Vec::new(),
        };
        if changes(spec) {
            self.heed_taint(job, &mut admitted).await?;
        }
        Ok(admitted)
    }

    /// The last steps before a change: budgets, the approval's one use, and the kill switch once
    /// more, because a person may have taken minutes to decide.
    async fn begin(
        &self,
        job: &Job,
        admitted: &Admitted,
        approval: Option<&Approval>,
    ) -> ToolResult<()> {
        if approval.is_some() {
            self.reached(approval, FaultPoint::Intended);
            self.kill_switch.check(&*self.settings).await?;
        }
        self.policy.spend(&question(job, &admitted.targets)).await?;
        self.spend_beside(job, &admitted.targets).await?;
        if let Some(approval) = approval {
            let run = job.context.request_id.as_str();
            let limit = job.spec.timeout;
            self.approvals.begin(approval, run, limit).await?;
        }
        Ok(())
    }

    fn reached(&self, approval: Option<&Approval>, point: FaultPoint) {
        if approval.is_some() {
            self.approvals.fault(point);
        }
    }

    /// Waits for a place, works out the inverse from the state before, runs, and makes it fit.
    async fn execute(&self, job: &Job) -> (Option<Inverse>, ToolResult<Answer>) {
        let instance = &job.place.instance;
        let bounds = self.bounds(job);
        let place = bounds.hold(async {
            let place = instance.permits.acquire().await;
            place.map_err(|_| ToolError::internal("the instance takes no more calls"))
        });
        let _place = match place.await {
            Ok(place) => place,
            Err(error) => return (None, Err(busy(error, &instance.name))),
        };
        let _running = instance.metrics.running();

        let mut inverse = None;
        if changes(&job.spec) {
            let hook = async {
                match instance
                    .server
                    .inverse(job.place.index, job.arguments.clone())
                {
                    Some(inverse) => inverse.await,
                    None => Ok(None),
                }
            };
            inverse = bounds.hold(hook).await.unwrap_or_else(|error| {
                // Most often the call will fail for the same reason; if not, it cannot be undone.
                tracing::debug!(tool.name = job.spec.name, %error, "no inverse");
                None
            });
        }
        (inverse, self.answer(job, &bounds).await)
    }

    async fn answer(&self, job: &Job, bounds: &Bounds<'_>) -> ToolResult<Answer> {
        let limit = if job.entry.is_paged() && !job.is_sized {
            job.budget.page
        } else {
            job.budget.most
        };
        let mut answer = self.run_once(job, bounds, job.arguments.clone()).await?;
        if answer.fits(limit) {
            return Ok(answer);
        }
        // A smaller page is asked for rather than cut, because only the store can name the cursor
        // that leads to the rows behind it.
        if job.entry.is_paged() && !changes(&job.spec) {
            for _ in 0..PAGE_ATTEMPTS {
                let Some(rows) = size::rows_that_fit(&answer, limit) else {
                    break;
                };
                let mut arguments = job.arguments.clone();
                arguments["limit"] = rows.into();
                let page = self.run_once(job, bounds, arguments).await?;
                answer = size::note_page(page, &job.entry);
                if answer.fits(limit) {
                    return Ok(answer);
                }
            }
        }
        if answer.fits(job.budget.most) {
            return Ok(answer);
        }
        size::cut(answer, job.budget.most, &job.entry)
    }

    async fn run_once(
        &self,
        job: &Job,
        bounds: &Bounds<'_>,
        arguments: Value,
    ) -> ToolResult<Answer> {
        let spec = &job.spec;
        let server = &job.place.instance.server;
        // Within the bounds: also a tool that panics before it returns its future is caught.
        let run = async { server.run(job.place.index, arguments, &job.context).await };
        let ran = bounds.hold(run).await?;
        if let Some(error) = not_applied(&ran.mismatches, spec.sensitive_args) {
            return Err(error);
        }
        let mut output = ran.output;
        if !output.is_object() {
            return Err(ToolError::internal("the tool's result is not an object"));
        }
        shape::clean(&mut output, spec, &self.redactor);
        Ok(Answer::of(output))
    }

    pub(super) fn bounds<'a>(&'a self, job: &'a Job) -> Bounds<'a> {
        Bounds {
            spec: &job.spec,
            cancel: &job.context.cancel,
            deadline: job.context.deadline.unwrap_or(job.started),
            started: job.started,
            redactor: &self.redactor,
        }
    }

    fn clean_error(&self, error: ToolError, job: &Job) -> ToolError {
        shape::clean_error(error, &self.redactor).instance(&*job.place.instance.name)
    }
}

/// What the policy is asked about a job.
pub(super) fn question<'a>(job: &'a Job, targets: &'a [Target]) -> Question<'a> {
    Question {
        sight: Sight {
            principal: &job.context.principal,
            spec: &job.spec,
            aggregated: &job.entry.aggregated,
            kind: job.entry.kind,
            instance: &job.place.instance.name,
        },
        transport: job.context.transport,
        arguments: &job.arguments,
        targets,
    }
}

/// Measures an answer, and notes what it says about the upstream.
fn note(job: &Job, answer: &ToolResult<Answer>) {
    let metrics = &job.place.instance.metrics;
    match answer {
        Ok(answer) => {
            metrics.answered(answer.text.len());
            metrics.note_up(true);
        }
        Err(error) if error.code() == Code::UpstreamUnreachable => metrics.note_up(false),
        Err(_) => {}
    }
}
