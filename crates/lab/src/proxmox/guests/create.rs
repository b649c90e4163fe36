//! New guests, restored ones, and the end of one.

use serde_json::{Map, Value, json};

use super::config::{as_stored, root_only};
use super::{Guest, GuestKind, is_disk, unlocked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure};
use crate::proxmox::state::State;
use crate::proxmox::storage::Volume;
use crate::proxmox::tasks::{Job, Work};

/// Parameters of a creation that are not properties.
const NOT_PROPERTIES: &[&str] = &[
    "vmid",
    "archive",
    "ostemplate",
    "restore",
    "storage",
    "force",
    "unique",
    "start",
    "pool",
    "bwlimit",
    "live-restore",
    "ignore-unpack-errors",
    "password",
    "cipassword",
    "ssh-public-keys",
    "ha-managed",
    "import-working-storage",
];

/// A creation that was looked at.
struct New {
    vmid: u32,
    kind: GuestKind,
    node: String,
    config: Map<String, Value>,
    /// Disks to be made: property, storage, bytes.
    disks: Vec<(String, String, u64)>,
    pool: Option<String>,
    starts: bool,
    /// What was installed in it is in it again.
    is_restored: bool,
}

/// `POST /nodes/{node}/qemu` and `/lxc`.
pub(in crate::proxmox) fn create(state: &mut State, call: &Call) -> Answer {
    let kind = GuestKind::of(call);
    let vmid = call
        .integer("vmid")
        .and_then(|vmid| u32::try_from(vmid).ok());
    let vmid = vmid.unwrap_or_default();
    let source = match kind {
        GuestKind::Qemu => call.text("archive"),
        GuestKind::Lxc => call.text("ostemplate"),
    };
    let restores = match kind {
        GuestKind::Qemu => source.is_some(),
        GuestKind::Lxc => call.is_set("restore"),
    };
    may_create(state, call, vmid, restores)?;
    root_only(call, &call.args)?;
    let what = format!(
        "unable to {} {} {vmid} -",
        if restores { "restore" } else { "create" },
        kind.short()
    );
    free_place(state, call, vmid, kind, &what)?;
    let mut new = New {
        vmid,
        kind,
        node: call.node().to_owned(),
        config: Map::new(),
        disks: Vec::new(),
        pool: call.text("pool").map(str::to_owned),
        starts: call.is_set("start"),
        is_restored: restores,
    };
    if let Some(source) = source {
        let volume = source_volume(state, call, source, restores)?;
        if restores {
            let Some((of, config)) = volume.guest else {
                return Err(Failure::died("unable to read the archive"));
            };
            if of != kind {
                let text = format!("{what} the archive is not one of a {}", kind.short());
                return Err(Failure::died(text));
            }
            new.config = config;
        } else {
            new.config = container_defaults(call, vmid);
        }
    }
    let properties = call.args.iter();
    let properties = properties.filter(|(name, _)| !NOT_PROPERTIES.contains(&name.as_str()));
    new.config
        .extend(properties.map(|(name, value)| (name.clone(), as_stored(value))));
    plan_disks(state, call, &mut new)?;
    let task = match (kind, restores) {
        (GuestKind::Qemu, true) => "qmrestore",
        (GuestKind::Lxc, true) => "vzrestore",
        (GuestKind::Qemu, false) => "qmcreate",
        (GuestKind::Lxc, false) => "vzcreate",
    };
    let node = new.node.clone();
    let warning = nesting_note(&new);
    let work: Work = Box::new(move |state| {
        make(state, new);
        Ok(warning)
    });
    let job = Job {
        call,
        node: &node,
        kind: task,
        id: vmid.to_string(),
        lock: None,
    };
    state.start(job, work)
}

/// A guest of its own needs one right; what is restored over one, another.
fn may_create(state: &State, call: &Call, vmid: u32, restores: bool) -> Result<(), Failure> {
    let on = format!("/vms/{vmid}");
    let pool = call.text("pool").map(|pool| format!("/pool/{pool}"));
    let has = |on: &str, what: &str| state.access.has(&call.who, on, what);
    let over = restores && call.is_set("force") && state.guests.contains_key(&vmid);
    let allowed = has(&on, "VM.Allocate")
        || pool.is_some_and(|pool| has(&pool, "VM.Allocate"))
        || (over && has(&on, "VM.Backup"));
    if !allowed {
        return Err(Failure::forbidden(&on, &["VM.Allocate"]));
    }
    let storage = call
        .text("storage")
        .map(|storage| format!("/storage/{storage}"));
    match storage {
        Some(on) => state
            .access
            .need_any(&call.who, &on, &["Datastore.AllocateSpace"]),
        None => Ok(()),
    }
}

/// Refuses a number that is taken, unless what has it may be replaced.
fn free_place(
    state: &State,
    call: &Call,
    vmid: u32,
    kind: GuestKind,
    what: &str,
) -> Result<(), Failure> {
    let Some(there) = state.guests.get(&vmid) else {
        return Ok(());
    };
    let forced = match kind {
        GuestKind::Qemu => call.is_set("force"),
        GuestKind::Lxc => call.is_set("force") && call.is_set("restore"),
    };
    if !forced || there.kind != kind || there.node != call.node() {
        let exists = format!(
            "{} {vmid} already exists on node '{}'",
            there.kind.short(),
            there.node
        );
        return Err(Failure::died(match kind {
            GuestKind::Qemu => format!("{what} {exists}"),
            GuestKind::Lxc => exists,
        }));
    }
    if there.is_set("protection") {
        return Err(Failure::died(format!("{what} protection mode enabled")));
    }
    if there.running {
        return Err(Failure::died(match kind {
            GuestKind::Qemu => format!("{what} vm is running"),
            GuestKind::Lxc => "can't overwrite running container".to_owned(),
        }));
    }
    unlocked(there)
}

fn source_volume(
    state: &State,
    call: &Call,
    source: &str,
    restores: bool,
) -> Result<Volume, Failure> {
    let storage = source.split(':').next().unwrap_or_default();
    if !state.storage_on(storage, call.node()) {
        return Err(Failure::died(format!("storage '{storage}' does not exist")));
    }
    let content = if restores { "backup" } else { "vztmpl" };
    let known = |volume: &&Volume| volume.volid == source && volume.content == content;
    let found = state.volumes.iter().find(known).cloned();
    found.ok_or_else(|| Failure::died(format!("volume '{source}' does not exist")))
}

fn container_defaults(call: &Call, vmid: u32) -> Map<String, Value> {
    let defaults = json!({
        "arch": "amd64",
        "ostype": "debian",
        "hostname": format!("CT{vmid}"),
        "memory": 512,
        "swap": 512,
        "unprivileged": i32::from(call.is_set("unprivileged")),
    });
    match defaults {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Disks given as `STORAGE:GiB` are to be made; a container has a root disk in any case.
fn plan_disks(state: &State, call: &Call, new: &mut New) -> Result<(), Failure> {
    let usual = call.text("storage").unwrap_or("local");
    if new.kind == GuestKind::Lxc && !new.config.contains_key("rootfs") {
        new.config
            .insert("rootfs".to_owned(), json!(format!("{usual}:4")));
    }
    let names: Vec<String> = new.config.keys().cloned().collect();
    for name in names.into_iter().filter(|name| is_disk(new.kind, name)) {
        let text = new
            .config
            .get(&name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (place, options) = text.split_once(',').unwrap_or((text, ""));
        let Some((storage, volume)) = place.split_once(':') else {
            continue;
        };
        // A disk of an archive goes to the storage that is asked for.
        let storage = call
            .text("storage")
            .filter(|_| volume.contains('-'))
            .unwrap_or(storage);
        let gib = volume.parse::<u64>().ok();
        let of_archive = options
            .split(',')
            .find_map(|part| part.strip_prefix("size="));
        let Some(bytes) = gib
            .map(|gib| gib << 30)
            .or_else(|| super::bytes_of(of_archive?))
        else {
            if volume.starts_with("cloudinit") || options.contains("media=cdrom") {
                continue;
            }
            let text = format!("unable to parse volume ID '{place}'");
            return Err(Failure::parameter(&name, text));
        };
        let content = new.kind.disk_content();
        if !state.holds(storage, call.node(), content) {
            let text = format!("storage '{storage}' does not support content-type '{content}'");
            return Err(Failure::died(text));
        }
        new.disks.push((name, storage.to_owned(), bytes));
    }
    Ok(())
}

/// Newer systems in a container want nesting.
fn nesting_note(new: &New) -> Vec<String> {
    let nests = new.config.get("features").and_then(Value::as_str);
    if new.kind == GuestKind::Lxc && nests.is_none_or(|text| !text.contains("nesting=1")) {
        vec!["WARN: Systemd 257 detected. You may need to enable nesting.".to_owned()]
    } else {
        Vec::new()
    }
}

fn make(state: &mut State, new: New) {
    forget(state, new.vmid);
    let mut guest = Guest::new(new.vmid, new.kind, &new.node, new.config);
    guest.pool = new.pool;
    guest.agent = new.is_restored && guest.config.contains_key("agent");
    for (number, (name, storage, bytes)) in new.disks.into_iter().enumerate() {
        let volume = Volume::disk(&storage, &new.node, guest.vmid, number, guest.kind, bytes);
        let text = format!("{},size={}G", volume.volid, bytes >> 30);
        guest.config.insert(name, json!(text));
        state.volumes.push(volume);
    }
    if new.starts {
        guest.run(state.now());
    }
    state.guests.insert(guest.vmid, guest);
}

/// A guest and its disks.
fn forget(state: &mut State, vmid: u32) {
    if state.guests.remove(&vmid).is_some() {
        let disk = |volume: &Volume| {
            volume.vmid == Some(vmid) && matches!(volume.content, "images" | "rootdir")
        };
        state.volumes.retain(|volume| !disk(volume));
    }
}

/// `DELETE …`.
pub(in crate::proxmox) fn destroy(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let (vmid, short) = (guest.vmid, guest.kind.short());
    if guest.is_set("protection") {
        let text = format!("can't remove {short} {vmid} - protection mode enabled");
        return Err(Failure::died(text));
    }
    if guest.running && !(guest.kind == GuestKind::Lxc && call.is_set("force")) {
        let text = match guest.kind {
            GuestKind::Qemu => format!("VM {vmid} is running - destroy failed"),
            GuestKind::Lxc => format!("unable to destroy CT {vmid} - container is running"),
        };
        return Err(Failure::died(text));
    }
    unlocked(&guest)?;
    let purges = call.is_set("purge");
    let work: Work = Box::new(move |state| {
        forget(state, vmid);
        if purges {
            state.jobs.values_mut().for_each(|job| job.forget(vmid));
        }
        Ok(vec![format!(
            "purging {short} {vmid} from related configurations.."
        )])
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: guest.kind.task("qmdestroy", "vzdestroy"),
        id: vmid.to_string(),
        lock: Some((vmid, "destroyed")),
    };
    state.start(job, work)
}
