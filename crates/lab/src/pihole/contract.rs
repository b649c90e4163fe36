//! Which calls there are, and which parameters they take. Written from FTL's documentation and
//! source, release 6.4.1; names and types only. FTL itself overlooks what it does not know.

use super::entry::Call;
use super::reply::Answer;
use super::state::State;
use super::{
    actions, auth, clients, config, docs, domains, groups, info, lists, network, queries, search,
    stats, teleporter,
};
use crate::contract::{Kind, Param, Route, optional, required};

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    Json,
    /// A list of objects.
    Items,
    Form,
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    /// Fields of the body, or of each of its objects.
    pub(super) fields: &'static [Param],
    /// Whether it asks nobody who they are.
    pub(super) open: bool,
}

/// Fields that may be null.
pub(super) const NULLABLE: &[&str] = &["comment", "timer"];

const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const COUNT: Kind = Kind::Integer(0, i64::MAX);
const SECONDS: Kind = Kind::Integer(1, i64::MAX);
const ONE_OR_MORE: Kind = Kind::Either(&[Kind::Text, Kind::Texts]);
const RULE_TYPE: Kind = Kind::OneOf(&["allow", "deny"]);
const RULE_KIND: Kind = Kind::OneOf(&["exact", "regex"]);
const LIST_TYPE: Kind = Kind::OneOf(&["allow", "block"]);

const COMMENT: Param = optional("comment", TEXT);
const GROUPS: Param = optional("groups", Kind::List);
const ENABLED: Param = optional("enabled", FLAG);
const ITEM: Param = required("item", TEXT);
const OF_TYPE: &[Param] = &[required("type", LIST_TYPE)];
const MAY_OF_TYPE: &[Param] = &[optional("type", LIST_TYPE)];
const RESTART: &[Param] = &[optional("restart", FLAG)];
const DETAILED: &[Param] = &[optional("detailed", FLAG)];
const SPAN: &[Param] = &[required("from", SECONDS), required("until", SECONDS)];
const TOP: &[Param] = &[optional("blocked", FLAG), optional("count", COUNT)];
const TOP_SPAN: &[Param] = &[
    required("from", SECONDS),
    required("until", SECONDS),
    optional("blocked", FLAG),
    optional("count", COUNT),
];
const PAGE_OF_QUERIES: &[Param] = &[
    optional("from", Kind::Number),
    optional("until", Kind::Number),
    optional("length", COUNT),
    optional("start", COUNT),
    optional("cursor", COUNT),
    optional("domain", TEXT),
    optional("client_ip", TEXT),
    optional("client_name", TEXT),
    optional("upstream", TEXT),
    optional("type", TEXT),
    optional("status", TEXT),
    optional("reply", TEXT),
    optional("dnssec", TEXT),
    optional("disk", FLAG),
];

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
            open: false,
        },
    }
}

const fn get(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("GET", path, params, handler)
}

const fn delete(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("DELETE", path, params, handler)
}

/// Without a body.
const fn start(path: &'static str, params: &'static [Param], handler: Handler) -> Route<Run> {
    route("POST", path, params, handler)
}

const fn with(body: BodyKind, fields: &'static [Param], route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            body,
            fields,
            ..route.run
        },
        ..route
    }
}

const fn post(path: &'static str, fields: &'static [Param], handler: Handler) -> Route<Run> {
    with(BodyKind::Json, fields, route("POST", path, &[], handler))
}

const fn put(path: &'static str, fields: &'static [Param], handler: Handler) -> Route<Run> {
    with(BodyKind::Json, fields, route("PUT", path, &[], handler))
}

const fn batch(path: &'static str, fields: &'static [Param], handler: Handler) -> Route<Run> {
    with(BodyKind::Items, fields, route("POST", path, &[], handler))
}

const fn open(route: Route<Run>) -> Route<Run> {
    Route {
        run: Run {
            open: true,
            ..route.run
        },
        ..route
    }
}

pub(super) static TABLES: &[&[Route<Run>]] = &[ACCESS, RULES, FIGURES, REST];

static ACCESS: &[Route<Run>] = &[
    get("/api/auth/sessions", &[], auth::sessions),
    delete("/api/auth/session/{id}", &[], auth::end_session),
    get("/api/auth/app", &[], auth::generate_app_password),
    get("/api/auth/totp", &[], auth::generate_totp),
    open(get("/api/auth", &[], auth::status)),
    open(delete("/api/auth", &[], auth::logout)),
    open(post(
        "/api/auth",
        &[
            required("password", TEXT),
            optional("totp", Kind::Integer(0, 999_999)),
        ],
        auth::login,
    )),
    get("/api/dns/blocking", &[], actions::blocking),
    post(
        "/api/dns/blocking",
        &[required("blocking", FLAG), optional("timer", Kind::Number)],
        actions::set_blocking,
    ),
    start("/api/action/restartdns", &[], actions::restart),
    start(
        "/api/action/gravity",
        &[optional("color", FLAG)],
        actions::gravity,
    ),
    start("/api/action/flush/logs", &[], actions::flush_logs),
    start("/api/action/flush/arp", &[], actions::flush_network),
    start("/api/action/flush/network", &[], actions::flush_network),
];

const RULE: &[Param] = &[
    COMMENT,
    GROUPS,
    ENABLED,
    optional("type", RULE_TYPE),
    optional("kind", RULE_KIND),
];

static RULES: &[Route<Run>] = &[
    get("/api/domains", &[], domains::read),
    get("/api/domains/{type}", &[], domains::read),
    get("/api/domains/{type}/{kind}", &[], domains::read),
    get("/api/domains/{type}/{kind}/{domain}", &[], domains::read),
    post(
        "/api/domains/{type}/{kind}",
        &[required("domain", ONE_OR_MORE), COMMENT, GROUPS, ENABLED],
        domains::write,
    ),
    put("/api/domains/{type}/{kind}/{domain}", RULE, domains::write),
    delete("/api/domains/{type}/{kind}/{domain}", &[], domains::remove),
    batch(
        "/api/domains:batchDelete",
        &[
            ITEM,
            required("type", RULE_TYPE),
            required("kind", RULE_KIND),
        ],
        domains::remove_all,
    ),
    get("/api/groups", &[], groups::read),
    get("/api/groups/{name}", &[], groups::read),
    post(
        "/api/groups",
        &[required("name", ONE_OR_MORE), COMMENT, ENABLED],
        groups::write,
    ),
    put(
        "/api/groups/{name}",
        &[optional("name", TEXT), COMMENT, ENABLED],
        groups::write,
    ),
    delete("/api/groups/{name}", &[], groups::remove),
    batch("/api/groups:batchDelete", &[ITEM], groups::remove_all),
    get("/api/clients/_suggestions", &[], clients::suggestions),
    get("/api/clients", &[], clients::read),
    get("/api/clients/{client}", &[], clients::read),
    post(
        "/api/clients",
        &[required("client", ONE_OR_MORE), COMMENT, GROUPS],
        clients::write,
    ),
    put("/api/clients/{client}", &[COMMENT, GROUPS], clients::write),
    delete("/api/clients/{client}", &[], clients::remove),
    batch("/api/clients:batchDelete", &[ITEM], clients::remove_all),
    get("/api/lists", MAY_OF_TYPE, lists::read),
    get("/api/lists/{list}", MAY_OF_TYPE, lists::read),
    with(
        BodyKind::Json,
        &[required("address", ONE_OR_MORE), COMMENT, GROUPS, ENABLED],
        route("POST", "/api/lists", OF_TYPE, lists::write),
    ),
    with(
        BodyKind::Json,
        &[COMMENT, GROUPS, ENABLED, optional("type", LIST_TYPE)],
        route("PUT", "/api/lists/{list}", OF_TYPE, lists::write),
    ),
    delete("/api/lists/{list}", OF_TYPE, lists::remove),
    batch(
        "/api/lists:batchDelete",
        &[ITEM, required("type", LIST_TYPE)],
        lists::remove_all,
    ),
    get(
        "/api/search/{domain}",
        &[
            optional("partial", FLAG),
            optional("N", COUNT),
            optional("debug", FLAG),
        ],
        search::search,
    ),
];

static FIGURES: &[Route<Run>] = &[
    get("/api/stats/summary", &[], stats::summary),
    get("/api/stats/query_types", &[], stats::query_types),
    get("/api/stats/upstreams", &[], stats::upstreams),
    get("/api/stats/top_domains", TOP, stats::top_domains),
    get("/api/stats/top_clients", TOP, stats::top_clients),
    get(
        "/api/stats/recent_blocked",
        &[optional("count", COUNT)],
        stats::recent_blocked,
    ),
    get("/api/stats/database/summary", SPAN, stats::database_summary),
    get("/api/stats/database/query_types", SPAN, stats::query_types),
    get("/api/stats/database/upstreams", SPAN, stats::upstreams),
    get(
        "/api/stats/database/top_domains",
        TOP_SPAN,
        stats::top_domains,
    ),
    get(
        "/api/stats/database/top_clients",
        TOP_SPAN,
        stats::top_clients,
    ),
    get("/api/history", &[], stats::history),
    get(
        "/api/history/clients",
        &[optional("N", COUNT)],
        stats::history_of_clients,
    ),
    get("/api/history/database", SPAN, stats::history),
    get(
        "/api/history/database/clients",
        SPAN,
        stats::history_of_clients,
    ),
    get("/api/queries", PAGE_OF_QUERIES, queries::page),
    get("/api/queries/suggestions", &[], queries::suggestions),
];

static REST: &[Route<Run>] = &[
    get("/api/config", DETAILED, config::read),
    with(
        BodyKind::Json,
        &[required("config", Kind::Object)],
        route("PATCH", "/api/config", RESTART, config::patch),
    ),
    get("/api/config/{element*}", DETAILED, config::read),
    route("PUT", "/api/config/{element*}", RESTART, config::add),
    delete("/api/config/{element*}", RESTART, config::take_away),
    open(get("/api/info/client", &[], info::client)),
    open(get("/api/info/login", &[], info::login)),
    get("/api/info/system", &[], info::system),
    get("/api/info/database", &[], info::database),
    get("/api/info/ftl", &[], info::ftl),
    get("/api/info/host", &[], info::host),
    get("/api/info/sensors", &[], info::sensors),
    get("/api/info/version", &[], info::version),
    get("/api/info/messages", &[], info::messages),
    get("/api/info/messages/count", &[], info::message_count),
    delete(
        "/api/info/messages/{message_id}",
        &[],
        info::forget_messages,
    ),
    get(
        "/api/network/devices",
        &[
            optional("max_devices", COUNT),
            optional("max_addresses", COUNT),
        ],
        network::devices,
    ),
    delete(
        "/api/network/devices/{device_id}",
        &[],
        network::forget_device,
    ),
    get("/api/network/gateway", DETAILED, network::gateway),
    get("/api/network/interfaces", DETAILED, network::interfaces),
    get("/api/dhcp/leases", &[], network::leases),
    delete("/api/dhcp/leases/{ip}", &[], network::end_lease),
    get("/api/teleporter", &[], teleporter::export),
    with(
        BodyKind::Form,
        &[],
        route("POST", "/api/teleporter", &[], teleporter::import),
    ),
    get("/api/endpoints", &[], docs::endpoints),
    open(get("/api/docs", &[], docs::redirect)),
    open(get("/api/docs/", &[], docs::index)),
    open(get("/api/docs/{file*}", &[], docs::file)),
];
