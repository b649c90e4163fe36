//! Nodes and the cluster they make up.

use serde_json::{Value, json};

use super::Release;
use super::entry::Call;
use super::guests::GuestKind;
use super::reply::{Answer, Failure, data, nothing};
use super::state::{Node, State};
use super::tasks::{Job, Work};

impl State {
    /// A node as those may see it who may not look into it.
    fn node_row(&self, name: &str, node: &Node, who: &str) -> Value {
        let online = node.down.is_none();
        let mut row = json!({
            "id": format!("node/{name}"),
            "type": "node",
            "node": name,
            "status": if online { "online" } else { "offline" },
        });
        if online && self.access.has(who, &format!("/nodes/{name}"), "Sys.Audit") {
            row["cpu"] = json!(0.0731);
            row["maxcpu"] = json!(node.cores);
            row["mem"] = json!(node.memory / 100 * 62);
            row["maxmem"] = json!(node.memory);
            row["disk"] = json!(21_474_836_480_u64);
            row["maxdisk"] = json!(100_861_726_720_u64);
            row["uptime"] = json!(self.now() - node.started);
            row["level"] = json!("");
        }
        row
    }

    fn node_rows(&self, who: &str) -> Vec<Value> {
        self.nodes
            .iter()
            .map(|(name, node)| self.node_row(name, node, who))
            .collect()
    }
}

/// `GET /version`.
pub(super) fn version(state: &mut State, _: &Call) -> Answer {
    let (version, release, repoid) = match state.release {
        Release::V8_2 => ("8.2.4", "8.2", "faa83925c9641325"),
        Release::V8_4 => ("8.4.14", "8.4", "b502d23c55afcba1"),
        Release::V9_1 => ("9.1.1", "9.1", "42db4a6cf33dac83"),
    };
    data(json!({ "version": version, "release": release, "repoid": repoid }))
}

/// `GET /nodes`.
pub(super) fn nodes(state: &mut State, call: &Call) -> Answer {
    let mut rows = state.node_rows(&call.who);
    for (row, node) in rows.iter_mut().zip(state.nodes.values()) {
        row["ssl_fingerprint"] = json!(node.fingerprint);
    }
    data(rows.into())
}

/// `GET /nodes/{node}/status`.
pub(super) fn node_status(state: &mut State, call: &Call) -> Answer {
    let Some(node) = state.nodes.get(call.node()) else {
        return Err(Failure::died(format!(
            "hostname lookup '{}' failed",
            call.node()
        )));
    };
    let used = node.memory / 100 * 62;
    data(json!({
        "cpu": 0.0731,
        "wait": 0.0021,
        "uptime": state.now() - node.started,
        "loadavg": ["0.42", "0.57", "0.61"],
        "cpuinfo": {
            "model": "13th Gen Intel(R) Core(TM) i5-1340P",
            "cores": node.cores / 2,
            "cpus": node.cores,
            "sockets": 1,
            "mhz": "1896.000",
        },
        "memory": {
            "total": node.memory,
            "used": used,
            "free": node.memory - used,
            "available": node.memory - used,
        },
        "swap": { "total": 8_589_930_496_u64, "used": 0, "free": 8_589_930_496_u64 },
        "rootfs": {
            "total": 100_861_726_720_u64,
            "used": 21_474_836_480_u64,
            "avail": 74_216_304_640_u64,
            "free": 79_386_890_240_u64,
        },
        "ksm": { "shared": 0 },
        "pveversion": match state.release {
            Release::V8_2 => "pve-manager/8.2.4/faa83925c9641325",
            Release::V8_4 => "pve-manager/8.4.14/b502d23c55afcba1",
            Release::V9_1 => "pve-manager/9.1.1/42db4a6cf33dac83",
        },
        "kversion": "Linux 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC",
        "current-kernel": {
            "sysname": "Linux",
            "release": "6.17.2-1-pve",
            "version": "#1 SMP PREEMPT_DYNAMIC",
            "machine": "x86_64",
        },
        "boot-info": { "mode": "efi", "secureboot": 0 },
    }))
}

/// `GET /nodes/{node}/rrddata`.
pub(super) fn node_history(state: &mut State, call: &Call) -> Answer {
    let now = state.now().div_euclid(60) * 60;
    let memory = state.nodes.get(call.node()).map_or(0, |node| node.memory);
    let row = |minute: i64| {
        json!({
            "time": now - minute * 60,
            "cpu": 0.0731,
            "iowait": 0.0021,
            "loadavg": 0.42,
            "memtotal": memory,
            "memused": memory / 100 * 62,
        })
    };
    data((0..60).rev().map(row).collect())
}

/// `GET /cluster/status`.
pub(super) fn status(state: &mut State, call: &Call) -> Answer {
    let online = state
        .nodes
        .values()
        .filter(|node| node.down.is_none())
        .count();
    let mut rows = vec![json!({
        "type": "cluster",
        "id": "cluster",
        "name": state.cluster,
        "nodes": state.nodes.len(),
        "quorate": i32::from(online * 2 > state.nodes.len()),
        "version": 3,
    })];
    let nodes = state.nodes.iter().zip(1..);
    rows.extend(nodes.map(|((name, node), number)| {
        json!({
            "type": "node",
            "id": format!("node/{name}"),
            "name": name,
            "nodeid": number,
            "ip": format!("192.0.2.{}", 10 + number),
            "online": i32::from(node.down.is_none()),
            "local": i32::from(*name == call.at),
            "level": "",
        })
    }));
    data(rows.into())
}

/// `GET /cluster/resources`.
pub(super) fn resources(state: &mut State, call: &Call) -> Answer {
    let wants = |kind: &str| call.text("type").is_none_or(|asked| asked == kind);
    let mut rows = Vec::new();
    if wants("vm") {
        rows.extend(state.guest_rows(&call.who));
    }
    if wants("node") {
        rows.extend(state.node_rows(&call.who));
    }
    if wants("storage") {
        rows.extend(state.storage_rows(&call.who));
    }
    if wants("sdn") {
        let zone = |node: &String| {
            json!({
                "id": format!("sdn/{node}/localnetwork"),
                "type": "sdn",
                "node": node,
                "sdn": "localnetwork",
                "status": "ok",
            })
        };
        let audits = state
            .access
            .has(&call.who, "/sdn/zones/localnetwork", "SDN.Audit");
        rows.extend(state.nodes.keys().filter(|_| audits).map(zone));
    }
    data(rows.into())
}

/// `GET /cluster/nextid`: reserves nothing.
pub(super) fn next_id(state: &mut State, call: &Call) -> Answer {
    let Some(asked) = call.integer("vmid") else {
        return data(json!(state.next_vmid().to_string()));
    };
    let taken = u32::try_from(asked).is_ok_and(|vmid| state.guests.contains_key(&vmid));
    if taken {
        let text = format!("VM {asked} already exists");
        return Err(Failure::parameter("vmid", text));
    }
    data(json!(asked.to_string()))
}

/// `GET /nodes/{node}/network`.
pub(super) fn network(_: &mut State, call: &Call) -> Answer {
    let all = [
        json!({
            "iface": "eno1", "type": "eth", "active": 1, "exists": 1, "method": "manual",
            "method6": "manual", "families": ["inet"], "priority": 3,
        }),
        json!({
            "iface": "vmbr0", "type": "bridge", "active": 1, "autostart": 1, "method": "static",
            "method6": "manual", "families": ["inet"], "priority": 4, "bridge_ports": "eno1",
            "bridge_vlan_aware": 1, "address": "192.0.2.11", "netmask": "24",
            "cidr": "192.0.2.11/24", "gateway": "192.0.2.1",
        }),
    ];
    let wanted = |row: &&Value| match call.text("type") {
        None => true,
        Some("any_bridge" | "any_local_bridge") => row["type"] == "bridge",
        Some(kind) => row["type"] == kind,
    };
    data(all.iter().filter(wanted).cloned().collect())
}

/// `GET /nodes/{node}/services`.
pub(super) fn services(_: &mut State, _: &Call) -> Answer {
    let row = |name: &&str| {
        json!({
            "service": name,
            "name": name,
            "desc": format!("{name} service"),
            "state": "running",
            "active-state": "active",
            "unit-state": "enabled",
        })
    };
    let names = [
        "corosync",
        "pve-cluster",
        "pvedaemon",
        "pveproxy",
        "pvestatd",
        "sshd",
    ];
    data(names.iter().map(row).collect())
}

/// `GET /nodes/{node}/disks/list`.
pub(super) fn disks(_: &mut State, _: &Call) -> Answer {
    data(json!([{
        "devpath": "/dev/nvme0n1",
        "model": "LAB NVME 1TB",
        "serial": "LAB0001",
        "vendor": "unknown",
        "size": 1_000_204_886_016_u64,
        "health": "PASSED",
        "used": "LVM",
        "gpt": 1,
        "mounted": 0,
        "osdid": -1,
        "osdid-list": [],
        "wwn": "eui.0000000000000001",
        "type": "nvme",
        "wearout": 97,
    }]))
}

/// `POST /nodes/{node}/startall` and `/stopall`.
pub(super) fn all_guests(state: &mut State, call: &Call) -> Answer {
    let starts = call.pattern.ends_with("startall");
    let named = call.text("vms").map(super::backup::list).transpose()?;
    let here = state
        .guests
        .values()
        .filter(|guest| guest.node == call.node());
    let chosen = here.filter(|guest| match &named {
        Some(vmids) => vmids.contains(&guest.vmid),
        None => !starts || guest.is_set("onboot") || call.is_set("force"),
    });
    let vmids: Vec<u32> = chosen
        .filter(|guest| !guest.is_set("template"))
        .map(|guest| guest.vmid)
        .collect();
    bulk(
        state,
        call,
        vmids,
        starts,
        if starts { "startall" } else { "stopall" },
    )
}

/// `POST /cluster/bulk-action/guest/{start,shutdown}`.
pub(super) fn bulk_guests(state: &mut State, call: &Call) -> Answer {
    let starts = call.pattern.ends_with("start");
    let texts = call
        .args
        .get("vms")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
    let vmids = super::backup::list(&texts.join(","))?;
    bulk(
        state,
        call,
        vmids,
        starts,
        if starts { "bulkstart" } else { "bulkshutdown" },
    )
}

fn bulk(
    state: &mut State,
    call: &Call,
    vmids: Vec<u32>,
    starts: bool,
    kind: &'static str,
) -> Answer {
    if !state.access.has(&call.who, "/", "VM.PowerMgmt") {
        for vmid in &vmids {
            state
                .access
                .need_any(&call.who, &format!("/vms/{vmid}"), &["VM.PowerMgmt"])?;
        }
    }
    let work: Work = Box::new(move |state| {
        let now = state.now();
        let mut log = Vec::new();
        for vmid in vmids {
            let Some(guest) = state.guests.get_mut(&vmid) else {
                log.push(format!("WARN: no such guest {vmid}"));
                continue;
            };
            match (starts, guest.running) {
                (true, false) => guest.run(now),
                (false, true) => guest.stop(),
                _ => {}
            }
            let short = if guest.kind == GuestKind::Lxc {
                "CT"
            } else {
                "VM"
            };
            log.push(format!(
                "{} {short} {vmid}",
                if starts { "Starting" } else { "Stopping" }
            ));
        }
        Ok(log)
    });
    let node = if call.node().is_empty() {
        &call.at
    } else {
        call.node()
    };
    let job = Job {
        call,
        node,
        kind,
        id: String::new(),
        lock: None,
    };
    state.start(job, work)
}

/// `POST /nodes/{node}/status`: noted, but the node stays.
pub(super) fn node_command(_: &mut State, _: &Call) -> Answer {
    nothing()
}

/// `GET /cluster/ha/status/current`.
pub(super) fn ha_status(state: &mut State, call: &Call) -> Answer {
    data(json!([
        { "id": "quorum", "type": "quorum", "node": call.at, "status": "OK", "quorate": 1 },
        {
            "id": "master",
            "type": "master",
            "node": state.nodes.keys().next(),
            "status": "idle",
            "timestamp": state.now(),
        },
    ]))
}

/// `GET /cluster/firewall/options`.
pub(super) fn firewall_options(_: &mut State, _: &Call) -> Answer {
    data(json!({ "enable": 0, "policy_in": "DROP", "policy_out": "ACCEPT" }))
}

/// `GET /cluster/firewall/rules`.
pub(super) fn firewall_rules(_: &mut State, _: &Call) -> Answer {
    data(json!([{
        "pos": 0, "type": "in", "action": "ACCEPT", "enable": 1, "proto": "tcp", "dport": "22",
        "source": "192.0.2.0/24", "comment": "management",
    }]))
}

/// `GET /cluster/log`.
pub(super) fn log(state: &mut State, call: &Call) -> Answer {
    let most = call
        .integer("max")
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(50);
    let row = |(text, n): (&&str, i64)| {
        json!({
            "uid": n,
            "id": format!("{n}:pve"),
            "node": call.at,
            "time": state.now() - n * 60,
            "pri": 6,
            "tag": "pvedaemon",
            "user": "root@pam",
            "msg": text,
        })
    };
    let texts = ["successful auth for user 'root@pam'", "starting task"];
    data(texts.iter().zip(0..).take(most).map(row).collect())
}

/// `GET /cluster/options`.
pub(super) fn options(_: &mut State, _: &Call) -> Answer {
    data(json!({ "keyboard": "en-us", "mac_prefix": "00:00:5e" }))
}
