//! Copies and templates.

use serde_json::{Value, json};

use super::{Guest, GuestKind, bytes_of, is_disk, unlocked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure};
use crate::proxmox::state::State;
use crate::proxmox::storage::Volume;
use crate::proxmox::tasks::{Job, Work};

/// `POST …/clone`.
pub(in crate::proxmox) fn clone(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let new = call
        .integer("newid")
        .and_then(|vmid| u32::try_from(vmid).ok());
    let new = new.unwrap_or_default();
    may_clone(state, call, new)?;
    unlocked(&guest)?;
    let node = call.text("target").unwrap_or(&guest.node).to_owned();
    state.target(&node)?;
    if state.guests.contains_key(&new) {
        let text = format!(
            "unable to create {} {new}: config file already exists",
            guest.kind.short()
        );
        return Err(Failure::died(text));
    }
    let full = call.flag("full").unwrap_or(!guest.is_set("template"));
    if let Some(storage) = call.text("storage") {
        if !full {
            let text = "linked clones can't be put on another storage";
            return Err(Failure::parameter("storage", text));
        }
        if !state.holds(storage, &node, guest.kind.disk_content()) {
            return Err(Failure::died(format!("storage '{storage}' does not exist")));
        }
    }
    if guest.kind == GuestKind::Lxc && guest.running && call.text("snapname").is_none() {
        let text = "Cannot do full clones on a running container without snapshots";
        return Err(Failure::died(text));
    }
    let mut copy = Guest::new(new, guest.kind, &node, guest.config.clone());
    copy.config.remove("template");
    copy.pool = call.text("pool").map(str::to_owned);
    let name = call.text(guest.kind.name_key()).map_or_else(
        || format!("Copy-of-{}-{}", guest.kind.short(), guest.name()),
        str::to_owned,
    );
    copy.config
        .insert(guest.kind.name_key().to_owned(), json!(name));
    if let Some(text) = call.text("description") {
        copy.config.insert("description".to_owned(), json!(text));
    }
    let storage = call.text("storage").map(str::to_owned);
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        copy_disks(state, &mut copy, storage.as_deref());
        state.guests.insert(new, copy);
        let lines = [25, 50, 75, 100];
        Ok(lines
            .iter()
            .map(|percent| format!("transferred 8.0 GiB of 32.0 GiB ({percent}.00%)"))
            .collect())
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmclone", "vzclone"),
        id: vmid.to_string(),
        lock: Some((vmid, guest.kind.task("clone", "disk"))),
    };
    state.start(job, work)
}

fn may_clone(state: &State, call: &Call, new: u32) -> Result<(), Failure> {
    let on = format!("/vms/{new}");
    let pool = call.text("pool").map(|pool| format!("/pool/{pool}"));
    let of_pool = |pool: String| state.access.has(&call.who, &pool, "VM.Allocate");
    if state.access.has(&call.who, &on, "VM.Allocate") || pool.is_some_and(of_pool) {
        Ok(())
    } else {
        Err(Failure::forbidden(&on, &["VM.Allocate"]))
    }
}

fn copy_disks(state: &mut State, copy: &mut Guest, storage: Option<&str>) {
    let names: Vec<String> = copy.config.keys().cloned().collect();
    let disks = names.into_iter().filter(|name| is_disk(copy.kind, name));
    for (number, name) in disks.enumerate() {
        let text = copy
            .config
            .get(&name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let size = text.split(',').find_map(|part| part.strip_prefix("size="));
        let (Some(size), Some((place, _))) = (size, text.split_once(':')) else {
            continue;
        };
        let bytes = bytes_of(size).unwrap_or_default();
        let place = storage.unwrap_or(place);
        let volume = Volume::disk(place, &copy.node, copy.vmid, number, copy.kind, bytes);
        let text = format!("{},size={size}", volume.volid);
        copy.config.insert(name, json!(text));
        state.volumes.push(volume);
    }
}

/// `POST …/template`.
pub(in crate::proxmox) fn template(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    unlocked(&guest)?;
    if guest.running {
        return Err(Failure::died(
            "you can't convert a running guest to a template",
        ));
    }
    if guest.is_set("template") {
        return Err(Failure::died("you can't convert a template to a template"));
    }
    let vmid = guest.vmid;
    let work: Work = Box::new(move |state| {
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        guest.config.insert("template".to_owned(), json!(1));
        Ok(Vec::new())
    });
    if guest.kind == GuestKind::Lxc {
        // A container becomes one at once, without a task.
        return match work(state) {
            Ok(_) => crate::proxmox::reply::nothing(),
            Err(text) => Err(Failure::died(text)),
        };
    }
    let job = Job {
        call,
        node: &guest.node,
        kind: "qmtemplate",
        id: vmid.to_string(),
        lock: None,
    };
    state.start(job, work)
}
