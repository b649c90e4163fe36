//! Which calls there are, and which parameters they take. Written from the integration API's
//! documentation (names and types only), and from what clients of the old API send.

mod description;
mod integration;
mod legacy;

use super::Release;
use super::entry::Call;
use super::filter::Property;
use super::reply::Answer;
use super::state::State;
use crate::contract::{Kind, Param, Route, optional};

pub(super) use description::document;
pub(super) use integration::{BY_VOUCHER, TABLE as INTEGRATION};
pub(super) use legacy::{TABLE as LEGACY, V2};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    Json,
    /// JSON that asks for something and changes nothing.
    Query,
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    /// Fields of the body.
    pub(super) fields: &'static [Param],
    /// Properties of the rows that `filter` may name.
    pub(super) filter: &'static [Property],
    /// The first release that has it.
    pub(super) since: Release,
    /// The last release that has it.
    pub(super) until: Option<Release>,
}

const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const ANY: Kind = Kind::Integer(0, i64::MAX);
const MAC: Kind = Kind::Form(is_mac);
const UUID: Kind = Kind::Form(is_uuid);

/// Lower case with colons, as the console writes it.
fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    parts.len() == 6
        && parts
            .iter()
            .all(|part| part.len() == 2 && part.bytes().all(digit))
}

fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|digit| digit == b'-' || digit.is_ascii_hexdigit())
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
            handler,
            body: BodyKind::None,
            fields: &[],
            filter: &[],
            since: Release::V8_6,
            until: None,
        },
    }
}

const fn get(path: &'static str, handler: Handler) -> Route<Run> {
    route("GET", path, &[], handler)
}

const fn delete(path: &'static str, handler: Handler) -> Route<Run> {
    route("DELETE", path, &[], handler)
}

const fn send(
    method: &'static str,
    path: &'static str,
    fields: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    let route = route(method, path, &[], handler);
    Route {
        run: Run {
            body: BodyKind::Json,
            fields,
            ..route.run
        },
        ..route
    }
}

/// Asks with a body.
const fn ask(path: &'static str, fields: &'static [Param], handler: Handler) -> Route<Run> {
    let route = send("POST", path, fields, handler);
    Route {
        run: Run {
            body: BodyKind::Query,
            ..route.run
        },
        ..route
    }
}

const fn since(release: Release, route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            since: release,
            ..route.run
        },
        ..route
    }
}

const fn until(release: Release, route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            until: Some(release),
            ..route.run
        },
        ..route
    }
}

const PAGING: &[Param] = &[
    optional("offset", ANY),
    optional("limit", Kind::Integer(0, 200)),
    optional("filter", TEXT),
];

/// A list of the integration API.
const fn list(path: &'static str, filter: &'static [Property], handler: Handler) -> Route<Run> {
    let route = route("GET", path, PAGING, handler);
    Route {
        run: Run {
            filter,
            ..route.run
        },
        ..route
    }
}
