//! Which requests there are.

use axum::body::Body;
use axum::http::Response;
use serde_json::{Map, Value};

use super::routes;
use super::state::{Protocol, Release, State};
use crate::contract::{Kind, Param, PathArgs, Route, optional};

pub(super) type Handler = fn(&State, &Map<String, Value>, &PathArgs) -> Response<Body>;

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    /// The first release that has it.
    pub(super) since: Release,
}

/// Kinds of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Routers,
    Services,
    Middlewares,
}

const PAGE: Kind = Kind::Integer(1, i64::MAX);

const LIST: &[Param] = &[
    optional("page", PAGE),
    optional("per_page", PAGE),
    optional("search", Kind::Text),
    optional("status", Kind::OneOf(&["enabled", "disabled", "warning"])),
    optional("sortBy", Kind::Text),
    optional("direction", Kind::OneOf(&["asc", "desc"])),
    optional("serviceName", Kind::Text),
    optional("middlewareName", Kind::Text),
];

const fn get(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    Route {
        method: "GET",
        path,
        params,
        run: Run {
            handler,
            since: Release::V2_11,
        },
    }
}

const fn since_3_7(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            since: Release::V3_7,
            ..route.run
        },
        ..route
    }
}

pub(super) static TABLE: &[Route<Run>] = &[
    get("/ping", &[], routes::ping),
    get("/api/version", &[], routes::version),
    get("/api/overview", &[], routes::overview),
    get("/api/rawdata", &[], routes::raw),
    get("/api/entrypoints", LIST, routes::entry_points),
    get("/api/entrypoints/{name}", &[], routes::entry_point),
    get("/api/http/routers", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Http, What::Routers)
    }),
    get("/api/http/routers/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Http, What::Routers)
    }),
    get("/api/http/services", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Http, What::Services)
    }),
    get("/api/http/services/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Http, What::Services)
    }),
    get("/api/http/middlewares", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Http, What::Middlewares)
    }),
    get("/api/http/middlewares/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Http, What::Middlewares)
    }),
    get("/api/tcp/routers", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Tcp, What::Routers)
    }),
    get("/api/tcp/routers/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Tcp, What::Routers)
    }),
    get("/api/tcp/services", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Tcp, What::Services)
    }),
    get("/api/tcp/services/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Tcp, What::Services)
    }),
    get("/api/tcp/middlewares", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Tcp, What::Middlewares)
    }),
    get("/api/tcp/middlewares/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Tcp, What::Middlewares)
    }),
    get("/api/udp/routers", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Udp, What::Routers)
    }),
    get("/api/udp/routers/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Udp, What::Routers)
    }),
    get("/api/udp/services", LIST, |state, args, _| {
        routes::list(state, args, Protocol::Udp, What::Services)
    }),
    get("/api/udp/services/{name}", &[], |state, _, path| {
        routes::object(state, path, Protocol::Udp, What::Services)
    }),
    since_3_7(get("/api/certificates", LIST, routes::certificates)),
    since_3_7(get("/api/certificates/{name}", &[], routes::certificate)),
];
