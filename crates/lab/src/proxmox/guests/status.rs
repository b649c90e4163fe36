//! Lists of guests, and the state of one.

use homelab_core::net::Mac;
use serde_json::{Value, json};

use super::{Guest, GuestKind};
use crate::proxmox::Release;
use crate::proxmox::entry::Call;
use crate::proxmox::reply::{Answer, data};
use crate::proxmox::state::State;

impl State {
    fn sees(&self, who: &str, guest: &Guest) -> bool {
        let on = format!("/vms/{}", guest.vmid);
        self.access.has(who, &on, "VM.Audit")
    }

    /// Every guest somebody may see as a row of the cluster's resources.
    pub(in crate::proxmox) fn guest_rows(&self, who: &str) -> Vec<Value> {
        let seen = self.guests.values().filter(|guest| self.sees(who, guest));
        seen.map(|guest| {
            let mut row = self.figures(guest);
            let kind = guest.kind.name();
            row["id"] = json!(format!("{kind}/{}", guest.vmid));
            row["type"] = json!(kind);
            row["node"] = json!(guest.node);
            row["template"] = json!(i32::from(guest.is_set("template")));
            row["maxcpu"] = row["cpus"].take();
            if !self.online(&guest.node) {
                row["status"] = json!("unknown");
            }
            if let Some(pool) = &guest.pool {
                row["pool"] = json!(pool);
            }
            if let Some(map) = row.as_object_mut() {
                map.remove("cpus");
            }
            row
        })
        .collect()
    }

    /// What is measured of a guest.
    fn figures(&self, guest: &Guest) -> Value {
        let seconds = if guest.running {
            self.now() - guest.started
        } else {
            0
        };
        let busy = f64::from(guest.vmid % 17 + 1) / 100.0;
        let share = u64::from(guest.vmid % 5 + 4);
        let running = u64::from(guest.running);
        let mut row = json!({
            "vmid": guest.vmid,
            "name": guest.name(),
            "status": if guest.running { "running" } else { "stopped" },
            "uptime": seconds,
            "cpu": if guest.running { busy } else { 0.0 },
            "cpus": guest.number("cores", 1) * guest.number("sockets", 1),
            "mem": guest.memory() / 10 * share * running,
            "maxmem": guest.memory(),
            "disk": if guest.kind == GuestKind::Lxc { guest.max_disk() / 10 * 3 * running } else { 0 },
            "maxdisk": guest.max_disk(),
            "netin": 73_000 * running,
            "netout": 41_000 * running,
            "diskread": 9_000 * running,
            "diskwrite": 12_000 * running,
        });
        if let Some(tags) = guest.config.get("tags") {
            row["tags"] = tags.clone();
        }
        if let Some(lock) = &guest.lock {
            row["lock"] = json!(lock);
        }
        if guest.is_set("template") {
            row["template"] = json!(1);
        }
        if guest.running && self.release >= Release::V9_1 {
            row["pressurecpusome"] = json!(0);
        }
        row
    }
}

/// `GET /nodes/{node}/qemu` and `/lxc`.
pub(in crate::proxmox) fn list(state: &mut State, call: &Call) -> Answer {
    let kind = GuestKind::of(call);
    let here = |guest: &&Guest| guest.kind == kind && guest.node == call.node();
    let seen = state.guests.values().filter(here);
    let rows = seen.filter(|guest| state.sees(&call.who, guest));
    data(rows.map(|guest| state.figures(guest)).collect())
}

/// `GET …/status/current`.
pub(in crate::proxmox) fn current(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let mut row = state.figures(&guest);
    row["ha"] = json!({ "managed": 0 });
    match guest.kind {
        GuestKind::Lxc => {
            row["type"] = json!("lxc");
            row["maxswap"] = json!(guest.number("swap", 512) << 20);
        }
        GuestKind::Qemu => {
            let status = match (guest.running, guest.paused) {
                (true, true) => "paused",
                (true, false) => "running",
                _ => "stopped",
            };
            row["qmpstatus"] = json!(status);
            if guest.config.contains_key("agent") {
                row["agent"] = json!(1);
            }
            if guest.running {
                row["pid"] = json!(20_000 + guest.vmid);
                row["running-qemu"] = json!("10.1.2");
            }
        }
    }
    data(row)
}

/// `GET …/rrddata`: an hour's figures, one a minute.
pub(in crate::proxmox) fn history(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    let now = state.now().div_euclid(60) * 60;
    let figures = state.figures(&guest);
    let rows: Vec<Value> = (0..60)
        .rev()
        .map(|minute| {
            json!({
                "time": now - minute * 60,
                "cpu": figures["cpu"],
                "mem": figures["mem"],
                "maxmem": figures["maxmem"],
                "netin": figures["netin"],
                "netout": figures["netout"],
            })
        })
        .collect();
    data(rows.into())
}

/// `GET …/interfaces` of a container.
pub(in crate::proxmox) fn interfaces(state: &mut State, call: &Call) -> Answer {
    let guest = state.guest_now(call)?;
    if !guest.running {
        return data(Value::Null);
    }
    let address = guest.addresses.first().cloned().unwrap_or_default();
    let (ip, prefix) = address.split_once('/').unwrap_or((&address, "24"));
    let prefix: u64 = prefix.parse().unwrap_or(24);
    let of = |name: &str, mac: &str, inet: &str, ip: &str, prefix: u64| {
        json!({
            "name": name,
            "hwaddr": mac,
            "hardware-address": mac,
            "inet": inet,
            "ip-addresses": [{ "ip-address": ip, "ip-address-type": "inet", "prefix": prefix }],
        })
    };
    let mac = mac_of(&guest);
    let mut all = vec![of("lo", "00:00:00:00:00:00", "127.0.0.1/8", "127.0.0.1", 8)];
    if !address.is_empty() {
        all.push(of("eth0", &mac, &address, ip, prefix));
    }
    data(all.into())
}

/// The MAC address of its first interface, as the configuration says.
pub(super) fn mac_of(guest: &Guest) -> String {
    let net0 = guest.config.get("net0").and_then(Value::as_str);
    let mut properties = net0.unwrap_or_default().split(',');
    let mac = properties.find_map(|property| property.split_once('=')?.1.parse::<Mac>().ok());
    mac.map_or_else(
        || crate::proxmox::seed::mac(guest.vmid),
        |mac| mac.to_string(),
    )
}
