//! What a test puts into a cluster, and looks at from behind.

use serde_json::{Map, Value, json};

use super::access::ROOT;
use super::guests::{Guest, GuestKind};
use super::state::{Node, State};
use super::storage::{Storage, Volume};
use super::{Proxmox, ROOT_PASSWORD, ROOT_TOKEN, backup};

const GIB: u64 = 1 << 30;

/// A guest to be put there.
#[derive(Debug, Clone)]
pub struct GuestSeed {
    /// Its number.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// Which kind it is.
    pub kind: GuestKind,
    /// Its node.
    pub node: String,
    /// Whether it runs.
    pub running: bool,
    /// More properties, over the usual ones.
    pub config: Value,
    /// Addresses with prefix length; a virtual machine that has some has an agent that answers.
    pub addresses: Vec<String>,
}

impl GuestSeed {
    /// A virtual machine that runs, without agent.
    pub fn machine(vmid: u32, name: &str, node: &str) -> Self {
        Self {
            vmid,
            name: name.to_owned(),
            kind: GuestKind::Qemu,
            node: node.to_owned(),
            running: true,
            config: json!({}),
            addresses: Vec::new(),
        }
    }

    /// A container that runs.
    pub fn container(vmid: u32, name: &str, node: &str) -> Self {
        Self {
            kind: GuestKind::Lxc,
            ..Self::machine(vmid, name, node)
        }
    }

    /// The same, stopped.
    #[must_use]
    pub fn stopped(self) -> Self {
        Self {
            running: false,
            ..self
        }
    }

    /// The same with this address, and an agent that tells it.
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        Self {
            addresses: vec![address.to_owned()],
            ..self
        }
    }

    /// The same with more properties.
    #[must_use]
    pub fn with(self, config: Value) -> Self {
        Self { config, ..self }
    }
}

/// A storage to be put there.
#[derive(Debug, Clone)]
pub struct StorageSeed {
    /// Its name.
    pub name: String,
    /// `dir`, `lvmthin`, `nfs`, `pbs`, `zfspool`.
    pub kind: String,
    /// What may lie on it: `images`, `rootdir`, `backup`, `vztmpl`, `iso`.
    pub content: Vec<String>,
    /// Whether all nodes see the same volumes.
    pub shared: bool,
    /// Its retention, such as `keep-last=3`.
    pub retention: Option<String>,
}

impl State {
    pub(super) fn add_node(&mut self, name: &str, fingerprint: &str) {
        let node = Node {
            down: None,
            fingerprint: fingerprint.to_owned(),
            cores: 16,
            memory: 64 * GIB,
            started: self.now() - 1_234_567,
        };
        self.nodes.insert(name.to_owned(), node);
    }

    /// Root, and the usual storages.
    pub(super) fn furnish(&mut self) {
        self.access
            .users
            .insert(ROOT.to_owned(), ROOT_PASSWORD.to_owned());
        self.access.add_token(ROOT_TOKEN.0, ROOT_TOKEN.1, false);
        let storage = |name: &str, kind: &str, content: &[&str], shared| StorageSeed {
            name: name.to_owned(),
            kind: kind.to_owned(),
            content: content.iter().map(|&one| one.to_owned()).collect(),
            shared,
            retention: None,
        };
        self.add_storage(storage("local", "dir", &["backup", "iso", "vztmpl"], false));
        self.add_storage(storage(
            "local-lvm",
            "lvmthin",
            &["images", "rootdir"],
            false,
        ));
        self.add_storage(storage(
            "nas",
            "nfs",
            &["backup", "images", "rootdir"],
            true,
        ));
        let nodes: Vec<String> = self.nodes.keys().cloned().collect();
        for node in nodes {
            let template = "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst".to_owned();
            self.volumes.push(Volume {
                node: Some(node),
                time: self.now() - 86_400,
                ..Volume::new(template, "vztmpl", "tzst", 126_515_062)
            });
        }
    }

    pub(super) fn add_storage(&mut self, seed: StorageSeed) {
        let storage = Storage {
            name: seed.name.clone(),
            kind: seed.kind,
            content: seed.content,
            shared: seed.shared,
            total: 960 * GIB,
            used: 412 * GIB,
            enabled: true,
            retention: seed.retention,
        };
        self.storages.insert(seed.name, storage);
    }

    pub(super) fn add_guest(&mut self, seed: GuestSeed) {
        let mut config = usual(&seed);
        if let Value::Object(more) = seed.config {
            config.extend(more);
        }
        let mut guest = Guest::new(seed.vmid, seed.kind, &seed.node, config);
        if !seed.addresses.is_empty() && seed.kind == GuestKind::Qemu {
            guest.config.insert("agent".to_owned(), json!("1"));
            guest.agent = true;
        }
        guest.addresses = seed.addresses;
        for (number, (_, volume, size)) in guest.disks().into_iter().enumerate() {
            let storage = volume.split(':').next().unwrap_or_default();
            let disk = Volume::disk(storage, &seed.node, seed.vmid, number, seed.kind, size);
            let shared = self
                .storages
                .get(storage)
                .is_some_and(|storage| storage.shared);
            self.volumes.push(Volume {
                volid: volume.clone(),
                node: (!shared).then(|| seed.node.clone()),
                ..disk
            });
        }
        if seed.running {
            guest.run(self.now() - 86_400);
        }
        self.guests.insert(seed.vmid, guest);
    }

    /// A backup of a guest, so many seconds old; its volume.
    pub(super) fn add_backup(&mut self, vmid: u32, storage: &str, age_s: i64) -> Option<String> {
        let time = self.now() - age_s;
        let guest = self.guests.get(&vmid)?;
        let place = self.storages.get(storage)?;
        let mut volume = backup::archive(guest, storage, &place.kind, Some("zstd"), time);
        volume.node = (!place.shared).then(|| guest.node.clone());
        volume.notes = Some(guest.name());
        let volid = volume.volid.clone();
        self.volumes.push(volume);
        Some(volid)
    }
}

/// The MAC address of a guest's interface unless its seed says otherwise.
pub(super) fn mac(vmid: u32) -> String {
    let [_, _, high, low] = vmid.to_be_bytes();
    format!("00:00:5e:00:{high:02x}:{low:02x}")
}

fn usual(seed: &GuestSeed) -> Map<String, Value> {
    let vmid = seed.vmid;
    let usual = match seed.kind {
        GuestKind::Qemu => json!({
            "name": seed.name,
            "cores": 2,
            "sockets": 1,
            "memory": "2048",
            "ostype": "l26",
            "scsihw": "virtio-scsi-single",
            "scsi0": format!("local-lvm:vm-{vmid}-disk-0,size=32G"),
            "net0": format!("virtio={},bridge=vmbr0,firewall=1", mac(vmid).to_uppercase()),
            "boot": "order=scsi0;net0",
        }),
        GuestKind::Lxc => json!({
            "hostname": seed.name,
            "arch": "amd64",
            "cores": 1,
            "memory": 1024,
            "swap": 512,
            "ostype": "debian",
            "unprivileged": 1,
            "rootfs": format!("local-lvm:vm-{vmid}-disk-0,size=8G"),
            "net0": format!("name=eth0,bridge=vmbr0,ip=dhcp,hwaddr={},type=veth", mac(vmid).to_uppercase()),
        }),
    };
    match usual {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Proxmox {
    /// Puts a guest there, with its disks.
    pub fn add_guest(&self, guest: GuestSeed) {
        self.state.lock().add_guest(guest);
    }

    /// Puts a storage there.
    pub fn add_storage(&self, storage: StorageSeed) {
        self.state.lock().add_storage(storage);
    }

    /// Puts a backup of a guest there, so many seconds old; its volume, or `None` without that
    /// guest or storage.
    pub fn add_backup(&self, vmid: u32, storage: &str, age_s: i64) -> Option<String> {
        self.state.lock().add_backup(vmid, storage, age_s)
    }

    /// Locks a guest, as a job that never ends would; `None` unlocks it.
    pub fn set_lock(&self, vmid: u32, lock: Option<&str>) {
        if let Some(guest) = self.state.lock().guests.get_mut(&vmid) {
            guest.lock = lock.map(str::to_owned);
        }
    }

    /// Whether a guest's agent answers.
    pub fn set_agent(&self, vmid: u32, answers: bool) {
        if let Some(guest) = self.state.lock().guests.get_mut(&vmid) {
            guest.agent = answers;
        }
    }

    /// Numbers of all guests.
    pub fn guests(&self) -> Vec<u32> {
        self.state.lock().guests.keys().copied().collect()
    }

    /// Whether a guest runs; `None` when it is not there.
    pub fn is_running(&self, vmid: u32) -> Option<bool> {
        self.state
            .lock()
            .guests
            .get(&vmid)
            .map(|guest| guest.running)
    }

    /// A guest's node.
    pub fn node_of(&self, vmid: u32) -> Option<String> {
        self.state
            .lock()
            .guests
            .get(&vmid)
            .map(|guest| guest.node.clone())
    }

    /// A guest's properties as they stand.
    pub fn config_of(&self, vmid: u32) -> Option<Value> {
        let state = self.state.lock();
        state
            .guests
            .get(&vmid)
            .map(|guest| Value::Object(guest.config.clone()))
    }

    /// Names of a guest's snapshots.
    pub fn snapshots_of(&self, vmid: u32) -> Vec<String> {
        let state = self.state.lock();
        let guest = state.guests.get(&vmid);
        let all = guest.map(|guest| guest.snapshots.iter().map(|one| one.name.clone()).collect());
        all.unwrap_or_default()
    }

    /// Volumes of a kind of content, such as `backup`.
    pub fn volumes(&self, content: &str) -> Vec<String> {
        let state = self.state.lock();
        let wanted = state
            .volumes
            .iter()
            .filter(|volume| volume.content == content);
        wanted.map(|volume| volume.volid.clone()).collect()
    }
}
