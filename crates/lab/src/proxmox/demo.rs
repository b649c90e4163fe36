//! The demo lab's guests, from its inventory, with their backups.

use homelab_core::inventory::Status;
use serde_json::{Map, Value, json};

use super::guests::GuestKind;
use super::jobs::BackupJob;
use super::seed::{GuestSeed, StorageSeed};
use super::state::State;

const DAY: i64 = 86_400;

pub(super) fn fill(state: &mut State) {
    state.add_storage(StorageSeed {
        name: "pbs".to_owned(),
        kind: "pbs".to_owned(),
        content: vec!["backup".to_owned()],
        shared: true,
        retention: Some("keep-daily=7,keep-weekly=4".to_owned()),
    });
    for machine in crate::demo::inventory().virtual_machines {
        let vmid = machine.vm_id.and_then(|vmid| u32::try_from(vmid).ok());
        let (Some(vmid), Some(node)) = (vmid, machine.host.as_deref()) else {
            continue;
        };
        let kind = match machine.kind.as_deref() {
            Some("lxc") => GuestKind::Lxc,
            _ => GuestKind::Qemu,
        };
        let memory = machine.memory_mib.unwrap_or(1024);
        let mut config = json!({
            "cores": machine.cores.unwrap_or(1),
            "memory": match kind {
                GuestKind::Qemu => json!(memory.to_string()),
                GuestKind::Lxc => json!(memory),
            },
            "tags": machine.tags.join(";"),
            "onboot": 1,
        });
        if let Some(mac) = machine.mac {
            let mac = mac.to_string().to_uppercase();
            config["net0"] = match kind {
                GuestKind::Qemu => json!(format!("virtio={mac},bridge=vmbr0,firewall=1")),
                GuestKind::Lxc => {
                    let ip = machine
                        .ip
                        .map_or_else(|| "dhcp".to_owned(), |ip| format!("{ip}/24"));
                    json!(format!(
                        "name=eth0,bridge=vmbr0,ip={ip},hwaddr={mac},type=veth"
                    ))
                }
            };
        }
        if machine.name.starts_with("template") {
            config["template"] = json!(1);
        }
        state.add_guest(GuestSeed {
            vmid,
            name: machine.name,
            kind,
            node: node.to_owned(),
            running: machine.status == Status::Online,
            config,
            addresses: machine.ip.iter().map(|ip| format!("{ip}/24")).collect(),
        });
        // One guest is never backed up, which a check is to find.
        if vmid != 111 {
            for days in 0..3 {
                state.add_backup(vmid, "pbs", days * DAY + 7 * 3600);
            }
        }
    }
    let nightly = json!({
        "all": 1,
        "schedule": "02:00",
        "storage": "pbs",
        "mode": "snapshot",
        "enabled": 1,
        "exclude": "111",
        "comment": "nightly",
    });
    let settings = match nightly {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    state.jobs.insert(
        "backup-nightly".to_owned(),
        BackupJob::new("backup-nightly", settings),
    );
}
