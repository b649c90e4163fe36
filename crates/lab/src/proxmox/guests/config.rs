//! Configurations: reading, changing, growing disks.

use serde_json::{Map, Value, json};

use super::{Guest, GuestKind, bytes_of, is_disk, locked, unlocked};
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, Failure, data, nothing};
use crate::proxmox::state::State;
use crate::proxmox::tasks::{Job, Work};

/// Parameters that are not properties.
const NOT_PROPERTIES: &[&str] = &[
    "delete",
    "revert",
    "digest",
    "force",
    "skiplock",
    "background_delay",
    "import-working-storage",
];

/// Properties that a running machine takes over at once.
const AT_ONCE: &[&str] = &[
    "name",
    "hostname",
    "description",
    "tags",
    "onboot",
    "protection",
    "startup",
];

/// `GET …/config`.
pub(in crate::proxmox) fn read(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let mut config = match call.text("snapshot") {
        None => guest.config.clone(),
        Some(name) => {
            let found = guest.snapshots.iter().find(|one| one.name == name);
            let missing = || Failure::died(format!("snapshot '{name}' does not exist"));
            found.ok_or_else(missing)?.config.clone()
        }
    };
    // What is to come shows, unless asked for what is.
    if !call.is_set("current") && call.text("snapshot").is_none() {
        for (name, value) in &guest.pending {
            if value.is_null() {
                config.remove(name);
            } else {
                config.insert(name.clone(), value.clone());
            }
        }
    }
    config.insert("digest".to_owned(), json!(guest.digest()));
    if let Some(lock) = &guest.lock {
        config.insert("lock".to_owned(), json!(lock));
    }
    if let Some(parent) = &guest.parent {
        config.insert("parent".to_owned(), json!(parent));
    }
    data(Value::Object(config))
}

/// `GET …/pending`.
pub(in crate::proxmox) fn pending(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let mut rows: Vec<Value> = Vec::new();
    for (key, value) in &guest.config {
        let mut row = json!({ "key": key, "value": value });
        match guest.pending.get(key) {
            Some(Value::Null) => row["delete"] = json!(1),
            Some(to_come) => row["pending"] = to_come.clone(),
            None => {}
        }
        rows.push(row);
    }
    let new = guest
        .pending
        .iter()
        .filter(|(key, _)| !guest.config.contains_key(*key));
    rows.extend(new.map(|(key, value)| json!({ "key": key, "pending": value })));
    data(rows.into())
}

fn list(text: Option<&str>) -> Vec<String> {
    let parts = text.unwrap_or_default().split([',', ';', ' ']);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn changes(state: &mut State, call: &Call) -> Result<(Guest, Map<String, Value>), Failure> {
    let guest = state.guest_now(call)?;
    if call
        .text("digest")
        .is_some_and(|digest| digest != guest.digest())
    {
        return Err(Failure::died(match guest.kind {
            GuestKind::Qemu => "checksum mismatch (file change by other user?)",
            GuestKind::Lxc => {
                "detected modified configuration - file changed by other user? Try again."
            }
        }));
    }
    root_only(call, &call.args)?;
    let mut changes: Map<String, Value> = call
        .args
        .iter()
        .filter(|(name, _)| !NOT_PROPERTIES.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), as_stored(value)))
        .collect();
    for name in list(call.text("delete")) {
        if changes.contains_key(&name) {
            let text = format!("you can't use '-{name}' and -delete {name}' at the same time");
            return Err(Failure::parameter("delete", text));
        }
        changes.insert(name, Value::Null);
    }
    Ok((guest, changes))
}

/// Booleans are kept as numbers.
pub(in crate::proxmox) fn as_stored(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(i32::from(*value)),
        value => value.clone(),
    }
}

/// What no token may set, not even one of root.
pub(super) fn root_only(call: &Call, args: &Map<String, Value>) -> Result<(), Failure> {
    if call.who == crate::proxmox::access::ROOT {
        return Ok(());
    }
    let refused = |name: &str, value: &Value| {
        let text = value.as_str().unwrap_or_default();
        let numbered = |family: &str| {
            name.strip_prefix(family)
                .is_some_and(|n| !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit()))
        };
        matches!(name, "args" | "hookscript" | "skiplock")
            || (["hostpci", "usb", "serial", "parallel"]
                .iter()
                .any(|one| numbered(one))
                && !text.contains("mapping=")
                && text != "socket")
            || numbered("dev")
            || (numbered("mp") && text.starts_with('/'))
            || (name == "features" && text.split(',').any(|one| !one.starts_with("nesting")))
    };
    match args.iter().find(|(name, value)| refused(name, value)) {
        None => Ok(()),
        Some((name, _)) => {
            let text = format!("only root can set '{name}' config");
            Err(Failure::new(403, text))
        }
    }
}

fn apply(state: &mut State, vmid: u32, changes: Map<String, Value>, revert: &[String]) {
    let Some(guest) = state.guests.get_mut(&vmid) else {
        return;
    };
    for name in revert {
        guest.pending.remove(name);
    }
    for (name, value) in changes {
        if guest.running && !AT_ONCE.contains(&name.as_str()) && guest.kind == GuestKind::Qemu {
            guest.pending.insert(name, value);
        } else if value.is_null() {
            guest.config.remove(&name);
        } else {
            guest.config.insert(name, value);
        }
    }
}

/// `PUT …/config`: at once.
pub(in crate::proxmox) fn change(state: &mut State, call: &Call) -> Answer {
    let (guest, changes) = changes(state, call)?;
    unlocked(&guest)?;
    apply(state, guest.vmid, changes, &list(call.text("revert")));
    nothing()
}

/// `POST …/config` of a virtual machine: by a task.
pub(in crate::proxmox) fn change_by_task(state: &mut State, call: &Call) -> Answer {
    let (guest, changes) = changes(state, call)?;
    let revert = list(call.text("revert"));
    let vmid = guest.vmid;
    let lock = locked(&guest);
    let work: Work = Box::new(move |state| {
        lock?;
        apply(state, vmid, changes, &revert);
        Ok(Vec::new())
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: "qmconfig",
        id: vmid.to_string(),
        lock: None,
    };
    state.start(job, work)
}

/// `PUT …/resize`: a disk grows.
pub(in crate::proxmox) fn resize(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    unlocked(&guest)?;
    let disk = call.text("disk").unwrap_or_default().to_owned();
    let size = call.text("size").unwrap_or_default();
    let known = is_disk(guest.kind, &disk) && guest.config.contains_key(&disk);
    let found = guest
        .disks()
        .into_iter()
        .find(|(name, ..)| known && *name == disk);
    let Some((_, volume, before)) = found else {
        return Err(Failure::died(format!("disk '{disk}' does not exist")));
    };
    let after = match size.strip_prefix('+') {
        Some(more) => bytes_of(more).map(|more| before + more),
        None => bytes_of(size),
    };
    let Some(after) = after else {
        let text = "invalid format - value does not match the regex pattern";
        return Err(Failure::parameter("size", text).outside_the_contract());
    };
    if after < before {
        return Err(Failure::died("shrinking disks is not supported"));
    }
    let vmid = guest.vmid;
    let old = guest
        .config
        .get(&disk)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let new: Vec<String> = old
        .split(',')
        .map(|part| {
            if part.starts_with("size=") {
                format!("size={}M", after >> 20)
            } else {
                part.to_owned()
            }
        })
        .collect();
    let new = new.join(",");
    let work: Work = Box::new(move |state| {
        let guest = state.guests.get_mut(&vmid).ok_or("no such VM")?;
        guest.config.insert(disk, json!(new));
        if let Some(one) = state.volumes.iter_mut().find(|one| one.volid == volume) {
            one.size = after;
        }
        Ok(Vec::new())
    });
    let job = Job {
        call,
        node: &guest.node,
        kind: "resize",
        id: vmid.to_string(),
        lock: None,
    };
    state.start(job, work)
}

/// `GET …/firewall/rules`.
pub(in crate::proxmox) fn rules(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let rows = guest.rules.iter().zip(0..).map(|(rule, pos)| {
        let mut rule = rule.clone();
        rule["pos"] = json!(pos);
        rule
    });
    data(rows.collect())
}

/// `POST …/firewall/rules`: at the top, unless a place is given.
pub(in crate::proxmox) fn add_rule(state: &mut State, call: &Call) -> Answer {
    let mut rule = Value::Object(call.args.clone());
    let place = call
        .integer("pos")
        .and_then(|pos| usize::try_from(pos).ok());
    if let Some(rule) = rule.as_object_mut() {
        rule.remove("pos");
        rule.remove("digest");
    }
    let guest = state.guest(call)?;
    let place = place.unwrap_or(0).min(guest.rules.len());
    guest.rules.insert(place, rule);
    nothing()
}

/// `GET …/firewall/options`.
pub(in crate::proxmox) fn firewall_options(state: &mut State, call: &Call) -> Answer {
    state.guest(call)?;
    data(json!({ "enable": 0, "policy_in": "DROP", "policy_out": "ACCEPT" }))
}
