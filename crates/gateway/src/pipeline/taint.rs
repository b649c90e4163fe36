//! Text by outsiders, and what follows from having read it.
//!
//! A log line or a DNS name may hold sentences that talk a model into something. After such text was
//! read, the next changes of that caller in that session need an owner's approval, whatever the
//! rules say, until a person clears it or the time is over. The marks are in the database, so that
//! every process sees them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::clock::{Clock, Micros};
use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::memory;
use homelab_core::policy::Decision;
use homelab_core::store::{Taints, taint_scope};

use super::Pipeline;
use super::job::{Admitted, Job};
use super::shape::UNTRUSTED;
use super::size::Answer;
use crate::approval;

/// How long a read matters.
pub const WINDOW: Duration = Duration::from_mins(15);
/// A source that was marked less than this ago is not marked again.
const REFRESH: Duration = Duration::from_secs(30);
/// How often marks that matter no more are removed.
const CLEAN_EVERY: Duration = Duration::from_hours(1);
/// Marks remembered in memory at most.
const MOST: usize = 4_096;

/// Kinds whose changes are not held for what was read. What the first one's change is the caller's own
/// wish, and a call that they lead to is judged itself. What agents tell each other, write on their
/// tasks and remember reaches nothing else, and is marked again for whoever reads it.
const EXEMPT: [&str; 3] = [approval::KIND, homelab_ccpm::KIND, memory::KIND];

/// Marks scopes, and tells what they read.
pub(super) struct Taint {
    store: Arc<dyn Taints>,
    clock: Arc<dyn Clock>,
    /// When a scope and source were marked last, to spare the database repeats.
    recent: Mutex<HashMap<(String, String), Micros>>,
    /// When marks that matter no more were removed last, microseconds.
    cleaned: AtomicI64,
}

impl Taint {
    pub(super) fn new(store: Arc<dyn Taints>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            recent: Mutex::default(),
            cleaned: AtomicI64::new(i64::MIN),
        }
    }

    /// Marks a read, durably, before its answer leaves.
    pub(super) async fn mark(&self, context: &CallContext, source: String) -> ToolResult<()> {
        let scope = scope_of(context);
        let now = self.clock.now();
        let key = (scope, source);
        let fresh = self
            .lock()
            .get(&key)
            .is_some_and(|at| at.later(REFRESH) > now);
        if fresh {
            return Ok(());
        }
        self.store.mark(&key.0, &key.1, now).await.map_err(|error| {
            tracing::error!(%error, "a read of text by outsiders cannot be noted");
            ToolError::new(
                Code::UpstreamUnreachable,
                "the answer is withheld, because it cannot be noted that text by outsiders was read",
            )
            .reason("database_unavailable")
            .hint("run `homelab-mcp doctor` to see what is wrong with the database")
        })?;
        self.clean(now).await;
        let mut recent = self.lock();
        if recent.len() >= MOST {
            recent.clear();
        }
        recent.insert(key, now);
        Ok(())
    }

    /// Removes marks that matter no more, now and then: each session leaves some.
    async fn clean(&self, now: Micros) {
        let last = self.cleaned.load(Ordering::Relaxed);
        if Micros(last).later(CLEAN_EVERY) > now {
            return;
        }
        self.cleaned.store(now.0, Ordering::Relaxed);
        let before = now.earlier(WINDOW);
        if let Err(error) = self.store.forget_before(before).await {
            tracing::debug!(%error, "old marks stay for now");
        }
    }

    /// What the caller read in this session, newest first.
    async fn sources(&self, context: &CallContext) -> ToolResult<Vec<String>> {
        let since = self.clock.now().earlier(WINDOW);
        let marks = self.store.marks(&scope_of(context), since).await?;
        Ok(marks.into_iter().map(|mark| mark.source).collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Micros>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Raises the decision on a change whose caller has read text by outsiders.
    pub(super) async fn heed_taint(&self, job: &Job, admitted: &mut Admitted) -> ToolResult<()> {
        let verdict = &mut admitted.verdict;
        let is_exempt = EXEMPT.contains(&job.entry.kind) || !job.context.principal.taintable;
        if is_exempt || verdict.decision >= Decision::Deny {
            return Ok(());
        }
        admitted.read_before = self.taint.sources(&job.context).await?;
        if admitted.read_before.is_empty() || verdict.decision == Decision::Approve {
            return Ok(());
        }
        verdict.decision = Decision::Approve;
        let why = "text that outsiders can write was read before";
        verdict.reason = Some(match verdict.reason.take() {
            Some(reason) => format!("{reason}; {why}"),
            None => why.to_owned(),
        });
        Ok(())
    }

    /// Notes that an answer brings text by outsiders.
    pub(super) async fn note_untrusted(
        &self,
        job: &Job,
        answer: &ToolResult<Answer>,
    ) -> ToolResult<()> {
        let Ok(answer) = answer else {
            return Ok(());
        };
        if !job.context.principal.taintable || answer.structured.get(UNTRUSTED).is_none() {
            return Ok(());
        }
        let source = format!("{}:{}", job.place.instance.name, job.entry.spec().name);
        self.taint.mark(&job.context, source).await
    }
}

fn scope_of(context: &CallContext) -> String {
    taint_scope(&context.principal.credential, context.session.as_deref())
}
