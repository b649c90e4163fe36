//! What the server holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homelab_core::clock::Clock;
use serde_json::{Map, Value};

use super::Release;
use super::auth::Ticket;
use super::entry::Call;
use super::reply::Failure;
use super::tasks::Task;
use crate::rights::Rights;
use crate::worker::{Outcome, Pace};

pub(super) struct State {
    clock: Arc<dyn Clock>,
    pub(super) release: Release,
    pub(super) rights: Rights,
    pub(super) tickets: Vec<Ticket>,
    pub(super) stores: BTreeMap<String, Store>,
    pub(super) snapshots: Vec<Snapshot>,
    /// Notes by group.
    pub(super) group_notes: BTreeMap<Group, String>,
    pub(super) jobs: BTreeMap<(JobKind, String), Job>,
    pub(super) remotes: BTreeMap<String, Remote>,
    pub(super) tasks: Vec<Task>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) pace: Pace,
    /// Counts tasks.
    pub(super) serial: u64,
    pub(super) refusal_delay: Duration,
    pub(super) fingerprint: String,
    /// Refusals of the next calls, by the beginning of their paths.
    pub(super) refusals: Vec<(String, Failure)>,
}

/// A datastore.
pub(super) struct Store {
    pub(super) comment: String,
    pub(super) total: u64,
    pub(super) used: u64,
    pub(super) namespaces: BTreeSet<String>,
    pub(super) collected: Option<Collected>,
    /// Bytes that the next collection frees.
    pub(super) garbage: u64,
}

/// The last collection of garbage.
#[derive(Clone)]
pub(super) struct Collected {
    pub(super) upid: String,
    pub(super) time: i64,
    pub(super) state: String,
    pub(super) removed: u64,
}

/// A group of backups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) store: String,
    pub(super) ns: String,
    pub(super) kind: String,
    pub(super) id: String,
}

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) group: Group,
    pub(super) time: i64,
    pub(super) owner: String,
    pub(super) size: u64,
    pub(super) protected: bool,
    pub(super) comment: String,
    pub(super) verified: Option<Verified>,
    pub(super) condition: Condition,
    pub(super) encrypted: bool,
}

/// What a snapshot is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Condition {
    /// All of it is there.
    #[default]
    Sound,
    /// A verification finds it broken.
    Corrupt,
    /// It was never finished: no files, no size.
    Unfinished,
}

/// What a verification found.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) ok: bool,
    pub(super) upid: String,
    pub(super) time: i64,
}

/// What is run on a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum JobKind {
    Verify,
    Prune,
    Sync,
}

pub(super) struct Job {
    pub(super) settings: Map<String, Value>,
    pub(super) last: Option<LastRun>,
}

#[derive(Clone)]
pub(super) struct LastRun {
    pub(super) upid: String,
    pub(super) end: i64,
    pub(super) state: String,
}

/// Another server.
pub(super) struct Remote {
    pub(super) settings: Map<String, Value>,
    /// Its stores, with what lies in them.
    pub(super) stores: BTreeMap<String, Vec<Snapshot>>,
    pub(super) reachable: bool,
}

impl State {
    pub(super) fn new(clock: Arc<dyn Clock>, release: Release, fingerprint: String) -> Self {
        Self {
            clock,
            release,
            rights: Rights::default(),
            tickets: Vec::new(),
            stores: BTreeMap::new(),
            snapshots: Vec::new(),
            group_notes: BTreeMap::new(),
            jobs: BTreeMap::new(),
            remotes: BTreeMap::new(),
            tasks: Vec::new(),
            outcomes: Vec::new(),
            pace: Pace::Polls(1),
            serial: 0,
            refusal_delay: Duration::ZERO,
            fingerprint,
            refusals: Vec::new(),
        }
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().0.div_euclid(1_000_000)
    }

    /// The store of a call's path.
    pub(super) fn store(&self, call: &Call) -> Result<&Store, Failure> {
        self.store_named(call.store())
    }

    pub(super) fn store_named(&self, name: &str) -> Result<&Store, Failure> {
        let missing = || Failure::bad(format!("no such datastore '{name}'"));
        self.stores.get(name).ok_or_else(missing)
    }

    /// Refuses a namespace that is not there.
    pub(super) fn namespace(&self, store: &str, ns: &str) -> Result<(), Failure> {
        let store_there = self.store_named(store)?;
        if ns.is_empty() || store_there.namespaces.contains(ns) {
            return Ok(());
        }
        let text = format!("namespace not found: unable to open namespace \"{ns}\"");
        Err(Failure::bad(text))
    }

    /// Whether somebody may do something to all groups there, by one of the first privileges, or to
    /// this owner's, by the last.
    pub(super) fn may(
        &self,
        who: &str,
        (store, ns): (&str, &str),
        to_any: &[&str],
        to_own: &str,
        owner: Option<&str>,
    ) -> Result<(), Failure> {
        let path = object(store, ns);
        let own = owner.is_none_or(|owner| owner == who);
        if self.rights.has_any(who, &path, to_any) || (own && self.rights.has(who, &path, to_own)) {
            Ok(())
        } else {
            Err(Failure::forbidden())
        }
    }
}

/// The path of a store or namespace among the objects of rights.
pub(super) fn object(store: &str, ns: &str) -> String {
    if ns.is_empty() {
        format!("/datastore/{store}")
    } else {
        format!("/datastore/{store}/{ns}")
    }
}

impl Group {
    /// The group that a call names; a wrong one is refused earlier.
    pub(super) fn of(call: &Call) -> Self {
        Self {
            store: call.store().to_owned(),
            ns: call.ns().to_owned(),
            kind: call.text("backup-type").unwrap_or_default().to_owned(),
            id: call.text("backup-id").unwrap_or_default().to_owned(),
        }
    }
}
