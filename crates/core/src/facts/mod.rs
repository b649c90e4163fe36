//! What the lab's systems know, in one shape, so that they can be joined into one picture.
//!
//! # Telling facts from a backend
//! A server that knows things of the lab implements `Backend::facts` and names, in `Backend::FACTS`, the
//! tools that show a caller the same: whoever may not call all of them is not shown the facts. Ask the
//! upstream for lists, not for each thing; where each thing has to be asked (addresses), ask a few at a
//! time until [`FactsQuery::deadline`], and report the rest with [`Facts::gap`]. An upstream that does
//! not answer at all is the error that a tool would answer.
//!
//! ```
//! use homelab_core::facts::{Entity, EntityKind, Facts, Reference, Relation};
//! use homelab_core::net::Ip;
//!
//! let mut facts = Facts::default();
//! let mut guest = Entity::new(EntityKind::Guest, "qemu/100", "web")
//!     .link(Relation::RunsOn, Reference::id(EntityKind::Host, "pve1"))
//!     .attribute("vmid", Some(100));
//! guest.addresses.extend("192.0.2.80".parse::<Ip>());
//! facts.add(guest);
//! assert_eq!(facts.entities.len(), 1);
//! ```

mod entity;

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::call::CallContext;
use crate::clock::Micros;
use crate::error::ToolResult;

pub use entity::{Entity, EntityKind, Link, Port, Reference, Relation, Wellness};

/// Most things that one instance tells of.
pub const MAX_ENTITIES: usize = 20_000;
/// Most addresses, ports, links and so on of one thing.
const MAX_PARTS: usize = 256;
/// Longest name or id, characters.
const LONGEST_NAME: usize = 255;
/// Longest attribute or state, characters.
const LONGEST_TEXT: usize = 300;

/// What is asked of a server.
#[derive(Debug, Clone, Copy)]
pub struct FactsQuery {
    /// Whether addresses and ports are wanted that cost a request for each thing.
    pub addresses: bool,
    /// When to answer with what there is; whoever asks waits hardly longer.
    pub deadline: Instant,
}

/// What one server knows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The things.
    pub entities: Vec<Entity>,
    /// What could not be read, one line each; the rest is still good.
    pub gaps: Vec<String>,
    /// Things may be missing altogether, so that absence proves nothing.
    pub incomplete: bool,
}

impl Facts {
    /// Adds a thing, cut to size; beyond [`MAX_ENTITIES`] it is left out and the answer says so. A thing
    /// without an id is left out.
    pub fn add(&mut self, mut entity: Entity) {
        if entity.id.is_empty() {
            return;
        }
        if self.entities.len() >= MAX_ENTITIES {
            if !self.incomplete {
                self.missing(format!("there are more than {MAX_ENTITIES} things"));
            }
            return;
        }
        tidy(&mut entity);
        self.entities.push(entity);
    }

    /// Reports something that is not known of things that are told.
    pub fn gap(&mut self, text: impl Into<String>) {
        if self.gaps.len() < MAX_PARTS {
            self.gaps.push(cut(text.into(), LONGEST_TEXT));
        }
    }

    /// Reports that whole things are missing, such as those of a node that does not answer.
    pub fn missing(&mut self, text: impl Into<String>) {
        self.incomplete = true;
        self.gap(text);
    }
}

fn tidy(entity: &mut Entity) {
    entity.id = cut(std::mem::take(&mut entity.id), LONGEST_NAME);
    entity.name = cut(std::mem::take(&mut entity.name), LONGEST_NAME);
    entity.state = entity.state.take().map(|state| cut(state, LONGEST_TEXT));
    entity.aliases.retain(|alias| !alias.is_empty());
    for alias in &mut entity.aliases {
        *alias = cut(std::mem::take(alias), LONGEST_NAME);
    }
    entity.attributes = std::mem::take(&mut entity.attributes)
        .into_iter()
        .take(MAX_PARTS)
        .map(|(name, value)| (cut(name, LONGEST_NAME), cut(value, LONGEST_TEXT)))
        .collect();
    unique(&mut entity.aliases);
    unique(&mut entity.addresses);
    unique(&mut entity.inner_addresses);
    unique(&mut entity.macs);
    unique(&mut entity.ports);
    entity.links.truncate(MAX_PARTS);
}

fn unique<T: Ord>(parts: &mut Vec<T>) {
    parts.sort_unstable();
    parts.dedup();
    parts.truncate(MAX_PARTS);
}

fn cut(mut text: String, most: usize) -> String {
    // A NUL cannot be stored.
    text.retain(|letter| letter != '\0');
    match text.char_indices().nth(most) {
        Some((end, _)) => {
            text.truncate(end);
            text
        }
        None => text,
    }
}

/// What is asked of all servers.
#[derive(Debug, Clone)]
pub struct Gather {
    /// Whether addresses and ports are wanted that cost a request for each thing.
    pub addresses: bool,
    /// Only these instances; all if absent.
    pub instances: Option<Vec<String>>,
    /// How long the slowest is waited for.
    pub limit: Duration,
    /// How old an answer kept from before may be; zero asks anew.
    pub max_age: Duration,
}

/// What one instance answered.
#[derive(Debug, Clone)]
pub struct SourceFacts {
    /// The instance.
    pub instance: String,
    /// Its kind.
    pub kind: &'static str,
    /// When it was asked.
    pub seen_at: Micros,
    /// Its facts, or why there are none: down, too slow, not permitted.
    pub facts: ToolResult<Arc<Facts>>,
}

/// Asks the servers that a caller may read. The call pipeline implements it, because it alone knows
/// who may what.
#[async_trait]
pub trait FactsSource: Send + Sync {
    /// Asks all of them at once and waits for none longer than asked. An instance that the caller may
    /// not know of is not in the answer.
    async fn gather(&self, context: &CallContext, wanted: &Gather) -> Vec<SourceFacts>;

    /// Whether the caller may call this tool, a read, of a server of this kind without a person's word: what it
    /// shows may be shown to them elsewhere then.
    async fn shows(&self, context: &CallContext, kind: &str, tool: &str) -> bool;
}

/// The way to a [`FactsSource`], for a server: servers are made before the pipeline that runs them.
#[derive(Default)]
pub struct FactsHandle(OnceLock<Weak<dyn FactsSource>>);

impl FactsHandle {
    /// Leads to `source` from now on; the first one stays.
    pub fn connect(&self, source: Weak<dyn FactsSource>) {
        self.0.get_or_init(|| source);
    }

    /// See [`FactsSource::gather`]; nothing where it leads nowhere.
    pub async fn gather(&self, context: &CallContext, wanted: &Gather) -> Vec<SourceFacts> {
        match self.0.get().and_then(Weak::upgrade) {
            Some(source) => source.gather(context, wanted).await,
            None => Vec::new(),
        }
    }

    /// See [`FactsSource::shows`]; nothing is shown where it leads nowhere.
    pub async fn shows(&self, context: &CallContext, kind: &str, tool: &str) -> bool {
        match self.0.get().and_then(Weak::upgrade) {
            Some(source) => source.shows(context, kind, tool).await,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_cut_to_size() {
        let mut facts = Facts::default();
        let mut big = Entity::new(EntityKind::Guest, "i".repeat(1_000), "n\0".repeat(1_000))
            .attribute("note", Some("é".repeat(1_000)));
        big.aliases = vec!["b".into(), String::new(), "a".into(), "b".into()];
        facts.add(big);
        facts.add(Entity::new(EntityKind::Guest, "", "nameless"));

        let [entity] = facts.entities.as_slice() else {
            panic!("{facts:?}");
        };
        assert_eq!(entity.id.chars().count(), LONGEST_NAME);
        assert_eq!(entity.name, "n".repeat(LONGEST_NAME));
        assert_eq!(entity.attributes["note"].chars().count(), LONGEST_TEXT);
        assert_eq!(entity.aliases, ["a", "b"]);
    }

    #[test]
    fn more_things_than_fit_are_counted_as_missing_once() {
        let mut facts = Facts::default();
        for number in 0..MAX_ENTITIES + 5 {
            facts.add(Entity::new(EntityKind::Container, number.to_string(), "x"));
        }

        assert_eq!(facts.entities.len(), MAX_ENTITIES);
        assert!(facts.incomplete);
        assert_eq!(facts.gaps.len(), 1);
    }

    #[test]
    fn a_thing_is_read_back_as_it_was_written() {
        let entity = Entity::new(EntityKind::DnsRecord, "a/web", "web.example").link(
            Relation::PointsTo,
            Reference::address("192.0.2.1".parse().unwrap()),
        );
        let text = serde_json::to_string(&entity).unwrap();

        assert_eq!(serde_json::from_str::<Entity>(&text).unwrap(), entity);
    }
}
