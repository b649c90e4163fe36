//! Groups and snapshots: lists, notes, protection, removal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entry::Call;
use super::reply::{Answer, Failure, data, nothing};
use super::state::{Condition, Group, Snapshot, State};

const AUDIT: &[&str] = &["Datastore.Audit"];
const MODIFY: &[&str] = &["Datastore.Modify"];

impl Snapshot {
    fn files(&self) -> Vec<Value> {
        if self.condition == Condition::Unfinished {
            return Vec::new();
        }
        let crypt = if self.encrypted { "encrypt" } else { "none" };
        let names: &[&str] = match self.group.kind.as_str() {
            "vm" => &["drive-scsi0.img.fidx", "qemu-server.conf.blob"],
            "ct" => &["root.pxar.didx", "pct.conf.blob"],
            _ => &["root.pxar.didx", "catalog.pcat1.didx"],
        };
        let sizes = [self.size.saturating_sub(512), 512];
        let file = |(name, size): (&&str, u64)| json!({ "filename": name, "size": size, "crypt-mode": crypt });
        let mut files: Vec<Value> = names.iter().zip(sizes).map(file).collect();
        files.push(json!({ "filename": "index.json.blob", "size": 441, "crypt-mode": "none" }));
        files
    }

    pub(super) fn row(&self) -> Value {
        let mut row = json!({
            "backup-type": self.group.kind,
            "backup-id": self.group.id,
            "backup-time": self.time,
            "owner": self.owner,
            "protected": self.protected,
            "files": self.files(),
        });
        if self.condition != Condition::Unfinished {
            row["size"] = json!(self.size);
        }
        if !self.comment.is_empty() {
            row["comment"] = json!(self.comment);
        }
        if self.encrypted {
            row["fingerprint"] = json!("00:11:22:33:44:55:66:77");
        }
        if let Some(verified) = &self.verified {
            row["verification"] = json!({
                "state": if verified.ok { "ok" } else { "failed" },
                "upid": verified.upid,
            });
        }
        row
    }
}

impl State {
    /// A store's snapshots in one namespace that somebody may see.
    fn seen(&self, call: &Call) -> Result<Vec<&Snapshot>, Failure> {
        let place = (call.store(), call.ns());
        self.namespace(place.0, place.1)?;
        let here = |one: &&Snapshot| one.group.store == place.0 && one.group.ns == place.1;
        let path = super::state::object(place.0, place.1);
        if !self
            .rights
            .has_any(&call.who, &path, &["Datastore.Audit", "Datastore.Backup"])
        {
            return Err(Failure::forbidden());
        }
        let sees = |one: &&Snapshot| {
            self.may(
                &call.who,
                place,
                AUDIT,
                "Datastore.Backup",
                Some(&one.owner),
            )
            .is_ok()
        };
        Ok(self.snapshots.iter().filter(here).filter(sees).collect())
    }

    /// Owner of a group, which is there as long as a snapshot is.
    pub(super) fn owner(&self, group: &Group) -> Result<String, Failure> {
        let found = self.snapshots.iter().find(|one| one.group == *group);
        let missing = || Failure::bad(format!("group \"{}/{}\" not found", group.kind, group.id));
        found.map(|one| one.owner.clone()).ok_or_else(missing)
    }

    /// Where the snapshot that a call names stands in the list.
    fn snapshot(&self, call: &Call) -> Result<usize, Failure> {
        self.namespace(call.store(), call.ns())?;
        let group = Group::of(call);
        let time = call.integer("backup-time").unwrap_or_default();
        let found = self
            .snapshots
            .iter()
            .position(|one| one.group == group && one.time == time);
        let name = || {
            format!(
                "{}/{}/{}",
                group.kind,
                group.id,
                crate::calendar::rfc3339(time)
            )
        };
        found.ok_or_else(|| Failure::bad(format!("snapshot {} does not exist.", name())))
    }

    fn snapshot_for(&self, call: &Call, to_any: &[&str], to_own: &str) -> Result<usize, Failure> {
        let index = self.snapshot(call)?;
        let owner = self.snapshots[index].owner.clone();
        self.may(
            &call.who,
            (call.store(), call.ns()),
            to_any,
            to_own,
            Some(&owner),
        )?;
        Ok(index)
    }

    fn group_for(&self, call: &Call, to_any: &[&str], to_own: &str) -> Result<Group, Failure> {
        self.namespace(call.store(), call.ns())?;
        let group = Group::of(call);
        let owner = self.owner(&group)?;
        self.may(
            &call.who,
            (call.store(), call.ns()),
            to_any,
            to_own,
            Some(&owner),
        )?;
        Ok(group)
    }
}

/// `GET …/groups`.
pub(super) fn groups(state: &mut State, call: &Call) -> Answer {
    let mut groups: BTreeMap<&Group, Vec<&Snapshot>> = BTreeMap::new();
    for one in state.seen(call)? {
        groups.entry(&one.group).or_default().push(one);
    }
    let rows = groups.into_iter().filter_map(|(group, all)| {
        let last = all.iter().max_by_key(|one| one.time)?;
        let files: Vec<Value> = last
            .files()
            .into_iter()
            .map(|mut file| file["filename"].take())
            .collect();
        let mut row = json!({
            "backup-type": group.kind,
            "backup-id": group.id,
            "backup-count": all.len(),
            "last-backup": last.time,
            "owner": last.owner,
            "files": files,
        });
        if let Some(notes) = state.group_notes.get(group) {
            row["comment"] = json!(notes.lines().next().unwrap_or_default());
        }
        Some(row)
    });
    data(rows.collect())
}

/// `GET …/snapshots`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let kind = call.text("backup-type");
    let id = call.text("backup-id");
    let seen = state.seen(call)?;
    let wanted = seen.into_iter().filter(|one| {
        kind.is_none_or(|kind| one.group.kind == kind) && id.is_none_or(|id| one.group.id == id)
    });
    data(wanted.map(Snapshot::row).collect())
}

/// `GET …/files`.
pub(super) fn files(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(
        call,
        &["Datastore.Audit", "Datastore.Read"],
        "Datastore.Backup",
    )?;
    data(state.snapshots[index].files().into())
}

/// `DELETE …/snapshots`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(call, MODIFY, "Datastore.Prune")?;
    if state.snapshots[index].protected {
        return Err(Failure::bad("cannot remove protected snapshot"));
    }
    state.remove(index);
    nothing()
}

impl State {
    /// Takes a snapshot away; its chunks wait for the next collection of garbage.
    pub(super) fn remove(&mut self, index: usize) {
        let gone = self.snapshots.remove(index);
        if let Some(store) = self.stores.get_mut(&gone.group.store) {
            // Most of a snapshot is shared with others.
            store.garbage += gone.size / 10;
        }
    }
}

/// `DELETE …/groups`.
pub(super) fn delete_group(state: &mut State, call: &Call) -> Answer {
    let group = state.group_for(call, MODIFY, "Datastore.Prune")?;
    let of_group = |one: &Snapshot| one.group == group;
    let protected = state
        .snapshots
        .iter()
        .filter(|one| of_group(one) && one.protected)
        .count();
    let strict = call.flag("error-on-protected").unwrap_or(true);
    while let Some(index) = state
        .snapshots
        .iter()
        .position(|one| of_group(one) && !one.protected)
    {
        state.remove(index);
    }
    if protected > 0 && strict {
        return Err(Failure::bad(
            "group only partially deleted due to protected snapshots",
        ));
    }
    nothing()
}

/// `GET …/notes`.
pub(super) fn notes(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(call, AUDIT, "Datastore.Backup")?;
    data(json!(state.snapshots[index].comment))
}

/// `PUT …/notes`.
pub(super) fn set_notes(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(call, MODIFY, "Datastore.Backup")?;
    let notes = call.text("notes").unwrap_or_default();
    notes.clone_into(&mut state.snapshots[index].comment);
    nothing()
}

/// `GET …/protected`.
pub(super) fn protected(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(call, AUDIT, "Datastore.Backup")?;
    data(json!(state.snapshots[index].protected))
}

/// `PUT …/protected`.
pub(super) fn protect(state: &mut State, call: &Call) -> Answer {
    let index = state.snapshot_for(call, MODIFY, "Datastore.Backup")?;
    state.snapshots[index].protected = call.flag("protected").unwrap_or(false);
    nothing()
}

/// `GET …/group-notes`.
pub(super) fn group_notes(state: &mut State, call: &Call) -> Answer {
    let group = state.group_for(call, AUDIT, "Datastore.Backup")?;
    data(json!(
        state.group_notes.get(&group).cloned().unwrap_or_default()
    ))
}

/// `PUT …/group-notes`.
pub(super) fn set_group_notes(state: &mut State, call: &Call) -> Answer {
    let group = state.group_for(call, MODIFY, "Datastore.Backup")?;
    let notes = call.text("notes").unwrap_or_default().to_owned();
    state.group_notes.insert(group, notes);
    nothing()
}

/// `POST …/change-owner`.
pub(super) fn change_owner(state: &mut State, call: &Call) -> Answer {
    let group = state.group_for(call, MODIFY, "Datastore.Backup")?;
    let owner = call.text("new-owner").unwrap_or_default();
    for one in state.snapshots.iter_mut().filter(|one| one.group == group) {
        owner.clone_into(&mut one.owner);
    }
    nothing()
}
