//! Putting containers into networks and taking them out.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::tool::{Inverse, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Docker, Engine};
use crate::resolve;
use crate::types::{Attached, Inspect, Network, Summary};

/// Which container, and into which network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectNetwork {
    /// Name or id of the network.
    #[schemars(length(min = 1, max = 128))]
    network: String,
    /// Name, id, or the beginning of an id of the container.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Names under which others in the network find it, besides its own.
    #[serde(default)]
    #[schemars(length(max = 16), inner(length(min = 1, max = 128)))]
    aliases: Vec<String>,
    /// Address in the network; the engine chooses one if left out.
    #[schemars(length(max = 64))]
    ip: Option<String>,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// A container and its networks.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Membership {
    /// Name of the container.
    container: String,
    /// Name of the network.
    network: String,
    /// Whether anything changed.
    changed: bool,
    /// Address in the network.
    ip: Option<String>,
    /// All networks that the container is in now.
    networks: Vec<String>,
}

/// Put a container into one more network, while it runs.
#[tool(
    write,
    idempotent,
    open_world,
    permission = "docker:network:attach",
    targets = connect_targets,
    inverse = undo_connect,
    untrusted("container", "network", "networks")
)]
pub(crate) async fn connect_network(
    docker: &Docker,
    args: ConnectNetwork,
) -> ToolResult<Membership> {
    let engine = docker.writable(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    let before = engine.inspect(&container.id).await?;
    let joins = attached(&before, &network).is_none();
    if joins {
        let is_ip6 = args.ip.as_deref().is_some_and(|ip| ip.contains(':'));
        let mut endpoint = json!({ "Aliases": args.aliases });
        if let Some(ip) = &args.ip {
            let name = if is_ip6 { "IPv6Address" } else { "IPv4Address" };
            endpoint["IPAMConfig"] = json!({ name: ip });
        }
        engine.connect(&network.id, &container.id, endpoint).await?;
    }
    membership(engine, &network, &container, joins).await
}

async fn connect_targets(docker: &Docker, args: &ConnectNetwork) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    Ok(targets(&network, &container))
}

async fn undo_connect(docker: &Docker, args: &ConnectNetwork) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    let before = engine.inspect(&container.id).await?;
    Ok(attached(&before, &network).is_none().then(|| Inverse {
        tool: "disconnect_network".to_owned(),
        arguments: json!({ "network": network.id, "container": container.id, "host": engine.name }),
    }))
}

/// Which container, and out of which network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisconnectNetwork {
    /// Name or id of the network.
    #[schemars(length(min = 1, max = 128))]
    network: String,
    /// Name, id, or the beginning of an id of the container.
    #[schemars(length(min = 1, max = 128))]
    container: String,
    /// Docker host; the default one if left out.
    #[schemars(length(max = 64))]
    host: Option<String>,
}

/// Take a container out of a network, while it runs.
#[tool(
    destructive,
    idempotent,
    open_world,
    permission = "docker:network:attach",
    preview = preview_disconnect,
    targets = disconnect_targets,
    inverse = undo_disconnect,
    untrusted("container", "network", "networks")
)]
pub(crate) async fn disconnect_network(
    docker: &Docker,
    args: DisconnectNetwork,
) -> ToolResult<Membership> {
    let engine = docker.writable(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    let before = engine.inspect(&container.id).await?;
    let leaves = attached(&before, &network).is_some();
    if leaves && let Err(error) = engine.disconnect(&network.id, &container.id, false).await {
        if error.status() == Some(403) || error.said().contains("host mode") {
            let text = format!(
                "the container cannot leave `{}`: {}",
                network.name,
                error.said()
            );
            return Err(ToolError::new(Code::Conflict, text)
                .reason("network_predefined")
                .hint("make it anew with another network"));
        }
        return Err(error.into());
    }
    membership(engine, &network, &container, leaves).await
}

async fn preview_disconnect(docker: &Docker, args: &DisconnectNetwork) -> ToolResult<Preview> {
    let engine = docker.engine(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    let details = engine.inspect(&container.id).await?;
    let mut impact = Vec::new();
    match attached(&details, &network) {
        None => impact.push("it is not in this network".to_owned()),
        Some(attached) => {
            if !attached.ip_address.is_empty() {
                impact.push(format!("loses the address {}", attached.ip_address));
            }
            if details.network_settings.networks.len() == 1 {
                impact.push(
                    "it is in no other network: its published ports stop to answer".to_owned(),
                );
            }
        }
    }
    Ok(Preview {
        summary: format!(
            "take the container `{}` out of the network `{}` on `{}`",
            container.name(),
            network.name,
            engine.name
        ),
        changes: Vec::new(),
        impact,
    })
}

async fn disconnect_targets(docker: &Docker, args: &DisconnectNetwork) -> ToolResult<Vec<Target>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    Ok(targets(&network, &container))
}

async fn undo_disconnect(docker: &Docker, args: &DisconnectNetwork) -> ToolResult<Option<Inverse>> {
    let engine = docker.engine(args.host.as_deref())?;
    let (network, container) = both(engine, &args.network, &args.container).await?;
    let before = engine.inspect(&container.id).await?;
    let Some(was) = attached(&before, &network) else {
        return Ok(None);
    };
    // The engine adds the container's own short id, and would refuse it from us in some versions.
    let own = resolve::short(&container.id);
    let aliases: Vec<&String> = was.aliases.iter().filter(|alias| **alias != own).collect();
    let fixed = was.ipam_config.as_ref().and_then(|config| {
        ["IPv4Address", "IPv6Address"]
            .iter()
            .find_map(|name| config.get(name)?.as_str())
            .filter(|ip| !ip.is_empty())
    });
    let mut arguments = json!({
        "network": network.id, "container": container.id, "aliases": aliases, "host": engine.name,
    });
    if let Some(ip) = fixed {
        arguments["ip"] = ip.into();
    }
    Ok(Some(Inverse {
        tool: "connect_network".to_owned(),
        arguments,
    }))
}

async fn both(engine: &Engine, network: &str, container: &str) -> ToolResult<(Network, Summary)> {
    futures_util::try_join!(
        resolve::network(engine, network),
        resolve::container(engine, container)
    )
}

fn targets(network: &Network, container: &Summary) -> Vec<Target> {
    vec![
        resolve::container_target(container),
        resolve::target("network", &network.id, Some(&network.name), &network.labels),
    ]
}

fn attached<'a>(details: &'a Inspect, network: &Network) -> Option<&'a Attached> {
    let networks = &details.network_settings.networks;
    networks
        .values()
        .find(|one| one.network_id == network.id)
        .or_else(|| networks.get(&network.name))
}

async fn membership(
    engine: &Engine,
    network: &Network,
    container: &Summary,
    changed: bool,
) -> ToolResult<Membership> {
    let now = engine.inspect(&container.id).await?;
    let ip = attached(&now, network)
        .map(|one| one.ip_address.clone())
        .filter(|ip| !ip.is_empty());
    Ok(Membership {
        container: container.name().to_owned(),
        network: network.name.clone(),
        changed,
        ip,
        networks: now.network_settings.networks.into_keys().collect(),
    })
}
