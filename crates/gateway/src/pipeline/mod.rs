//! One call from its door to its answer: a plain async function over named steps.
//!
//! resolve → coarse permission → the token's scope → validate and normalise → kill switch, targets, decision, taint →
//! confirmation or approval → intent (changes) → budgets, the approval's one use → run, read back →
//! redact, mark, cap → outcome → answer.
//!
//! Reading order: `Pipeline::call` here, then `Pipeline::perform` in `job.rs`, then the step that
//! interests you; each has its own file.

mod authorize;
mod beside;
mod catalogue;
mod execute;
mod facts;
mod gate;
mod hold;
mod instances;
mod job;
mod listing;
mod near;
mod paths;
mod record;
mod resolve;
mod shape;
mod size;
mod taint;
mod validate;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use homelab_core::call::{CallContext, Caller, Format, Principal, ToolCall, ToolReply};
use homelab_core::clock::{Clock, Entropy};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::policy::Decide;
use homelab_core::redact::Redactor;
use homelab_core::render;
use homelab_core::server::{Endpoint, ListedTool, Registry, Server};
use homelab_core::store::{AuditSink, Settings, Taints};
use homelab_core::tool::{Effect, ToolInfo, ToolSpec};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tracing::Instrument as _;

pub use gate::Gate;
pub use taint::WINDOW as TAINT_WINDOW;

pub(crate) use gate::Deed;

use crate::approval::ApprovalService;
use crate::metrics::Metrics;
use crate::trail::Trail;
use authorize::{KillSwitch, changes, within_scope};
use beside::Beside;
use catalogue::{Catalogues, Entry, Place};
use instances::Selection;
use job::Job;
use record::Recorder;
use resolve::{Resolved, Unresolved, Viewer, resolve};
use size::{Answer, Budget};
use taint::Taint;

/// Limits that the configuration may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineOptions {
    /// Size of a list whose length the caller left open, tokens; 2,000.
    pub page_tokens: usize,
    /// Size that no answer exceeds, tokens; 20,000.
    pub most_tokens: usize,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            page_tokens: 2_000,
            most_tokens: 20_000,
        }
    }
}

/// What a [`Dispatcher`] is made of.
pub struct DispatcherParts {
    /// The instances; may be replaced as a whole at any time.
    pub registry: Arc<ArcSwap<Registry>>,
    /// Holds the kill switch.
    pub settings: Arc<dyn Settings>,
    /// Where calls are recorded.
    pub audit: Arc<dyn AuditSink>,
    /// Decides on each call.
    pub policy: Arc<dyn Decide>,
    /// Holds calls that need a person's word.
    pub approvals: Arc<ApprovalService>,
    /// Which scopes read text by outsiders.
    pub taints: Arc<dyn Taints>,
    /// A server whose tools every endpoint has.
    pub everywhere: Option<Arc<dyn Server>>,
    /// A file whose presence stops every change.
    pub kill_file: Option<PathBuf>,
    /// Time of audit rows.
    pub clock: Arc<dyn Clock>,
    /// Randomness of their ids.
    pub entropy: Arc<dyn Entropy>,
    /// Knows the secrets.
    pub redactor: Redactor,
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
    /// Limits.
    pub options: PipelineOptions,
}

/// The one way to run a tool.
pub struct Dispatcher(Arc<Pipeline>);

impl Dispatcher {
    /// Reads the registry; does no I/O.
    pub fn new(parts: DispatcherParts) -> Arc<Self> {
        let trail = Trail::new(
            parts.audit,
            Arc::clone(&parts.clock),
            parts.entropy,
            Arc::clone(&parts.metrics),
        );
        let options = parts.options;
        Arc::new(Self(Arc::new(Pipeline {
            catalogues: Catalogues::new(
                parts.registry,
                parts.everywhere,
                Arc::clone(&parts.metrics),
            ),
            settings: parts.settings,
            kill_switch: KillSwitch {
                file: parts.kill_file,
            },
            policy: parts.policy,
            approvals: parts.approvals,
            taint: Taint::new(parts.taints, parts.clock),
            recorder: Recorder::new(trail, parts.redactor.clone()),
            redactor: parts.redactor,
            metrics: parts.metrics,
            budget: Budget::from_tokens(options.page_tokens, options.most_tokens),
            facts: facts::Memory::default(),
        })))
    }

    /// The same checks and records for what is done other than by calling a tool.
    pub fn gate(&self) -> Gate {
        Gate(Arc::clone(&self.0))
    }

    /// Writes the refusals gathered so far; call it before the audit is closed.
    pub async fn flush(&self) {
        self.0.recorder.flush().await;
    }
}

#[async_trait]
impl Caller for Dispatcher {
    async fn call(&self, call: ToolCall) -> Result<ToolReply, ToolError> {
        let request_id = call.context.request_id.clone();
        let reply = self.0.call(call).await;
        reply.map_err(|error| error.request_id(request_id.as_str()))
    }

    fn list(
        &self,
        endpoint: &Endpoint,
        principal: &Principal,
    ) -> Result<Vec<ListedTool>, ToolError> {
        let viewer = Viewer {
            policy: &*self.0.policy,
            principal,
        };
        resolve::list(&self.0.catalogues.current(), endpoint, viewer)
    }
}

struct Pipeline {
    catalogues: Catalogues,
    settings: Arc<dyn Settings>,
    kill_switch: KillSwitch,
    policy: Arc<dyn Decide>,
    approvals: Arc<ApprovalService>,
    taint: Taint,
    recorder: Recorder,
    redactor: Redactor,
    metrics: Arc<Metrics>,
    budget: Budget,
    facts: facts::Memory,
}

/// A call whose arguments are in order.
struct Prepared {
    format: Format,
    selection: Selection,
    /// The caller said how many rows it wants.
    is_sized: bool,
}

impl Pipeline {
    async fn call(self: &Arc<Self>, call: ToolCall) -> ToolResult<ToolReply> {
        let started = Instant::now();
        let ToolCall {
            endpoint,
            name,
            arguments,
            format,
            context,
        } = call;
        let mut arguments = Value::Object(arguments);

        let resolved = {
            let catalogue = self.catalogues.current();
            let viewer = Viewer {
                policy: &*self.policy,
                principal: &context.principal,
            };
            resolve(&catalogue, &endpoint, &name, viewer)
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(unresolved) => {
                return Err(self
                    .unresolved(&context, unresolved, arguments, started)
                    .await);
            }
        };
        let mildest = resolved.offer.entry.spec().with_effect(Effect::Read);
        let within = within_scope(&context.principal, &mildest);
        let prepared = within.and_then(|()| prepare(&resolved, &mut arguments, format));
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                return Err(self
                    .invalid(&context, &resolved, arguments, error, started)
                    .await);
            }
        };

        let name: Arc<str> = resolved.offer.listed.name.as_str().into();
        let job = |place: Arc<Place>, arguments: Value, context: CallContext, answers: usize| {
            let entry = Arc::clone(&resolved.offer.entry);
            let mut spec = with_own_effect(&entry, &place, &arguments);
            let beside = Beside::of(&entry, &mut spec, &place, &arguments);
            Job {
                spec,
                beside,
                entry,
                place,
                listed_name: Arc::clone(&name),
                arguments,
                is_sized: prepared.is_sized,
                budget: self.budget.shared_by(answers),
                own_deadline: context.deadline,
                context,
                started,
            }
        };
        let answer = match prepared.selection {
            Selection::One(place) => self.run(job(place, arguments, context, 1)).await?,
            Selection::Each(places) => {
                let several = places.len();
                let runs = places.into_iter().map(|place| {
                    let name = Arc::clone(&place.instance.name);
                    let job = job(place, arguments.clone(), context.clone(), several);
                    async move { (name, self.run(job).await) }
                });
                gather(futures_util::future::join_all(runs).await)?
            }
        };
        Ok(reply(answer, prepared.format, self.budget))
    }

    /// Records a name that leads nowhere.
    async fn unresolved(
        &self,
        context: &CallContext,
        unresolved: Unresolved,
        arguments: Value,
        started: Instant,
    ) -> ToolError {
        let error = shape::clean_error(unresolved.error, &self.redactor);
        let offer = unresolved.forbidden.as_deref();
        let recorded = match offer {
            None => {
                self.metrics.unknown_tool();
                error.clone()
            }
            // The caller reads that there is no such tool; the audit knows better.
            Some(offer) => {
                let error =
                    ToolError::new(Code::PermissionDenied, "not within the role and patterns");
                count(&offer.places, &error);
                error.reason("hidden")
            }
        };
        self.recorder
            .refused_early(context, offer, arguments, &recorded, started)
            .await;
        error
    }

    /// Records a call that its token's scopes or its arguments forbid.
    async fn invalid(
        &self,
        context: &CallContext,
        resolved: &Resolved,
        arguments: Value,
        error: ToolError,
        started: Instant,
    ) -> ToolError {
        let error = shape::clean_error(error, &self.redactor);
        count(&resolved.places, &error);
        let offer = Some(&*resolved.offer);
        self.recorder
            .refused_early(context, offer, arguments, &error, started)
            .await;
        error
    }

    /// Runs one job. A change gets a task of its own: once it is under way it ends and is recorded
    /// even if whoever awaits this is dropped.
    async fn run(self: &Arc<Self>, job: Job) -> ToolResult<Answer> {
        let span = tracing::info_span!(
            "tool.call",
            request.id = %job.context.request_id,
            tool.name = job.spec.name,
            server.name = &*job.place.instance.name,
        );
        if !changes(&job.spec) {
            return self.perform(job).instrument(span).await;
        }
        let this = Arc::clone(self);
        let task = tokio::spawn(async move { this.perform(job).await }.instrument(span));
        task.await
            .unwrap_or_else(|_| Err(ToolError::internal("the call ended unexpectedly")))
    }
}

/// Brings a tool's arguments into the form in which calls are decided on, and checks them: what a call
/// does before its decision, for whoever explains decisions.
///
/// # Errors
/// `invalid_argument`, as the call would answer.
pub fn normalise(info: &ToolInfo, arguments: &mut Value) -> ToolResult<()> {
    let rules = validate::Rules::compile(info)
        .map_err(|_| ToolError::internal("this tool's input schema does not compile"))?;
    rules.prepare(arguments)
}

/// Takes the pipeline's own arguments out, brings the others into form and checks them.
fn prepare(resolved: &Resolved, arguments: &mut Value, format: Format) -> ToolResult<Prepared> {
    let Value::Object(members) = arguments else {
        return Err(ToolError::invalid(
            "arguments",
            "the arguments must be an object",
        ));
    };
    let format = instances::take_format(resolved, members, format)?;
    let selection = instances::take_instances(resolved, members)?;
    let is_sized = members.get("limit").is_some_and(|limit| !limit.is_null());
    resolved.offer.entry.rules()?.prepare(arguments)?;
    Ok(Prepared {
        format,
        selection,
        is_sized,
    })
}

/// The tool's specification with the effect that these arguments have at this instance.
fn with_own_effect(entry: &Entry, place: &Place, arguments: &Value) -> ToolSpec {
    let spec = *entry.spec();
    if !spec.varies {
        return spec;
    }
    let server = &place.instance.server;
    let effect = server.effect(place.index, arguments.clone());
    spec.with_effect(effect.unwrap_or(spec.effect))
}

/// Counts a call that never reached an instance at the first one it might have gone to.
fn count(places: &[Arc<Place>], error: &ToolError) {
    if let Some(place) = places.first() {
        place.calls.count(crate::metrics::Outcome::of(error));
    }
}

/// One answer out of one for each instance; an error only if none succeeded.
fn gather(answers: Vec<(Arc<str>, ToolResult<Answer>)>) -> ToolResult<Answer> {
    if answers.iter().all(|(_, answer)| answer.is_err()) {
        let first = answers.into_iter().find_map(|(_, answer)| answer.err());
        return Err(first.unwrap_or_else(|| ToolError::internal("no instance was asked")));
    }
    let results: Vec<Value> = answers
        .into_iter()
        .map(|(instance, answer)| {
            let mut result = Map::new();
            result.insert("instance".into(), (*instance).into());
            match answer {
                Ok(answer) => result.insert("result".into(), answer.structured),
                Err(error) => result.insert("error".into(), json!(error)),
            };
            Value::Object(result)
        })
        .collect();
    Ok(Answer::of(json!({ "results": results })))
}

fn reply(answer: Answer, format: Format, budget: Budget) -> ToolReply {
    let text = match format {
        Format::Json => answer.text,
        Format::Text => size::cut_text(render::text(&answer.structured), budget),
    };
    ToolReply {
        structured: answer.structured,
        text,
        format,
    }
}
