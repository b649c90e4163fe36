//! What the servers know of the lab, for a caller who may read it: each server's facts are shown to
//! whoever may call the tools that show the same.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use homelab_core::call::CallContext;
use homelab_core::clock::Micros;
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::facts::{Entity, Facts, FactsQuery, FactsSource, Gather, SourceFacts};
use homelab_core::policy::{Decision, Question, Sight};
use homelab_core::redact::Redactor;
use homelab_core::server::{Endpoint, Server};
use serde_json::json;
use tokio::time::Instant;

use super::authorize::{may_see, within_scope};
use super::catalogue::{Entry, Place};
use super::{Dispatcher, Pipeline, shape};

/// How long an answer is kept at most.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// What of the time a server gets to answer in part; the rest is for the way.
const SHARE: f64 = 0.9;

/// An answer that may serve once more.
struct Kept {
    server: Arc<dyn Server>,
    addresses: bool,
    asked: Instant,
    seen_at: Micros,
    facts: Arc<Facts>,
}

/// The last answer of each instance. Whoever asks holds the instance's lock, so that it is asked
/// once however many want to know.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<Arc<str>, Slot>>);

type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

impl Memory {
    fn slot(&self, instance: &Arc<str>) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(Arc::clone(instance)).or_default())
    }

    /// Lets go of what is too old to serve, and of instances that are gone.
    fn forget(&self, known: &[Subject]) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|name, _| known.iter().any(|one| one.place.instance.name == *name));
        for slot in slots.values() {
            if let Ok(mut kept) = slot.try_lock()
                && kept
                    .as_ref()
                    .is_some_and(|kept| kept.asked.elapsed() > KEPT_FOR)
            {
                *kept = None;
            }
        }
    }
}

/// An instance that tells facts, with the tools that show the same.
struct Subject {
    place: Arc<Place>,
    shown_by: Vec<(Arc<Entry>, Arc<Place>)>,
}

#[async_trait]
impl FactsSource for Dispatcher {
    async fn gather(&self, context: &CallContext, wanted: &Gather) -> Vec<SourceFacts> {
        let pipeline = &*self.0;
        let mut subjects = pipeline.subjects();
        pipeline.facts.forget(&subjects);
        subjects.retain(|subject| {
            let name = &*subject.place.instance.name;
            let is_wanted = wanted
                .instances
                .as_ref()
                .is_none_or(|wanted| wanted.iter().any(|one| one == name));
            is_wanted && pipeline.may_know(context, subject)
        });
        let asked = subjects.iter().map(async |subject| {
            let (seen_at, facts) = pipeline.told(context, subject, wanted).await;
            SourceFacts {
                instance: subject.place.instance.name.to_string(),
                kind: subject.place.instance.server.kind(),
                seen_at,
                facts,
            }
        });
        join_all(asked).await
    }

    async fn shows(&self, context: &CallContext, kind: &str, tool: &str) -> bool {
        let pipeline = &*self.0;
        let subjects = pipeline.showing(|server| {
            if server.kind() == kind {
                vec![tool.to_owned()]
            } else {
                Vec::new()
            }
        });
        for subject in subjects {
            let known = pipeline.may_know(context, &subject);
            if known && pipeline.permitted(context, &subject).await.is_ok() {
                return true;
            }
        }
        false
    }
}

impl Pipeline {
    /// The instances that tell facts, by name.
    fn subjects(&self) -> Vec<Subject> {
        self.showing(|server| {
            let tools = server.facts_tools().iter();
            tools.map(|tool| (*tool).to_owned()).collect()
        })
    }

    /// The instances that have these tools, by name; those for which none is named are left out.
    fn showing(&self, tools: impl Fn(&dyn Server) -> Vec<String>) -> Vec<Subject> {
        let catalogue = self.catalogues.current();
        let of = |server: &Arc<dyn Server>| {
            let endpoint = Endpoint::Server(server.instance().into());
            let scope = catalogue.scope(&endpoint)?;
            let shown_by: Vec<_> = tools(&**server)
                .iter()
                .map(|tool| {
                    let offer = scope.named(tool).next()?;
                    let place = offer.places.first()?;
                    Some((Arc::clone(&offer.entry), Arc::clone(place)))
                })
                // A tool that is not there cannot be permitted.
                .collect::<Option<_>>()?;
            let (_, place) = shown_by.first()?;
            Some(Subject {
                place: Arc::clone(place),
                shown_by,
            })
        };
        catalogue.servers().filter_map(of).collect()
    }

    /// Whether the caller may know that the instance is there.
    fn may_know(&self, context: &CallContext, subject: &Subject) -> bool {
        let mut shown_by = subject.shown_by.iter();
        shown_by.all(|(entry, place)| may_see(&*self.policy, &context.principal, entry, place))
    }

    async fn told(
        &self,
        context: &CallContext,
        subject: &Subject,
        wanted: &Gather,
    ) -> (Micros, ToolResult<Arc<Facts>>) {
        let now = self.recorder.now();
        if let Err(error) = self.permitted(context, subject).await {
            return (now, Err(shape::clean_error(error, &self.redactor)));
        }
        let instance = &subject.place.instance;
        let started = Instant::now();
        let work = self.fresh_or_kept(subject, wanted, started);
        let work = AssertUnwindSafe(work).catch_unwind();
        let ended = tokio::time::timeout_at(started + wanted.limit, work).await;
        let answer = match ended {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tracing::error!(server.name = &*instance.name, "telling facts panicked");
                Err(ToolError::internal("the server failed unexpectedly").reason("panic"))
            }
            Err(_) => Err(ToolError::new(
                Code::Timeout,
                format!(
                    "`{}` did not answer within {:?}",
                    instance.name, wanted.limit
                ),
            )
            .hint("ask its own tools, which wait longer, or repeat the call")),
        };
        match answer {
            Ok((seen_at, facts)) => (seen_at, Ok(facts)),
            Err(error) => {
                let error = shape::clean_error(error, &self.redactor);
                (now, Err(error.instance(&*instance.name)))
            }
        }
    }

    /// Every one of the tools has to be allowed without a person's word.
    async fn permitted(&self, context: &CallContext, subject: &Subject) -> ToolResult<()> {
        let arguments = json!({});
        for (entry, place) in &subject.shown_by {
            let spec = entry.spec();
            within_scope(&context.principal, spec)?;
            let question = Question {
                sight: Sight {
                    principal: &context.principal,
                    spec,
                    aggregated: &entry.aggregated,
                    kind: entry.kind,
                    instance: &place.instance.name,
                },
                transport: context.transport,
                arguments: &arguments,
                targets: &[],
            };
            let verdict = self.policy.decide(&question).await?;
            if verdict.decision != Decision::Allow {
                let message = format!(
                    "what `{}` knows is not shown: it takes the right to call `{}`",
                    place.instance.name, spec.name
                );
                return Err(ToolError::new(Code::PermissionDenied, message).reason("denied"));
            }
            self.policy.spend(&question).await?;
        }
        Ok(())
    }

    async fn fresh_or_kept(
        &self,
        subject: &Subject,
        wanted: &Gather,
        started: Instant,
    ) -> ToolResult<(Micros, Arc<Facts>)> {
        let instance = &subject.place.instance;
        let slot = self.facts.slot(&instance.name);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref()
            && Arc::ptr_eq(&kept.server, &instance.server)
            && (kept.addresses || !wanted.addresses)
            && kept.asked.elapsed() < wanted.max_age.min(KEPT_FOR)
        {
            return Ok((kept.seen_at, Arc::clone(&kept.facts)));
        }
        let _turn = instance.permits.acquire().await;
        let query = FactsQuery {
            addresses: wanted.addresses,
            deadline: started + wanted.limit.mul_f64(SHARE),
        };
        let (asked, seen_at) = (Instant::now(), self.recorder.now());
        let answer = match instance.server.facts(&query) {
            Some(answer) => answer.await,
            None => Ok(Facts::default()),
        };
        let answered = match &answer {
            Ok(_) => true,
            Err(error) => error.code() != Code::UpstreamUnreachable,
        };
        instance.metrics.note_up(answered);
        let mut facts = answer?;
        clean(&mut facts, &self.redactor);
        let facts = Arc::new(facts);
        *kept = Some(Kept {
            server: Arc::clone(&instance.server),
            addresses: wanted.addresses,
            asked,
            seen_at,
            facts: Arc::clone(&facts),
        });
        Ok((seen_at, facts))
    }
}

/// Takes secrets out: facts are kept, compared and stored before they are part of any answer.
fn clean(facts: &mut Facts, redactor: &Redactor) {
    for gap in &mut facts.gaps {
        *gap = shape::clean_text(gap, redactor);
    }
    for entity in &mut facts.entities {
        let Entity {
            id,
            name,
            aliases,
            state,
            attributes,
            ..
        } = entity;
        let texts = [id, name].into_iter().chain(aliases).chain(state);
        for text in texts.chain(attributes.values_mut()) {
            let found = match redactor.text(text) {
                std::borrow::Cow::Owned(without) => Some(without),
                std::borrow::Cow::Borrowed(_) => None,
            };
            if let Some(without) = found {
                *text = without;
            }
        }
    }
}
