//! Datastores, and what is done to them.

use super::{
    COUNT, DEPTH, FROM_ONE, GROUP_TYPE, ID, KEEP, Kind, MAX_DEPTH, NAMESPACE, NS, Param, Route,
    Run, STORE, THREADS, TIME, TYPE, delete, get, is_backup_id, optional, post, put, required,
    with,
};
use crate::pbs::{jobs, maintenance, snapshots, stores};

const SNAPSHOT: &[Param] = &[TYPE, ID, TIME, NS];
const OF_STORE: &[Param] = &[optional("store", STORE)];

pub(super) static TABLE: &[Route<Run>] = &[
    get("/admin/datastore", &[], stores::list),
    get(
        "/admin/datastore/{store}/status",
        &[optional("verbose", Kind::Boolean)],
        stores::status,
    ),
    get(
        "/admin/datastore/{store}/namespace",
        &[optional("parent", NAMESPACE), optional("max-depth", DEPTH)],
        stores::namespaces,
    ),
    post(
        "/admin/datastore/{store}/namespace",
        &[
            required("name", Kind::Form(is_backup_id)),
            optional("parent", NAMESPACE),
        ],
        stores::create_namespace,
    ),
    delete(
        "/admin/datastore/{store}/namespace",
        &[
            required("ns", NAMESPACE),
            optional("delete-groups", Kind::Boolean),
            optional("error-on-protected", Kind::Boolean),
        ],
        stores::delete_namespace,
    ),
    get("/admin/datastore/{store}/gc", &[], stores::collection),
    post("/admin/datastore/{store}/gc", &[], stores::collect),
    get("/admin/datastore/{store}/groups", &[NS], snapshots::groups),
    delete(
        "/admin/datastore/{store}/groups",
        &[TYPE, ID, NS, optional("error-on-protected", Kind::Boolean)],
        snapshots::delete_group,
    ),
    get(
        "/admin/datastore/{store}/snapshots",
        &[
            NS,
            optional("backup-type", GROUP_TYPE),
            optional("backup-id", Kind::Form(is_backup_id)),
        ],
        snapshots::list,
    ),
    delete(
        "/admin/datastore/{store}/snapshots",
        SNAPSHOT,
        snapshots::delete,
    ),
    get("/admin/datastore/{store}/files", SNAPSHOT, snapshots::files),
    get("/admin/datastore/{store}/notes", SNAPSHOT, snapshots::notes),
    put(
        "/admin/datastore/{store}/notes",
        &[TYPE, ID, TIME, NS, required("notes", Kind::Text)],
        snapshots::set_notes,
    ),
    get(
        "/admin/datastore/{store}/group-notes",
        &[TYPE, ID, NS],
        snapshots::group_notes,
    ),
    put(
        "/admin/datastore/{store}/group-notes",
        &[TYPE, ID, NS, required("notes", Kind::Text)],
        snapshots::set_group_notes,
    ),
    get(
        "/admin/datastore/{store}/protected",
        SNAPSHOT,
        snapshots::protected,
    ),
    put(
        "/admin/datastore/{store}/protected",
        &[TYPE, ID, TIME, NS, required("protected", Kind::Boolean)],
        snapshots::protect,
    ),
    post(
        "/admin/datastore/{store}/change-owner",
        &[TYPE, ID, NS, required("new-owner", Kind::Text)],
        snapshots::change_owner,
    ),
    post(
        "/admin/datastore/{store}/verify",
        &[
            optional("backup-type", GROUP_TYPE),
            optional("backup-id", Kind::Form(is_backup_id)),
            optional("backup-time", FROM_ONE),
            optional("ignore-verified", Kind::Boolean),
            MAX_DEPTH,
            NS,
            optional("outdated-after", COUNT),
            optional("read-threads", THREADS),
            optional("verify-threads", THREADS),
        ],
        maintenance::verify,
    ),
    with(
        KEEP,
        post(
            "/admin/datastore/{store}/prune",
            &[
                TYPE,
                ID,
                NS,
                optional("dry-run", Kind::Boolean),
                optional("use-task", Kind::Boolean),
            ],
            maintenance::prune,
        ),
    ),
    with(
        KEEP,
        post(
            "/admin/datastore/{store}/prune-datastore",
            &[NS, MAX_DEPTH, optional("dry-run", Kind::Boolean)],
            maintenance::prune_store,
        ),
    ),
    get("/admin/gc", OF_STORE, stores::collections),
    get("/admin/gc/{store}", &[], stores::collections),
    get("/admin/verify", OF_STORE, jobs::statuses),
    get("/admin/prune", OF_STORE, jobs::statuses),
    get(
        "/admin/sync",
        &[
            optional("store", STORE),
            optional("sync-direction", Kind::OneOf(&["all", "pull", "push"])),
        ],
        jobs::statuses,
    ),
    post("/admin/verify/{id}/run", &[], jobs::run),
    post("/admin/prune/{id}/run", &[], jobs::run),
    post("/admin/sync/{id}/run", &[], jobs::run),
];
