//! Which calls there are, who may make them, and which parameters they take. Written from the
//! API's documentation; names, types and bounds only.

mod cluster;
mod containers;
mod guests;
mod machines;
mod nodes;
mod params;
mod storage;

use super::Release;
use super::entry::Call;
use super::reply::Answer;
use super::state::State;
use crate::contract::{Kind, Param, Route, optional, required};

/// What a caller needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Perm {
    /// Nothing at all.
    World,
    /// To be known; the call itself looks further.
    User,
    /// One of these privileges on this object.
    Any(&'static str, &'static [&'static str]),
    /// One of these on the guest in release 9, `VM.Monitor` in 8.
    Agent(&'static [&'static str]),
}

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a route does.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) perm: Perm,
    pub(super) handler: Handler,
    /// Parameters that many calls share.
    pub(super) more: &'static [Param],
    /// The first release that has it.
    since: Release,
}

pub(super) static TABLES: &[&[Route<Run>]] = &[
    cluster::TABLE,
    nodes::TABLE,
    storage::TABLE,
    containers::TABLE,
    machines::TABLE,
];

/// Whether a release lacks a call.
pub(super) fn not_in(release: Release, route: &Route<Run>) -> bool {
    release < route.run.since
}

/// Whether a release lacks a parameter, wherever it stands.
pub(super) fn param_not_in(release: Release, name: &str) -> bool {
    let of_9 = matches!(
        name,
        "entrypoint" | "env" | "ha-managed" | "allow-ksm" | "intel-tdx" | "with-conntrack-state"
    );
    let of_8 = matches!(name, "notification-policy" | "notification-target");
    if release >= Release::V9_1 { of_8 } else { of_9 }
}

const VMID: Kind = Kind::Integer(100, 999_999_999);
const COUNT: Kind = Kind::Integer(0, i64::MAX);
const SNAPSHOT: Kind = Kind::Form(is_configuration_id);
const SKIPLOCK: Param = optional("skiplock", Kind::Boolean);
const TIMEOUT: Param = optional("timeout", COUNT);
const DIGEST: Param = optional("digest", Kind::Text);
const BWLIMIT: Param = optional("bwlimit", Kind::Number);
const TIMEFRAME: Param = required(
    "timeframe",
    Kind::OneOf(&["hour", "day", "week", "month", "year", "decade"]),
);
const CF: Param = optional("cf", Kind::OneOf(&["AVERAGE", "MAX"]));

/// Letters, digits, `-` and `_`, beginning with a letter, at most 40.
fn is_configuration_id(text: &str) -> bool {
    let follows = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && (2..=40).contains(&text.len())
        && text.chars().all(follows)
}

/// A host name with its domain.
fn is_dns_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    text.len() <= 255 && text.split('.').all(part)
}

const fn route(
    method: &'static str,
    path: &'static str,
    perm: Perm,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    Route {
        method,
        path,
        params,
        run: Run {
            perm,
            handler,
            more: &[],
            since: Release::V8_2,
        },
    }
}

const fn get(
    path: &'static str,
    perm: Perm,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    route("GET", path, perm, params, handler)
}

const fn post(
    path: &'static str,
    perm: Perm,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    route("POST", path, perm, params, handler)
}

const fn put(
    path: &'static str,
    perm: Perm,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    route("PUT", path, perm, params, handler)
}

const fn delete(
    path: &'static str,
    perm: Perm,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    route("DELETE", path, perm, params, handler)
}

/// The same call with more parameters.
const fn with(more: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run { more, ..route.run },
        ..route
    }
}

/// The same call, from release 9 on.
const fn since_9(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            since: Release::V9_1,
            ..route.run
        },
        ..route
    }
}
