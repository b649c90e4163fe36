//! Which operations the tools cover, which may be read besides, what is withheld and what is critical.

use homelab_backend::api::{Cover, Rules, Verb, Withheld};

/// The rules of the cluster's API.
pub(super) const RULES: Rules = Rules {
    base: "/api2/json",
    covers: COVERS,
    reads: READS,
    withheld: WITHHELD,
    critical: CRITICAL,
    slashes: &["volume"],
};

/// The covers of an operation that both kinds of guest have.
macro_rules! both {
    ($($tool:literal $method:ident $tail:literal $params:expr;)*) => {
        &[$(
            Cover::new($tool, Verb::$method, concat!("/nodes/{node}/qemu/{vmid}", $tail))
                .with($params),
            Cover::new($tool, Verb::$method, concat!("/nodes/{node}/lxc/{vmid}", $tail))
                .with($params),
        )*]
    };
}

const OF_GUESTS: &[Cover] = both! {
    "get_vm_status" Get "/status/current" &[];
    "get_vm_status" Get "/config" &["current"];
    "start_vm" Post "/status/start" &[];
    "stop_vm" Post "/status/stop" &["overrule-shutdown"];
    "stop_vm" Post "/status/shutdown" &["timeout", "forceStop"];
    "reboot_vm" Post "/status/reboot" &["timeout"];
    "delete_vm" Delete "" &["purge", "destroy-unreferenced-disks", "force"];
    "update_vm_config" Put "/config"
        &["cores", "memory", "swap", "onboot", "description", "tags", "name", "hostname", "digest"];
    "resize_disk" Put "/resize" &["disk", "size", "digest"];
    "clone_vm" Post "/clone" &[
        "newid", "name", "hostname", "full", "snapname", "storage", "target", "pool", "description",
    ];
    "migrate_vm" Get "/migrate" &["target"];
    "migrate_vm" Post "/migrate" &[
        "target", "online", "with-local-disks", "targetstorage", "restart", "target-storage",
    ];
    "list_snapshots" Get "/snapshot" &[];
    "create_snapshot" Post "/snapshot" &["snapname", "description", "vmstate"];
    "rollback_snapshot" Post "/snapshot/{snapname}/rollback" &["start"];
    "delete_snapshot" Delete "/snapshot/{snapname}" &["force"];
};

const OF_NODES: &[Cover] = &[
    Cover::new("list_nodes", Verb::Get, "/nodes"),
    Cover::new("get_node_status", Verb::Get, "/nodes/{node}/status"),
    Cover::new("get_cluster_resources", Verb::Get, "/cluster/resources").with(&["type"]),
    Cover::new("get_next_vmid", Verb::Get, "/cluster/nextid").with(&["vmid"]),
    Cover::new("list_storage", Verb::Get, "/nodes/{node}/storage").with(&["content", "storage"]),
    Cover::new(
        "list_storage_content",
        Verb::Get,
        "/nodes/{node}/storage/{storage}/content",
    )
    .with(&["content", "vmid"]),
    Cover::new(
        "delete_backup",
        Verb::Delete,
        "/nodes/{node}/storage/{storage}/content/{volume}",
    ),
    Cover::new(
        "protect_backup",
        Verb::Put,
        "/nodes/{node}/storage/{storage}/content/{volume}",
    )
    .with(&["protected"]),
    Cover::new("list_backup_jobs", Verb::Get, "/cluster/backup"),
    Cover::new("create_backup_job", Verb::Post, "/cluster/backup").with(&[
        "id",
        "schedule",
        "storage",
        "vmid",
        "all",
        "exclude",
        "pool",
        "mode",
        "enabled",
        "comment",
        "compress",
        "prune-backups",
    ]),
    Cover::new("create_backup", Verb::Post, "/nodes/{node}/vzdump").with(&[
        "vmid",
        "storage",
        "mode",
        "compress",
        "protected",
        "notes-template",
        "remove",
    ]),
    Cover::new("list_templates", Verb::Get, "/nodes/{node}/aplinfo"),
    Cover::new("download_template", Verb::Post, "/nodes/{node}/aplinfo")
        .with(&["storage", "template"]),
    Cover::new("list_tasks", Verb::Get, "/cluster/tasks"),
    Cover::new("list_tasks", Verb::Get, "/nodes/{node}/tasks").with(&[
        "start",
        "limit",
        "errors",
        "vmid",
        "source",
        "typefilter",
        "since",
        "until",
    ]),
    Cover::new(
        "get_task_status",
        Verb::Get,
        "/nodes/{node}/tasks/{upid}/status",
    ),
    Cover::new(
        "get_task_status",
        Verb::Get,
        "/nodes/{node}/tasks/{upid}/log",
    )
    .with(&["start", "limit"]),
    Cover::new("stop_task", Verb::Delete, "/nodes/{node}/tasks/{upid}"),
    Cover::new("create_vm", Verb::Post, "/nodes/{node}/qemu").with(&[
        "vmid",
        "name",
        "cores",
        "memory",
        "ostype",
        "onboot",
        "start",
        "tags",
        "pool",
        "description",
    ]),
    Cover::new("create_lxc", Verb::Post, "/nodes/{node}/lxc").with(&[
        "vmid",
        "ostemplate",
        "hostname",
        "storage",
        "cores",
        "memory",
        "swap",
        "unprivileged",
        "onboot",
        "start",
        "tags",
        "pool",
        "description",
        "nameserver",
        "searchdomain",
    ]),
    // The same operations restore, over an existing guest too.
    Cover::new("restore_backup", Verb::Post, "/nodes/{node}/qemu").needing(&["archive", "force"]),
    Cover::new("restore_backup", Verb::Post, "/nodes/{node}/lxc").needing(&["restore", "force"]),
    // A machine can do some things that a container cannot.
    Cover::new(
        "reboot_vm",
        Verb::Post,
        "/nodes/{node}/qemu/{vmid}/status/reset",
    ),
    Cover::new(
        "update_vm_config",
        Verb::Post,
        "/nodes/{node}/qemu/{vmid}/config",
    )
    .with(&[
        "cores",
        "memory",
        "onboot",
        "description",
        "tags",
        "name",
        "digest",
    ]),
    Cover::new(
        "exec_in_vm",
        Verb::Post,
        "/nodes/{node}/qemu/{vmid}/agent/exec",
    )
    .with(&["command", "input-data"]),
    Cover::new(
        "exec_in_vm",
        Verb::Get,
        "/nodes/{node}/qemu/{vmid}/agent/exec-status",
    )
    .with(&["pid"]),
];

const COVERS: &[Cover] = &joined::<{ OF_GUESTS.len() + OF_NODES.len() }>(OF_GUESTS, OF_NODES);

const fn joined<const N: usize>(one: &[Cover], other: &[Cover]) -> [Cover; N] {
    let mut all = [Cover::new("", Verb::Get, "/"); N];
    let mut at = 0;
    while at < N {
        all[at] = if at < one.len() {
            one[at]
        } else {
            other[at - one.len()]
        };
        at += 1;
    }
    all
}

/// Reads of which none answers a password, a key, a file's content or a log.
const READS: &[&str] = &[
    "/version",
    "/pools/**",
    "/storage/**",
    "/access/acl",
    "/access/domains",
    "/access/groups/**",
    "/access/permissions",
    "/access/roles/**",
    "/cluster/backup/**",
    "/cluster/backup-info/**",
    "/cluster/config/nodes",
    "/cluster/firewall/**",
    "/cluster/ha/**",
    "/cluster/jobs/**",
    "/cluster/mapping/**",
    "/cluster/options",
    "/cluster/replication/**",
    "/cluster/sdn/vnets/**",
    "/cluster/sdn/zones/**",
    "/cluster/status",
    "/nodes/{node}/apt/repositories",
    "/nodes/{node}/apt/update",
    "/nodes/{node}/apt/versions",
    "/nodes/{node}/capabilities/**",
    "/nodes/{node}/ceph/mon",
    "/nodes/{node}/ceph/osd",
    "/nodes/{node}/ceph/pool/**",
    "/nodes/{node}/ceph/status",
    "/nodes/{node}/certificates/info",
    "/nodes/{node}/disks/**",
    "/nodes/{node}/dns",
    "/nodes/{node}/firewall/options",
    "/nodes/{node}/firewall/rules/**",
    "/nodes/{node}/hardware/**",
    "/nodes/{node}/hosts",
    "/nodes/{node}/lxc",
    "/nodes/{node}/lxc/{vmid}/feature",
    "/nodes/{node}/lxc/{vmid}/firewall/aliases/**",
    "/nodes/{node}/lxc/{vmid}/firewall/ipset/**",
    "/nodes/{node}/lxc/{vmid}/firewall/options",
    "/nodes/{node}/lxc/{vmid}/firewall/rules/**",
    "/nodes/{node}/lxc/{vmid}/interfaces",
    "/nodes/{node}/lxc/{vmid}/pending",
    "/nodes/{node}/lxc/{vmid}/rrddata",
    "/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
    "/nodes/{node}/netstat",
    "/nodes/{node}/network/**",
    "/nodes/{node}/qemu",
    "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo",
    "/nodes/{node}/qemu/{vmid}/agent/get-host-name",
    "/nodes/{node}/qemu/{vmid}/agent/get-memory-block-info",
    "/nodes/{node}/qemu/{vmid}/agent/get-osinfo",
    "/nodes/{node}/qemu/{vmid}/agent/get-time",
    "/nodes/{node}/qemu/{vmid}/agent/get-timezone",
    "/nodes/{node}/qemu/{vmid}/agent/get-users",
    "/nodes/{node}/qemu/{vmid}/agent/get-vcpus",
    "/nodes/{node}/qemu/{vmid}/agent/info",
    "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
    "/nodes/{node}/qemu/{vmid}/feature",
    "/nodes/{node}/qemu/{vmid}/firewall/aliases/**",
    "/nodes/{node}/qemu/{vmid}/firewall/ipset/**",
    "/nodes/{node}/qemu/{vmid}/firewall/options",
    "/nodes/{node}/qemu/{vmid}/firewall/rules/**",
    "/nodes/{node}/qemu/{vmid}/pending",
    "/nodes/{node}/qemu/{vmid}/rrddata",
    "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
    "/nodes/{node}/replication/**",
    "/nodes/{node}/rrddata",
    "/nodes/{node}/services/**",
    "/nodes/{node}/storage/{storage}/prunebackups",
    "/nodes/{node}/storage/{storage}/rrddata",
    "/nodes/{node}/storage/{storage}/status",
    "/nodes/{node}/time",
    "/nodes/{node}/version",
    "/nodes/{node}/vzdump/defaults",
];

const NO_LOGIN: &str =
    "tickets, tokens and passwords are made by the owner, on the cluster's own page";
const NO_CONSOLE: &str =
    "consoles cannot be used from here; `exec_in_vm` runs a command through the guest agent";
const NO_FILE: &str =
    "files of a guest are not read or written from here; `exec_in_vm` runs a command";
const NO_MIGRATION: &str = "`migrate_vm` moves a guest within the cluster";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/access/ticket", NO_LOGIN),
    Withheld::any("/access/vncticket", NO_LOGIN),
    Withheld::any("/access/password", NO_LOGIN),
    Withheld::any("/access/openid/**", NO_LOGIN),
    Withheld::any("/access/tfa/**", NO_LOGIN),
    Withheld::on(
        Verb::Post,
        "/access/users/{userid}/token/{tokenid}",
        NO_LOGIN,
    ),
    Withheld::on(
        Verb::Put,
        "/access/users/{userid}/token/{tokenid}",
        NO_LOGIN,
    ),
    Withheld::any("/cluster/config/join", NO_LOGIN),
    Withheld::any("/nodes/{node}/vncshell", NO_CONSOLE),
    Withheld::any("/nodes/{node}/termproxy", NO_CONSOLE),
    Withheld::any("/nodes/{node}/spiceshell", NO_CONSOLE),
    Withheld::any("/nodes/{node}/vncwebsocket", NO_CONSOLE),
    Withheld::any("/nodes/{node}/{type}/{vmid}/vncproxy", NO_CONSOLE),
    Withheld::any("/nodes/{node}/{type}/{vmid}/termproxy", NO_CONSOLE),
    Withheld::any("/nodes/{node}/{type}/{vmid}/spiceproxy", NO_CONSOLE),
    Withheld::any("/nodes/{node}/{type}/{vmid}/vncwebsocket", NO_CONSOLE),
    Withheld::any("/nodes/{node}/{type}/{vmid}/mtunnel", NO_MIGRATION),
    Withheld::any("/nodes/{node}/{type}/{vmid}/mtunnelwebsocket", NO_MIGRATION),
    Withheld::any("/nodes/{node}/{type}/{vmid}/remote_migrate", NO_MIGRATION),
    Withheld::any(
        "/nodes/{node}/qemu/{vmid}/monitor",
        "commands of the monitor are not checked; use the operation for what you want",
    ),
    Withheld::any("/nodes/{node}/qemu/{vmid}/agent/file-read", NO_FILE),
    Withheld::any("/nodes/{node}/qemu/{vmid}/agent/file-write", NO_FILE),
    Withheld::any(
        "/nodes/{node}/qemu/{vmid}/agent/set-user-password",
        NO_LOGIN,
    ),
    Withheld::any(
        "/nodes/{node}/qemu/{vmid}/cloudinit/dump",
        "it holds the password of the guest; `get_vm_status` shows the settings without it",
    ),
    Withheld::any(
        "/nodes/{node}/vzdump/extractconfig",
        "`list_backups` shows what a backup is of",
    ),
    Withheld::any(
        "/nodes/{node}/storage/{storage}/file-restore/**",
        "files are restored on the cluster's own page; `restore_backup` restores a guest",
    ),
    Withheld::on(
        Verb::Post,
        "/nodes/{node}/storage/{storage}/upload",
        "files cannot be sent from here; `POST /nodes/{node}/storage/{storage}/download-url` lets the node fetch one",
    ),
    Withheld::any(
        "/nodes/{node}/execute",
        "each call is made by itself, so that each can be decided on",
    ),
];

const CRITICAL: &[&str] = &[
    "/access/**",
    "/storage/**",
    "/cluster/acme/**",
    "/cluster/bulk-action/**",
    "/cluster/ceph/**",
    "/cluster/config/**",
    "/cluster/firewall/**",
    "/cluster/ha/**",
    "/cluster/options",
    "/cluster/sdn/**",
    "/nodes/{node}/status",
    "/nodes/{node}/stopall",
    "/nodes/{node}/suspendall",
    "/nodes/{node}/migrateall",
    "/nodes/{node}/apt/**",
    "/nodes/{node}/ceph/**",
    "/nodes/{node}/certificates/**",
    "/nodes/{node}/config",
    "/nodes/{node}/disks/**",
    "/nodes/{node}/dns",
    "/nodes/{node}/firewall/**",
    "/nodes/{node}/hosts",
    "/nodes/{node}/network/**",
    "/nodes/{node}/services/**",
    "/nodes/{node}/subscription",
    "/nodes/{node}/time",
];
