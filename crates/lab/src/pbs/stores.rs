//! Datastores, their namespaces, their garbage.

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, data, nothing};
use super::state::{Collected, Condition, Snapshot, State, Store, object};
use super::tasks::Work;

impl State {
    fn sees_store(&self, who: &str, name: &str) -> bool {
        let path = object(name, "");
        self.rights
            .has_any(who, &path, &["Datastore.Audit", "Datastore.Backup"])
    }

    fn in_store<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Snapshot> {
        self.snapshots
            .iter()
            .filter(move |one| one.group.store == name)
    }

    /// What a collection of garbage left behind.
    fn collected(&self, name: &str, store: &Store) -> Value {
        let index: u64 = self.in_store(name).map(|one| one.size).sum();
        let mut row = json!({
            "index-file-count": self.in_store(name).count() * 2,
            "index-data-bytes": index,
            "disk-bytes": store.used,
            "disk-chunks": store.used / 2_097_152,
            "pending-bytes": store.garbage / 4,
            "pending-chunks": store.garbage / 8_388_608,
            "removed-bytes": 0,
            "removed-chunks": 0,
            "removed-bad": 0,
            "still-bad": self.in_store(name).filter(|one| one.condition == Condition::Corrupt).count(),
        });
        if let Some(last) = &store.collected {
            row["upid"] = json!(last.upid);
            row["removed-bytes"] = json!(last.removed);
            row["removed-chunks"] = json!(last.removed / 2_097_152);
        }
        row
    }

    fn collection_job(&self, name: &str, store: &Store) -> Value {
        let mut row = self.collected(name, store);
        row["store"] = json!(name);
        row["schedule"] = json!("daily");
        row["next-run"] = json!(self.now().div_euclid(86_400) * 86_400 + 86_400);
        if let Some(last) = &store.collected {
            row["last-run-state"] = json!(last.state);
            row["last-run-endtime"] = json!(last.time);
            row["duration"] = json!(311);
        }
        row
    }
}

/// `GET /admin/datastore`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let seen = state
        .stores
        .iter()
        .filter(|(name, _)| state.sees_store(&call.who, name));
    let rows = seen.map(|(name, store)| {
        let mut row = json!({ "store": name, "comment": store.comment });
        if state.release >= super::Release::V3_4 {
            row["mount-status"] = json!("nonremovable");
        }
        if state.release >= super::Release::V4_1 {
            row["backend-type"] = json!("filesystem");
        }
        row
    });
    data(rows.collect())
}

/// `GET /admin/datastore/{store}/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    let name = call.store();
    let store = state.store(call)?;
    state.may(
        &call.who,
        (name, ""),
        &["Datastore.Audit"],
        "Datastore.Backup",
        None,
    )?;
    let mut row = json!({
        "total": store.total,
        "used": store.used,
        "avail": store.total.saturating_sub(store.used),
    });
    if call.flag("verbose") == Some(true) {
        row["gc-status"] = state.collected(name, store);
        let count = |kind: &str| {
            let of_kind = |one: &&Snapshot| one.group.kind == kind;
            let groups: std::collections::BTreeSet<_> = state
                .in_store(name)
                .filter(of_kind)
                .map(|one| &one.group)
                .collect();
            json!({
                "groups": groups.len(),
                "snapshots": state.in_store(name).filter(of_kind).count(),
            })
        };
        row["counts"] = json!({ "vm": count("vm"), "ct": count("ct"), "host": count("host") });
    }
    data(row)
}

/// `GET /status/datastore-usage`: a month of it, and when it will be full.
pub(super) fn usage(state: &mut State, call: &Call) -> Answer {
    let now = state.now();
    let seen = state
        .stores
        .iter()
        .filter(|(name, _)| state.sees_store(&call.who, name));
    let rows = seen.map(|(name, store)| {
        let share = f64::from(permille(store.used, store.total)) / 1000.0;
        let history: Vec<f64> = (0..30)
            .map(|day| share * (1.0 - f64::from(29 - day) * 0.004))
            .collect();
        json!({
            "store": name,
            "mount-status": "nonremovable",
            "backend-type": "filesystem",
            "total": store.total,
            "used": store.used,
            "avail": store.total.saturating_sub(store.used),
            "history": history,
            "history-start": now - 30 * 86_400,
            "history-delta": 86_400,
            "estimated-full-date": now + 140 * 86_400,
            "gc-status": state.collected(name, store),
        })
    });
    data(rows.collect())
}

/// `GET /config/datastore` and `/config/datastore/{name}`.
pub(super) fn definitions(state: &mut State, call: &Call) -> Answer {
    let row = |(name, store): (&String, &Store)| {
        json!({
            "name": name,
            "path": format!("/mnt/datastore/{name}"),
            "comment": store.comment,
            "gc-schedule": "daily",
        })
    };
    let one = call.path.get("name");
    if !one.is_empty() {
        state.store_named(one)?;
    }
    let seen = state
        .stores
        .iter()
        .filter(|(name, _)| state.sees_store(&call.who, name));
    let mut rows: Vec<Value> = seen
        .filter(|(name, _)| one.is_empty() || *name == one)
        .map(row)
        .collect();
    if one.is_empty() {
        return data(rows.into());
    }
    rows.pop().map_or_else(|| Err(Failure::forbidden()), data)
}

/// `GET …/namespace`: below a parent, itself included.
pub(super) fn namespaces(state: &mut State, call: &Call) -> Answer {
    let parent = call.text("parent").unwrap_or_default();
    let store = state.store(call)?;
    state.namespace(call.store(), parent)?;
    let depth = call.integer("max-depth").unwrap_or(7);
    let below = |ns: &&String| {
        let rest = if parent.is_empty() {
            Some(ns.as_str())
        } else {
            ns.strip_prefix(parent)
                .and_then(|rest| rest.strip_prefix('/'))
        };
        let levels = rest.map(|rest| rest.split('/').count());
        levels
            .and_then(|levels| i64::try_from(levels).ok())
            .is_some_and(|levels| levels <= depth)
    };
    let all =
        std::iter::once(parent.to_owned()).chain(store.namespaces.iter().filter(below).cloned());
    let seen = all.filter(|ns| {
        let any = ["Datastore.Audit", "Datastore.Modify", "Datastore.Backup"];
        state
            .rights
            .has_any(&call.who, &object(call.store(), ns), &any)
    });
    data(seen.map(|ns| json!({ "ns": ns })).collect())
}

/// `POST …/namespace`.
pub(super) fn create_namespace(state: &mut State, call: &Call) -> Answer {
    let parent = call.text("parent").unwrap_or_default();
    let name = call.text("name").unwrap_or_default();
    state.namespace(call.store(), parent)?;
    state.may(
        &call.who,
        (call.store(), parent),
        &["Datastore.Modify"],
        "Datastore.Modify",
        None,
    )?;
    let ns = if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    };
    let store = state.stores.get_mut(call.store());
    let new = store.is_some_and(|store| store.namespaces.insert(ns.clone()));
    if !new {
        return Err(Failure::bad(format!("namespace '{ns}' already exists")));
    }
    data(json!(ns))
}

/// `DELETE …/namespace`.
pub(super) fn delete_namespace(state: &mut State, call: &Call) -> Answer {
    let ns = call.ns().to_owned();
    let name = call.store().to_owned();
    state.namespace(&name, &ns)?;
    state.may(
        &call.who,
        (&name, &ns),
        &["Datastore.Modify"],
        "Datastore.Modify",
        None,
    )?;
    let inside = |one: &Snapshot| {
        one.group.store == name
            && one
                .group
                .ns
                .strip_prefix(&*ns)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if state.snapshots.iter().any(inside) && call.flag("delete-groups") != Some(true) {
        return Err(Failure::bad("cannot remove namespace as it is not empty"));
    }
    state.snapshots.retain(|one| !inside(one));
    if let Some(store) = state.stores.get_mut(&name) {
        store.namespaces.retain(|one| {
            !one.strip_prefix(&*ns)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
    }
    nothing()
}

/// `GET …/gc`.
pub(super) fn collection(state: &mut State, call: &Call) -> Answer {
    let store = state.store(call)?;
    state.may(
        &call.who,
        (call.store(), ""),
        &["Datastore.Audit"],
        "Datastore.Modify",
        None,
    )?;
    data(state.collection_job(call.store(), store))
}

/// `GET /admin/gc` and `/admin/gc/{store}`.
pub(super) fn collections(state: &mut State, call: &Call) -> Answer {
    let only = call.text("store").unwrap_or(call.path.get("store"));
    let wanted = |(name, _): &(&String, &Store)| {
        (only.is_empty() || *name == only) && state.sees_store(&call.who, name)
    };
    let rows = state.stores.iter().filter(wanted);
    data(
        rows.map(|(name, store)| state.collection_job(name, store))
            .collect(),
    )
}

/// `POST …/gc`.
pub(super) fn collect(state: &mut State, call: &Call) -> Answer {
    state.store(call)?;
    state.may(
        &call.who,
        (call.store(), ""),
        &["Datastore.Modify"],
        "Datastore.Modify",
        None,
    )?;
    let name = call.store().to_owned();
    let id = name.clone();
    let work: Work = Box::new(move |state, upid| {
        let now = state.now();
        let store = state.stores.get_mut(&name).ok_or("no such datastore")?;
        let removed = std::mem::take(&mut store.garbage);
        store.used = store.used.saturating_sub(removed);
        store.collected = Some(Collected {
            upid: upid.to_owned(),
            time: now,
            state: "OK".to_owned(),
            removed,
        });
        Ok(vec![
            "Start GC phase1 (mark used chunks)".to_owned(),
            "Start GC phase2 (sweep unused chunks)".to_owned(),
            format!("Removed garbage: {removed} B"),
        ])
    });
    let upid = state.start(&call.who, "garbage_collection", &id, None, work);
    data(json!(upid))
}

fn permille(part: u64, whole: u64) -> u32 {
    let permille = (part / 1000).saturating_mul(1000) / (whole / 1000).max(1);
    u32::try_from(permille).unwrap_or(1000).min(1000)
}
