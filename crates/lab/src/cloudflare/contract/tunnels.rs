//! Calls about tunnels.

use super::super::tunnels;
use super::{FLAG, PAGE, Run, Scope, TEXT, delete, get, row, send};
use crate::cloudflare::auth::Permission;
use crate::cloudflare::entry::uuid;
use crate::contract::{Kind, Route, optional, required};

const TUNNEL_READ: Scope = Scope::Account(Permission::TunnelRead);
const TUNNEL_WRITE: Scope = Scope::Account(Permission::TunnelWrite);

pub(super) static TABLE: &[Route<Run>] = &[
    get(
        "/accounts/{account_id}/cfd_tunnel",
        TUNNEL_READ,
        &[
            optional("name", TEXT),
            optional("is_deleted", FLAG),
            optional("uuid", Kind::Form(uuid)),
            optional("include_prefix", TEXT),
            optional("exclude_prefix", TEXT),
            optional(
                "status",
                Kind::OneOf(&["inactive", "degraded", "healthy", "down"]),
            ),
            optional("per_page", Kind::Integer(1, 1000)),
            PAGE,
        ],
        tunnels::list,
    ),
    send(
        "POST",
        "/accounts/{account_id}/cfd_tunnel",
        TUNNEL_WRITE,
        &[
            required("name", TEXT),
            optional("config_src", Kind::OneOf(&["local", "cloudflare"])),
            optional("tunnel_secret", TEXT),
        ],
        tunnels::create,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_READ,
        &[],
        tunnels::inspect,
    ),
    send(
        "PATCH",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_WRITE,
        &[optional("name", TEXT), optional("tunnel_secret", TEXT)],
        tunnels::update,
    ),
    delete(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}",
        TUNNEL_WRITE,
        tunnels::delete,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
        TUNNEL_READ,
        &[],
        tunnels::connections,
    ),
    row(
        "DELETE",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/connections",
        TUNNEL_WRITE,
        &[optional("client_id", Kind::Form(uuid))],
        tunnels::clean_up,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations",
        TUNNEL_READ,
        &[],
        tunnels::configuration,
    ),
    send(
        "PUT",
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/configurations",
        TUNNEL_WRITE,
        &[required("config", Kind::Object)],
        tunnels::configure,
    ),
    get(
        "/accounts/{account_id}/cfd_tunnel/{tunnel_id}/token",
        TUNNEL_WRITE,
        &[],
        tunnels::token,
    ),
    get(
        "/accounts/{account_id}/teamnet/routes",
        TUNNEL_READ,
        &[
            optional("comment", TEXT),
            optional("is_deleted", FLAG),
            optional("tunnel_id", Kind::Form(uuid)),
            optional("per_page", Kind::Integer(1, 1000)),
            PAGE,
        ],
        tunnels::routes,
    ),
];
