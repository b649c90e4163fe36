//! Routers: what goes where, and whether it works.

use homelab_backend::page::page;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{Status, errors};
use super::services::{ServiceRow, service_row};
use crate::client::{Search, Traefik};
use crate::ids::{Name, Ref};
use crate::managed::Object;
use crate::protocol::{Protocol, Protocols};
use crate::types::{Router, qualified};

/// Which routers.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListRouters {
    /// Only of this protocol.
    protocol: Protocols,
    /// Only those with this text in their name, rule or service.
    #[schemars(length(min = 1, max = 200))]
    search: Option<String>,
    /// Only in this state; `disabled` ones have errors.
    status: Option<Status>,
    /// Only from this provider, such as `file`, `docker` or `internal`.
    #[schemars(length(min = 1, max = 60))]
    provider: Option<String>,
    /// Most rows; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// A router.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct RouterRow {
    /// With its provider: `app@docker`.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) rule: Option<String>,
    /// Where requests go: a service's name with its provider.
    pub(crate) service: String,
    /// Entry points it is on.
    pub(crate) entry_points: Vec<String>,
    /// Middlewares in the order in which requests pass them.
    pub(crate) middlewares: Vec<String>,
    /// As text: it can be greater than a JSON number.
    pub(crate) priority: Option<String>,
    /// How it speaks TLS; absent without.
    pub(crate) tls: Option<TlsRow>,
    /// `enabled`, `disabled` or `warning`.
    pub(crate) status: String,
    /// Why it does not work.
    pub(crate) errors: Vec<String>,
}

/// How a router speaks TLS.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct TlsRow {
    /// The certificate resolver that obtains its certificate.
    cert_resolver: Option<String>,
    /// Name of the TLS options.
    options: Option<String>,
    /// TLS is not ended here (TCP).
    passthrough: bool,
    /// Names that a certificate is obtained for, where they are not those of the rule.
    domains: Vec<String>,
}

/// List Traefik's routers of every provider: rule, service, entry points, middlewares, TLS and errors.
#[tool(
    read,
    open_world,
    permission = "traefik:router:read",
    title = "List routers",
    timeout = 90
)]
pub(crate) async fn list_routers(
    traefik: &Traefik,
    args: ListRouters,
) -> ToolResult<Page<RouterRow>> {
    let search = Search {
        text: args.search.clone(),
        status: args.status.map(Status::as_str),
    };
    let mut rows = Vec::new();
    for protocol in args.protocol.each() {
        let found = traefik.routers(*protocol, &search).await?;
        rows.extend(
            found
                .into_iter()
                .map(|router| router_row(*protocol, router)),
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

pub(crate) fn router_row(protocol: Protocol, router: Router) -> RouterRow {
    let tls = router.tls.as_ref().map(|tls| TlsRow {
        cert_resolver: tls.cert_resolver.clone(),
        options: tls.options.clone().filter(|name| name != "default"),
        passthrough: tls.passthrough,
        domains: tls
            .domains
            .iter()
            .flat_map(|domain| std::iter::once(&domain.main).chain(&domain.sans))
            .cloned()
            .collect(),
    });
    RouterRow {
        protocol,
        service: router.qualified_service(),
        priority: router.priority_text(),
        rule: Some(router.rule).filter(|rule| !rule.is_empty()),
        entry_points: if router.using.is_empty() {
            router.entry_points
        } else {
            router.using
        },
        middlewares: router.middlewares,
        tls,
        status: router.status,
        errors: errors(&router.error),
        name: router.name,
    }
}

/// Which router.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetRouter {
    /// Its name as `list_routers` gives it; without a provider, one of the file provider.
    name: Ref,
    /// Its protocol.
    #[serde(default)]
    protocol: Protocol,
}

/// A router with all that requests pass.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RouterHealth {
    router: RouterRow,
    /// Its service with its servers; absent if there is none of that name.
    service: Option<ServiceRow>,
    /// Whether it is in a file that this program wrote and can change.
    managed: bool,
    /// Requests that match get an answer from a server, as far as Traefik can tell.
    healthy: bool,
    /// What is wrong on the way.
    problems: Vec<String>,
}

/// Show one router with its service and servers, and whether requests get through: its errors, missing or broken middlewares, servers that are down.
#[tool(
    read,
    open_world,
    permission = "traefik:router:read",
    title = "Show a router's health",
    timeout = 60
)]
pub(crate) async fn get_router(traefik: &Traefik, args: GetRouter) -> ToolResult<RouterHealth> {
    let name = args.name.qualified();
    let Some(router) = traefik.router(args.protocol, &name).await? else {
        return Err(no_router(&name));
    };
    let provider = router.provider.clone();
    let mut problems = errors(&router.error);
    let service_name = router.qualified_service();
    let service = traefik.service(args.protocol, &service_name).await?;
    match &service {
        None if router.error.is_empty() => {
            problems.push(format!("there is no service `{service_name}`"));
        }
        None => {}
        Some(service) => {
            problems.extend(errors(&service.error));
            let down: Vec<&str> = service
                .server_status
                .iter()
                .filter(|(_, status)| status.as_str() == Some("DOWN"))
                .map(|(server, _)| server.as_str())
                .collect();
            let all = service
                .load_balancer
                .as_ref()
                .map_or(0, |one| one.servers.len());
            for server in &down {
                problems.push(format!(
                    "server `{server}` does not answer its health check"
                ));
            }
            if all > 0 && down.len() >= all {
                problems.push("no server is left: requests get 503".to_owned());
            }
            if service
                .load_balancer
                .as_ref()
                .is_some_and(|one| one.servers.is_empty())
            {
                problems.push("the service has no servers: requests get 503".to_owned());
            }
        }
    }
    if args.protocol == Protocol::Http {
        for middleware in &router.middlewares {
            let name = qualified(middleware, &provider);
            match traefik.middleware(&name).await? {
                None => problems.push(format!("there is no middleware `{name}`")),
                Some(found) if found.status == "disabled" => {
                    problems.push(format!("middleware `{name}` is disabled"));
                }
                Some(_) => {}
            }
        }
    }
    problems.dedup();
    Ok(RouterHealth {
        managed: is_managed(traefik, args.protocol, &args.name).await?,
        healthy: problems.is_empty() && router.status != "disabled",
        router: router_row(args.protocol, router),
        service: service.map(|service| service_row(args.protocol, service)),
        problems,
    })
}

/// Whether one of our files, unchanged, holds it; without a directory there are none.
async fn is_managed(traefik: &Traefik, protocol: Protocol, name: &Ref) -> ToolResult<bool> {
    let own: Option<Name> = name.own().filter(|_| protocol == Protocol::Http);
    let (Some(name), Ok(files)) = (own, traefik.files()) else {
        return Ok(false);
    };
    let object = Object::router(&name);
    let content = files.read(&object.file()).await?;
    Ok(content.is_some_and(|content| object.read(&content).is_ok()))
}

pub(crate) fn no_router(name: &str) -> ToolError {
    ToolError::not_found(format!("there is no router `{name}`"))
        .reason("router_not_found")
        .field("name")
        .hint("call `list_routers`; a name has its provider, such as `app@docker`, and the protocol counts too")
}
