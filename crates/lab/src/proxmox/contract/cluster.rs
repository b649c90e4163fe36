//! The cluster as a whole.

use super::{
    COUNT, Kind, Param, Perm, Route, Run, VMID, delete, get, optional, post, put, required, since_9,
};
use crate::proxmox::{auth, cluster, jobs, tasks};

const AUDIT: Perm = Perm::Any("/", &["Sys.Audit"]);
const ADMIN: Perm = Perm::Any("/", &["Sys.Modify"]);

const WORKERS: Kind = Kind::Integer(1, 64);

/// What a scheduled backup is made of.
const JOB: &[Param] = &[
    optional("all", Kind::Boolean),
    optional("bwlimit", COUNT),
    optional("comment", Kind::Text),
    optional("compress", Kind::OneOf(&["0", "1", "gzip", "lzo", "zstd"])),
    optional("delete", Kind::Text),
    optional("enabled", Kind::Boolean),
    optional("exclude", Kind::Text),
    optional("fleecing", Kind::Text),
    optional("id", Kind::Text),
    optional("mailnotification", Kind::OneOf(&["always", "failure"])),
    optional("mailto", Kind::Text),
    optional("mode", Kind::OneOf(&["snapshot", "suspend", "stop"])),
    optional("node", Kind::Text),
    optional("notes-template", Kind::Text),
    optional(
        "notification-mode",
        Kind::OneOf(&["auto", "legacy-sendmail", "notification-system"]),
    ),
    optional("pool", Kind::Text),
    optional("protected", Kind::Boolean),
    optional("prune-backups", Kind::Text),
    optional("remove", Kind::Boolean),
    optional("repeat-missed", Kind::Boolean),
    optional("schedule", Kind::Text),
    optional("starttime", Kind::Text),
    optional("dow", Kind::Text),
    optional("storage", Kind::Text),
    optional("vmid", Kind::Text),
];

pub(super) static TABLE: &[Route<Run>] = &[
    get("/version", Perm::User, &[], cluster::version),
    post(
        "/access/ticket",
        Perm::World,
        &[
            required("username", Kind::Text),
            required("password", Kind::Text),
            optional("realm", Kind::Text),
            optional("otp", Kind::Text),
            optional("path", Kind::Text),
            optional("privs", Kind::Text),
            optional("new-format", Kind::Boolean),
            optional("tfa-challenge", Kind::Text),
        ],
        auth::create_ticket,
    ),
    get(
        "/access/permissions",
        Perm::User,
        &[optional("path", Kind::Text), optional("userid", Kind::Text)],
        auth::permissions,
    ),
    get("/nodes", Perm::User, &[], cluster::nodes),
    get("/cluster/status", AUDIT, &[], cluster::status),
    get(
        "/cluster/resources",
        Perm::User,
        &[optional(
            "type",
            Kind::OneOf(&["vm", "storage", "node", "sdn"]),
        )],
        cluster::resources,
    ),
    get(
        "/cluster/nextid",
        Perm::User,
        &[optional("vmid", VMID)],
        cluster::next_id,
    ),
    get("/cluster/tasks", Perm::User, &[], tasks::cluster),
    get(
        "/cluster/log",
        Perm::User,
        &[optional("max", Kind::Integer(1, i64::MAX))],
        cluster::log,
    ),
    get("/cluster/options", AUDIT, &[], cluster::options),
    get("/cluster/ha/status/current", AUDIT, &[], cluster::ha_status),
    get(
        "/cluster/firewall/options",
        AUDIT,
        &[],
        cluster::firewall_options,
    ),
    get(
        "/cluster/firewall/rules",
        AUDIT,
        &[],
        cluster::firewall_rules,
    ),
    get("/cluster/backup", AUDIT, &[], jobs::all),
    post("/cluster/backup", ADMIN, JOB, jobs::create),
    get("/cluster/backup/{id}", AUDIT, &[], jobs::one),
    put("/cluster/backup/{id}", ADMIN, JOB, jobs::update),
    delete("/cluster/backup/{id}", ADMIN, &[], jobs::delete),
    since_9(post(
        "/cluster/bulk-action/guest/start",
        Perm::User,
        &[
            required("vms", Kind::Texts),
            optional("timeout", COUNT),
            optional("max-workers", WORKERS),
            optional("maxworkers", WORKERS),
        ],
        cluster::bulk_guests,
    )),
    since_9(post(
        "/cluster/bulk-action/guest/shutdown",
        Perm::User,
        &[
            required("vms", Kind::Texts),
            optional("timeout", COUNT),
            optional("force-stop", Kind::Boolean),
            optional("max-workers", WORKERS),
            optional("maxworkers", WORKERS),
        ],
        cluster::bulk_guests,
    )),
];
