//! Backups: making, keeping, removing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entry::Call;
use super::guests::{Guest, GuestKind, locked};
use super::reply::{Answer, Failure, data};
use super::state::State;
use super::storage::Volume;
use super::tasks::{Job, Work};
use crate::calendar::{in_file_name, rfc3339};
use crate::retention::Keep;

/// Parameters that need the right to change the whole cluster, or root itself.
const OF_ROOT: &[&str] = &["tmpdir", "dumpdir", "script", "job-id"];
const OF_ADMINS: &[&str] = &["bwlimit", "ionice", "performance"];

/// How one backup is made.
#[derive(Clone)]
struct Plan {
    node: String,
    storage: String,
    compress: Option<String>,
    notes: Option<String>,
    protected: bool,
    retention: Option<Keep>,
    /// Why the storage cannot be used.
    unusable: Option<String>,
    cluster: String,
}

/// `POST /nodes/{node}/vzdump`.
pub(super) fn vzdump(state: &mut State, call: &Call) -> Answer {
    if call.who != super::access::ROOT
        && let Some(name) = OF_ROOT.iter().find(|name| call.args.contains_key(**name))
    {
        return Err(Failure::parameter(name, "Only root may set this option."));
    }
    if OF_ADMINS.iter().any(|name| call.args.contains_key(*name)) {
        state.access.need_any(&call.who, "/", &["Sys.Modify"])?;
    }
    let vmids = wanted(state, call)?;
    for vmid in &vmids {
        let on = format!("/vms/{vmid}");
        state.access.need_any(&call.who, &on, &["VM.Backup"])?;
    }
    let plan = plan(state, call)?;
    // Guests of other nodes are passed over without a word.
    let here = |vmid: &u32| {
        state
            .guests
            .get(vmid)
            .is_some_and(|guest| guest.node == plan.node)
    };
    let here: Vec<u32> = vmids.iter().copied().filter(here).collect();
    let id = match vmids.as_slice() {
        [one] => one.to_string(),
        _ => String::new(),
    };
    let lock = here.first().filter(|_| here.len() == 1).copied();
    let lock = lock.filter(|vmid| state.guests[vmid].lock.is_none());
    let locks: Vec<Result<(), String>> = here
        .iter()
        .map(|vmid| locked(&state.guests[vmid]))
        .collect();
    let node = plan.node.clone();
    let work: Work = Box::new(move |state| {
        if let Some(text) = plan.unusable {
            return Err(text);
        }
        let mut log = Vec::new();
        for (vmid, lock) in here.into_iter().zip(locks) {
            lock.map_err(|text| {
                log.push(format!("ERROR: Backup of {vmid} failed - {text}"));
                "job errors".to_owned()
            })?;
            log.extend(back_up(state, vmid, &plan));
        }
        log.push("INFO: Backup job finished successfully".to_owned());
        Ok(log)
    });
    let job = Job {
        call,
        node: &node,
        kind: "vzdump",
        id,
        lock: lock.map(|vmid| (vmid, "backup")),
    };
    state.start(job, work)
}

fn wanted(state: &State, call: &Call) -> Result<Vec<u32>, Failure> {
    if call.is_set("all") {
        let excluded = list(call.text("exclude").unwrap_or_default())?;
        let all = state
            .guests
            .values()
            .filter(|guest| guest.node == call.node());
        let all = all
            .map(|guest| guest.vmid)
            .filter(|vmid| !excluded.contains(vmid));
        return Ok(all.collect());
    }
    if let Some(pool) = call.text("pool") {
        let in_pool = |guest: &&Guest| guest.pool.as_deref() == Some(pool);
        return Ok(state
            .guests
            .values()
            .filter(in_pool)
            .map(|guest| guest.vmid)
            .collect());
    }
    let Some(text) = call.text("vmid") else {
        return Err(Failure::parameter(
            "vmid",
            "property is missing and it is not optional",
        ));
    };
    list(text)
}

pub(super) fn list(text: &str) -> Result<Vec<u32>, Failure> {
    let parts = text.split([',', ';', ' ']).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let wrong = || {
                Failure::parameter(
                    "vmid",
                    "invalid format - value does not look like a valid VM ID",
                )
            };
            part.parse().map_err(|_| wrong().outside_the_contract())
        })
        .collect()
}

fn plan(state: &State, call: &Call) -> Result<Plan, Failure> {
    let storage = call.text("storage").unwrap_or("local").to_owned();
    let on = format!("/storage/{storage}");
    state
        .access
        .need_any(&call.who, &on, &["Datastore.AllocateSpace"])?;
    // What is wrong with the storage shows in the task.
    let place = state.storages.get(&storage);
    let unusable = match place {
        None => Some(format!("storage '{storage}' does not exist")),
        Some(place) if !state.holds(&storage, call.node(), "backup") => Some(format!(
            "can't use storage type '{}' for backup",
            place.kind
        )),
        Some(_) => None,
    };
    let unusable =
        unusable.map(|why| format!("could not get storage information for '{storage}': {why}"));
    let asked = call.text("prune-backups");
    let keep = |text: &str| {
        let wrong = || Failure::parameter("prune-backups", "invalid format");
        Keep::parse(text).ok_or_else(|| wrong().outside_the_contract())
    };
    // Old backups go by the storage's retention unless that is forbidden.
    let retention = match (asked, place.and_then(|place| place.retention.as_ref())) {
        (Some(asked), _) => Some(keep(asked)?),
        (None, Some(usual)) if call.flag("remove").unwrap_or(true) => Some(keep(usual)?),
        (None, _) => None,
    };
    Ok(Plan {
        node: call.node().to_owned(),
        storage,
        compress: call.text("compress").map(str::to_owned),
        notes: call.text("notes-template").map(str::to_owned),
        protected: call.is_set("protected"),
        retention,
        unusable,
        cluster: state.cluster.clone(),
    })
}

fn back_up(state: &mut State, vmid: u32, plan: &Plan) -> Vec<String> {
    let now = state.now();
    let (Some(guest), Some(storage)) = (state.guests.get(&vmid), state.storages.get(&plan.storage))
    else {
        return Vec::new();
    };
    let filled = |text: &String| {
        text.replace("{{guestname}}", &guest.name())
            .replace("{{node}}", &plan.node)
            .replace("{{vmid}}", &vmid.to_string())
            .replace("{{cluster}}", &plan.cluster)
    };
    let mut volume = archive(
        guest,
        &plan.storage,
        &storage.kind,
        plan.compress.as_deref(),
        now,
    );
    volume.node = (!storage.shared).then(|| plan.node.clone());
    volume.notes = plan.notes.as_ref().map(filled);
    volume.protected = plan.protected;
    let kind = guest.kind;
    let mut log = vec![
        format!("INFO: Starting Backup of VM {vmid} ({})", kind.name()),
        "INFO:  25% (8.0 GiB of 32.0 GiB) in 12s, read: 682.7 MiB/s, write: 391.2 MiB/s".to_owned(),
        "INFO: 100% (32.0 GiB of 32.0 GiB) in 48s, read: 711.1 MiB/s, write: 402.9 MiB/s"
            .to_owned(),
        format!("INFO: creating archive '{}'", volume.volid),
        format!("INFO: Finished Backup of VM {vmid} (00:00:48)"),
    ];
    // A second backup in the same second is the same archive.
    state.volumes.retain(|old| old.volid != volume.volid);
    state.volumes.push(volume);
    if let Some(keep) = &plan.retention {
        let marks = marks(state, &plan.storage, Some(vmid), None, keep);
        let gone: Vec<String> = marks
            .into_iter()
            .filter(|(_, mark)| *mark == "remove")
            .map(|(volume, _)| volume.volid)
            .collect();
        log.extend(
            gone.iter()
                .map(|volid| format!("INFO: removing backup '{volid}'")),
        );
        state.volumes.retain(|volume| !gone.contains(&volume.volid));
    }
    log
}

/// A backup as it is called on that kind of storage.
pub(super) fn archive(
    guest: &Guest,
    storage: &str,
    storage_kind: &str,
    compress: Option<&str>,
    time: i64,
) -> Volume {
    let vmid = guest.vmid;
    let (volid, format) = if storage_kind == "pbs" {
        let kind = guest.kind.task("vm", "ct");
        let volid = format!("{storage}:backup/{kind}/{vmid}/{}", rfc3339(time));
        (volid, format!("pbs-{kind}"))
    } else {
        let base = guest.kind.task("vma", "tar");
        let ending = match compress {
            Some("zstd") => ".zst",
            Some("gzip" | "1") => ".gz",
            Some("lzo") => ".lzo",
            _ => "",
        };
        let kind = guest.kind.name();
        let name = format!("vzdump-{kind}-{vmid}-{}.{base}{ending}", in_file_name(time));
        (
            format!("{storage}:backup/{name}"),
            format!("{base}{ending}"),
        )
    };
    Volume {
        time,
        vmid: Some(vmid),
        guest: Some((guest.kind, guest.config.clone())),
        ..Volume::new(volid, "backup", &format, guest.max_disk() / 10 * 4)
    }
}

/// What a retention makes of a storage's backups.
fn marks(
    state: &State,
    storage: &str,
    vmid: Option<u32>,
    kind: Option<GuestKind>,
    keep: &Keep,
) -> Vec<(Volume, &'static str)> {
    let mut groups: BTreeMap<(u32, &str), Vec<Volume>> = BTreeMap::new();
    for volume in state
        .volumes
        .iter()
        .filter(|volume| volume.storage() == storage)
    {
        let (Some(of), Some((guest, _))) = (volume.vmid, &volume.guest) else {
            continue;
        };
        if vmid.is_none_or(|vmid| vmid == of) && kind.is_none_or(|kind| kind == *guest) {
            groups
                .entry((of, guest.name()))
                .or_default()
                .push(volume.clone());
        }
    }
    let mut marks = Vec::new();
    for mut group in groups.into_values() {
        group.sort_by_key(|volume| std::cmp::Reverse(volume.time));
        let (protected, free): (Vec<Volume>, Vec<Volume>) =
            group.into_iter().partition(|volume| volume.protected);
        let times: Vec<i64> = free.iter().map(|volume| volume.time).collect();
        let kept = keep.decide(&times);
        let mark = |kept: bool| if kept { "keep" } else { "remove" };
        marks.extend(protected.into_iter().map(|volume| (volume, "protected")));
        marks.extend(
            free.into_iter()
                .zip(kept)
                .map(|(volume, kept)| (volume, mark(kept))),
        );
    }
    marks
}

fn asked_marks(state: &State, call: &Call) -> Result<Vec<(Volume, &'static str)>, Failure> {
    let storage = call.path.get("storage");
    let Some(place) = state.storages.get(storage) else {
        return Err(Failure::died(format!("storage '{storage}' does not exist")));
    };
    let text = call.text("prune-backups").or(place.retention.as_deref());
    let keep = text
        .map_or(Some(Keep::default()), Keep::parse)
        .ok_or_else(|| {
            Failure::parameter("prune-backups", "invalid format").outside_the_contract()
        })?;
    let vmid = call
        .integer("vmid")
        .and_then(|vmid| u32::try_from(vmid).ok());
    let kind = call.text("type").map(|kind| match kind {
        "lxc" => GuestKind::Lxc,
        _ => GuestKind::Qemu,
    });
    Ok(marks(state, storage, vmid, kind, &keep))
}

/// `GET …/prunebackups`: what would go.
pub(super) fn prune_preview(state: &mut State, call: &Call) -> Answer {
    let marks = asked_marks(state, call)?;
    let rows = marks.iter().map(|(volume, mark)| {
        let kind = volume
            .guest
            .as_ref()
            .map_or("unknown", |(kind, _)| kind.name());
        json!({
            "volid": volume.volid,
            "ctime": volume.time,
            "vmid": volume.vmid,
            "type": kind,
            "mark": mark,
        })
    });
    data(rows.collect())
}

/// `DELETE …/prunebackups`.
pub(super) fn prune(state: &mut State, call: &Call) -> Answer {
    let storage = format!("/storage/{}", call.path.get("storage"));
    let guest = call.integer("vmid").map(|vmid| format!("/vms/{vmid}"));
    let own = state
        .access
        .has(&call.who, &storage, "Datastore.AllocateSpace")
        && guest.is_some_and(|guest| state.access.has(&call.who, &guest, "VM.Backup"));
    if !own {
        state
            .access
            .need_any(&call.who, &storage, &["Datastore.Allocate"])?;
    }
    let gone: Vec<String> = asked_marks(state, call)?
        .into_iter()
        .filter(|(_, mark)| *mark == "remove")
        .map(|(volume, _)| volume.volid)
        .collect();
    let id = call.path.get("storage").to_owned();
    let work: Work = Box::new(move |state| {
        state.volumes.retain(|volume| !gone.contains(&volume.volid));
        Ok(gone
            .iter()
            .map(|volid| format!("removing backup '{volid}'"))
            .collect())
    });
    let job = Job {
        call,
        node: call.node(),
        kind: "prunebackups",
        id,
        lock: None,
    };
    state.start(job, work)
}

/// `GET /nodes/{node}/vzdump/extractconfig`.
pub(super) fn config_of(state: &mut State, call: &Call) -> Answer {
    let volid = call.text("volume").unwrap_or_default();
    let found = state.volumes.iter().find(|volume| volume.volid == volid);
    let Some((volume, (_, config))) = found.and_then(|one| Some((one, one.guest.as_ref()?))) else {
        return Err(Failure::died(format!("volume '{volid}' does not exist")));
    };
    let on = format!("/vms/{}", volume.vmid.unwrap_or_default());
    state.access.need_any(&call.who, &on, &["VM.Backup"])?;
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}\n"),
        value => format!("{name}: {value}\n"),
    };
    data(config.iter().map(line).collect::<String>().into())
}

/// `GET /nodes/{node}/vzdump/defaults`.
pub(super) fn defaults(_: &mut State, _: &Call) -> Answer {
    data(json!({ "mode": "snapshot", "compress": "0", "remove": 1, "storage": "local" }))
}
