//! What the cluster holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Clock;

use super::Release;
use super::access::Access;
use super::auth::Ticket;
use super::guests::Guest;
use super::jobs::BackupJob;
use super::reply::Failure;
use super::storage::{Storage, Volume};
use super::tasks::Task;
use crate::worker::{Outcome, Pace};

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) release: Release,
    pub(super) cluster: String,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) guests: BTreeMap<u32, Guest>,
    pub(super) storages: BTreeMap<String, Storage>,
    pub(super) volumes: Vec<Volume>,
    pub(super) jobs: BTreeMap<String, BackupJob>,
    pub(super) access: Access,
    pub(super) tickets: Vec<Ticket>,
    pub(super) tasks: Vec<Task>,
    /// How the next tasks end, the first one first.
    pub(super) outcomes: Vec<Outcome>,
    pub(super) pace: Pace,
    /// Counts tasks and processes.
    pub(super) serial: u64,
    pub(super) refusal_delay: Duration,
    pub(super) numbers_as_text: bool,
    /// Refusals of the next calls, by the beginning of their paths.
    pub(super) refusals: Vec<(String, Failure)>,
}

pub(super) struct Node {
    pub(super) down: Option<Down>,
    pub(super) fingerprint: String,
    pub(super) cores: u32,
    pub(super) memory: u64,
    pub(super) started: i64,
}

/// How a node that is down shows itself to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Down {
    /// 595, connection refused.
    Refused,
    /// 595, no route to host.
    NoRoute,
    /// 596, a time-out.
    TimedOut,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>, release: Release, cluster: &str) -> Self {
        Self {
            clock,
            release,
            cluster: cluster.to_owned(),
            nodes: BTreeMap::new(),
            guests: BTreeMap::new(),
            storages: BTreeMap::new(),
            volumes: Vec::new(),
            jobs: BTreeMap::new(),
            access: Access::default(),
            tickets: Vec::new(),
            tasks: Vec::new(),
            outcomes: Vec::new(),
            pace: Pace::Polls(1),
            serial: 0,
            refusal_delay: Duration::ZERO,
            numbers_as_text: false,
            refusals: Vec::new(),
        }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    pub(super) fn online(&self, node: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| node.down.is_none())
    }

    /// A node that is there and answers, or the refusal.
    pub(super) fn target(&self, node: &str) -> Result<(), Failure> {
        match self.nodes.get(node) {
            None => Err(Failure::parameter("target", "target node does not exist")),
            Some(node) if node.down.is_some() => Err(Failure::died("target node is not online")),
            Some(_) => Ok(()),
        }
    }

    /// The lowest free guest number.
    pub(super) fn next_vmid(&self) -> u32 {
        (100..=999_999_999)
            .find(|vmid| !self.guests.contains_key(vmid))
            .unwrap_or(100)
    }
}
