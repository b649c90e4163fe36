//! Calls that need a person's word: the plan, the question in the client, the approval that lets one
//! run through.

use homelab_core::approval::{Action, Approval, Binding, Channel, State};
use homelab_core::audit;
use homelab_core::call::{Confirmation, Transport};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decision, Verdict};
use homelab_core::redact::MARK;
use homelab_core::tool::Preview;
use serde_json::Value;
use tokio::time::Instant;

use super::job::{Admitted, Job};
use super::{Pipeline, paths, shape};
use crate::approval::{Ballot, Held, denied, waiting};

impl Pipeline {
    /// Ends when the call may begin: with the approval that lets it, or without one where it needs
    /// none.
    ///
    /// # Errors
    /// `permission_denied`, `approval_required`, `approval_denied`: it does not run now.
    pub(super) async fn leave(
        &self,
        job: &mut Job,
        admitted: &Admitted,
    ) -> ToolResult<Option<Approval>> {
        let verdict = &admitted.verdict;
        match verdict.decision {
            Decision::Allow => return Ok(None),
            Decision::Deny => return Err(forbidden(verdict, &job.listed_name)),
            Decision::Confirm | Decision::Approve => {}
        }
        let asked = self.ask(job, admitted).await?;
        let approval = match asked.state {
            State::Approved => asked,
            _ if in_the_client(verdict) => self.confirm(job, asked).await?,
            _ => return Err(waiting(&asked, &job.listed_name)),
        };
        // The tool's own time begins now, not when somebody was asked.
        let limit = Instant::now() + job.spec.timeout;
        job.context.deadline = Some(job.own_deadline.map_or(limit, |own| own.min(limit)));
        Ok(Some(approval))
    }

    /// Keeps the call, or finds that it waits already or may run already.
    async fn ask(&self, job: &Job, admitted: &Admitted) -> ToolResult<Approval> {
        let verdict = &admitted.verdict;
        let (entry, instance) = (&job.entry, &*job.place.instance.name);
        let binding = Binding {
            credential: &job.context.principal.credential,
            kind: entry.kind,
            instance,
            tool: entry.spec().name,
            arguments: &job.arguments,
            needs: verdict.decision,
            approvers: verdict.approvers.max(1),
        };
        let held = Held {
            digest: binding.digest(),
            action: Action {
                kind: entry.kind.to_owned(),
                instance: instance.to_owned(),
                tool: entry.spec().name.to_owned(),
                effect: job.spec.effect,
                arguments: self.shown(job),
            },
            verdict,
            preview: self.preview(job).await,
            read_before: admitted.read_before.clone(),
            context: &job.context,
        };
        self.approvals.ask(held).await
    }

    /// The arguments as an approver may see them.
    fn shown(&self, job: &Job) -> Value {
        let mut arguments = job.arguments.clone();
        for path in job.spec.sensitive_args {
            paths::each(&mut arguments, path, &mut |value| *value = MARK.into());
        }
        self.redactor.value(&mut arguments, &[]);
        // In canonical order, as it was hashed.
        serde_json::from_str(&audit::canonical(&arguments)).unwrap_or(arguments)
    }

    /// What the tool foresees. A preview that fails is said, not hidden: the approver should know
    /// that nobody looked.
    async fn preview(&self, job: &Job) -> Option<Preview> {
        let server = &job.place.instance.server;
        let hook = server.preview(job.place.index, job.arguments.clone())?;
        let foreseen = self.bounds(job).hold(hook).await;
        let mut preview = foreseen.unwrap_or_else(|error| Preview {
            summary: format!("no preview: {}", error.envelope().message),
            changes: Vec::new(),
            impact: Vec::new(),
        });
        let clean = |text: &mut String| *text = shape::clean_text(text, &self.redactor);
        clean(&mut preview.summary);
        preview.impact.iter_mut().for_each(clean);
        for change in &mut preview.changes {
            let is_secret = homelab_core::redact::names_a_secret(&change.field)
                || job.spec.sensitive_args.contains(&&*change.field);
            for text in [&mut change.from, &mut change.to].into_iter().flatten() {
                if is_secret {
                    MARK.clone_into(text);
                } else {
                    clean(text);
                }
            }
            clean(&mut change.field);
        }
        Some(preview)
    }

    /// Asks whoever sits at the client, where the rules let them decide.
    async fn confirm(&self, job: &Job, asked: Approval) -> ToolResult<Approval> {
        let Some(way) = job.context.confirm.way() else {
            return Err(waiting(&asked, &job.listed_name));
        };
        let left = asked.until.0.saturating_sub(self.approvals.now().0);
        let left = std::time::Duration::from_micros(u64::try_from(left).unwrap_or_default());
        let answer = tokio::select! {
            biased;
            answer = tokio::time::timeout(left, way.confirm(&asked)) => {
                answer.unwrap_or(Confirmation::Dismissed)
            }
            () = job.context.cancel.cancelled() => Confirmation::Dismissed,
        };
        let (approve, comment) = match answer {
            Confirmation::Accepted { comment } => (true, comment),
            Confirmation::Declined { comment } => (false, comment),
            Confirmation::Dismissed | Confirmation::Later => {
                return Err(waiting(&asked, &job.listed_name));
            }
        };
        let ballot = Ballot {
            voter: &job.context.principal,
            channel: if job.context.transport == Transport::Cli {
                Channel::Prompt
            } else {
                Channel::Elicitation
            },
            approve,
            comment,
            digest: &asked.digest,
        };
        let decided = self.approvals.vote(&asked.id, ballot).await?;
        if decided.state == State::Approved {
            Ok(decided)
        } else {
            Err(denied(&decided))
        }
    }
}

/// Whether the rules let the caller's own client decide.
fn in_the_client(verdict: &Verdict) -> bool {
    verdict.decision == Decision::Confirm && verdict.approvers <= 1
}

fn forbidden(verdict: &Verdict, listed_name: &str) -> ToolError {
    let mut message = format!("you may not call `{listed_name}` like this");
    if let Some(reason) = &verdict.reason {
        message = format!("{message}: {reason}");
    }
    let error = ToolError::new(Code::PermissionDenied, message).reason("denied");
    match &verdict.rule {
        Some(rule) => error.hint(format!(
            "the rule `{rule}` says so; the owner may change it"
        )),
        None => error,
    }
}
