//! Guests. Both kinds have most calls, and differ in what those take.

use super::params::{CHANGE, CONTAINER, MACHINE};
use super::{
    BWLIMIT, CF, COUNT, DIGEST, Kind, Param, Perm, Route, Run, SKIPLOCK, SNAPSHOT, TIMEFRAME,
    TIMEOUT, VMID, delete, get, is_dns_name, optional, post, put, required, since_9, with,
};
use crate::proxmox::guests::{agent, clone, config, create, migrate, power, snapshots, status};

const fn on_guest(privileges: &'static [&'static str]) -> Perm {
    Perm::Any("/vms/{vmid}", privileges)
}

const AUDIT: Perm = on_guest(&["VM.Audit"]);
const ALLOCATE: Perm = on_guest(&["VM.Allocate"]);
const POWER: Perm = on_guest(&["VM.PowerMgmt"]);
const SNAPS: Perm = on_guest(&["VM.Snapshot"]);
const ROLLBACK: Perm = on_guest(&["VM.Snapshot", "VM.Snapshot.Rollback"]);
const MIGRATE: Perm = on_guest(&["VM.Migrate"]);
const CLONE: Perm = on_guest(&["VM.Clone"]);
const NETWORK: Perm = on_guest(&["VM.Config.Network"]);
const DISK: Perm = on_guest(&["VM.Config.Disk"]);
const CONFIG: Perm = on_guest(&[
    "VM.Config.Disk",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.HWType",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
]);
const CONTAINER_CONFIG: Perm = on_guest(&[
    "VM.Config.Disk",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
]);
const AGENT_READS: Perm = Perm::Agent(&["VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"]);
const AGENT: Perm = Perm::Agent(&["VM.GuestAgent.Unrestricted"]);

const FORCE: Param = optional("force", Kind::Boolean);
const START: Param = optional("start", Kind::Boolean);
const SNAPNAME: Param = required("snapname", SNAPSHOT);
const DESCRIPTION: Param = optional("description", Kind::Text);
const OVERRULE: Param = optional("overrule-shutdown", Kind::Boolean);
const FORCE_STOP: Param = optional("forceStop", Kind::Boolean);
const KEEP_ACTIVE: Param = optional("keepActive", Kind::Boolean);
const MIGRATED_FROM: Param = optional("migratedfrom", Kind::Text);
const NETWORK_FOR_MIGRATION: Param = optional("migration_network", Kind::Text);
const TYPE_OF_MIGRATION: Param = optional("migration_type", Kind::OneOf(&["secure", "insecure"]));
const CONNTRACK: Param = optional("with-conntrack-state", Kind::Boolean);
const PURGE: Param = optional("purge", Kind::Boolean);
const UNREFERENCED: Param = optional("destroy-unreferenced-disks", Kind::Boolean);
const READ_CONFIG: &[Param] = &[
    optional("current", Kind::Boolean),
    optional("snapshot", SNAPSHOT),
];
const RESIZE: &[Param] = &[
    required("disk", Kind::Text),
    required("size", Kind::Text),
    DIGEST,
    SKIPLOCK,
];
const TO_CHECK: &[Param] = &[optional("target", Kind::Text)];
const RULE: &[Param] = &[
    required("action", Kind::Text),
    required("type", Kind::OneOf(&["in", "out", "forward", "group"])),
    optional("comment", Kind::Text),
    optional("dest", Kind::Text),
    DIGEST,
    optional("dport", Kind::Text),
    optional("enable", COUNT),
    optional("icmp-type", Kind::Text),
    optional("iface", Kind::Text),
    optional(
        "log",
        Kind::OneOf(&[
            "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog",
        ]),
    ),
    optional("macro", Kind::Text),
    optional("pos", COUNT),
    optional("proto", Kind::Text),
    optional("source", Kind::Text),
    optional("sport", Kind::Text),
];

pub(super) static CONTAINERS: &[Route<Run>] = &[
    get("/nodes/{node}/lxc", Perm::User, &[], status::list),
    with(
        CONTAINER,
        post(
            "/nodes/{node}/lxc",
            Perm::User,
            &[
                required("vmid", VMID),
                required("ostemplate", Kind::Text),
                BWLIMIT,
                FORCE,
                optional("ha-managed", Kind::Boolean),
                optional("ignore-unpack-errors", Kind::Boolean),
                optional("password", Kind::Form(is_password)),
                optional("pool", Kind::Text),
                optional("restore", Kind::Boolean),
                optional("ssh-public-keys", Kind::Text),
                START,
                optional("storage", Kind::Text),
                optional("unique", Kind::Boolean),
            ],
            create::create,
        ),
    ),
    delete(
        "/nodes/{node}/lxc/{vmid}",
        ALLOCATE,
        &[FORCE, PURGE, UNREFERENCED],
        create::destroy,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/config",
        AUDIT,
        READ_CONFIG,
        config::read,
    ),
    with(
        CONTAINER,
        put(
            "/nodes/{node}/lxc/{vmid}/config",
            CONTAINER_CONFIG,
            CHANGE,
            config::change,
        ),
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/pending",
        AUDIT,
        &[],
        config::pending,
    ),
    put(
        "/nodes/{node}/lxc/{vmid}/resize",
        DISK,
        RESIZE,
        config::resize,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/status/current",
        AUDIT,
        &[],
        status::current,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/start",
        POWER,
        &[optional("debug", Kind::Boolean), SKIPLOCK],
        power::start,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/stop",
        POWER,
        &[OVERRULE, SKIPLOCK],
        power::stop,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/shutdown",
        POWER,
        &[FORCE_STOP, TIMEOUT],
        power::shutdown,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/reboot",
        POWER,
        &[TIMEOUT],
        power::reboot,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/suspend",
        POWER,
        &[],
        power::suspend,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/status/resume",
        POWER,
        &[],
        power::resume,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/rrddata",
        AUDIT,
        &[TIMEFRAME, CF],
        status::history,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/interfaces",
        AUDIT,
        &[],
        status::interfaces,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/snapshot",
        AUDIT,
        &[],
        snapshots::list,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/snapshot",
        SNAPS,
        &[SNAPNAME, DESCRIPTION],
        snapshots::create,
    ),
    delete(
        "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}",
        SNAPS,
        &[FORCE],
        snapshots::delete,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback",
        ROLLBACK,
        &[START],
        snapshots::rollback,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
        ROLLBACK,
        &[],
        snapshots::config,
    ),
    put(
        "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
        SNAPS,
        &[DESCRIPTION],
        snapshots::describe,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/clone",
        CLONE,
        &[
            required("newid", VMID),
            BWLIMIT,
            DESCRIPTION,
            optional("full", Kind::Boolean),
            optional("hostname", Kind::Form(is_dns_name)),
            optional("pool", Kind::Text),
            optional("snapname", SNAPSHOT),
            optional("storage", Kind::Text),
            optional("target", Kind::Text),
        ],
        clone::clone,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/template",
        ALLOCATE,
        &[],
        clone::template,
    ),
    since_9(get(
        "/nodes/{node}/lxc/{vmid}/migrate",
        MIGRATE,
        TO_CHECK,
        migrate::check,
    )),
    post(
        "/nodes/{node}/lxc/{vmid}/migrate",
        MIGRATE,
        &[
            required("target", Kind::Text),
            BWLIMIT,
            optional("online", Kind::Boolean),
            optional("restart", Kind::Boolean),
            optional("target-storage", Kind::Text),
            TIMEOUT,
        ],
        migrate::migrate,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/firewall/rules",
        AUDIT,
        &[],
        config::rules,
    ),
    post(
        "/nodes/{node}/lxc/{vmid}/firewall/rules",
        NETWORK,
        RULE,
        config::add_rule,
    ),
    get(
        "/nodes/{node}/lxc/{vmid}/firewall/options",
        AUDIT,
        &[],
        config::firewall_options,
    ),
];

pub(super) static MACHINES: &[Route<Run>] = &[
    get(
        "/nodes/{node}/qemu",
        Perm::User,
        &[optional("full", Kind::Boolean)],
        status::list,
    ),
    with(
        MACHINE,
        post(
            "/nodes/{node}/qemu",
            Perm::User,
            &[
                required("vmid", VMID),
                optional("archive", Kind::Text),
                BWLIMIT,
                optional("ha-managed", Kind::Boolean),
                optional("live-restore", Kind::Boolean),
                optional("pool", Kind::Text),
                START,
                optional("storage", Kind::Text),
                optional("unique", Kind::Boolean),
            ],
            create::create,
        ),
    ),
    delete(
        "/nodes/{node}/qemu/{vmid}",
        ALLOCATE,
        &[PURGE, UNREFERENCED, SKIPLOCK],
        create::destroy,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/config",
        AUDIT,
        READ_CONFIG,
        config::read,
    ),
    with(
        MACHINE,
        put(
            "/nodes/{node}/qemu/{vmid}/config",
            CONFIG,
            CHANGE,
            config::change,
        ),
    ),
    with(
        MACHINE,
        post(
            "/nodes/{node}/qemu/{vmid}/config",
            CONFIG,
            CHANGE,
            config::change_by_task,
        ),
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/pending",
        AUDIT,
        &[],
        config::pending,
    ),
    put(
        "/nodes/{node}/qemu/{vmid}/resize",
        DISK,
        RESIZE,
        config::resize,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/status/current",
        AUDIT,
        &[],
        status::current,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/start",
        POWER,
        &[
            optional("force-cpu", Kind::Text),
            optional("machine", Kind::Text),
            MIGRATED_FROM,
            NETWORK_FOR_MIGRATION,
            TYPE_OF_MIGRATION,
            optional("nets-host-mtu", Kind::Text),
            SKIPLOCK,
            optional("stateuri", Kind::Text),
            optional("targetstorage", Kind::Text),
            TIMEOUT,
            CONNTRACK,
        ],
        power::start,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/stop",
        POWER,
        &[KEEP_ACTIVE, MIGRATED_FROM, OVERRULE, SKIPLOCK, TIMEOUT],
        power::stop,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/shutdown",
        POWER,
        &[FORCE_STOP, KEEP_ACTIVE, SKIPLOCK, TIMEOUT],
        power::shutdown,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/reboot",
        POWER,
        &[TIMEOUT],
        power::reboot,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/reset",
        POWER,
        &[SKIPLOCK],
        power::reset,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/suspend",
        POWER,
        &[
            SKIPLOCK,
            optional("statestorage", Kind::Text),
            optional("todisk", Kind::Boolean),
        ],
        power::suspend,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/status/resume",
        POWER,
        &[optional("nocheck", Kind::Boolean), SKIPLOCK],
        power::resume,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/rrddata",
        AUDIT,
        &[TIMEFRAME, CF],
        status::history,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/snapshot",
        AUDIT,
        &[],
        snapshots::list,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/snapshot",
        SNAPS,
        &[SNAPNAME, DESCRIPTION, optional("vmstate", Kind::Boolean)],
        snapshots::create,
    ),
    delete(
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}",
        SNAPS,
        &[FORCE],
        snapshots::delete,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
        ROLLBACK,
        &[START],
        snapshots::rollback,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
        ROLLBACK,
        &[],
        snapshots::config,
    ),
    put(
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
        SNAPS,
        &[DESCRIPTION],
        snapshots::describe,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/clone",
        CLONE,
        &[
            required("newid", VMID),
            BWLIMIT,
            DESCRIPTION,
            optional("format", Kind::OneOf(&["raw", "qcow2", "vmdk"])),
            optional("full", Kind::Boolean),
            optional("name", Kind::Form(is_dns_name)),
            optional("pool", Kind::Text),
            optional("snapname", SNAPSHOT),
            optional("storage", Kind::Text),
            optional("target", Kind::Text),
        ],
        clone::clone,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/template",
        ALLOCATE,
        &[optional("disk", Kind::Text)],
        clone::template,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/migrate",
        MIGRATE,
        TO_CHECK,
        migrate::check,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/migrate",
        MIGRATE,
        &[
            required("target", Kind::Text),
            BWLIMIT,
            FORCE,
            NETWORK_FOR_MIGRATION,
            TYPE_OF_MIGRATION,
            optional("online", Kind::Boolean),
            optional("targetstorage", Kind::Text),
            CONNTRACK,
            optional("with-local-disks", Kind::Boolean),
        ],
        migrate::migrate,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/agent/ping",
        AGENT_READS,
        &[],
        agent::ping,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/agent/get-osinfo",
        AGENT_READS,
        &[],
        agent::os,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        AGENT_READS,
        &[],
        agent::interfaces,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/agent/exec",
        AGENT,
        &[
            required("command", Kind::Texts),
            optional("input-data", Kind::Text),
        ],
        agent::exec,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/agent/exec-status",
        AGENT,
        &[required("pid", COUNT)],
        agent::exec_status,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/firewall/rules",
        AUDIT,
        &[],
        config::rules,
    ),
    post(
        "/nodes/{node}/qemu/{vmid}/firewall/rules",
        NETWORK,
        RULE,
        config::add_rule,
    ),
    get(
        "/nodes/{node}/qemu/{vmid}/firewall/options",
        AUDIT,
        &[],
        config::firewall_options,
    ),
];

fn is_password(text: &str) -> bool {
    text.len() >= 5
}
