//! Services: the servers behind routers, and how they are.

use homelab_backend::page::page;
use homelab_core::error::{ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::tool;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list::{MARK, Status, errors};
use crate::client::{Search, Traefik};
use crate::fields::without_login;
use crate::ids::Ref;
use crate::protocol::{Protocol, Protocols};
use crate::types::{Service, qualified};

/// Servers shown of one service.
const MOST_SERVERS: usize = 50;

/// Which services.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListServices {
    /// Only of this protocol.
    protocol: Protocols,
    /// Only those with this text in their name.
    #[schemars(length(min = 1, max = 200))]
    search: Option<String>,
    /// Only in this state; `disabled` ones have errors.
    status: Option<Status>,
    /// Only from this provider, such as `file`, `docker` or `internal`.
    #[schemars(length(min = 1, max = 60))]
    provider: Option<String>,
    /// Only those with a server that does not answer its health check.
    only_down: bool,
    /// Most rows; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 400))]
    cursor: Option<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServiceRow {
    /// With its provider: `app@docker`.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    /// `loadbalancer`, `weighted`, `mirroring` or `failover`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// `enabled`, `disabled` or `warning`.
    pub(crate) status: String,
    /// Why it does not work.
    pub(crate) errors: Vec<String>,
    /// Routers that lead to it.
    pub(crate) used_by: Vec<String>,
    /// Its servers, at most 50.
    pub(crate) servers: Vec<ServerRow>,
    /// How many servers it has.
    pub(crate) servers_total: usize,
    /// Services that it leads on to.
    pub(crate) services: Vec<String>,
    /// Whether its servers are asked for their health; without that, nothing is known of it.
    pub(crate) health_checked: bool,
}

/// A server of a service.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ServerRow {
    /// Its URL, or its address with TCP and UDP.
    address: String,
    /// Whether it answers its health check.
    health: Health,
}

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Health {
    /// It answers.
    Up,
    /// It does not answer, and gets no requests.
    Down,
    /// It is not asked.
    Unchecked,
}

/// List Traefik's services with their servers, who uses them, and which servers do not answer their health check.
#[tool(
    read,
    open_world,
    permission = "traefik:service:read",
    title = "List services",
    timeout = 90
)]
pub(crate) async fn list_services(
    traefik: &Traefik,
    args: ListServices,
) -> ToolResult<Page<ServiceRow>> {
    let search = Search {
        text: args.search.clone(),
        status: args.status.map(Status::as_str),
    };
    let mut rows = Vec::new();
    for protocol in args.protocol.each() {
        let found = traefik.services(*protocol, &search).await?;
        rows.extend(
            found
                .into_iter()
                .map(|service| service_row(*protocol, service)),
        );
    }
    if let Some(provider) = &args.provider {
        rows.retain(|row| {
            row.name
                .rsplit_once('@')
                .is_some_and(|(_, of)| of == provider)
        });
    }
    if args.only_down {
        rows.retain(|row| {
            row.servers
                .iter()
                .any(|server| server.health == Health::Down)
        });
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        format!("{} {}", row.protocol, row.name)
    })
}

pub(crate) fn service_row(protocol: Protocol, service: Service) -> ServiceRow {
    let services = led_to(&service);
    let balancer = service.load_balancer.unwrap_or_default();
    // Without a health check Traefik calls every server up, and knows nothing.
    let health_checked = balancer.health_check.is_some();
    let health = |address: &str| match service.server_status.get(address).and_then(Value::as_str) {
        Some("DOWN") => Health::Down,
        Some("UP") if health_checked => Health::Up,
        _ => Health::Unchecked,
    };
    let mut servers: Vec<ServerRow> = balancer
        .servers
        .iter()
        .map(|server| ServerRow {
            address: without_login(server.place(), MARK),
            health: health(server.place()),
        })
        .collect();
    let servers_total = servers.len();
    // Those that are down are what is looked for.
    servers.sort_by_key(|server| server.health != Health::Down);
    servers.truncate(MOST_SERVERS);
    ServiceRow {
        protocol,
        kind: service.kind,
        status: service.status,
        errors: errors(&service.error),
        used_by: service.used_by,
        servers,
        servers_total,
        services,
        health_checked,
        name: service.name,
    }
}

/// The services that a service of services names.
pub(crate) fn led_to(service: &Service) -> Vec<String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let names = |value: &Value, key: &str| -> Vec<String> {
        let items = value
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        items.filter_map(|item| text(item, "name")).collect()
    };
    let mut found = Vec::new();
    for value in [&service.weighted, &service.highest_random_weight]
        .into_iter()
        .flatten()
    {
        found.extend(names(value, "services"));
    }
    if let Some(value) = &service.mirroring {
        found.extend(text(value, "service"));
        found.extend(names(value, "mirrors"));
    }
    if let Some(value) = &service.failover {
        found.extend(text(value, "service"));
        found.extend(text(value, "fallback"));
    }
    let provider = &service.provider;
    found
        .into_iter()
        .map(|name| qualified(&name, provider))
        .collect()
}

/// Which service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetServiceHealth {
    /// Its name as `list_services` gives it; without a provider, one of the file provider.
    name: Ref,
    /// Its protocol.
    #[serde(default)]
    protocol: Protocol,
}

/// The health of a service.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceHealth {
    service: ServiceRow,
    /// Servers that answer.
    up: usize,
    /// Servers that do not.
    down: usize,
    /// Servers that are not asked.
    unchecked: usize,
    /// What that means.
    verdict: String,
}

/// Show one service: which of its servers answer their health check, and which routers depend on it.
#[tool(
    read,
    open_world,
    permission = "traefik:service:read",
    title = "Show a service's health"
)]
pub(crate) async fn get_service_health(
    traefik: &Traefik,
    args: GetServiceHealth,
) -> ToolResult<ServiceHealth> {
    let name = args.name.qualified();
    let Some(service) = traefik.service(args.protocol, &name).await? else {
        return Err(
            ToolError::not_found(format!("there is no service `{name}`"))
                .reason("service_not_found")
                .field("name")
                .hint("call `list_services`; a name has its provider, such as `app@docker`, and the protocol counts too"),
        );
    };
    let down = service
        .server_status
        .values()
        .filter(|status| status.as_str() == Some("DOWN"))
        .count();
    let service = service_row(args.protocol, service);
    let total = service.servers_total;
    let (up, unchecked) = if service.health_checked {
        (total.saturating_sub(down), 0)
    } else {
        (0, total.saturating_sub(down))
    };
    let verdict = if service.status == "disabled" {
        "it is disabled: requests get an error".to_owned()
    } else if !service.services.is_empty() {
        format!(
            "it leads on to {}: look at those",
            service.services.join(", ")
        )
    } else if total == 0 {
        "it has no servers of its own".to_owned()
    } else if down == total {
        "no server answers: requests get 503".to_owned()
    } else if down > 0 {
        format!("{down} of {total} servers get no requests")
    } else if service.health_checked {
        "every server answers".to_owned()
    } else {
        "its servers are not checked: nothing is known of them".to_owned()
    };
    Ok(ServiceHealth {
        service,
        up,
        down,
        unchecked,
        verdict,
    })
}
