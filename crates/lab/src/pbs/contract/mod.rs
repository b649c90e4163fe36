//! Which calls there are, and which parameters they take. Written from the API's documentation;
//! names, types and bounds only.

mod admin;
mod config;
mod server;

use super::Release;
use super::entry::Call;
use super::reply::Answer;
use super::state::State;
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a route does.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// Whether it asks nobody who they are.
    pub(super) open: bool,
    pub(super) handler: Handler,
    /// Parameters that many calls share.
    pub(super) more: &'static [Param],
    /// The first release that has it.
    pub(super) since: Release,
}

pub(super) static TABLES: &[&[Route<Run>]] = &[server::TABLE, admin::TABLE, config::TABLE];

/// Whether a release lacks a parameter, wherever it stands.
pub(super) fn param_not_in(release: Release, name: &str) -> bool {
    let since = match name {
        "read-threads" | "verify-threads" | "worker-threads" | "encryption-key"
        | "decryption-keys" | "http-only" => Release::V4_1,
        "resync-corrupt" | "encrypted-only" | "verified-only" => Release::V3_4,
        _ => Release::V3_2,
    };
    release < since
}

const COUNT: Kind = Kind::Integer(0, i64::MAX);
const FROM_ONE: Kind = Kind::Integer(1, i64::MAX);
const DEPTH: Kind = Kind::Integer(0, 7);
const THREADS: Kind = Kind::Integer(1, 32);
const GROUP_TYPE: Kind = Kind::OneOf(&["vm", "ct", "host"]);
const DIRECTION: Kind = Kind::OneOf(&["pull", "push"]);
const NAMESPACE: Kind = Kind::Form(is_namespace);
const STORE: Kind = Kind::Form(is_name);

const NS: Param = optional("ns", NAMESPACE);
const MAX_DEPTH: Param = optional("max-depth", DEPTH);
const TYPE: Param = required("backup-type", GROUP_TYPE);
const ID: Param = required("backup-id", Kind::Form(is_backup_id));
const TIME: Param = required("backup-time", FROM_ONE);

/// A retention: never zero.
const KEEP: &[Param] = &[
    optional("keep-last", FROM_ONE),
    optional("keep-hourly", FROM_ONE),
    optional("keep-daily", FROM_ONE),
    optional("keep-weekly", FROM_ONE),
    optional("keep-monthly", FROM_ONE),
    optional("keep-yearly", FROM_ONE),
];

/// What a copying of snapshots takes.
const SYNC: &[Param] = &[
    optional("burst-in", Kind::Text),
    optional("burst-out", Kind::Text),
    optional("encrypted-only", Kind::Boolean),
    optional("group-filter", Kind::Texts),
    MAX_DEPTH,
    NS,
    optional("rate-in", Kind::Text),
    optional("rate-out", Kind::Text),
    optional("remote-ns", NAMESPACE),
    optional("remove-vanished", Kind::Boolean),
    optional("transfer-last", FROM_ONE),
    optional("verified-only", Kind::Boolean),
    optional("worker-threads", THREADS),
];

/// Parts with slashes between them, seven deep at most.
fn is_namespace(text: &str) -> bool {
    text.is_empty()
        || (text.len() <= 256 && text.split('/').count() <= 7 && text.split('/').all(is_safe))
}

fn is_backup_id(text: &str) -> bool {
    is_safe(text)
}

/// Of a store, a remote, a job.
fn is_name(text: &str) -> bool {
    (3..=32).contains(&text.len()) && is_safe(text)
}

fn is_safe(text: &str) -> bool {
    let follows = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(follows)
}

const fn route(
    method: &'static str,
    path: &'static str,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    Route {
        method,
        path,
        params,
        run: Run {
            open: false,
            handler,
            more: &[],
            since: Release::V3_2,
        },
    }
}

const fn get(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("GET", path, params, handler)
}

const fn post(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("POST", path, params, handler)
}

const fn put(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("PUT", path, params, handler)
}

const fn delete(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("DELETE", path, params, handler)
}

/// The same call with more parameters.
const fn with(more: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run { more, ..route.run },
        ..route
    }
}

/// The same call, for anybody.
const fn open(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            open: true,
            ..route.run
        },
        ..route
    }
}

/// The same call, from a release on.
const fn since(release: Release, route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            since: release,
            ..route.run
        },
        ..route
    }
}
