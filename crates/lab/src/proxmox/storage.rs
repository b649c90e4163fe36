//! Storages and the volumes on them.

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::guests::GuestKind;
use super::reply::{Answer, Failure, data, nothing};
use super::state::State;
use super::tasks::{Job, Work};

/// A place for volumes.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    pub(super) name: String,
    /// `dir`, `lvmthin`, `nfs`, `pbs`, `zfspool`.
    pub(super) kind: String,
    pub(super) content: Vec<String>,
    /// Whether all nodes have the same volumes on it.
    pub(super) shared: bool,
    pub(super) total: u64,
    pub(super) used: u64,
    pub(super) enabled: bool,
    /// What a backup leaves of the older ones: `keep-last=3`.
    pub(super) retention: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) volid: String,
    /// `None` on a shared storage.
    pub(super) node: Option<String>,
    pub(super) content: &'static str,
    pub(super) format: String,
    pub(super) size: u64,
    pub(super) time: i64,
    pub(super) vmid: Option<u32>,
    pub(super) notes: Option<String>,
    pub(super) protected: bool,
    /// What a backup is of.
    pub(super) guest: Option<(GuestKind, Map<String, Value>)>,
}

impl Volume {
    pub(super) fn new(volid: String, content: &'static str, format: &str, size: u64) -> Self {
        Self {
            volid,
            node: None,
            content,
            format: format.to_owned(),
            size,
            time: 0,
            vmid: None,
            notes: None,
            protected: false,
            guest: None,
        }
    }

    /// A guest's disk.
    pub(super) fn disk(
        storage: &str,
        node: &str,
        vmid: u32,
        number: usize,
        kind: GuestKind,
        bytes: u64,
    ) -> Self {
        let volid = format!("{storage}:vm-{vmid}-disk-{number}");
        Self {
            node: Some(node.to_owned()),
            vmid: Some(vmid),
            ..Self::new(volid, kind.disk_content(), "raw", bytes)
        }
    }

    pub(super) fn storage(&self) -> &str {
        self.volid.split(':').next().unwrap_or_default()
    }

    fn row(&self) -> Value {
        let mut row = json!({
            "volid": self.volid,
            "content": self.content,
            "format": self.format,
            "size": self.size,
            "ctime": self.time,
        });
        if let Some(vmid) = self.vmid {
            row["vmid"] = json!(vmid);
        }
        if let Some(notes) = &self.notes {
            row["notes"] = json!(notes);
        }
        if self.protected {
            row["protected"] = json!(1);
        }
        if let Some((kind, _)) = &self.guest {
            row["subtype"] = json!(kind.name());
        }
        row
    }
}

impl State {
    /// Whether a node has a storage.
    pub(super) fn storage_on(&self, storage: &str, node: &str) -> bool {
        self.storages.contains_key(storage) && self.nodes.contains_key(node)
    }

    /// Whether a node has a storage for such content.
    pub(super) fn holds(&self, storage: &str, node: &str, content: &str) -> bool {
        let found = self.storages.get(storage).filter(|storage| storage.enabled);
        let holds = |storage: &Storage| storage.content.iter().any(|one| one == content);
        self.storage_on(storage, node) && found.is_some_and(holds)
    }

    fn sees_storage(&self, who: &str, storage: &str) -> bool {
        let on = format!("/storage/{storage}");
        let mut either = ["Datastore.Audit", "Datastore.AllocateSpace"].iter();
        either.any(|one| self.access.has(who, &on, one))
    }

    fn storage_status(storage: &Storage) -> Value {
        let free = storage.total.saturating_sub(storage.used);
        json!({
            "type": storage.kind,
            "content": storage.content.join(","),
            "shared": i32::from(storage.shared),
            "enabled": i32::from(storage.enabled),
            "active": i32::from(storage.enabled),
            "total": storage.total,
            "used": storage.used,
            "avail": free,
        })
    }

    /// A row of the cluster's resources for each node that has it.
    pub(super) fn storage_rows(&self, who: &str) -> Vec<Value> {
        let seen = |storage: &&Storage| self.sees_storage(who, &storage.name);
        let seen: Vec<&Storage> = self.storages.values().filter(seen).collect();
        let row = |node: &String, storage: &Storage| {
            let online = self.online(node);
            json!({
                "id": format!("storage/{node}/{}", storage.name),
                "type": "storage",
                "node": node,
                "storage": storage.name,
                "status": if online { "available" } else { "unknown" },
                "plugintype": storage.kind,
                "content": storage.content.join(","),
                "shared": i32::from(storage.shared),
                "disk": if online { storage.used } else { 0 },
                "maxdisk": if online { storage.total } else { 0 },
            })
        };
        let nodes = self.nodes.keys();
        nodes
            .flat_map(|node| seen.iter().map(move |storage| row(node, storage)))
            .collect()
    }

    fn storage_of(&self, call: &Call) -> Result<&Storage, Failure> {
        let name = call.path.get("storage");
        let missing = || Failure::died(format!("storage '{name}' does not exist"));
        self.storages.get(name).ok_or_else(missing)
    }

    /// Where a volume of the call's path stands in the list.
    fn volume_of(&self, call: &Call) -> Result<usize, Failure> {
        let (storage, name) = (call.path.get("storage"), call.path.get("volume"));
        let volid = if name.contains(':') {
            name.to_owned()
        } else {
            format!("{storage}:{name}")
        };
        let here = |volume: &Volume| {
            volume.volid == volid
                && volume.storage() == storage
                && volume
                    .node
                    .as_deref()
                    .is_none_or(|node| node == call.node())
        };
        let found = self.volumes.iter().position(here);
        found.ok_or_else(|| Failure::died(format!("volume '{volid}' does not exist")))
    }
}

/// `GET /nodes/{node}/storage`.
pub(super) fn of_node(state: &mut State, call: &Call) -> Answer {
    let wanted = |storage: &&Storage| {
        state.sees_storage(&call.who, &storage.name)
            && call.text("storage").is_none_or(|name| storage.name == name)
            && (!call.is_set("enabled") || storage.enabled)
            && call.text("content").is_none_or(|content| {
                content
                    .split(',')
                    .any(|one| storage.content.iter().any(|has| has == one))
            })
    };
    let row = |storage: &Storage| {
        let mut row = State::storage_status(storage);
        row["storage"] = json!(storage.name);
        row
    };
    data(state.storages.values().filter(wanted).map(row).collect())
}

/// `GET /storage`.
pub(super) fn all(state: &mut State, call: &Call) -> Answer {
    let seen = |storage: &&Storage| {
        state.sees_storage(&call.who, &storage.name)
            && call.text("type").is_none_or(|kind| storage.kind == kind)
    };
    data(
        state
            .storages
            .values()
            .filter(seen)
            .map(definition)
            .collect(),
    )
}

/// `GET /storage/{storage}`.
pub(super) fn one(state: &mut State, call: &Call) -> Answer {
    data(definition(state.storage_of(call)?))
}

fn definition(storage: &Storage) -> Value {
    let mut row = json!({
        "storage": storage.name,
        "type": storage.kind,
        "content": storage.content.join(","),
        "shared": i32::from(storage.shared),
    });
    if let Some(retention) = &storage.retention {
        row["prune-backups"] = json!(retention);
    }
    row
}

/// `GET /nodes/{node}/storage/{storage}/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    data(State::storage_status(state.storage_of(call)?))
}

/// `GET …/content`.
pub(super) fn content(state: &mut State, call: &Call) -> Answer {
    let storage = state.storage_of(call)?.name.clone();
    let on = format!("/storage/{storage}");
    let all = state.access.has(&call.who, &on, "Datastore.Allocate");
    let sees = |volume: &Volume| match (volume.content, volume.vmid) {
        // Backups show to those who may read or back up what they are of.
        ("backup" | "images" | "rootdir", Some(vmid)) if !all => {
            let on = format!("/vms/{vmid}");
            ["VM.Audit", "VM.Backup"]
                .iter()
                .any(|one| state.access.has(&call.who, &on, one))
        }
        _ => true,
    };
    let wanted = |volume: &&Volume| {
        volume.storage() == storage
            && volume
                .node
                .as_deref()
                .is_none_or(|node| node == call.node())
            && call
                .text("content")
                .is_none_or(|content| volume.content == content)
            && call
                .integer("vmid")
                .is_none_or(|vmid| volume.vmid.map(i64::from) == Some(vmid))
            && sees(volume)
    };
    data(
        state
            .volumes
            .iter()
            .filter(wanted)
            .map(Volume::row)
            .collect(),
    )
}

/// `GET …/content/{volume}`.
pub(super) fn volume(state: &mut State, call: &Call) -> Answer {
    let volume = &state.volumes[state.volume_of(call)?];
    let mut row = json!({
        "format": volume.format,
        "size": volume.size,
        "used": volume.size,
        "path": format!("/mnt/pve/{}", volume.volid.replace(':', "/")),
    });
    if volume.content == "backup" {
        row["protected"] = json!(i32::from(volume.protected));
        row["notes"] = json!(volume.notes);
    }
    data(row)
}

fn may_change(state: &State, call: &Call, index: usize) -> Result<(), Failure> {
    let volume = &state.volumes[index];
    let on = format!("/storage/{}", volume.storage());
    let guest = volume.vmid.map(|vmid| format!("/vms/{vmid}"));
    let own = volume.content == "backup"
        && state.access.has(&call.who, &on, "Datastore.AllocateSpace")
        && guest.is_some_and(|guest| state.access.has(&call.who, &guest, "VM.Backup"));
    if own {
        Ok(())
    } else {
        state
            .access
            .need_any(&call.who, &on, &["Datastore.Allocate"])
    }
}

/// `PUT …/content/{volume}`: notes and protection of a backup.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let index = state.volume_of(call)?;
    may_change(state, call, index)?;
    let volume = &mut state.volumes[index];
    if volume.content != "backup" {
        return Err(Failure::died("only backups can have notes and protection"));
    }
    if let Some(notes) = call.text("notes") {
        volume.notes = Some(notes.to_owned());
    }
    if let Some(protected) = call.flag("protected") {
        volume.protected = protected;
    }
    nothing()
}

/// `DELETE …/content/{volume}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let index = state.volume_of(call)?;
    may_change(state, call, index)?;
    let volume = state.volumes[index].clone();
    if volume.protected {
        let text = format!("can't remove protected volume '{}'", volume.volid);
        return Err(Failure::died(text));
    }
    if matches!(volume.content, "images" | "rootdir")
        && let Some(vmid) = volume.vmid.filter(|vmid| state.guests.contains_key(vmid))
    {
        let text = format!("Cannot remove image, a guest with VMID '{vmid}' exists!");
        return Err(Failure::died(text));
    }
    let volid = volume.volid.clone();
    let work: Work = Box::new(move |state| {
        state.volumes.retain(|one| one.volid != volid);
        Ok(vec![format!("Removed volume '{volid}'")])
    });
    let job = Job {
        call,
        node: call.node(),
        kind: "imgdel",
        id: format!("{}@{}", volume.vmid.unwrap_or_default(), volume.storage()),
        lock: None,
    };
    state.start(job, work)
}
