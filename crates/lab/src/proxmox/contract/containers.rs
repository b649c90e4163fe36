//! Containers.

use super::guests::{
    ALLOCATE, AUDIT, CLONE, CONTAINER_CONFIG, DESCRIPTION, DISK, FORCE, FORCE_STOP, MIGRATE,
    NETWORK, OVERRULE, POWER, PURGE, READ_CONFIG, RESIZE, ROLLBACK, RULE, SNAPNAME, SNAPS, START,
    TO_CHECK, UNREFERENCED,
};
use super::params::{CHANGE, CONTAINER};
use super::{
    BWLIMIT, CF, Kind, Perm, Route, Run, SKIPLOCK, SNAPSHOT, TIMEFRAME, TIMEOUT, VMID, delete, get,
    is_dns_name, optional, post, put, required, since_9, with,
};
use crate::proxmox::guests::{clone, config, create, migrate, power, snapshots, status};

pub(super) static TABLE: &[Route<Run>] = &[
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

fn is_password(text: &str) -> bool {
    text.len() >= 5
}
