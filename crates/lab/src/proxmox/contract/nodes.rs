//! One node, its tasks and its backups.

use super::{
    CF, COUNT, Kind, Perm, Route, Run, TIMEFRAME, VMID, delete, get, optional, post, required,
};
use crate::proxmox::{backup, cluster, tasks};

const AUDIT: Perm = Perm::Any("/nodes/{node}", &["Sys.Audit"]);
const ANY_INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);

pub(super) static TABLE: &[Route<Run>] = &[
    get("/nodes/{node}/version", Perm::User, &[], cluster::version),
    get("/nodes/{node}/status", AUDIT, &[], cluster::node_status),
    post(
        "/nodes/{node}/status",
        Perm::Any("/nodes/{node}", &["Sys.PowerMgmt"]),
        &[required("command", Kind::OneOf(&["reboot", "shutdown"]))],
        cluster::node_command,
    ),
    get(
        "/nodes/{node}/rrddata",
        AUDIT,
        &[TIMEFRAME, CF],
        cluster::node_history,
    ),
    get("/nodes/{node}/services", AUDIT, &[], cluster::services),
    get(
        "/nodes/{node}/network",
        Perm::User,
        &[optional("type", Kind::Text)],
        cluster::network,
    ),
    get(
        "/nodes/{node}/disks/list",
        AUDIT,
        &[
            optional("include-partitions", Kind::Boolean),
            optional("skipsmart", Kind::Boolean),
            optional("type", Kind::OneOf(&["unused", "journal_disks"])),
        ],
        cluster::disks,
    ),
    post(
        "/nodes/{node}/startall",
        Perm::User,
        &[
            optional("force", Kind::Boolean),
            optional("vms", Kind::Text),
        ],
        cluster::all_guests,
    ),
    post(
        "/nodes/{node}/stopall",
        Perm::User,
        &[
            optional("force-stop", Kind::Boolean),
            optional("timeout", Kind::Integer(0, 7200)),
            optional("vms", Kind::Text),
        ],
        cluster::all_guests,
    ),
    get(
        "/nodes/{node}/tasks",
        Perm::User,
        &[
            optional("errors", Kind::Boolean),
            optional("limit", COUNT),
            optional("since", ANY_INTEGER),
            optional("source", Kind::OneOf(&["archive", "active", "all"])),
            optional("start", COUNT),
            optional("statusfilter", Kind::Text),
            optional("typefilter", Kind::Text),
            optional("until", ANY_INTEGER),
            optional("userfilter", Kind::Text),
            optional("vmid", VMID),
        ],
        tasks::list,
    ),
    delete("/nodes/{node}/tasks/{upid}", Perm::User, &[], tasks::stop),
    get(
        "/nodes/{node}/tasks/{upid}/status",
        Perm::User,
        &[],
        tasks::status,
    ),
    get(
        "/nodes/{node}/tasks/{upid}/log",
        Perm::User,
        &[
            optional("download", Kind::Boolean),
            optional("limit", COUNT),
            optional("start", COUNT),
        ],
        tasks::log,
    ),
    post(
        "/nodes/{node}/vzdump",
        Perm::User,
        &[
            optional("all", Kind::Boolean),
            optional("bwlimit", COUNT),
            optional("compress", Kind::OneOf(&["0", "1", "gzip", "lzo", "zstd"])),
            optional("dumpdir", Kind::Text),
            optional("exclude", Kind::Text),
            optional("exclude-path", Kind::Texts),
            optional("fleecing", Kind::Text),
            optional("ionice", Kind::Integer(0, 8)),
            optional("job-id", Kind::Text),
            optional("lockwait", COUNT),
            optional("mailnotification", Kind::OneOf(&["always", "failure"])),
            optional("mailto", Kind::Text),
            optional("maxfiles", Kind::Integer(1, i64::MAX)),
            optional("mode", Kind::OneOf(&["snapshot", "suspend", "stop"])),
            optional("notes-template", Kind::Text),
            optional(
                "notification-mode",
                Kind::OneOf(&["auto", "legacy-sendmail", "notification-system"]),
            ),
            optional(
                "notification-policy",
                Kind::OneOf(&["always", "failure", "never"]),
            ),
            optional("notification-target", Kind::Text),
            optional(
                "pbs-change-detection-mode",
                Kind::OneOf(&["legacy", "data", "metadata"]),
            ),
            optional("performance", Kind::Text),
            optional("pigz", ANY_INTEGER),
            optional("pool", Kind::Text),
            optional("protected", Kind::Boolean),
            optional("prune-backups", Kind::Text),
            optional("quiet", Kind::Boolean),
            optional("remove", Kind::Boolean),
            optional("script", Kind::Text),
            optional("stdexcludes", Kind::Boolean),
            optional("stdout", Kind::Boolean),
            optional("stop", Kind::Boolean),
            optional("stopwait", COUNT),
            optional("storage", Kind::Text),
            optional("tmpdir", Kind::Text),
            optional("vmid", Kind::Text),
            optional("zstd", ANY_INTEGER),
        ],
        backup::vzdump,
    ),
    get(
        "/nodes/{node}/vzdump/defaults",
        Perm::User,
        &[optional("storage", Kind::Text)],
        backup::defaults,
    ),
    get(
        "/nodes/{node}/vzdump/extractconfig",
        Perm::User,
        &[required("volume", Kind::Text)],
        backup::config_of,
    ),
];
