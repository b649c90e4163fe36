//! What a test puts into a server, and looks at from behind; and the demo lab's backups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::state::{Condition, Group, Job, JobKind, Remote, Snapshot, State, Store, Verified};
use super::{Pbs, ROOT_TOKEN};
use crate::calendar::rfc3339;

const GIB: u64 = 1 << 30;
const DAY: i64 = 86_400;

/// A snapshot to be put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSeed {
    /// Its store, which comes into being with it.
    pub store: String,
    /// Its namespace, likewise; the root is empty.
    pub ns: String,
    /// `vm`, `ct` or `host`.
    pub kind: String,
    /// Id of what is backed up.
    pub id: String,
    /// Seconds since it was made.
    pub age_s: i64,
    /// Its size in bytes.
    pub size: u64,
    /// Who owns it.
    pub owner: String,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether it was verified, and how that ended.
    pub verified: Option<bool>,
    /// What it is worth.
    pub condition: Condition,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

impl SnapshotSeed {
    /// A snapshot of 20 GiB of this age in the root, not verified yet.
    pub fn new(store: &str, kind: &str, id: &str, age_s: i64) -> Self {
        Self {
            store: store.to_owned(),
            ns: String::new(),
            kind: kind.to_owned(),
            id: id.to_owned(),
            age_s,
            size: 20 * GIB,
            owner: ROOT_TOKEN.0.to_owned(),
            protected: false,
            verified: None,
            condition: Condition::Sound,
            encrypted: false,
        }
    }
}

impl State {
    fn store_for(&mut self, name: &str) -> &mut Store {
        self.stores.entry(name.to_owned()).or_insert_with(|| Store {
            comment: String::new(),
            total: 4000 * GIB,
            used: 1200 * GIB,
            namespaces: BTreeSet::new(),
            collected: None,
            garbage: 0,
        })
    }

    fn made(&self, seed: SnapshotSeed) -> Snapshot {
        let time = self.now() - seed.age_s;
        Snapshot {
            group: Group {
                store: seed.store,
                ns: seed.ns,
                kind: seed.kind,
                id: seed.id,
            },
            time,
            owner: seed.owner,
            size: seed.size,
            protected: seed.protected,
            comment: String::new(),
            verified: seed.verified.map(|ok| Verified {
                ok,
                upid: "UPID:localhost:00000F00:00A00000:00000000:691E7F00:verificationjob:main:root@pam:".to_owned(),
                time,
            }),
            condition: seed.condition,
            encrypted: seed.encrypted,
        }
    }

    fn add(&mut self, seed: SnapshotSeed) -> i64 {
        let ns = seed.ns.clone();
        let store = self.store_for(&seed.store);
        // A namespace brings those above it.
        let parts: Vec<&str> = ns.split('/').filter(|part| !part.is_empty()).collect();
        for depth in 1..=parts.len() {
            store.namespaces.insert(parts[..depth].join("/"));
        }
        let snapshot = self.made(seed);
        let time = snapshot.time;
        self.snapshots.push(snapshot);
        time
    }

    fn add_remote(&mut self, name: &str, stores: &[&str]) {
        let settings = json!({
            "auth-id": "sync@pbs!offsite",
            "host": "offsite.example",
            "port": 8007,
            "fingerprint": "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
            "comment": "the other house",
        });
        let stores = stores.iter().map(|&store| (store.to_owned(), Vec::new()));
        let remote = Remote {
            settings: object(settings),
            stores: stores.collect(),
            reachable: true,
        };
        self.remotes.insert(name.to_owned(), remote);
    }

    fn add_job(&mut self, kind: JobKind, id: &str, settings: Value) {
        let job = Job {
            settings: object(settings),
            last: None,
        };
        self.jobs.insert((kind, id.to_owned()), job);
    }

    /// The backups of the demo lab's guests, of three days.
    pub(super) fn furnish_demo(&mut self) {
        for machine in crate::demo::inventory().virtual_machines {
            let Some(vmid) = machine.vm_id.filter(|vmid| *vmid != 111) else {
                continue;
            };
            let kind = if machine.kind.as_deref() == Some("lxc") {
                "ct"
            } else {
                "vm"
            };
            for days in 0..3 {
                let seed = SnapshotSeed {
                    verified: (days > 0).then_some(!(vmid == 109 && days == 2)),
                    condition: if vmid == 109 && days == 2 {
                        Condition::Corrupt
                    } else {
                        Condition::Sound
                    },
                    protected: vmid == 106 && days == 2,
                    ..SnapshotSeed::new("main", kind, &vmid.to_string(), days * DAY + 7 * 3600)
                };
                self.add(seed);
            }
        }
        self.add(SnapshotSeed::new("main", "host", "nas-main", 9 * DAY));
        let main = self.store_for("main");
        "NVMe mirror".clone_into(&mut main.comment);
        main.garbage = 90 * GIB;
        let archive = self.store_for("archive");
        "old disks".clone_into(&mut archive.comment);
        archive.used = archive.total / 100 * 87;
        self.add_remote("offsite", &["homelab"]);
        self.add_job(
            JobKind::Verify,
            "verify-main",
            json!({ "store": "main", "schedule": "sat 03:00", "outdated-after": 30 }),
        );
        self.add_job(
            JobKind::Prune,
            "prune-main",
            json!({ "store": "main", "schedule": "daily", "keep-daily": 7, "keep-weekly": 4 }),
        );
        self.add_job(
            JobKind::Sync,
            "push-offsite",
            json!({ "store": "main", "remote": "offsite", "remote-store": "homelab", "sync-direction": "push", "schedule": "04:30" }),
        );
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Pbs {
    /// Puts an empty datastore there.
    pub fn add_store(&self, name: &str) {
        self.state.lock().store_for(name);
    }

    /// Puts a snapshot there; its time.
    pub fn add_snapshot(&self, seed: SnapshotSeed) -> i64 {
        self.state.lock().add(seed)
    }

    /// Puts a remote there that has these stores, all of them empty.
    pub fn add_remote(&self, name: &str, stores: &[&str]) {
        self.state.lock().add_remote(name, stores);
    }

    /// Puts a snapshot into a remote's store, which is that of the seed.
    pub fn add_remote_snapshot(&self, remote: &str, seed: SnapshotSeed) {
        let mut state = self.state.lock();
        let snapshot = state.made(seed);
        if let Some(remote) = state.remotes.get_mut(remote) {
            let store = snapshot.group.store.clone();
            remote.stores.entry(store).or_default().push(snapshot);
        }
    }

    /// Whether a remote answers.
    pub fn set_reachable(&self, remote: &str, reachable: bool) {
        if let Some(remote) = self.state.lock().remotes.get_mut(remote) {
            remote.reachable = reachable;
        }
    }

    /// Puts a scheduled job there; `kind` is `verify`, `prune` or `sync`.
    pub fn add_job(&self, kind: &str, id: &str, settings: Value) {
        let kind = match kind {
            "verify" => JobKind::Verify,
            "prune" => JobKind::Prune,
            _ => JobKind::Sync,
        };
        self.state.lock().add_job(kind, id, settings);
    }

    /// A store's snapshots as `vm/100/2026-11-20T02:00:00Z`, sorted.
    pub fn snapshots(&self, store: &str) -> Vec<String> {
        let state = self.state.lock();
        names(
            state
                .snapshots
                .iter()
                .filter(|one| one.group.store == store),
        )
    }

    /// The same of a remote's store.
    pub fn remote_snapshots(&self, remote: &str, store: &str) -> Vec<String> {
        let state = self.state.lock();
        let found: Option<&BTreeMap<String, Vec<Snapshot>>> =
            state.remotes.get(remote).map(|remote| &remote.stores);
        names(
            found
                .and_then(|stores| stores.get(store))
                .into_iter()
                .flatten(),
        )
    }
}

fn names<'a>(snapshots: impl Iterator<Item = &'a Snapshot>) -> Vec<String> {
    let name =
        |one: &Snapshot| format!("{}/{}/{}", one.group.kind, one.group.id, rfc3339(one.time));
    let mut names: Vec<String> = snapshots.map(name).collect();
    names.sort();
    names
}
