//! Audit rows and log lines of calls.
//!
//! A change has its intent on disk before it runs and its outcome before it is answered; a read has
//! its outcome queued, except that of a tool which reveals secrets. Every call leaves exactly one
//! outcome, also when its caller vanished, and repeats of one refusal are gathered.

use std::borrow::Cow;
use std::sync::Arc;

use homelab_core::approval::Approval;
use homelab_core::audit::{self, AuditEntry, EntryKind};
use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::redact::{MARK, Redactor};
use homelab_core::store::StoreError;
use homelab_core::tool::{Inverse, Target, ToolSpec};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::authorize::changes;
use super::catalogue::{Entry, Offer, Place};
use super::paths;
use crate::metrics::{Outcome, names};
use crate::refusals::{RefusalKey, Refusals};
use crate::trail::{Durability, Trail};

/// Longer arguments are counted, not kept.
const MOST_ARGUMENTS: usize = 16 * 1024;

/// Writes rows and log lines.
pub(super) struct Recorder {
    trail: Trail,
    refusals: Refusals,
    redactor: Redactor,
}

/// A call that has no outcome yet. Dropped without one, it records that its caller went away.
pub(super) struct Open<'a> {
    recorder: &'a Recorder,
    entry: Option<AuditEntry>,
    /// Where it is counted; nowhere for what is no call of a tool.
    place: Option<Arc<Place>>,
    durability: Durability,
    started: Instant,
}

impl Recorder {
    pub(super) fn new(trail: Trail, redactor: Redactor) -> Self {
        Self {
            refusals: Refusals::new(trail.clone()),
            trail,
            redactor,
        }
    }

    pub(super) async fn flush(&self) {
        self.refusals.flush().await;
    }

    /// The time.
    pub(super) fn now(&self) -> Micros {
        self.trail.now()
    }

    /// Starts the record of a call with its normalised arguments.
    pub(super) fn open(
        &self,
        context: &CallContext,
        (entry, spec): (&Entry, &ToolSpec),
        place: &Arc<Place>,
        arguments: &Value,
        started: Instant,
    ) -> Open<'_> {
        let at = (entry.kind, &*place.instance.name);
        let mut open = self.open_deed(context, spec, at, arguments, started);
        open.place = Some(Arc::clone(place));
        open
    }

    /// Starts the record of what is done at an instance of a kind other than by calling a tool.
    pub(super) fn open_deed(
        &self,
        context: &CallContext,
        spec: &ToolSpec,
        (kind, instance): (&str, &str),
        arguments: &Value,
        started: Instant,
    ) -> Open<'_> {
        let mut row = row(context, spec.name, kind, instance);
        row.effect = Some(spec.effect.as_str().into());
        self.add_arguments(&mut row, spec.sensitive_args, arguments.clone());
        let durable = changes(spec) || spec.secret;
        Open {
            recorder: self,
            entry: Some(row),
            place: None,
            durability: if durable {
                Durability::Durable
            } else {
                Durability::Queued
            },
            started,
        }
    }

    /// Records a call that was refused before an instance was found for it.
    pub(super) async fn refused_early(
        &self,
        context: &CallContext,
        offer: Option<&Offer>,
        arguments: Value,
        error: &ToolError,
        started: Instant,
    ) {
        let Some(offer) = offer else {
            // The name is the caller's text and the arguments may be anything: neither is kept.
            let row = row(context, names::UNKNOWN, names::UNKNOWN, names::UNKNOWN);
            return self
                .refuse(row, error, "", Durability::Queued, started)
                .await;
        };
        let entry = &offer.entry;
        let instance = match offer.places.as_slice() {
            [only] => &*only.instance.name,
            _ => entry.kind,
        };
        let mut row = row(context, entry.spec().name, entry.kind, instance);
        row.effect = Some(entry.spec().effect.as_str().into());
        self.add_arguments(
            &mut row,
            entry.spec().sensitive_args,
            known_members(entry, arguments),
        );
        let durability = if changes(entry.spec()) {
            Durability::Durable
        } else {
            Durability::Queued
        };
        let detail = row.arguments_digest.clone().unwrap_or_default();
        self.refuse(row, error, &detail, durability, started).await;
    }

    /// Adds the arguments that may be kept, and the digest that recognises a repeat. Sensitive ones
    /// are in neither: the digest of a short secret is as good as the secret.
    fn add_arguments(&self, row: &mut AuditEntry, sensitive: &[&str], mut arguments: Value) {
        for path in sensitive {
            paths::each(&mut arguments, path, &mut |value| *value = MARK.into());
        }
        let text = audit::canonical(&arguments);
        row.arguments_digest = Some(audit::digest(&text));
        if text.len() > MOST_ARGUMENTS {
            row.arguments = Some(json!({ "omitted_bytes": text.len() }).to_string());
            return;
        }
        let text = if self.redactor.value(&mut arguments, &[]) {
            audit::canonical(&arguments)
        } else {
            text
        };
        // Once more as text, for secrets in the names of members.
        row.arguments = Some(match self.redactor.text(&text) {
            Cow::Owned(clean) => clean,
            Cow::Borrowed(_) => text,
        });
    }

    async fn refuse(
        &self,
        mut row: AuditEntry,
        error: &ToolError,
        detail: &str,
        durability: Durability,
        started: Instant,
    ) {
        finish(&mut row, Some(error), None, started);
        log(&row, Outcome::of(error), error.code() == Code::Internal);
        let reason = error.envelope().reason.as_deref().unwrap_or_default();
        let key = RefusalKey::of(&row, &format!("{reason} {detail}"));
        self.refusals.record(key, row, durability).await;
    }

    fn inverse_details(&self, inverse: Inverse) -> Value {
        let mut arguments = inverse.arguments;
        let before = arguments.clone();
        self.redactor.value(&mut arguments, &[]);
        let mut details = json!({ "tool": inverse.tool, "arguments": arguments });
        if details["arguments"] != before {
            // It cannot be run as it stands; whoever undoes has to fill in what is missing.
            details["incomplete"] = true.into();
        }
        details
    }
}

impl Open<'_> {
    /// Puts the intent on disk.
    ///
    /// # Errors
    /// When that fails; the call must not run then.
    pub(super) async fn intent(
        &self,
        targets: &[Target],
        approval: Option<&Approval>,
    ) -> ToolResult<()> {
        let Some(entry) = &self.entry else {
            return Ok(());
        };
        let mut details = Map::new();
        if !targets.is_empty() {
            let mut targets = json!(targets);
            self.recorder.redactor.value(&mut targets, &[]);
            details.insert("targets".into(), targets);
        }
        if let Some(approval) = approval {
            details.insert("approval_id".into(), approval.id.as_str().into());
        }
        let row = AuditEntry {
            kind: EntryKind::Intent,
            details: (!details.is_empty()).then(|| Value::Object(details).to_string()),
            ..entry.clone()
        };
        let written = self.recorder.trail.write(row, Durability::Durable).await;
        written.map_err(|error| {
            unrecorded(
                &error,
                "the call was not run, because the audit cannot record it",
            )
            .retryable(true)
        })
    }

    /// Records a decision against the call.
    pub(super) async fn refused(mut self, error: &ToolError) {
        let Some(row) = self.entry.take() else {
            return;
        };
        self.count(Outcome::of(error));
        self.recorder
            .refuse(row, error, "", self.durability, self.started)
            .await;
    }

    /// Records how the call ended. The id of the row is answered where it can be undone by it.
    ///
    /// # Errors
    /// When the outcome cannot be kept; the answer is withheld then.
    pub(super) async fn ended(
        mut self,
        error: Option<&ToolError>,
        inverse: Option<Inverse>,
    ) -> ToolResult<Option<String>> {
        let Some(mut row) = self.entry.take() else {
            return Ok(None);
        };
        let outcome = error.map_or(Outcome::Ok, Outcome::of);
        self.count(outcome);
        let inverse = inverse.map(|inverse| self.recorder.inverse_details(inverse));
        let can_be_undone = inverse.is_some();
        finish(&mut row, error, inverse, self.started);
        if can_be_undone {
            row.id = self.recorder.trail.new_id();
        }
        let id = row.id.clone();
        log(
            &row,
            outcome,
            error.is_some_and(|error| error.code() == Code::Internal),
        );
        let is_change = row.effect.as_deref() != Some("read");
        let written = self.recorder.trail.write(row, self.durability).await;
        let kept = written.map(|()| can_be_undone.then_some(id));
        kept.map_err(|error| {
            if is_change {
                unrecorded(
                    &error,
                    "the call ran, but the audit cannot record how it ended",
                )
            } else {
                unrecorded(
                    &error,
                    "the answer is withheld, because the audit cannot record it",
                )
                .retryable(true)
            }
        })
    }
}

impl Open<'_> {
    fn count(&self, outcome: Outcome) {
        if let Some(place) = &self.place {
            place.calls.count(outcome);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let (Some(mut row), Ok(runtime)) =
            (self.entry.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let error = ToolError::new(Code::Timeout, "the caller went away").reason("cancelled");
        self.count(Outcome::Cancelled);
        finish(&mut row, Some(&error), None, self.started);
        log(&row, Outcome::Cancelled, false);
        let (trail, durability) = (self.recorder.trail.clone(), self.durability);
        runtime.spawn(async move { drop(trail.write(row, durability).await) });
    }
}

/// A row with everything but arguments and outcome; the trail gives it its id and time.
fn row(context: &CallContext, action: &str, kind: &str, instance: &str) -> AuditEntry {
    AuditEntry {
        id: String::new(),
        timestamp: Micros::default(),
        kind: EntryKind::Outcome,
        user: context.principal.name.clone(),
        credential: context.principal.credential.clone(),
        transport: context.transport.as_str().into(),
        ip_address: context.peer.as_deref().map(str::to_owned),
        action: action.to_owned(),
        target_type: kind.to_owned(),
        target_id: instance.to_owned(),
        effect: None,
        arguments: None,
        arguments_digest: None,
        outcome: None,
        duration_us: None,
        request_id: context.request_id.to_string(),
        details: None,
    }
}

fn finish(
    row: &mut AuditEntry,
    error: Option<&ToolError>,
    inverse: Option<Value>,
    started: Instant,
) {
    row.duration_us = Some(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX));
    row.outcome = Some(error.map_or("ok", |error| error.code().as_str()).to_owned());
    let mut details = Map::new();
    if let Some(error) = error {
        let envelope = error.envelope();
        if let Some(reason) = &envelope.reason {
            details.insert("reason".into(), reason.as_ref().into());
        }
        details.insert("message".into(), envelope.message.as_str().into());
        if let Some(approval) = &envelope.approval_id {
            details.insert("approval_id".into(), approval.as_str().into());
        }
    }
    if let Some(inverse) = inverse {
        details.insert("inverse".into(), inverse);
    }
    row.details = (!details.is_empty()).then(|| Value::Object(details).to_string());
}

/// Arguments that were not checked: only members that the tool knows are kept, because a secret under
/// a misspelt name would not be recognised.
fn known_members(entry: &Entry, arguments: Value) -> Value {
    let (Value::Object(mut members), Ok(rules)) = (arguments, entry.rules()) else {
        return Value::Null;
    };
    for (name, value) in &mut members {
        if !rules.knows(name) {
            *value = MARK.into();
        }
    }
    Value::Object(members)
}

fn unrecorded(error: &StoreError, message: &str) -> ToolError {
    let code = if matches!(error, StoreError::Unavailable(_)) {
        Code::UpstreamUnreachable
    } else {
        Code::Internal
    };
    ToolError::new(code, message)
        .retryable(false)
        .reason("audit_unavailable")
        .hint("run `homelab-mcp doctor` to see what is wrong with the database")
}

/// One line for each call. Successful reads are the bulk and say least, so they are `debug`.
fn log(row: &AuditEntry, outcome: Outcome, is_fault: bool) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "homelab_mcp::call",
                {
                    request.id = row.request_id,
                    caller.name = row.user,
                    caller.id = row.credential,
                    transport = row.transport,
                    server.name = row.target_id,
                    tool.name = row.action,
                    outcome = outcome.as_str(),
                    code = row.outcome,
                    duration_us = row.duration_us,
                },
                "{} called {} on {}: {}",
                row.user,
                row.action,
                row.target_id,
                row.outcome.as_deref().unwrap_or_default()
            )
        };
    }
    if is_fault {
        line!(error);
    } else if outcome == Outcome::Ok && row.effect.as_deref() == Some("read") {
        line!(debug);
    } else {
        line!(info);
    }
}
