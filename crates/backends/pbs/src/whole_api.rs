//! The whole API of the server: what may be called, and how.
//!
//! Source of the description: the API viewer's own data, `GET /docs/api-viewer/apidoc.js`.

use homelab_backend::api::{
    ApiAnswer, ApiCall, Book, Cover, Document, OneServer, Rules, Verb, WholeApi, Withheld, known,
};
use homelab_core::error::ToolResult;
use homelab_core::tool::Target;
use serde::Deserialize;
use serde_json::Value;

use crate::call::Call;
use crate::client::Pbs;
use crate::ids::{Backup, Datastore, Group, Namespace, Snapshot};
use crate::walk::Place;

/// Where the server has the description of its API.
const DESCRIPTION: &str = "/docs/api-viewer/apidoc.js";
/// Most bytes of it.
const MOST: usize = 24 * 1024 * 1024;

const GROUP: &[&str] = &["ns", "backup-type", "backup-id"];
const SNAPSHOT: &[&str] = &["ns", "backup-type", "backup-id", "backup-time"];
const PROTECTED: &[&str] = &["ns", "backup-type", "backup-id", "backup-time", "protected"];
const NOTES: &[&str] = &["ns", "backup-type", "backup-id", "backup-time", "notes"];
const PRUNE: &[&str] = &[
    "ns",
    "backup-type",
    "backup-id",
    "max-depth",
    "dry-run",
    "keep-last",
    "keep-hourly",
    "keep-daily",
    "keep-weekly",
    "keep-monthly",
    "keep-yearly",
];

const COVERS: &[Cover] = &[
    Cover::new("get_datastore_usage", Verb::Get, "/status/datastore-usage"),
    Cover::new(
        "get_datastore_usage",
        Verb::Get,
        "/admin/datastore/{store}/status",
    )
    .with(&["verbose"]),
    Cover::new("list_backups", Verb::Get, "/admin/datastore/{store}/groups").with(&["ns"]),
    Cover::new(
        "list_backups",
        Verb::Get,
        "/admin/datastore/{store}/snapshots",
    )
    .with(GROUP),
    Cover::new("list_backups", Verb::Get, "/admin/verify").with(&["store"]),
    Cover::new("list_backups", Verb::Get, "/admin/prune").with(&["store"]),
    Cover::new("list_backups", Verb::Get, "/admin/sync").with(&["store", "sync-direction"]),
    Cover::new("get_gc_status", Verb::Get, "/admin/gc").with(&["store"]),
    Cover::new("get_gc_status", Verb::Get, "/admin/datastore/{store}/gc"),
    Cover::new(
        "list_namespaces",
        Verb::Get,
        "/admin/datastore/{store}/namespace",
    )
    .with(&["max-depth", "parent"]),
    Cover::new("list_remotes", Verb::Get, "/config/remote"),
    Cover::new("list_remotes", Verb::Get, "/config/remote/{name}/scan"),
    Cover::new("get_node_status", Verb::Get, "/nodes/{node}/status"),
    Cover::new("list_tasks", Verb::Get, "/nodes/{node}/tasks").with(&[
        "errors",
        "limit",
        "running",
        "since",
        "start",
        "statusfilter",
        "store",
        "typefilter",
        "until",
        "userfilter",
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
    Cover::new(
        "verify_backup",
        Verb::Post,
        "/admin/datastore/{store}/verify",
    )
    .with(&[
        "ns",
        "backup-type",
        "backup-id",
        "backup-time",
        "max-depth",
        "ignore-verified",
        "outdated-after",
        "read-threads",
        "verify-threads",
    ]),
    Cover::new(
        "prune_backups",
        Verb::Post,
        "/admin/datastore/{store}/prune",
    )
    .with(PRUNE),
    Cover::new(
        "prune_backups",
        Verb::Post,
        "/admin/datastore/{store}/prune-datastore",
    )
    .with(PRUNE),
    Cover::new("run_gc", Verb::Post, "/admin/datastore/{store}/gc"),
    Cover::new("run_job", Verb::Post, "/admin/verify/{id}/run"),
    Cover::new("run_job", Verb::Post, "/admin/prune/{id}/run"),
    Cover::new("run_job", Verb::Post, "/admin/sync/{id}/run"),
    Cover::new("sync_to_remote", Verb::Post, "/push").with(&[
        "store",
        "ns",
        "remote",
        "remote-store",
        "remote-ns",
        "group-filter",
        "max-depth",
        "transfer-last",
        "verified-only",
        "encrypted-only",
        "rate-out",
    ]),
    Cover::new(
        "protect_backup",
        Verb::Put,
        "/admin/datastore/{store}/protected",
    )
    .with(PROTECTED),
    Cover::new(
        "set_backup_notes",
        Verb::Put,
        "/admin/datastore/{store}/notes",
    )
    .with(NOTES),
    Cover::new(
        "set_backup_notes",
        Verb::Put,
        "/admin/datastore/{store}/group-notes",
    )
    .with(NOTES),
    Cover::new(
        "delete_backup",
        Verb::Delete,
        "/admin/datastore/{store}/snapshots",
    )
    .with(SNAPSHOT),
    Cover::new(
        "delete_backup_group",
        Verb::Delete,
        "/admin/datastore/{store}/groups",
    )
    .with(GROUP),
    Cover::new(
        "create_namespace",
        Verb::Post,
        "/admin/datastore/{store}/namespace",
    )
    .with(&["name", "parent"]),
    // With its groups, a namespace is more than the tool would ever remove.
    Cover::new(
        "delete_namespace",
        Verb::Delete,
        "/admin/datastore/{store}/namespace",
    )
    .with(&["ns"]),
];

/// Reads of which none answers a password, a key, a file's content or a log.
const READS: &[&str] = &[
    "/ping",
    "/version",
    "/access/acl",
    "/access/domains",
    "/access/permissions",
    "/access/roles",
    "/admin/datastore",
    "/admin/datastore/{store}",
    "/admin/datastore/{store}/active-operations",
    "/admin/datastore/{store}/files",
    "/admin/datastore/{store}/group-notes",
    "/admin/datastore/{store}/notes",
    "/admin/datastore/{store}/protected",
    "/admin/datastore/{store}/rrd",
    "/admin/gc/{store}",
    "/admin/prune/{id}",
    "/admin/sync/{id}",
    "/admin/traffic-control",
    "/admin/verify/{id}",
    "/config/datastore/**",
    "/config/prune/**",
    "/config/remote/{name}/scan/**",
    "/config/sync/**",
    "/config/traffic-control/**",
    "/config/verify/**",
    "/nodes",
    "/nodes/{node}/apt/repositories",
    "/nodes/{node}/apt/update",
    "/nodes/{node}/apt/versions",
    "/nodes/{node}/certificates/info",
    "/nodes/{node}/disks/**",
    "/nodes/{node}/dns",
    "/nodes/{node}/network/**",
    "/nodes/{node}/rrd",
    "/nodes/{node}/services/**",
    "/nodes/{node}/time",
    "/status",
    "/tape/backup",
    "/tape/drive",
    "/tape/media/**",
];

const NO_LOGIN: &str =
    "tickets, tokens and passwords are made by the owner, on the server's own page";
const NO_CONSOLE: &str = "consoles cannot be used from here";
const NO_FILE: &str =
    "the content of backups is not read from here; restore it with the backup client";

const WITHHELD: &[Withheld] = &[
    Withheld::any("/access/ticket", NO_LOGIN),
    Withheld::any("/access/password", NO_LOGIN),
    Withheld::any("/access/openid/**", NO_LOGIN),
    Withheld::any("/access/tfa/**", NO_LOGIN),
    Withheld::on(Verb::Post, "/access/users/{userid}/token/{token}", NO_LOGIN),
    Withheld::on(Verb::Put, "/access/users/{userid}/token/{token}", NO_LOGIN),
    Withheld::any("/nodes/{node}/termproxy", NO_CONSOLE),
    Withheld::any("/nodes/{node}/vncwebsocket", NO_CONSOLE),
    Withheld::any("/admin/datastore/{store}/download", NO_FILE),
    Withheld::any("/admin/datastore/{store}/download-decoded", NO_FILE),
    Withheld::any("/admin/datastore/{store}/pxar-file-download", NO_FILE),
    Withheld::any("/admin/datastore/{store}/upload-backup-log", NO_FILE),
    Withheld::any("/admin/datastore/{store}/catalog", NO_FILE),
    Withheld::any("/backup/**", NO_FILE),
    Withheld::any("/reader/**", NO_FILE),
    Withheld::any("/config/tape-encryption-keys/**", NO_LOGIN),
    Withheld::any("/config/encryption-keys/**", NO_LOGIN),
    Withheld::any("/config/metrics/**", NO_LOGIN),
    Withheld::any("/config/s3/**", NO_LOGIN),
    Withheld::any("/config/acme/**", NO_LOGIN),
];

const CRITICAL: &[&str] = &[
    "/access/**",
    "/config/access/**",
    "/config/datastore/**",
    "/config/remote/**",
    "/nodes/{node}/apt/**",
    "/nodes/{node}/certificates/**",
    "/nodes/{node}/config",
    "/nodes/{node}/disks/**",
    "/nodes/{node}/dns",
    "/nodes/{node}/network/**",
    "/nodes/{node}/services/**",
    "/nodes/{node}/status",
    "/nodes/{node}/subscription",
    "/nodes/{node}/time",
];

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Value>,
}

impl WholeApi for Pbs {
    type Place = OneServer;
    const SEARCH: &'static str = "pbs:api:read";
    const CALL: &'static str = "pbs:api:call";
    const RULES: Rules = Rules {
        base: "/api2/json",
        covers: COVERS,
        reads: READS,
        withheld: WITHHELD,
        critical: CRITICAL,
        slashes: &[],
    };

    fn book(&self, _place: &OneServer) -> ToolResult<&Book> {
        Ok(&self.book)
    }

    async fn version(&self, _place: &OneServer) -> ToolResult<String> {
        Ok(Self::version(self).await?.full())
    }

    async fn document(&self, _place: &OneServer, _version: &str) -> ToolResult<Document> {
        let page = self.api.page(DESCRIPTION, MOST).await?;
        Ok(match page {
            Some(page) => Document::Text(page.to_vec()),
            None => Document::Known(known::<Self>()),
        })
    }

    async fn send(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<ApiAnswer> {
        let parameters = call.arguments.iter().chain(&call.query);
        let raw = Call::raw(call.method.method(), call.template(), &call.segments);
        let raw = parameters.fold(raw, |raw, (name, value)| raw.with(name, value.clone()));
        let (status, body) = self.api.raw(&raw).await?;
        let mut answer = match serde_json::from_slice::<Answer>(&body) {
            Ok(answer) => ApiAnswer {
                status,
                data: answer.data,
                task: None,
            },
            Err(_) => ApiAnswer::of_body(status, &body),
        };
        answer.task = answer
            .data
            .as_ref()
            .and_then(Value::as_str)
            .filter(|text| text.starts_with("UPID:"))
            .map(str::to_owned);
        Ok(answer)
    }

    async fn targets(&self, _place: &OneServer, call: &ApiCall) -> ToolResult<Vec<Target>> {
        let plain = |kind: &str, id: String| Target {
            kind: kind.to_owned(),
            id,
            name: None,
            tags: Vec::new(),
        };
        let store = call.value("store").and_then(|store| store.parse().ok());
        if let Some(store) = store {
            return Ok(vec![of_store(call, store)]);
        }
        let path = call.path.iter();
        let named = path.filter_map(|(name, value)| {
            let kind = match name.as_str() {
                "upid" => "task",
                "id" => "job",
                "name" if call.operation.starts_with("/config/datastore/") => "datastore",
                "name" if call.operation.starts_with("/config/remote/") => "remote",
                "userid" => "user",
                _ => return None,
            };
            Some(plain(kind, value.clone()))
        });
        let mut targets: Vec<Target> = named.collect();
        if targets.is_empty()
            && let Some(node) = call.path.get("node")
        {
            targets.push(plain("node", node.clone()));
        }
        Ok(targets)
    }
}

/// What a call in a datastore touches: the backup or group that it names, else the place.
fn of_store(call: &ApiCall, store: Datastore) -> Target {
    let ns = call.value("ns").or_else(|| call.value("parent"));
    let ns = ns.and_then(|ns| ns.parse().ok());
    let place = Place {
        store,
        ns: ns.unwrap_or_else(Namespace::root),
    };
    let (kind, id) = (call.value("backup-type"), call.value("backup-id"));
    let group = kind.zip(id).and_then(|(kind, id)| Group::new(&kind, &id));
    let time = call.value("backup-time").and_then(|time| time.parse().ok());
    match (group, time) {
        (Some(group), Some(time)) => {
            place.target_of(&Backup::Snapshot(Snapshot { group, time }), None)
        }
        (Some(group), None) => place.target_of(&Backup::Group(group), None),
        (None, _) => place.target(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_name_tools_that_there_are() {
        assert_eq!(homelab_backend::api::faults::<Pbs>(), [""; 0]);
    }
}
