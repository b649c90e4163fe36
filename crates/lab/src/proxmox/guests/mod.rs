//! Guests: virtual machines and containers.

pub(super) mod agent;
pub(super) mod clone;
pub(super) mod config;
pub(super) mod create;
pub(super) mod migrate;
pub(super) mod power;
pub(super) mod snapshots;
pub(super) mod status;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::entry::Call;
use super::reply::Failure;
use super::state::State;
use crate::hash::short_hex;

/// Numbers that a guest can have.
const VMIDS: std::ops::RangeInclusive<u32> = 100..=999_999_999;

/// The two kinds of guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Qemu => "qemu",
            Self::Lxc => "lxc",
        }
    }

    /// What it is called in texts.
    pub(super) fn short(self) -> &'static str {
        match self {
            Self::Qemu => "VM",
            Self::Lxc => "CT",
        }
    }

    /// The prefix of its tasks: `qmstart`, `vzstart`.
    pub(super) fn task(self, qemu: &'static str, lxc: &'static str) -> &'static str {
        match self {
            Self::Qemu => qemu,
            Self::Lxc => lxc,
        }
    }

    /// The property that holds its name.
    pub(super) fn name_key(self) -> &'static str {
        match self {
            Self::Qemu => "name",
            Self::Lxc => "hostname",
        }
    }

    /// The content that its disks are.
    pub(super) fn disk_content(self) -> &'static str {
        match self {
            Self::Qemu => "images",
            Self::Lxc => "rootdir",
        }
    }

    /// The kind in a route's pattern.
    pub(super) fn of(call: &Call) -> Self {
        if call.pattern.contains("/lxc") {
            Self::Lxc
        } else {
            Self::Qemu
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub(super) vmid: u32,
    pub(super) kind: GuestKind,
    pub(super) node: String,
    pub(super) running: bool,
    pub(super) paused: bool,
    pub(super) lock: Option<String>,
    pub(super) config: Map<String, Value>,
    /// Changes that wait for a restart.
    pub(super) pending: Map<String, Value>,
    pub(super) pool: Option<String>,
    pub(super) snapshots: Vec<Snapshot>,
    /// Name of the snapshot that the present state comes after.
    pub(super) parent: Option<String>,
    pub(super) started: i64,
    /// Whether the agent answers.
    pub(super) agent: bool,
    /// Addresses that the guest has, with prefix length.
    pub(super) addresses: Vec<String>,
    pub(super) processes: BTreeMap<u64, agent::Process>,
    pub(super) rules: Vec<Value>,
}

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) time: i64,
    pub(super) parent: Option<String>,
    pub(super) with_memory: bool,
    pub(super) config: Map<String, Value>,
}

impl Guest {
    pub(super) fn new(vmid: u32, kind: GuestKind, node: &str, config: Map<String, Value>) -> Self {
        Self {
            vmid,
            kind,
            node: node.to_owned(),
            running: false,
            paused: false,
            lock: None,
            config,
            pending: Map::new(),
            pool: None,
            snapshots: Vec::new(),
            parent: None,
            started: 0,
            agent: false,
            addresses: Vec::new(),
            processes: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> String {
        let usual = || format!("{}{}", self.kind.short(), self.vmid);
        let name = self.config.get(self.kind.name_key());
        name.and_then(Value::as_str)
            .map_or_else(usual, str::to_owned)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.config
            .get(name)
            .is_some_and(|value| *value == json!(1) || *value == json!("1"))
    }

    pub(super) fn number(&self, name: &str, usual: u64) -> u64 {
        let read = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        self.config.get(name).and_then(read).unwrap_or(usual)
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> u64 {
        self.number("memory", 512) << 20
    }

    pub(super) fn digest(&self) -> String {
        let text = Value::Object(self.config.clone()).to_string();
        short_hex(text.as_bytes(), 40)
    }

    /// Disks of the configuration, by property: volume and size in bytes.
    pub(super) fn disks(&self) -> Vec<(String, String, u64)> {
        self.config
            .iter()
            .filter(|(name, _)| is_disk(self.kind, name))
            .filter_map(|(name, value)| {
                let text = value.as_str()?;
                let volume = text.split(',').next()?;
                let size = text.split(',').find_map(|part| part.strip_prefix("size="));
                Some((name.clone(), volume.to_owned(), bytes_of(size?)?))
            })
            .collect()
    }

    /// Bytes of the first disk.
    pub(super) fn max_disk(&self) -> u64 {
        let disks = self.disks();
        let root = disks.iter().find(|(name, ..)| name == "rootfs");
        root.or(disks.first()).map_or(0, |(_, _, size)| *size)
    }

    pub(super) fn stop(&mut self) {
        self.running = false;
        self.paused = false;
        self.processes.clear();
        let pending = std::mem::take(&mut self.pending);
        for (name, value) in pending {
            if value.is_null() {
                self.config.remove(&name);
            } else {
                self.config.insert(name, value);
            }
        }
    }

    pub(super) fn run(&mut self, now: i64) {
        self.running = true;
        self.paused = false;
        self.started = now;
    }
}

/// Whether a property is a disk.
pub(super) fn is_disk(kind: GuestKind, name: &str) -> bool {
    let numbered = |family: &str| {
        name.strip_prefix(family)
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit()))
    };
    match kind {
        GuestKind::Qemu => ["scsi", "virtio", "sata", "ide"]
            .iter()
            .any(|one| numbered(one)),
        GuestKind::Lxc => name == "rootfs" || numbered("mp"),
    }
}

/// Reads a size such as `8G`.
pub(super) fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text.strip_prefix(digits)? {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    Some(digits.parse::<u64>().ok()? << shift)
}

impl State {
    /// The number of the guest in a call's path.
    pub(super) fn vmid(call: &Call) -> Result<u32, Failure> {
        let text = call.path.get("vmid");
        let number = text.parse::<u32>().ok().filter(|vmid| VMIDS.contains(vmid));
        number.ok_or_else(|| {
            let text = format!("type check ('integer') failed - got '{text}'");
            Failure::parameter("vmid", text).outside_the_contract()
        })
    }

    /// The guest of a call's path: on that node, and of that kind.
    pub(super) fn guest(&mut self, call: &Call) -> Result<&mut Guest, Failure> {
        let vmid = Self::vmid(call)?;
        let kind = GuestKind::of(call);
        let node = call.node().to_owned();
        let found = self.guests.get_mut(&vmid);
        let found = found.filter(|guest| guest.kind == kind && guest.node == node);
        found.ok_or_else(|| {
            let folder = match kind {
                GuestKind::Qemu => "qemu-server",
                GuestKind::Lxc => "lxc",
            };
            let file = format!("nodes/{node}/{folder}/{vmid}.conf");
            Failure::died(format!("Configuration file '{file}' does not exist"))
        })
    }

    /// A copy of it.
    pub(super) fn guest_now(&mut self, call: &Call) -> Result<Guest, Failure> {
        self.guest(call).map(|guest| guest.clone())
    }
}

/// What a worker says of a guest that something else works on.
pub(super) fn locked(guest: &Guest) -> Result<(), String> {
    match &guest.lock {
        None => Ok(()),
        Some(lock) => Err(format!("{} is locked ({lock})", guest.kind.short())),
    }
}

/// The same as a refusal of the call.
pub(super) fn unlocked(guest: &Guest) -> Result<(), Failure> {
    locked(guest).map_err(Failure::died)
}
