//! Other servers, and what is copied to and from them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, data, nothing};
use super::state::{Condition, Group, Remote, Snapshot, State, object};
use super::tasks::Work;

/// One copying of snapshots.
pub(super) struct Synchronisation {
    pushes: bool,
    store: String,
    ns: String,
    /// `None` is this server itself.
    remote: Option<String>,
    remote_store: String,
    remove_vanished: bool,
    transfer_last: Option<usize>,
    filters: Vec<String>,
    owner: Option<String>,
}

impl Synchronisation {
    /// From the parameters of a call, or the settings of a job.
    pub(super) fn read(args: &Map<String, Value>, pushes: bool) -> Self {
        let text = |name: &str| args.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = args.get("group-filter").and_then(Value::as_array);
        let filters = list.map(|all| {
            all.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        });
        Self {
            pushes,
            store: text("store").unwrap_or_default(),
            ns: text("ns").unwrap_or_default(),
            remote: text("remote"),
            remote_store: text("remote-store").unwrap_or_default(),
            remove_vanished: args
                .get("remove-vanished")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            transfer_last: args
                .get("transfer-last")
                .and_then(Value::as_u64)
                .and_then(|count| usize::try_from(count).ok()),
            filters: filters.unwrap_or_default(),
            owner: text("owner"),
        }
    }

    pub(super) fn work(self) -> Work {
        Box::new(move |state, _| self.run(state))
    }

    fn run(self, state: &mut State) -> Result<Vec<String>, String> {
        let here = |one: &Snapshot| one.group.store == self.store && one.group.ns == self.ns;
        let local: Vec<Snapshot> = state
            .snapshots
            .iter()
            .filter(|one| here(one))
            .cloned()
            .collect();
        let there: Vec<Snapshot> = match &self.remote {
            None => {
                let of_store = |one: &&Snapshot| one.group.store == self.remote_store;
                state.snapshots.iter().filter(of_store).cloned().collect()
            }
            Some(name) => {
                let remote = state.remotes.get(name).ok_or("no such remote")?;
                if !remote.reachable {
                    return Err("error trying to connect: tcp connect error: Connection refused (os error 111)".to_owned());
                }
                let stores = &remote.stores;
                let missing = || format!("no such datastore '{}'", self.remote_store);
                stores.get(&self.remote_store).ok_or_else(missing)?.clone()
            }
        };
        let (from, to) = if self.pushes {
            (&local, &there)
        } else {
            (&there, &local)
        };
        let wanted = self.wanted(from);
        let new: Vec<Snapshot> = wanted
            .iter()
            .filter(|one| !to.iter().any(|old| same(old, one)))
            .cloned()
            .collect();
        let gone: Vec<Snapshot> = to
            .iter()
            .filter(|old| self.remove_vanished && self.passes(&old.group))
            .filter(|old| !old.protected && !from.iter().any(|one| same(one, old)))
            .cloned()
            .collect();
        let word = if self.pushes { "push" } else { "pull" };
        let mut log: Vec<String> = new
            .iter()
            .map(|one| format!("{word} snapshot {}", name_of(one)))
            .collect();
        log.extend(
            gone.iter()
                .map(|one| format!("delete vanished snapshot {}", name_of(one))),
        );
        let target = match (&self.remote, self.pushes) {
            (Some(name), true) => {
                let remote = state.remotes.get_mut(name).ok_or("no such remote")?;
                remote.stores.entry(self.remote_store).or_default()
            }
            _ => &mut state.snapshots,
        };
        target.retain(|old| {
            !gone
                .iter()
                .any(|one| one.group.store == old.group.store && same(one, old))
        });
        let to_store = |mut one: Snapshot| {
            if !self.pushes {
                one.group.store.clone_from(&self.store);
                one.group.ns.clone_from(&self.ns);
                if let Some(owner) = &self.owner {
                    one.owner.clone_from(owner);
                }
            }
            one.protected = false;
            one
        };
        target.extend(new.into_iter().map(to_store));
        Ok(log)
    }

    /// The snapshots that are to be there: of the groups that pass, all or the last ones.
    fn wanted(&self, from: &[Snapshot]) -> Vec<Snapshot> {
        let mut groups: BTreeMap<(&str, &str), Vec<&Snapshot>> = BTreeMap::new();
        for one in from
            .iter()
            .filter(|one| self.passes(&one.group) && one.condition != Condition::Unfinished)
        {
            groups
                .entry((&one.group.kind, &one.group.id))
                .or_default()
                .push(one);
        }
        let most = self.transfer_last.unwrap_or(usize::MAX);
        let last = |mut all: Vec<&Snapshot>| {
            all.sort_by_key(|one| std::cmp::Reverse(one.time));
            all.into_iter().take(most).cloned().collect::<Vec<_>>()
        };
        groups.into_values().flat_map(last).collect()
    }

    fn passes(&self, group: &Group) -> bool {
        let hits = |filter: &str| match filter.split_once(':') {
            Some(("type", kind)) => group.kind == kind,
            Some(("group", name)) => format!("{}/{}", group.kind, group.id) == name,
            _ => false,
        };
        let excluded = self
            .filters
            .iter()
            .filter_map(|one| one.strip_prefix("exclude:"));
        let mut included = self
            .filters
            .iter()
            .filter(|one| !one.starts_with("exclude:"))
            .map(|one| one.strip_prefix("include:").unwrap_or(one))
            .peekable();
        let wanted = included.peek().is_none() || included.any(hits);
        wanted && !excluded.into_iter().any(hits)
    }
}

fn same(one: &Snapshot, other: &Snapshot) -> bool {
    one.group.kind == other.group.kind && one.group.id == other.group.id && one.time == other.time
}

fn name_of(one: &Snapshot) -> String {
    format!(
        "{}/{}/{}",
        one.group.kind,
        one.group.id,
        crate::calendar::rfc3339(one.time)
    )
}

/// `POST /push` and `/pull`.
pub(super) fn now(state: &mut State, call: &Call) -> Answer {
    let pushes = call.pattern == "/push";
    let plan = Synchronisation::read(&call.args, pushes);
    state.namespace(&plan.store, &plan.ns)?;
    if let Some(remote) = &plan.remote
        && !state.remotes.contains_key(remote)
    {
        return Err(Failure::bad(format!("no such remote '{remote}'")));
    }
    let local = object(&plan.store, &plan.ns);
    let far = format!(
        "/remote/{}/{}",
        plan.remote.as_deref().unwrap_or("-"),
        plan.remote_store
    );
    let may = |path: &str, privileges: &[&str]| state.rights.has_any(&call.who, path, privileges);
    let allowed = if pushes {
        may(&far, &["Remote.DatastoreBackup"])
            && may(&local, &["Datastore.Read", "Datastore.Backup"])
            && (!plan.remove_vanished || may(&far, &["Remote.DatastorePrune"]))
    } else {
        may(&local, &["Datastore.Backup"])
            && (plan.remote.is_none() || may(&far, &["Remote.Read"]))
            && (!plan.remove_vanished || may(&local, &["Datastore.Prune"]))
    };
    if !allowed {
        return Err(Failure::forbidden());
    }
    let id = format!(
        "{}:{}:{}",
        plan.remote.as_deref().unwrap_or("-"),
        plan.remote_store,
        plan.store
    );
    let upid = state.start(&call.who, "sync", &id, None, plan.work());
    data(json!(upid))
}

fn remote<'a>(state: &'a State, call: &Call, privilege: &str) -> Result<&'a Remote, Failure> {
    let name = call.path.get("name");
    let found = state.remotes.get(name);
    let found = found.ok_or_else(|| Failure::new(404, format!("no such remote '{name}'")))?;
    if state
        .rights
        .has(&call.who, &format!("/remote/{name}"), privilege)
    {
        Ok(found)
    } else {
        Err(Failure::forbidden())
    }
}

/// A remote without its password.
fn definition(name: &str, remote: &Remote) -> Value {
    let mut row = Value::Object(remote.settings.clone());
    row["name"] = json!(name);
    row
}

/// `GET /config/remote`.
pub(super) fn remotes(state: &mut State, call: &Call) -> Answer {
    let seen = state.remotes.iter().filter(|(name, _)| {
        state
            .rights
            .has(&call.who, &format!("/remote/{name}"), "Remote.Audit")
    });
    data(
        seen.map(|(name, remote)| definition(name, remote))
            .collect(),
    )
}

/// `GET /config/remote/{name}`.
pub(super) fn one_remote(state: &mut State, call: &Call) -> Answer {
    data(definition(
        call.path.get("name"),
        remote(state, call, "Remote.Audit")?,
    ))
}

/// `POST /config/remote`.
pub(super) fn create_remote(state: &mut State, call: &Call) -> Answer {
    if !state.rights.has(&call.who, "/remote", "Remote.Modify") {
        return Err(Failure::forbidden());
    }
    let name = call.text("name").unwrap_or_default().to_owned();
    if state.remotes.contains_key(&name) {
        return Err(Failure::parameter(
            "name",
            &format!("remote '{name}' already exists."),
        ));
    }
    let kept = call
        .args
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "name" | "password"));
    let settings = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    state.remotes.insert(
        name,
        Remote {
            settings,
            stores: BTreeMap::new(),
            reachable: true,
        },
    );
    nothing()
}

/// `PUT /config/remote/{name}`.
pub(super) fn update_remote(state: &mut State, call: &Call) -> Answer {
    remote(state, call, "Remote.Modify")?;
    if let Some(remote) = state.remotes.get_mut(call.path.get("name")) {
        let secret = |key: &str| matches!(key, "password" | "digest");
        let kept = call.args.iter().filter(|(key, _)| !secret(key));
        remote
            .settings
            .extend(kept.map(|(key, value)| (key.clone(), value.clone())));
    }
    nothing()
}

/// `DELETE /config/remote/{name}`.
pub(super) fn delete_remote(state: &mut State, call: &Call) -> Answer {
    remote(state, call, "Remote.Modify")?;
    state.remotes.remove(call.path.get("name"));
    nothing()
}

/// `GET /config/remote/{name}/scan`: its stores.
pub(super) fn scan(state: &mut State, call: &Call) -> Answer {
    let remote = remote(state, call, "Remote.Audit")?;
    if !remote.reachable {
        let text = format!(
            "remote '{}' does not answer: tcp connect error: Connection refused (os error 111)",
            call.path.get("name")
        );
        return Err(Failure::new(503, text));
    }
    data(
        remote
            .stores
            .keys()
            .map(|store| json!({ "store": store, "mount-status": "nonremovable" }))
            .collect(),
    )
}

/// `GET /config/remote/{name}/scan/{store}/groups`.
pub(super) fn scan_groups(state: &mut State, call: &Call) -> Answer {
    let remote = remote(state, call, "Remote.Audit")?;
    let Some(all) = remote.stores.get(call.store()) else {
        return Err(Failure::bad(format!(
            "no such datastore '{}'",
            call.store()
        )));
    };
    let mut groups: BTreeMap<(&str, &str), (usize, i64, &str)> = BTreeMap::new();
    for one in all {
        let group = groups
            .entry((&one.group.kind, &one.group.id))
            .or_insert((0, 0, &one.owner));
        group.0 += 1;
        group.1 = group.1.max(one.time);
    }
    let row = |((kind, id), (count, last, owner)): ((&str, &str), (usize, i64, &str))| {
        json!({
            "backup-type": kind,
            "backup-id": id,
            "backup-count": count,
            "last-backup": last,
            "owner": owner,
            "files": [],
        })
    };
    data(groups.into_iter().map(row).collect())
}

/// `GET /config/remote/{name}/scan/{store}/namespaces`: its root alone.
pub(super) fn scan_namespaces(state: &mut State, call: &Call) -> Answer {
    let remote = remote(state, call, "Remote.Audit")?;
    if !remote.stores.contains_key(call.store()) {
        return Err(Failure::bad(format!(
            "no such datastore '{}'",
            call.store()
        )));
    }
    data(json!([{ "ns": "" }]))
}
