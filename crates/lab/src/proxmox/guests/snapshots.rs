//! Snapshots.

use serde_json::{Value, json};

use super::{Guest, Snapshot, locked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure, data, nothing};
use crate::proxmox::state::State;
use crate::proxmox::tasks::{Job, Work};

/// `GET …/snapshot`: all of them, and the present state as `current`.
pub(in crate::proxmox) fn list(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let mut rows: Vec<Value> = guest.snapshots.iter().map(|one| row(&guest, one)).collect();
    let mut current = json!({
        "name": "current",
        "description": "You are here!",
        "digest": guest.digest(),
        "running": i32::from(guest.running),
    });
    if let Some(parent) = &guest.parent {
        current["parent"] = json!(parent);
    }
    rows.push(current);
    data(rows.into())
}

fn row(guest: &Guest, snapshot: &Snapshot) -> Value {
    let mut row = json!({
        "name": snapshot.name,
        "description": snapshot.description,
        "snaptime": snapshot.time,
    });
    if guest.kind == super::GuestKind::Qemu {
        row["vmstate"] = json!(i32::from(snapshot.with_memory));
    }
    if let Some(parent) = &snapshot.parent {
        row["parent"] = json!(parent);
    }
    row
}

/// `GET …/snapshot/{snapname}/config`.
pub(in crate::proxmox) fn config(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let snapshot = find(&guest, call)?;
    let mut config = Value::Object(snapshot.config);
    config["snaptime"] = json!(snapshot.time);
    config["description"] = json!(snapshot.description);
    data(config)
}

/// `PUT …/snapshot/{snapname}/config`: its description.
pub(in crate::proxmox) fn describe(state: &mut State, call: &Call) -> Answer {
    let text = call.text("description").unwrap_or_default().to_owned();
    let guest = state.guest(call)?;
    let name = call.path.get("snapname");
    let snapshot = guest.snapshots.iter_mut().find(|one| one.name == name);
    let snapshot = snapshot.ok_or_else(|| missing(name))?;
    snapshot.description = text;
    nothing()
}

fn missing(name: &str) -> Failure {
    Failure::died(format!("snapshot '{name}' does not exist"))
}

fn find(guest: &Guest, call: &Call) -> Result<Snapshot, Failure> {
    let name = call.path.get("snapname");
    let found = guest.snapshots.iter().find(|one| one.name == name);
    found.cloned().ok_or_else(|| missing(name))
}

/// `POST …/snapshot`.
pub(in crate::proxmox) fn create(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let name = call.text("snapname").unwrap_or_default().to_owned();
    if name == "current" {
        return Err(Failure::died(
            "unable to use snapshot name 'current' (reserved name)",
        ));
    }
    if name == "vzdump" {
        return Err(Failure::died(
            "unable to use snapshot name 'vzdump' (reserved name)",
        ));
    }
    let description = call.text("description").unwrap_or_default().to_owned();
    let with_memory = call.is_set("vmstate") && guest.running;
    let exists = guest.snapshots.iter().any(|one| one.name == name);
    let lock = locked(&guest);
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        lock?;
        if exists {
            return Err(format!("snapshot name '{name}' already used"));
        }
        let time = state.now();
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        guest.snapshots.push(Snapshot {
            name: name.clone(),
            description,
            time,
            parent: guest.parent.replace(name),
            with_memory,
            config: guest.config.clone(),
        });
        Ok(vec!["snapshotting drives".to_owned()])
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmsnapshot", "vzsnapshot"),
        id: vmid.to_string(),
        lock: guest.lock.is_none().then_some((vmid, "snapshot")),
    };
    state.start(job, work)
}

/// `POST …/snapshot/{snapname}/rollback`. That there is no such snapshot shows in the task.
pub(in crate::proxmox) fn rollback(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let snapshot = found(&guest, call);
    let lock = locked(&guest);
    let wanted = call.is_set("start");
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        lock?;
        let snapshot = snapshot?;
        let now = state.now();
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        guest.stop();
        guest.config = snapshot.config;
        guest.parent = Some(snapshot.name);
        if wanted || snapshot.with_memory {
            guest.run(now);
        }
        Ok(Vec::new())
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmrollback", "vzrollback"),
        id: vmid.to_string(),
        lock: guest.lock.is_none().then_some((vmid, "rollback")),
    };
    state.start(job, work)
}

/// `DELETE …/snapshot/{snapname}`, likewise.
pub(in crate::proxmox) fn delete(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let snapshot = found(&guest, call);
    let lock = locked(&guest);
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        lock?;
        let snapshot = snapshot?;
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        guest.snapshots.retain(|one| one.name != snapshot.name);
        let heir = |parent: &mut Option<String>| {
            if parent.as_ref() == Some(&snapshot.name) {
                parent.clone_from(&snapshot.parent);
            }
        };
        heir(&mut guest.parent);
        guest
            .snapshots
            .iter_mut()
            .for_each(|one| heir(&mut one.parent));
        Ok(Vec::new())
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmdelsnapshot", "vzdelsnapshot"),
        id: vmid.to_string(),
        lock: guest.lock.is_none().then_some((vmid, "snapshot-delete")),
    };
    state.start(job, work)
}

/// The snapshot of the call's path, or what the task fails with.
fn found(guest: &Guest, call: &Call) -> Result<Snapshot, String> {
    find(guest, call).map_err(|failure| failure.text)
}
