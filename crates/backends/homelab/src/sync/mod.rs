//! Taking what the servers tell into the inventory.
//!
//! A field is written where it is empty, or still holds what the same source wrote there before. What
//! anybody else entered stays, and the report says so. Nothing is deleted: what its source no longer
//! tells of is marked.

mod fields;
mod merge;
mod place;
mod plan;
mod report;
mod working;

use std::sync::Mutex;
use std::time::Duration;

use homelab_core::call::CallContext;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::facts::{Gather, SourceFacts};
use homelab_core::id::uuid_v7;
use homelab_core::store::{Known, Observed};

pub(crate) use fields::is_tailnet;
pub(crate) use plan::plan;
pub(crate) use report::{Outcome, SourceRow, SyncReport};

use crate::client::{Homelab, stored};

/// How long the slowest source is waited for: asking a large cluster for the addresses of all its
/// guests takes its time.
const LIMIT: Duration = Duration::from_secs(90);

impl Homelab {
    /// Asks the servers and takes over what they tell; a dry run stores nothing.
    pub(crate) async fn sync(
        &self,
        context: &CallContext,
        instances: Option<Vec<String>>,
        dry_run: bool,
    ) -> ToolResult<SyncReport> {
        let wanted = Gather {
            addresses: true,
            instances,
            limit: LIMIT,
            max_age: Duration::ZERO,
        };
        let sources = self.facts.gather(context, &wanted).await;
        if sources.is_empty() {
            let asked = wanted.instances.unwrap_or_default();
            return Err(nobody(&asked));
        }
        let outcome = if dry_run {
            let known = self.env.stores.sightings.known().await.map_err(stored)?;
            self.planned(&known, &sources).map(|(_, outcome)| outcome)
        } else {
            self.taken(&sources).await
        };
        Ok(SyncReport::new(dry_run, &sources, outcome?))
    }

    fn planned(&self, known: &Known, sources: &[SourceFacts]) -> ToolResult<(Observed, Outcome)> {
        let new_id = || uuid_v7(&*self.env.clock, &*self.env.entropy);
        plan(known, sources, self.env.clock.now(), &new_id)
    }

    async fn taken(&self, sources: &[SourceFacts]) -> ToolResult<Outcome> {
        // The plan is made within the store's transaction; this is the way out for what it found.
        let planned = Mutex::new(None);
        let plan = |known: &Known| {
            let (observed, outcome) = match self.planned(known, sources) {
                Ok((observed, outcome)) => (observed, Ok(outcome)),
                Err(error) => (Observed::default(), Err(error)),
            };
            if let Ok(mut slot) = planned.lock() {
                *slot = Some(outcome);
            }
            observed
        };
        let sightings = &self.env.stores.sightings;
        sightings.observe(&plan).await.map_err(stored)?;
        let outcome = planned.into_inner().ok().flatten();
        outcome.unwrap_or_else(|| Err(ToolError::internal("the sync made no plan")))
    }
}

/// There is nobody to ask.
fn nobody(asked: &[String]) -> ToolError {
    if let Some(name) = asked.first() {
        return ToolError::not_found(format!("no server `{name}` that tells what it knows"))
            .field("servers")
            .hint("leave `servers` out to ask all of them");
    }
    ToolError::not_found("no server is configured that tells what it knows, or you may read none")
        .hint("configure one, such as `[servers.proxmox]` or `[servers.docker]`")
}
