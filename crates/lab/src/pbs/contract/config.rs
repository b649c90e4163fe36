//! What is configured: stores, remotes, jobs.

use super::{
    COUNT, DIRECTION, KEEP, Kind, MAX_DEPTH, NS, Param, Route, Run, STORE, SYNC, THREADS, delete,
    get, optional, post, put, required, with,
};
use crate::pbs::{jobs, stores, sync};

const ID: Param = required("id", STORE);
const OF_STORE: Param = required("store", STORE);
const COMMENT: Param = optional("comment", Kind::Text);
const SCHEDULE: Param = optional("schedule", Kind::Text);
const DIGEST: Param = optional("digest", Kind::Text);
const DELETE: Param = optional("delete", Kind::Texts);
const DISABLE: Param = optional("disable", Kind::Boolean);
const ALL: Kind = Kind::OneOf(&["all", "pull", "push"]);

const VERIFY: &[Param] = &[
    COMMENT,
    SCHEDULE,
    optional("ignore-verified", Kind::Boolean),
    MAX_DEPTH,
    NS,
    optional("outdated-after", COUNT),
    optional("read-threads", THREADS),
    optional("verify-threads", THREADS),
];

const PORT: Param = optional("port", Kind::Integer(0, 65_535));
const FINGERPRINT: Param = optional("fingerprint", Kind::Text);
const NODE_PROXY: Param = optional("use-node-proxy", Kind::Boolean);

pub(super) static TABLE: &[Route<Run>] = &[
    get("/config/datastore", &[], stores::definitions),
    get("/config/datastore/{name}", &[], stores::definitions),
    get("/config/remote", &[], sync::remotes),
    post(
        "/config/remote",
        &[
            required("name", STORE),
            required("auth-id", Kind::Text),
            required("host", Kind::Text),
            required("password", Kind::Text),
            COMMENT,
            FINGERPRINT,
            PORT,
            NODE_PROXY,
        ],
        sync::create_remote,
    ),
    get("/config/remote/{name}", &[], sync::one_remote),
    put(
        "/config/remote/{name}",
        &[
            optional("auth-id", Kind::Text),
            optional("host", Kind::Text),
            optional("password", Kind::Text),
            COMMENT,
            FINGERPRINT,
            PORT,
            NODE_PROXY,
            DELETE,
            DIGEST,
        ],
        sync::update_remote,
    ),
    delete("/config/remote/{name}", &[DIGEST], sync::delete_remote),
    get("/config/remote/{name}/scan", &[], sync::scan),
    get(
        "/config/remote/{name}/scan/{store}/groups",
        &[optional("namespace", Kind::Text)],
        sync::scan_groups,
    ),
    get(
        "/config/remote/{name}/scan/{store}/namespaces",
        &[],
        sync::scan_namespaces,
    ),
    get(
        "/config/sync",
        &[optional("sync-direction", ALL)],
        jobs::all,
    ),
    with(
        SYNC,
        post(
            "/config/sync",
            &[
                ID,
                OF_STORE,
                required("remote-store", STORE),
                optional("remote", STORE),
                optional("owner", Kind::Text),
                optional("resync-corrupt", Kind::Boolean),
                optional("run-on-mount", Kind::Boolean),
                optional("sync-direction", DIRECTION),
                optional("unmount-on-done", Kind::Boolean),
                COMMENT,
                SCHEDULE,
            ],
            jobs::create,
        ),
    ),
    get("/config/sync/{id}", &[], jobs::one),
    with(
        SYNC,
        put(
            "/config/sync/{id}",
            &[
                optional("store", STORE),
                optional("remote-store", STORE),
                optional("remote", STORE),
                optional("owner", Kind::Text),
                optional("resync-corrupt", Kind::Boolean),
                optional("sync-direction", DIRECTION),
                COMMENT,
                SCHEDULE,
                DELETE,
                DIGEST,
            ],
            jobs::update,
        ),
    ),
    delete("/config/sync/{id}", &[DIGEST], jobs::delete),
    get("/config/verify", &[], jobs::all),
    with(
        VERIFY,
        post("/config/verify", &[ID, OF_STORE], jobs::create),
    ),
    get("/config/verify/{id}", &[], jobs::one),
    with(
        VERIFY,
        put(
            "/config/verify/{id}",
            &[optional("store", STORE), DELETE, DIGEST],
            jobs::update,
        ),
    ),
    delete("/config/verify/{id}", &[DIGEST], jobs::delete),
    get("/config/prune", &[], jobs::all),
    with(
        KEEP,
        post(
            "/config/prune",
            &[
                ID,
                OF_STORE,
                required("schedule", Kind::Text),
                COMMENT,
                DISABLE,
                MAX_DEPTH,
                NS,
            ],
            jobs::create,
        ),
    ),
    get("/config/prune/{id}", &[], jobs::one),
    with(
        KEEP,
        put(
            "/config/prune/{id}",
            &[
                optional("store", STORE),
                COMMENT,
                DISABLE,
                MAX_DEPTH,
                NS,
                SCHEDULE,
                DELETE,
                DIGEST,
            ],
            jobs::update,
        ),
    ),
    delete("/config/prune/{id}", &[DIGEST], jobs::delete),
];
