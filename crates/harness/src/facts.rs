//! What a server tells of the lab.

use std::time::Duration;

use homelab_core::error::ToolResult;
use homelab_core::facts::{Entity, EntityKind, Facts, FactsQuery, Reference, Relation};
use tokio::time::Instant;

use crate::Bench;

/// How long a server may take, by the real clock.
const PATIENCE: Duration = Duration::from_mins(1);

/// A question for everything, addresses included, with enough time.
pub fn question() -> FactsQuery {
    FactsQuery {
        addresses: true,
        deadline: Instant::now() + PATIENCE,
    }
}

impl Bench {
    /// What the server tells.
    ///
    /// # Errors
    /// The server's.
    pub async fn try_tell(&self, query: &FactsQuery) -> ToolResult<Facts> {
        let facts = self.server.facts(query);
        facts.expect("a server that tells").await
    }

    /// What the server tells of everything, which must succeed.
    pub async fn tell(&self) -> Facts {
        self.try_tell(&question()).await.expect("facts")
    }
}

/// By what a thing is found among facts: its id, or else its name; with its kind, where several kinds
/// have the same.
pub trait Key: std::fmt::Debug + Copy {
    /// Its kind.
    fn kind(self) -> Option<EntityKind>;
    /// Its id or name.
    fn text(&self) -> &str;
}

impl Key for &str {
    fn kind(self) -> Option<EntityKind> {
        None
    }

    fn text(&self) -> &str {
        self
    }
}

impl Key for (EntityKind, &str) {
    fn kind(self) -> Option<EntityKind> {
        Some(self.0)
    }

    fn text(&self) -> &str {
        self.1
    }
}

/// The thing that is told by this key.
pub fn find(facts: &Facts, key: impl Key) -> &Entity {
    let of_kind = |one: &&Entity| key.kind().is_none_or(|kind| one.kind == kind);
    let mut all = facts.entities.iter().filter(of_kind);
    let by_id = all.clone().find(|one| one.id == key.text());
    by_id
        .or_else(|| all.find(|one| one.name == key.text()))
        .unwrap_or_else(|| panic!("no {key:?} in {facts:?}"))
}

/// What a thing is related to in this way.
pub fn related(entity: &Entity, relation: Relation) -> Vec<Reference> {
    let links = entity.links.iter();
    let of = links.filter(|link| link.relation == relation);
    of.map(|link| link.to.clone()).collect()
}
