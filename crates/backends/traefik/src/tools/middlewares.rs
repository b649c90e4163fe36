//! Middlewares: what happens to requests on their way.

use homelab_backend::page::page;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::list::{MARK, Status, errors};
use crate::client::{Search, Traefik, middleware_config};
use crate::fields::without_secrets;
use crate::protocol::{Protocol, Protocols};
use crate::types::Middleware;

/// Which middlewares.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListMiddlewares {
    /// Only of this protocol; UDP has none.
    protocol: Protocols,
    /// Only those with this text in their name.
    #[schemars(length(min = 1, max = 200))]
    search: Option<String>,
    /// Only in this state; `disabled` ones have errors.
    status: Option<Status>,
    /// Only from this provider, such as `file`, `docker` or `internal`.
    #[schemars(length(min = 1, max = 60))]
    provider: Option<String>,
    /// Show what each is set to as well, without secrets.
    details: bool,
    /// Most rows; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// A middleware.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct MiddlewareRow {
    /// With its provider: `auth@file`.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    /// Such as `basicauth`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// `enabled`, `disabled` or `warning`.
    pub(crate) status: String,
    /// Why it does not work.
    pub(crate) errors: Vec<String>,
    /// Routers whose requests pass it.
    pub(crate) used_by: Vec<String>,
    /// What it is set to, by its type; secrets are taken out.
    pub(crate) config: Option<Map<String, Value>>,
}

/// List Traefik's middlewares with type, state and the routers that use them; secrets in their settings are never shown.
#[tool(
    read,
    open_world,
    permission = "traefik:middleware:read",
    title = "List middlewares",
    timeout = 90
)]
pub(crate) async fn list_middlewares(
    traefik: &Traefik,
    args: ListMiddlewares,
) -> ToolResult<Page<MiddlewareRow>> {
    let search = Search {
        text: args.search.clone(),
        status: args.status.map(Status::as_str),
    };
    let mut rows = Vec::new();
    for protocol in args.protocol.each() {
        let found = traefik.middlewares(*protocol, &search).await?;
        rows.extend(
            found
                .into_iter()
                .map(|one| row(*protocol, one, args.details)),
        );
    }
    if let Some(provider) = &args.provider {
        rows.retain(|row| {
            row.name
                .rsplit_once('@')
                .is_some_and(|(_, of)| of == provider)
        });
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        format!("{} {}", row.protocol, row.name)
    })
}

/// A middleware, with what it is set to if that is wanted.
pub(crate) fn row(protocol: Protocol, found: Middleware, details: bool) -> MiddlewareRow {
    let config = details.then(|| {
        let config = middleware_config(&found);
        let config = config.map(|(kind, value)| (kind.clone(), value.clone()));
        match without_secrets("Middleware", &config.into_iter().collect(), MARK) {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    });
    MiddlewareRow {
        protocol,
        config,
        kind: found.kind,
        status: found.status,
        errors: errors(&found.error),
        used_by: found.used_by,
        name: found.name,
    }
}

pub(crate) fn no_middleware(name: &str) -> ToolError {
    ToolError::not_found(format!("there is no middleware `{name}`"))
        .reason("middleware_not_found")
        .field("name")
        .hint("call `list_middlewares`; a name has its provider, such as `auth@docker`")
}
