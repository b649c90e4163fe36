//! Verification and pruning.

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, data};
use super::state::{Condition, Group, Snapshot, State, Verified};
use super::tasks::Work;
use crate::calendar::rfc3339;
use crate::retention::Keep;

/// Which snapshots are verified.
pub(super) struct Verification {
    pub(super) store: String,
    pub(super) ns: String,
    pub(super) max_depth: i64,
    pub(super) kind: Option<String>,
    pub(super) id: Option<String>,
    pub(super) time: Option<i64>,
    pub(super) ignore_verified: bool,
    pub(super) outdated_after_days: Option<i64>,
}

impl Verification {
    /// From the parameters of a call, or the settings of a job.
    pub(super) fn read(store: &str, args: &Map<String, Value>) -> Self {
        let text = |name: &str| args.get(name).and_then(Value::as_str).map(str::to_owned);
        let integer = |name: &str| args.get(name).and_then(Value::as_i64);
        Self {
            store: store.to_owned(),
            ns: text("ns").unwrap_or_default(),
            max_depth: integer("max-depth").unwrap_or(7),
            kind: text("backup-type"),
            id: text("backup-id"),
            time: integer("backup-time"),
            ignore_verified: args
                .get("ignore-verified")
                .and_then(Value::as_bool)
                .unwrap_or(true),
            outdated_after_days: integer("outdated-after"),
        }
    }

    fn covers(&self, one: &Snapshot, now: i64) -> bool {
        let place = one.group.store == self.store
            && below(&self.ns, &one.group.ns).is_some_and(|depth| depth <= self.max_depth)
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| one.group.kind == *kind)
            && self.id.as_ref().is_none_or(|id| one.group.id == *id)
            && self.time.is_none_or(|time| one.time == time);
        let fresh = one.verified.as_ref().is_some_and(|verified| {
            let age = now - verified.time;
            verified.ok
                && self
                    .outdated_after_days
                    .is_none_or(|days| age < days * 86_400)
        });
        place && one.condition != Condition::Unfinished && !(self.ignore_verified && fresh)
    }

    /// The work of it.
    pub(super) fn work(self) -> Work {
        Box::new(move |state, upid| {
            let now = state.now();
            let mut log = Vec::new();
            let mut failed = 0_usize;
            for one in state
                .snapshots
                .iter_mut()
                .filter(|one| self.covers(one, now))
            {
                let name = name_of(one);
                log.push(format!("verify {}:{name}", self.store));
                let broken = one.condition == Condition::Corrupt;
                if broken {
                    failed += 1;
                    log.push(format!("verification of {name} failed: chunk is corrupt"));
                }
                one.verified = Some(Verified {
                    ok: !broken,
                    upid: upid.to_owned(),
                    time: now,
                });
            }
            if failed > 0 {
                return Err("verification failed - please check the log for details".to_owned());
            }
            Ok(log)
        })
    }
}

fn name_of(one: &Snapshot) -> String {
    format!("{}/{}/{}", one.group.kind, one.group.id, rfc3339(one.time))
}

/// How many levels one namespace lies below another.
fn below(parent: &str, ns: &str) -> Option<i64> {
    let rest = match parent {
        "" => ns,
        parent => ns.strip_prefix(parent)?,
    };
    let parts = rest.split('/').filter(|part| !part.is_empty()).count();
    let whole = parent.is_empty() || rest.is_empty() || rest.starts_with('/');
    whole.then(|| i64::try_from(parts).unwrap_or(i64::MAX))
}

/// `POST …/verify`.
pub(super) fn verify(state: &mut State, call: &Call) -> Answer {
    let (kind, id) = (call.text("backup-type"), call.text("backup-id"));
    let time = call.integer("backup-time");
    state.namespace(call.store(), call.ns())?;
    let (task, worker_id) = match (kind, id, time) {
        (Some(kind), Some(id), Some(time)) => (
            "verify_snapshot",
            format!("{}:{kind}/{id}/{time:08X}", call.store()),
        ),
        (Some(kind), Some(id), None) => ("verify_group", format!("{}:{kind}/{id}", call.store())),
        (None, None, None) => ("verify", call.store().to_owned()),
        _ => {
            return Err(Failure::bad(
                "parameters do not specify a backup group or snapshot",
            ));
        }
    };
    let owner = match kind {
        Some(_) => Some(state.owner(&Group::of(call))?),
        None => None,
    };
    let place = (call.store(), call.ns());
    state.may(
        &call.who,
        place,
        &["Datastore.Verify"],
        "Datastore.Backup",
        owner.as_deref(),
    )?;
    let work = Verification::read(call.store(), &call.args).work();
    let upid = state.start(&call.who, task, &worker_id, None, work);
    data(json!(upid))
}

/// The retention in a call or a job.
fn keep_of(args: &Map<String, Value>) -> Keep {
    let mut keep = Keep::default();
    for (name, value) in args {
        if let Some(count) = value.as_u64().and_then(|count| usize::try_from(count).ok()) {
            keep.set(name, count);
        }
    }
    keep
}

impl State {
    /// What a retention makes of one group, newest first: snapshot and whether it stays.
    fn decide(&self, group: &Group, keep: &Keep) -> Vec<(Snapshot, bool)> {
        let mut all: Vec<Snapshot> = self
            .snapshots
            .iter()
            .filter(|one| one.group == *group)
            .cloned()
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.time));
        let free: Vec<i64> = all
            .iter()
            .filter(|one| !one.protected)
            .map(|one| one.time)
            .collect();
        let mut kept = keep.decide(&free).into_iter();
        let mut stays = |one: &Snapshot| one.protected || kept.next().unwrap_or(true);
        all.into_iter()
            .map(|one| {
                let stays = stays(&one);
                (one, stays)
            })
            .collect()
    }

    fn drop_snapshots(&mut self, marks: &[(Snapshot, bool)]) {
        for (gone, _) in marks.iter().filter(|(_, stays)| !stays) {
            let same = |one: &Snapshot| one.group == gone.group && one.time == gone.time;
            if let Some(index) = self.snapshots.iter().position(same) {
                self.remove(index);
            }
        }
    }
}

fn line((one, stays): &(Snapshot, bool)) -> String {
    let word = match (stays, one.protected) {
        (_, true) => "protected",
        (true, _) => "keep",
        (false, _) => "remove",
    };
    format!("{word} {}", name_of(one))
}

/// `POST …/prune`: one group, in the call itself or as a task.
pub(super) fn prune(state: &mut State, call: &Call) -> Answer {
    state.namespace(call.store(), call.ns())?;
    let group = Group::of(call);
    let owner = state.owner(&group)?;
    let place = (call.store(), call.ns());
    state.may(
        &call.who,
        place,
        &["Datastore.Modify"],
        "Datastore.Prune",
        Some(&owner),
    )?;
    let keep = keep_of(&call.args);
    let dry_run = call.flag("dry-run").unwrap_or(false);
    if call.flag("use-task") == Some(true) {
        let id = format!("{}:{}/{}", group.store, group.kind, group.id);
        let work: Work = Box::new(move |state, _| {
            let marks = state.decide(&group, &keep);
            if !dry_run {
                state.drop_snapshots(&marks);
            }
            Ok(marks.iter().map(line).collect())
        });
        let upid = state.start(&call.who, "prune", &id, None, work);
        return data(json!(upid));
    }
    let marks = state.decide(&group, &keep);
    if !dry_run {
        state.drop_snapshots(&marks);
    }
    // The list comes oldest first.
    let rows = marks.iter().rev().map(|(one, stays)| {
        json!({
            "backup-type": one.group.kind,
            "backup-id": one.group.id,
            "backup-time": one.time,
            "keep": stays,
            "protected": one.protected,
        })
    });
    data(rows.collect())
}

/// The work of pruning a store or namespace.
pub(super) fn prune_work(store: &str, args: &Map<String, Value>) -> Work {
    let keep = keep_of(args);
    let store = store.to_owned();
    let ns = args
        .get("ns")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let depth = args.get("max-depth").and_then(Value::as_i64).unwrap_or(7);
    let dry_run = args
        .get("dry-run")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    Box::new(move |state, _| {
        let wanted = |one: &&Snapshot| {
            one.group.store == store
                && below(&ns, &one.group.ns).is_some_and(|levels| levels <= depth)
        };
        let groups: std::collections::BTreeSet<Group> = state
            .snapshots
            .iter()
            .filter(wanted)
            .map(|one| one.group.clone())
            .collect();
        let mut log = Vec::new();
        for group in groups {
            let marks = state.decide(&group, &keep);
            log.extend(marks.iter().map(line));
            if !dry_run {
                state.drop_snapshots(&marks);
            }
        }
        Ok(log)
    })
}

/// `POST …/prune-datastore`: always a task, a dry run too.
pub(super) fn prune_store(state: &mut State, call: &Call) -> Answer {
    state.namespace(call.store(), call.ns())?;
    let place = (call.store(), call.ns());
    state.may(
        &call.who,
        place,
        &["Datastore.Modify"],
        "Datastore.Prune",
        None,
    )?;
    let work = prune_work(call.store(), &call.args);
    let upid = state.start(&call.who, "prune", call.store(), None, work);
    data(json!(upid))
}
