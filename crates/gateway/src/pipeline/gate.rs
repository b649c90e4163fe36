//! What is done through other doors than a call of a tool, under the same checks and with the same
//! records: role, patterns and scope, kill switch, rules, intent, budgets, taint, outcome.

use std::future::Future;
use std::sync::Arc;

use homelab_core::call::{CallContext, Principal};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::{Decision, Question, Sight};
use homelab_core::server::aggregated_name;
use homelab_core::tool::ToolSpec;
use serde_json::Value;
use tokio::time::Instant;

use super::authorize::{changes, within_scope};
use super::{Pipeline, shape};

/// The pipeline without its tools.
#[derive(Clone)]
pub struct Gate(pub(super) Arc<Pipeline>);

/// What is to be done. It is decided on and recorded like a call of the tool that `spec` names.
pub(crate) struct Deed<'a> {
    pub(crate) spec: &'a ToolSpec,
    pub(crate) kind: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) context: &'a CallContext,
    pub(crate) arguments: Value,
}

impl Deed<'_> {
    fn sight<'a>(&'a self, aggregated: &'a str) -> Sight<'a> {
        Sight {
            principal: &self.context.principal,
            spec: self.spec,
            aggregated,
            kind: self.kind,
            instance: self.instance,
        }
    }
}

impl Gate {
    /// Does `work` if it may be done. The work says how it ended in a tool's terms, beside its own
    /// result.
    ///
    /// # Errors
    /// The refusal, or that the records cannot be kept.
    pub(crate) async fn pass<T>(
        &self,
        deed: &Deed<'_>,
        work: impl Future<Output = (T, Option<ToolError>)> + Send,
    ) -> ToolResult<T> {
        let pipeline = &*self.0;
        let record = pipeline.recorder.open_deed(
            deed.context,
            deed.spec,
            (deed.kind, deed.instance),
            &deed.arguments,
            Instant::now(),
        );
        if let Err(error) = self.admit(deed).await {
            let error = shape::clean_error(error, &pipeline.redactor);
            record.refused(&error).await;
            return Err(error);
        }
        if changes(deed.spec)
            && let Err(error) = self.begin(deed, &record).await
        {
            drop(record.ended(Some(&error), None).await);
            return Err(error);
        }
        let (result, failed) = work.await;
        let failed = failed.map(|error| shape::clean_error(error, &pipeline.redactor));
        let noted = match &failed {
            None => self.note_untrusted(deed).await,
            Some(_) => Ok(()),
        };
        let ended = failed.as_ref().or(noted.as_ref().err());
        record.ended(ended, None).await?;
        noted.map(|()| result)
    }

    async fn admit(&self, deed: &Deed<'_>) -> ToolResult<()> {
        let pipeline = &*self.0;
        let principal = &deed.context.principal;
        within_scope(principal, deed.spec)?;
        let aggregated = aggregated_name(deed.kind, deed.spec);
        let sight = deed.sight(&aggregated);
        if pipeline.policy.hides(&sight) || !within_patterns(principal, deed, &aggregated) {
            return Err(denied(deed, None));
        }
        if changes(deed.spec) {
            pipeline.kill_switch.check(&*pipeline.settings).await?;
        }
        let verdict = pipeline.policy.decide(&question(deed, sight)).await?;
        match verdict.decision {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(denied(deed, verdict.reason.as_deref())),
            Decision::Confirm | Decision::Approve => Err(ToolError::new(
                Code::PermissionDenied,
                format!("a person has to agree to `{}` first", deed.spec.permission),
            )
            .reason("needs_a_person")
            .hint(format!(
                "call the tool `{}` instead: it can wait for the answer",
                deed.spec.name
            ))),
        }
    }

    async fn begin(&self, deed: &Deed<'_>, record: &super::record::Open<'_>) -> ToolResult<()> {
        record.intent(&[], None).await?;
        let aggregated = aggregated_name(deed.kind, deed.spec);
        let policy = &self.0.policy;
        policy.spend(&question(deed, deed.sight(&aggregated))).await
    }

    /// What was read may talk a model into something.
    async fn note_untrusted(&self, deed: &Deed<'_>) -> ToolResult<()> {
        if deed.spec.untrusted.is_empty() || !deed.context.principal.taintable {
            return Ok(());
        }
        let source = format!("{}:{}", deed.instance, deed.spec.name);
        self.0.taint.mark(deed.context, source).await
    }
}

fn question<'a>(deed: &'a Deed<'_>, sight: Sight<'a>) -> Question<'a> {
    Question {
        sight,
        transport: deed.context.transport,
        arguments: &deed.arguments,
        targets: &[],
    }
}

/// By the patterns of the key, and the bounds that the request set itself.
fn within_patterns(principal: &Principal, deed: &Deed<'_>, aggregated: &str) -> bool {
    let of_kind = format!("{}:{}", deed.kind, deed.spec.name);
    let qualified = format!("{}:{}", deed.instance, deed.spec.name);
    let names = [
        deed.spec.name,
        aggregated,
        deed.spec.permission,
        &*of_kind,
        &*qualified,
    ];
    let tightening = principal.tightening.as_deref();
    principal.grants.permit(&names)
        && tightening
            .is_none_or(|bounds| bounds.permits(deed.spec, deed.kind, deed.instance, &names))
}

fn denied(deed: &Deed<'_>, why: Option<&str>) -> ToolError {
    let mut message = format!("you may not do this: it needs `{}`", deed.spec.permission);
    if let Some(why) = why {
        message = format!("{message} ({why})");
    }
    ToolError::new(Code::PermissionDenied, message)
        .reason("denied")
        .hint("ask the owner for a key whose role and patterns allow it")
}
