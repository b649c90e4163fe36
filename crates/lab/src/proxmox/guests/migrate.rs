//! Moves to another node.

use serde_json::{Value, json};

use super::{Guest, GuestKind, locked, unlocked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure, data};
use crate::proxmox::state::State;
use crate::proxmox::tasks::{Job, Work};

impl State {
    /// Disks of a guest on storages that its node has for itself.
    fn local_disks(&self, guest: &Guest) -> Vec<(String, u64)> {
        let local = |volume: &str| {
            let storage = volume.split(':').next().unwrap_or_default();
            self.storages
                .get(storage)
                .is_some_and(|storage| !storage.shared)
        };
        let disks = guest
            .disks()
            .into_iter()
            .filter(|(_, volume, _)| local(volume));
        disks.map(|(_, volume, size)| (volume, size)).collect()
    }
}

/// `GET …/migrate`: what stands in the way.
pub(in crate::proxmox) fn check(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let others = state
        .nodes
        .keys()
        .filter(|node| **node != guest.node && state.online(node));
    let others: Vec<&String> = others.collect();
    if guest.kind == GuestKind::Lxc {
        return data(json!({ "running": guest.running, "allowed-nodes": others }));
    }
    let disks: Vec<Value> = state
        .local_disks(&guest)
        .into_iter()
        .map(|(volume, size)| {
            json!({ "volid": volume, "size": size, "cdrom": false, "is_unused": false })
        })
        .collect();
    data(json!({
        "running": guest.running,
        "allowed_nodes": others,
        "local_disks": disks,
        "local_resources": [],
        "mapped-resources": [],
        "mapped-resource-info": {},
        "has-dbus-vmstate": false,
    }))
}

/// `POST …/migrate`.
pub(in crate::proxmox) fn migrate(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let target = call.text("target").unwrap_or_default().to_owned();
    if call.who != crate::proxmox::access::ROOT {
        for name in ["force", "migration_type", "migration_network"] {
            if call.args.contains_key(name) {
                return Err(Failure::parameter(name, "Only root may use this option."));
            }
        }
    }
    if target == guest.node {
        return Err(Failure::parameter("target", "target is local node."));
    }
    state.target(&target)?;
    match guest.kind {
        GuestKind::Qemu if guest.running && !call.is_set("online") => {
            return Err(Failure::died("can't migrate running VM without --online"));
        }
        GuestKind::Lxc if guest.running && call.is_set("online") => {
            return Err(Failure::died(
                "lxc live migration is currently not implemented",
            ));
        }
        GuestKind::Lxc if guest.running && !call.is_set("restart") => {
            return Err(Failure::died(
                "can't migrate running container without --restart",
            ));
        }
        GuestKind::Lxc => unlocked(&guest)?,
        GuestKind::Qemu => {}
    }
    let lock = locked(&guest);
    let local = state.local_disks(&guest);
    let stuck = guest.kind == GuestKind::Qemu
        && guest.running
        && !call.is_set("with-local-disks")
        && !local.is_empty();
    let vmid = guest.vmid;
    let restarts = guest.kind == GuestKind::Lxc && guest.running;
    let to = target.clone();
    let work: Work = Box::new(move |state| {
        lock?;
        if stuck {
            let disk = &local[0].0;
            return Err(format!(
                "migration aborted (duration 00:00:01): can't live migrate attached local disks without with-local-disks option: {disk}"
            ));
        }
        let now = state.now();
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        let from = std::mem::replace(&mut guest.node, to.clone());
        if restarts {
            guest.run(now);
        }
        let mine = state
            .volumes
            .iter_mut()
            .filter(|volume| volume.vmid == Some(vmid));
        for volume in mine.filter(|volume| matches!(volume.content, "images" | "rootdir")) {
            if volume.node.as_deref() == Some(&*from) {
                volume.node = Some(to.clone());
            }
        }
        Ok(vec![format!(
            "migration finished successfully (duration 00:00:07)"
        )])
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmigrate", "vzmigrate"),
        id: vmid.to_string(),
        lock: guest.lock.is_none().then_some((vmid, "migrate")),
    };
    state.start(job, work)
}
