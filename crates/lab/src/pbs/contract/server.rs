//! The server itself, its tasks, and copying at once.

use super::{
    COUNT, Kind, Route, Run, STORE, SYNC, get, open, optional, post, required, since, with,
};
use crate::pbs::{Release, auth, node, stores, sync, tasks};

const ANY_INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);

pub(super) static TABLE: &[Route<Run>] = &[
    open(get("/ping", &[], node::ping)),
    get("/version", &[], node::version),
    open(post(
        "/access/ticket",
        &[
            required("username", Kind::Text),
            optional("password", Kind::Text),
            optional("path", Kind::Text),
            optional("privs", Kind::Text),
            optional("port", Kind::Integer(0, 65_535)),
            optional("tfa-challenge", Kind::Text),
            optional("http-only", Kind::Boolean),
        ],
        auth::create_ticket,
    )),
    get(
        "/access/permissions",
        &[
            optional("auth-id", Kind::Text),
            optional("path", Kind::Text),
        ],
        auth::permissions,
    ),
    get("/status/datastore-usage", &[], stores::usage),
    get("/nodes/{node}/status", &[], node::status),
    get("/nodes/{node}/services", &[], node::services),
    get(
        "/nodes/{node}/tasks",
        &[
            optional("errors", Kind::Boolean),
            optional("limit", COUNT),
            optional("running", Kind::Boolean),
            optional("since", ANY_INTEGER),
            optional("start", COUNT),
            optional("statusfilter", Kind::Texts),
            optional("store", STORE),
            optional("typefilter", Kind::Text),
            optional("until", ANY_INTEGER),
            optional("userfilter", Kind::Text),
        ],
        tasks::list,
    ),
    super::delete("/nodes/{node}/tasks/{upid}", &[], tasks::stop),
    get("/nodes/{node}/tasks/{upid}/status", &[], tasks::status),
    get(
        "/nodes/{node}/tasks/{upid}/log",
        &[
            optional("download", Kind::Boolean),
            optional("limit", COUNT),
            optional("start", COUNT),
            optional("test-status", Kind::Boolean),
        ],
        tasks::log,
    ),
    with(
        SYNC,
        post(
            "/pull",
            &[
                required("store", STORE),
                required("remote-store", STORE),
                optional("remote", STORE),
                optional("resync-corrupt", Kind::Boolean),
                optional("decryption-keys", Kind::Texts),
            ],
            sync::now,
        ),
    ),
    since(
        Release::V3_4,
        with(
            SYNC,
            post(
                "/push",
                &[
                    required("store", STORE),
                    required("remote", STORE),
                    required("remote-store", STORE),
                    optional("encryption-key", Kind::Text),
                ],
                sync::now,
            ),
        ),
    ),
];
