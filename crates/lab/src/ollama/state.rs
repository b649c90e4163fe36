//! What the server holds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use homelab_core::clock::{Clock, Micros};
use serde_json::{Value, json};

use super::models::Model;
use super::names::{full, key};
use super::pull::{Chunks, PullPlan};
use crate::model::{Saying, Vectors};

/// How long a model stays in memory if nobody says otherwise.
const KEEP_ALIVE_S: i64 = 300;

/// "For ever", as the product writes it: some three hundred years.
const FOREVER_S: i64 = 9_223_372_036;

pub(super) struct State {
    clock: Arc<dyn Clock>,
    models: BTreeMap<String, Installed>,
    registry: BTreeMap<String, Model>,
    /// Bytes that are here, by digest.
    blobs: BTreeMap<String, u64>,
    pub(super) plan: PullPlan,
    pub(super) chunks: Chunks,
    pub(super) token: Option<String>,
    /// What chats answer first.
    pub(super) sayings: VecDeque<Saying>,
    pub(super) vectors: Vectors,
}

struct Installed {
    model: Model,
    modified: Micros,
    in_memory: Option<InMemory>,
}

#[derive(Clone, Copy)]
struct InMemory {
    expires: Micros,
    percent_on_gpu: u64,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            models: BTreeMap::new(),
            registry: BTreeMap::new(),
            blobs: BTreeMap::new(),
            plan: PullPlan::default(),
            chunks: Chunks::default(),
            token: None,
            sayings: VecDeque::new(),
            vectors: Vectors::default(),
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.now()
    }

    pub(super) fn install(&mut self, model: Model) {
        for (digest, size) in model.blobs() {
            self.blobs.insert(digest, size);
        }
        if let Some(key) = key(&model.name) {
            let modified = self.now();
            let installed = Installed {
                model,
                modified,
                in_memory: None,
            };
            self.models.insert(key, installed);
        }
    }

    pub(super) fn publish(&mut self, model: Model) {
        if let Some(key) = key(&model.name) {
            self.registry.insert(key, model);
        }
    }

    pub(super) fn published(&self, name: &str) -> Option<Model> {
        self.registry.get(&key(name)?).cloned()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Model> {
        Some(&self.models.get(&key(name)?)?.model)
    }

    pub(super) fn installed(&self) -> Vec<String> {
        self.models
            .values()
            .map(|one| one.model.name.clone())
            .collect()
    }

    /// Removes a model and the layers that no other one has; false when it is not there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let Some(gone) = key(name).and_then(|key| self.models.remove(&key)) else {
            return false;
        };
        for (digest, _) in gone.model.blobs() {
            let blob = |(one, _): &(String, u64)| *one == digest;
            let mut others = self.models.values();
            if !others.any(|other| other.model.blobs().iter().any(blob)) {
                self.blobs.remove(&digest);
            }
        }
        true
    }

    /// Gives a model a second name; false when it is not there.
    pub(super) fn copy(&mut self, source: &str, destination: &str) -> bool {
        let (Some(model), Some(name)) = (self.get(source).cloned(), full(destination)) else {
            return false;
        };
        self.install(Model { name, ..model });
        true
    }

    pub(super) fn rows(&self) -> Vec<Value> {
        let mut all: Vec<&Installed> = self.models.values().collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.modified));
        all.iter()
            .map(|one| one.model.row(&one.modified.to_rfc3339()))
            .collect()
    }

    pub(super) fn sheet(&self, name: &str, verbose: bool) -> Option<Value> {
        let one = self.models.get(&key(name)?)?;
        Some(one.model.sheet(&one.modified.to_rfc3339(), verbose))
    }

    // Memory.

    /// Loads a model; its share on the GPU stays as it is unless given. False when it is not there.
    pub(super) fn load(&mut self, name: &str, percent_on_gpu: Option<u64>) -> bool {
        self.keep(name, Some(KEEP_ALIVE_S), percent_on_gpu)
    }

    /// Keeps a model in memory for so many seconds from now; 0 unloads it, less keeps it for ever.
    pub(super) fn keep_alive(&mut self, name: &str, seconds: Option<i64>) -> bool {
        self.keep(name, seconds, None)
    }

    fn keep(&mut self, name: &str, seconds: Option<i64>, percent_on_gpu: Option<u64>) -> bool {
        let now = self.now();
        let Some(one) = key(name).and_then(|key| self.models.get_mut(&key)) else {
            return false;
        };
        let seconds = match seconds.unwrap_or(KEEP_ALIVE_S) {
            0 => {
                one.in_memory = None;
                return true;
            }
            forever if forever < 0 => FOREVER_S,
            seconds => seconds,
        };
        let before = one.in_memory.map(|memory| memory.percent_on_gpu);
        one.in_memory = Some(InMemory {
            expires: now.plus_seconds(seconds),
            percent_on_gpu: percent_on_gpu.or(before).unwrap_or(100),
        });
        true
    }

    fn in_memory(&self) -> impl Iterator<Item = (&Model, InMemory)> {
        let now = self.now();
        self.models.values().filter_map(move |one| {
            let memory = one.in_memory.filter(|memory| memory.expires > now)?;
            Some((&one.model, memory))
        })
    }

    pub(super) fn loaded(&self) -> Vec<String> {
        self.in_memory()
            .map(|(model, _)| model.name.clone())
            .collect()
    }

    pub(super) fn memory_rows(&self) -> Vec<Value> {
        self.in_memory()
            .map(|(model, memory)| {
                // Weights and context take more than the file.
                let size = model.size() + model.size() / 5;
                json!({
                    "name": model.name,
                    "model": model.name,
                    "size": size,
                    "digest": model.digest(),
                    "details": model.details(),
                    "expires_at": memory.expires.to_rfc3339(),
                    "size_vram": size / 100 * memory.percent_on_gpu,
                    "context_length": 4096,
                })
            })
            .collect()
    }

    // Downloads.

    pub(super) fn completed(&self, digest: &str) -> u64 {
        self.blobs.get(digest).copied().unwrap_or(0)
    }

    pub(super) fn progress(&mut self, digest: &str, completed: u64) {
        let here = self.blobs.entry(digest.to_owned()).or_default();
        *here = completed.max(*here);
    }

    pub(super) fn downloaded(&self, name: &str) -> u64 {
        let model = self.published(name).or_else(|| self.get(name).cloned());
        let blobs = model.map(|model| model.blobs()).unwrap_or_default();
        blobs.iter().map(|(digest, _)| self.completed(digest)).sum()
    }
}
