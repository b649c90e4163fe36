//! The service: its parts and its settings.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_core::clock::{Clock, Entropy, Micros};
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::id::uuid_v7;
use homelab_core::memory::{Embedder, LanguageModel, MemoryQuery, Note, Visible};
use homelab_core::store::Memories;

use crate::embedding::Choice;
use crate::owners::{Caller, Owners};
use crate::secrets::{Found, OnSecret};

/// How much each half of a search counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Full text.
    pub text: f64,
    /// Vectors.
    pub vector: f64,
    /// Reciprocal rank fusion's constant: the higher, the less the first places stand out.
    pub k: f64,
    /// What the share of the question's words that a memory holds counts beside the cosine, once both halves have
    /// found their candidates; without it the order is that of the joined ranks.
    pub words: Option<f64>,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            text: 1.0,
            vector: 1.0,
            k: 60.0,
            words: Some(0.3),
        }
    }
}

/// What can be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who shares memories with whom.
    pub owners: Owners,
    /// What is done with a text that holds a secret.
    pub on_secret: OnSecret,
    /// How long a memory of the category `state` is told; 7 days.
    pub state_ttl: Duration,
    /// Cosine from which two texts may say the same; 0.92.
    pub similar_from: f64,
    /// Longest wait for the vector of a question; 3 seconds.
    pub query_deadline: Duration,
    /// Longest wait for the vectors of what is kept; 8 seconds, then they are made later.
    pub write_deadline: Duration,
    /// Longest wait for a language model's answer; 60 seconds.
    pub model_deadline: Duration,
    /// How the halves of a search are joined.
    pub weights: Weights,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            owners: Owners::default(),
            on_secret: OnSecret::default(),
            state_ttl: Duration::from_hours(7 * 24),
            similar_from: 0.92,
            query_deadline: Duration::from_secs(3),
            write_deadline: Duration::from_secs(8),
            model_deadline: Duration::from_mins(1),
            weights: Weights::default(),
        }
    }
}

/// What a service is made of.
pub struct Parts {
    /// Where memories are kept.
    pub store: Arc<dyn Memories>,
    /// Makes the vectors; without one search is by full text alone.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// Models whose vectors may be there from before, and which still answer: search goes on with them until the
    /// current one has caught up.
    pub older: Vec<Arc<dyn Embedder>>,
    /// For extraction and summaries; optional.
    pub llm: Option<Arc<dyn LanguageModel>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What can be set.
    pub settings: Settings,
}

/// Keeps, finds, corrects and erases what agents learned.
pub struct MemoryService {
    pub(crate) parts: Parts,
    /// Which model to search with, and when that was looked up.
    pub(crate) choice: Mutex<Option<(Micros, Choice)>>,
}

impl MemoryService {
    /// Puts a service together; nothing is read yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            choice: Mutex::new(None),
        }
    }

    /// Who shares memories with whom.
    pub fn owners(&self) -> &Owners {
        &self.parts.settings.owners
    }

    /// Where memories are kept, for what has no rules of its own: counts, exports.
    pub fn store(&self) -> &Arc<dyn Memories> {
        &self.parts.store
    }

    pub(crate) fn now(&self) -> Micros {
        self.parts.clock.now()
    }

    pub(crate) fn id(&self) -> String {
        uuid_v7(&*self.parts.clock, &*self.parts.entropy)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    pub(crate) fn note(&self, caller: &Caller, reason: Option<&str>) -> ToolResult<Note> {
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if let Some(reason) = reason {
            if reason.chars().count() > 500 {
                let message = "a reason has at most 500 characters";
                return Err(ToolError::invalid("reason", message));
            }
            if let Some(Found { kind, .. }) = crate::secrets::scan(reason).first() {
                return Err(crate::errors::secret("reason", kind));
            }
        }
        Ok(Note {
            actor: caller.name.clone(),
            request_id: caller.request_id.clone(),
            reason: reason.map(str::to_owned),
            at: self.now(),
        })
    }

    /// Everything that holds now for whoever asks.
    pub(crate) fn everything(&self, visible: &Visible) -> MemoryQuery {
        MemoryQuery {
            visible: visible.clone(),
            user_id: None,
            agent_id: None,
            run_id: None,
            filter: None,
            as_of: None,
            now: self.now(),
            include_expired: false,
            since: None,
            until: None,
        }
    }
}
