//! A call that does another tool's work by another way, such as the upstream's raw API: it needs
//! what that tool needs too, and the stricter of both answers holds.

use homelab_core::call::Principal;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decision, Question, Sight, Verdict};
use homelab_core::server::aggregated_name;
use homelab_core::tool::{Target, ToolSpec};
use serde_json::Value;

use super::Pipeline;
use super::authorize::within_scope;
use super::catalogue::{Entry, Place};
use super::job::Job;

/// What rules see as the arguments of the other tool: they are not known, so a condition that asks
/// for one cannot be evaluated, and the call is refused.
const UNKNOWN: &Value = &Value::Null;

/// The other tool, at the same instance.
pub(super) struct Beside {
    /// With the effect that the call has.
    spec: ToolSpec,
    kind: &'static str,
    aggregated: String,
    of_kind: String,
    qualified: String,
}

impl Beside {
    /// The tool whose work a call does; the call's own specification takes its secrets over.
    pub(super) fn of(
        entry: &Entry,
        own: &mut ToolSpec,
        place: &Place,
        arguments: &Value,
    ) -> Option<Self> {
        if !own.varies {
            return None;
        }
        let server = &place.instance.server;
        let other = server.stands_for(place.index, arguments.clone())?;
        let mut spec = server.tools().get(other)?.spec;
        spec.effect = spec.effect.max(own.effect);
        own.effect = spec.effect;
        own.secret |= spec.secret;
        Some(Self {
            kind: entry.kind,
            aggregated: aggregated_name(entry.kind, &spec),
            of_kind: format!("{}:{}", entry.kind, spec.name),
            qualified: format!("{}:{}", place.instance.name, spec.name),
            spec,
        })
    }

    fn sight<'a>(&'a self, principal: &'a Principal, instance: &'a str) -> Sight<'a> {
        Sight {
            principal,
            spec: &self.spec,
            aggregated: &self.aggregated,
            kind: self.kind,
            instance,
        }
    }

    fn question<'a>(&'a self, job: &'a Job, targets: &'a [Target]) -> Question<'a> {
        Question {
            sight: self.sight(&job.context.principal, &job.place.instance.name),
            transport: job.context.transport,
            arguments: UNKNOWN,
            targets,
        }
    }

    fn refused(&self) -> ToolError {
        let name = self.spec.name;
        let message = format!("this does what `{name}` does, which you may not call");
        ToolError::new(Code::PermissionDenied, message)
            .reason("covered_tool")
            .hint(format!("it needs `{}`", self.spec.permission))
    }
}

impl Pipeline {
    /// Refuses what the other tool's own call would be refused before there are targets.
    pub(super) fn may_do_beside(&self, job: &Job) -> ToolResult<()> {
        let Some(beside) = &job.beside else {
            return Ok(());
        };
        let principal = &*job.context.principal;
        let instance = &*job.place.instance.name;
        within_scope(principal, &beside.spec)?;
        let names = [
            beside.spec.name,
            &*beside.aggregated,
            beside.spec.permission,
            &*beside.of_kind,
            &*beside.qualified,
        ];
        let bounds = principal.tightening.as_deref();
        let within =
            bounds.is_none_or(|bounds| bounds.permits(&beside.spec, beside.kind, instance, &names));
        let hidden = self.policy.hides(&beside.sight(principal, instance));
        if !principal.grants.permit(&names) || !within || hidden {
            return Err(beside.refused());
        }
        Ok(())
    }

    /// The stricter of the decision on the call and that on the other tool.
    pub(super) async fn decide_beside(
        &self,
        job: &Job,
        targets: &[Target],
        own: Verdict,
    ) -> ToolResult<Verdict> {
        let Some(beside) = &job.beside else {
            return Ok(own);
        };
        let other = self.policy.decide(&beside.question(job, targets)).await;
        let other = other.map_err(|error| {
            if error.envelope().reason.as_deref() == Some("policy_error") {
                let name = beside.spec.name;
                return error.hint(format!(
                    "call `{name}` instead: a rule about its arguments cannot judge a raw call"
                ));
            }
            error
        })?;
        Ok(stricter(own, other))
    }

    /// Takes from the budgets of the other tool.
    pub(super) async fn spend_beside(&self, job: &Job, targets: &[Target]) -> ToolResult<()> {
        match &job.beside {
            Some(beside) => self.policy.spend(&beside.question(job, targets)).await,
            None => Ok(()),
        }
    }
}

fn stricter(own: Verdict, other: Verdict) -> Verdict {
    let approvers = own.approvers.max(other.approvers);
    let expires_after = [own.expires_after, other.expires_after]
        .into_iter()
        .flatten()
        .min();
    let mut verdict = if other.decision > own.decision {
        other
    } else {
        own
    };
    if verdict.decision >= Decision::Confirm {
        verdict.approvers = approvers;
        verdict.expires_after = expires_after;
    }
    verdict
}
