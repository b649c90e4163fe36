//! Which calls there are, what they take, and which permission they need. Written from the vendor's
//! list of endpoints and its documentation; names and types only.

mod records;
mod rules;
mod tunnels;

use super::auth::Permission;
use super::entry::{Call, hex_32};
use super::reply::Answer;
use super::state::State;
use super::{account, cache, graphql, settings, zones};
use crate::contract::{Kind, Param, Route, optional, required};
pub(super) use records::{RECORD, RECORD_CHANGES};
pub(super) use rules::RULE;

pub(super) type Handler = fn(&mut State, &Call) -> Answer;

/// What a call carries.
#[derive(Clone, Copy)]
pub(super) enum BodyKind {
    None,
    Json(&'static [Param]),
}

/// Where a permission has to hold.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    /// For every token, whatever its state.
    Verify,
    /// For every active token.
    Open,
    /// For tokens with this permission; what they see depends on their zones.
    Any(Permission),
    Account(Permission),
    Zone(Permission),
}

#[derive(Clone, Copy)]
pub(super) struct Run {
    pub(super) handler: Handler,
    pub(super) body: BodyKind,
    pub(super) scope: Scope,
}

const TEXT: Kind = Kind::Text;
const FLAG: Kind = Kind::Boolean;
const PAGE: Param = optional("page", Kind::Integer(1, i64::MAX));
const DIRECTION: Param = optional("direction", Kind::OneOf(&["asc", "desc"]));
const MATCH: Param = optional("match", Kind::OneOf(&["any", "all"]));

const fn row(
    method: &'static str,
    path: &'static str,
    scope: Scope,
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
            scope,
        },
    }
}

const fn get(
    path: &'static str,
    scope: Scope,
    params: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    row("GET", path, scope, params, handler)
}

const fn delete(path: &'static str, scope: Scope, handler: Handler) -> Route<Run> {
    row("DELETE", path, scope, &[], handler)
}

const fn send(
    method: &'static str,
    path: &'static str,
    scope: Scope,
    fields: &'static [Param],
    handler: Handler,
) -> Route<Run> {
    let route = row(method, path, scope, &[], handler);
    Route {
        run: Run {
            body: BodyKind::Json(fields),
            ..route.run
        },
        ..route
    }
}

/// All tables.
pub(super) static TABLES: &[&[Route<Run>]] =
    &[GENERAL, records::TABLE, tunnels::TABLE, rules::TABLE];

static GENERAL: &[Route<Run>] = &[
    get(
        "/user/tokens/verify",
        Scope::Verify,
        &[],
        account::verify_user,
    ),
    get(
        "/accounts/{account_id}/tokens/verify",
        Scope::Verify,
        &[],
        account::verify_account,
    ),
    get(
        "/accounts",
        Scope::Any(Permission::AccountRead),
        &[
            optional("name", TEXT),
            PAGE,
            optional("per_page", Kind::Integer(5, 50)),
            DIRECTION,
        ],
        account::list,
    ),
    get(
        "/ips",
        Scope::Open,
        &[optional("networks", TEXT)],
        account::ips,
    ),
    get(
        "/zones",
        Scope::Any(Permission::ZoneRead),
        &[
            optional("name", TEXT),
            optional(
                "status",
                Kind::OneOf(&["initializing", "pending", "active", "moved"]),
            ),
            optional("account.id", Kind::Form(hex_32)),
            optional("account.name", TEXT),
            optional("type", TEXT),
            PAGE,
            optional("per_page", Kind::Integer(5, 50)),
            optional(
                "order",
                Kind::OneOf(&["name", "status", "account.id", "account.name"]),
            ),
            DIRECTION,
            MATCH,
        ],
        zones::list,
    ),
    get(
        "/zones/{zone_id}",
        Scope::Zone(Permission::ZoneRead),
        &[],
        zones::inspect,
    ),
    get(
        "/zones/{zone_id}/settings/{setting_id}",
        Scope::Zone(Permission::SettingsRead),
        &[],
        settings::inspect,
    ),
    send(
        "PATCH",
        "/zones/{zone_id}/settings/{setting_id}",
        Scope::Zone(Permission::SettingsWrite),
        &[required(
            "value",
            Kind::Either(&[TEXT, Kind::Integer(0, i64::MAX), Kind::List, Kind::Object]),
        )],
        settings::update,
    ),
    send(
        "POST",
        "/zones/{zone_id}/purge_cache",
        Scope::Zone(Permission::CachePurge),
        &[
            optional("files", Kind::List),
            optional("tags", Kind::Texts),
            optional("hosts", Kind::Texts),
            optional("prefixes", Kind::Texts),
            optional("purge_everything", FLAG),
        ],
        cache::purge,
    ),
    send(
        "POST",
        "/graphql",
        Scope::Open,
        &[
            required("query", TEXT),
            optional("variables", Kind::Object),
            optional("operationName", TEXT),
        ],
        graphql::query,
    ),
];
