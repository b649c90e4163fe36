//! Networks: listing, making, removing.

use std::collections::BTreeMap;

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::page::Page;
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::client::{Docker, Engine};
use crate::paging::page;
use crate::resolve;
use crate::types::{Network, Summary, Texts};

/// Which networks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListNetworks {
    /// Only those whose name contains this.
    #[schemars(length(max = 128))]
    name: Option<String>,
    /// Only those of this driver, such as `bridge` or `macvlan`.
    #[schemars(length(max = 64))]
    driver: Option<String>,
    /// `true`: only those without a container; `false`: only those with one.
    dangling: Option<bool>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
    /// Rows at most; default 25.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schemars(length(max = 1024))]
    cursor: Option<String>,
}

/// A network.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NetworkRow {
    /// Name.
    name: String,
    /// Beginning of the id.
    id: String,
    /// `bridge`, `host`, `macvlan`, `overlay`, …
    driver: String,
    /// `local`, `swarm` or `global`.
    scope: String,
    /// Whether it has no way out.
    internal: bool,
    /// Ranges of addresses.
    subnets: Vec<String>,
    /// Gateways of the ranges.
    gateways: Vec<String>,
    /// Containers in it, with their addresses; stopped ones have none.
    containers: Vec<Member>,
}

/// A container in a network.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Member {
    /// Name.
    name: String,
    /// State.
    state: String,
    /// Address.
    ip: Option<String>,
}

/// List networks with driver, ranges of addresses, and the containers in them.
#[tool(
    read,
    open_world,
    permission = "docker:network:read",
    timeout = 90,
    untrusted("items.name", "items.containers.name")
)]
pub(crate) async fn list_networks(
    docker: &Docker,
    args: ListNetworks,
) -> ToolResult<Page<NetworkRow>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (networks, containers) =
        futures_util::try_join!(engine.networks(), engine.containers(false))?;
    let mut rows = Vec::new();
    for network in networks {
        let members = members(&network, &containers);
        let fits = args
            .name
            .as_deref()
            .is_none_or(|name| network.name.contains(name))
            && args
                .driver
                .as_deref()
                .is_none_or(|driver| network.driver == driver)
            && args
                .dangling
                .is_none_or(|dangling| dangling == members.is_empty());
        if fits {
            rows.push(row(network, members));
        }
    }
    page(rows, args.limit, args.cursor.as_deref(), |row| {
        format!("{}\n{}", row.name, row.id)
    })
}

fn row(network: Network, containers: Vec<Member>) -> NetworkRow {
    let ranges = |pick: fn(&crate::types::Subnet) -> &String| {
        let texts = network
            .ipam
            .config
            .iter()
            .map(pick)
            .filter(|text| !text.is_empty());
        texts.cloned().collect()
    };
    NetworkRow {
        subnets: ranges(|range| &range.subnet),
        gateways: ranges(|range| &range.gateway),
        id: resolve::short(&network.id),
        name: network.name,
        driver: network.driver,
        scope: network.scope,
        internal: network.internal,
        containers,
    }
}

fn members(network: &Network, containers: &[Summary]) -> Vec<Member> {
    let mut members = Vec::new();
    for container in containers {
        let attached = container
            .network_settings
            .networks
            .iter()
            .find(|(name, attached)| {
                // A container that was never started knows its networks by name only.
                attached.network_id == network.id
                    || attached.network_id.is_empty() && **name == network.name
            });
        if let Some((_, attached)) = attached {
            members.push(Member {
                name: container.name().to_owned(),
                state: container.state.clone(),
                ip: [&attached.ip_address, &attached.ipv6_address]
                    .into_iter()
                    .find(|ip| !ip.is_empty())
                    .cloned(),
            });
        }
    }
    members
}

/// A network to make.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateNetwork {
    /// Name.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")
    )]
    name: String,
    /// Driver; default `bridge`.
    #[schemars(length(min = 1, max = 64))]
    driver: Option<String>,
    /// Range of addresses, such as `172.30.0.0/24`; the engine chooses one if left out.
    #[schemars(length(max = 64))]
    subnet: Option<String>,
    /// Address of the gateway in that range.
    #[schemars(length(max = 64))]
    gateway: Option<String>,
    /// Give it no way out.
    #[serde(default)]
    internal: bool,
    /// Let single containers join a swarm's network.
    #[serde(default)]
    attachable: bool,
    /// Also use IPv6.
    #[serde(default)]
    ipv6: bool,
    /// Labels.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = { "type": "string", "maxLength": 1000 }))]
    labels: Texts,
    /// Options of the driver, such as `parent` for `macvlan`.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = { "type": "string", "maxLength": 1000 }))]
    options: Texts,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A network that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CreatedNetwork {
    /// Name.
    name: String,
    /// Beginning of the id.
    id: String,
    /// Ranges of addresses.
    subnets: Vec<String>,
    /// What the engine warns of.
    warnings: Vec<String>,
}

/// Make a network; a name that is taken is refused, also by engines that would allow it twice.
#[tool(
    write,
    open_world,
    permission = "docker:network:write",
    targets = create_targets,
    inverse = undo_create,
    untrusted("warnings")
)]
pub(crate) async fn create_network(
    docker: &Docker,
    args: CreateNetwork,
) -> ToolResult<CreatedNetwork> {
    let engine = docker.writable(args.host.as_deref())?;
    if args.gateway.is_some() && args.subnet.is_none() {
        return Err(ToolError::invalid(
            "gateway",
            "a gateway needs its `subnet`",
        ));
    }
    if engine
        .networks()
        .await?
        .iter()
        .any(|network| network.name == args.name)
    {
        let text = format!(
            "there is a network `{}` on the Docker host `{}` already",
            args.name, engine.name
        );
        return Err(ToolError::new(Code::Conflict, text)
            .reason("name_in_use")
            .field("name"));
    }
    let made = engine.create_network(body(&args)).await?;
    let network = resolve::network(engine, &made.id).await?;
    Ok(CreatedNetwork {
        name: network.name.clone(),
        id: resolve::short(&network.id),
        subnets: row(network, Vec::new()).subnets,
        warnings: made
            .warnings
            .iter()
            .map(|warning| engine.clean(warning))
            .filter(|text| !text.is_empty())
            .collect(),
    })
}

fn body(args: &CreateNetwork) -> Value {
    let mut body = json!({
        "Name": args.name,
        "Driver": args.driver.as_deref().unwrap_or("bridge"),
        "CheckDuplicate": true,
        "Internal": args.internal,
        "Attachable": args.attachable,
        "EnableIPv6": args.ipv6,
        "Labels": args.labels,
        "Options": args.options,
    });
    if let Some(subnet) = &args.subnet {
        let mut range = Map::from_iter([("Subnet".to_owned(), subnet.clone().into())]);
        if let Some(gateway) = &args.gateway {
            range.insert("Gateway".to_owned(), gateway.clone().into());
        }
        body["IPAM"] = json!({ "Driver": "default", "Config": [range] });
    }
    body
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn create_targets(_: &Docker, args: &CreateNetwork) -> ToolResult<Vec<Target>> {
    Ok(vec![resolve::target(
        "network",
        "",
        Some(&args.name),
        &args.labels,
    )])
}

#[expect(clippy::unused_async, reason = "hooks are async")]
async fn undo_create(docker: &Docker, args: &CreateNetwork) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    Ok(Some(Inverse {
        tool: "remove_network".to_owned(),
        arguments: json!({ "network": args.name, "host": engine.name }),
    }))
}

/// Which network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneNetwork {
    /// Name, or beginning of the id.
    #[schemars(length(min = 1, max = 128))]
    network: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A network that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RemovedNetwork {
    /// Name it had.
    name: String,
    /// Its id.
    id: String,
}

/// Remove a network that no running container is in.
#[tool(
    destructive,
    open_world,
    permission = "docker:network:delete",
    preview = preview_remove,
    targets = one_target,
    inverse = undo_remove,
    untrusted("name")
)]
pub(crate) async fn remove_network(
    docker: &Docker,
    args: OneNetwork,
) -> ToolResult<RemovedNetwork> {
    let engine = docker.writable(args.host.as_deref())?;
    let network = resolve::network(engine, &args.network).await?;
    if network.is_predefined() {
        let text = format!(
            "the network `{}` belongs to the engine and cannot be removed",
            network.name
        );
        return Err(ToolError::new(Code::Conflict, text).reason("network_predefined"));
    }
    if let Err(error) = engine.remove_network(&network.id).await {
        if matches!(error.status(), Some(403 | 409)) {
            return Err(in_use(engine, &network, error.said()).await?);
        }
        return Err(error.into());
    }
    Ok(RemovedNetwork {
        name: network.name,
        id: network.id,
    })
}

async fn in_use(engine: &Engine, network: &Network, said: &str) -> ToolResult<ToolError> {
    let names = users(engine, network).await?;
    Ok(ToolError::new(
        Code::Conflict,
        format!("the network `{}` is in use: {said}", network.name),
    )
    .reason("network_in_use")
    .hint(format!(
        "stop or `disconnect_network` what is in it first: {}",
        names.join(", ")
    )))
}

async fn users(engine: &Engine, network: &Network) -> ToolResult<Vec<String>> {
    let containers = engine.containers(false).await?;
    Ok(members(network, &containers)
        .into_iter()
        .map(|one| format!("`{}` ({})", one.name, one.state))
        .collect())
}

async fn preview_remove(docker: &Docker, args: &OneNetwork) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let network = resolve::network(engine, &args.network).await?;
    let mut impact = Vec::new();
    let users = users(engine, &network).await?;
    if !users.is_empty() {
        impact.push(format!("containers in it: {}", users.join(", ")));
    }
    let ranges: Vec<String> = network
        .ipam
        .config
        .iter()
        .map(|range| range.subnet.clone())
        .collect();
    if !ranges.is_empty() {
        impact.push(format!("frees {}", ranges.join(", ")));
    }
    Ok(Preview {
        summary: format!(
            "remove the network `{}` ({}) on `{}`",
            network.name,
            resolve::short(&network.id),
            engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn one_target(docker: &Docker, args: &OneNetwork) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let network = resolve::network(engine, &args.network).await?;
    Ok(vec![resolve::target(
        "network",
        &network.id,
        Some(&network.name),
        &network.labels,
    )])
}

/// The same network can be made again where one range of addresses says it all.
async fn undo_remove(docker: &Docker, args: &OneNetwork) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let network = resolve::network(engine, &args.network).await?;
    if network.is_predefined() || network.ipam.config.len() > 1 || network.scope != "local" {
        return Ok(None);
    }
    let mut arguments: BTreeMap<&str, Value> = BTreeMap::from([
        ("name", network.name.into()),
        ("driver", network.driver.into()),
        ("internal", network.internal.into()),
        ("attachable", network.attachable.into()),
        ("ipv6", network.ipv6.into()),
        ("labels", json!(network.labels)),
        ("options", json!(network.options)),
        ("host", engine.name.clone().into()),
    ]);
    if let Some(range) = network.ipam.config.into_iter().next() {
        arguments.insert("subnet", range.subnet.into());
        if !range.gateway.is_empty() {
            arguments.insert("gateway", range.gateway.into());
        }
    }
    Ok(Some(Inverse {
        tool: "create_network".to_owned(),
        arguments: json!(arguments),
    }))
}
