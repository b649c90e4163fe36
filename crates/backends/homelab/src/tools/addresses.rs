//! Giving out addresses.

use homelab_core::error::{Code, ToolError, ToolResult};
use homelab_core::inventory::{Address, Network};
use homelab_core::net::{Cidr, Ip, Mac};
use homelab_core::store::{Allocation, Records, StoreError};
use homelab_core::tool::{Inverse, Mismatch, Preview, Target, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::client::{Homelab, stored};

/// Most search results that are looked through for a host name's allocation.
const SEARCHED: u32 = 200;
/// What kind of allocation is made here.
const STATIC: &str = "static";

/// What address, for whom.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllocateIp {
    /// Network to take it from, by name.
    #[schemars(length(min = 1, max = 255))]
    network: String,
    /// Host name that gets it.
    #[schemars(length(min = 1, max = 253))]
    hostname: String,
    /// This address; the lowest free one if left out.
    #[schemars(length(max = 45))]
    ip: Option<Ip>,
    /// MAC address it is bound to.
    #[schemars(length(max = 17))]
    mac: Option<Mac>,
    /// Device, virtual machine or service that uses it; the host name if left out.
    #[schemars(length(min = 1, max = 255))]
    allocated_to: Option<String>,
    /// Free text.
    #[schemars(length(min = 1, max = 4000))]
    notes: Option<String>,
}

/// An allocated address.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Allocated {
    address: Address,
    /// False if the host name had this address already.
    created: bool,
}

/// Allocate an IP address in a network: the lowest free one, or a given one. A host name that has one there already keeps it.
#[tool(
    write,
    idempotent,
    permission = "homelab:network:allocate",
    title = "Allocate an IP address",
    preview = preview_allocate,
    targets = allocate_targets,
    inverse = undo_allocate,
    read_back = check_allocate
)]
pub(crate) async fn homelab_allocate_ip(lab: &Homelab, args: AllocateIp) -> ToolResult<Allocated> {
    let _writing = lab.writing.lock().await;
    let (network, cidr) = usable_network(lab, &args).await?;
    if let Some(address) = present(lab, &network.name, &args).await? {
        return Ok(Allocated {
            address,
            created: false,
        });
    }
    let wanted = Allocation {
        network: network.name.clone(),
        cidr,
        ip: args.ip,
        record: record(&args, &network),
    };
    let address = lab.inventory().allocate(&wanted).await.map_err(|error| {
        match (&error, args.ip) {
            (StoreError::Conflict { .. }, Some(ip)) => {
                ToolError::new(Code::Conflict, format!("`{ip}` is in use"))
                    .reason("ip_in_use")
                    .field("ip")
                    .hint("see who has it with `homelab_lookup_ip`; if it is the same host, name it in `allocated_to`")
            }
            (StoreError::Exhausted { .. }, _) => ToolError::from(error).reason("network_full"),
            _ => stored(error),
        }
    })?;
    Ok(Allocated {
        address,
        created: true,
    })
}

async fn preview_allocate(lab: &Homelab, args: &AllocateIp) -> ToolResult<Preview> {
    let (network, _) = usable_network(lab, args).await?;
    let hostname = &args.hostname;
    let summary = match (present(lab, &network.name, args).await?, args.ip) {
        (Some(address), _) => format!("leave `{}` with `{hostname}`", address.ip_address),
        (None, Some(ip)) => format!("allocate `{ip}` in `{}` to `{hostname}`", network.name),
        (None, None) => {
            let name = &network.name;
            format!("allocate the lowest free address of `{name}` to `{hostname}`")
        }
    };
    Ok(Preview {
        summary,
        changes: Vec::new(),
        impact: Vec::new(),
    })
}

async fn allocate_targets(lab: &Homelab, args: &AllocateIp) -> ToolResult<Vec<Target>> {
    let (network, _) = usable_network(lab, args).await?;
    Ok(vec![Target {
        kind: "network".to_owned(),
        id: network.id,
        name: Some(network.name),
        tags: Vec::new(),
    }])
}

/// Only a given address is known before the call.
async fn undo_allocate(lab: &Homelab, args: &AllocateIp) -> ToolResult<Option<Inverse>> {
    let (network, _) = usable_network(lab, args).await?;
    let present = present(lab, &network.name, args).await?;
    Ok(args.ip.filter(|_| present.is_none()).map(|ip| Inverse {
        tool: "homelab_release_ip".to_owned(),
        arguments: json!({ "ip": ip }),
    }))
}

async fn check_allocate(
    lab: &Homelab,
    args: &AllocateIp,
    done: &Allocated,
) -> ToolResult<Vec<Mismatch>> {
    let ip = done.address.ip_address;
    let found = lab.get::<Address>(&ip.to_string()).await?;
    let hostname = found
        .and_then(|address| address.hostname)
        .unwrap_or_default();
    let same = hostname.eq_ignore_ascii_case(&args.hostname);
    Ok((!same)
        .then(|| Mismatch {
            field: "hostname",
            wanted: args.hostname.clone(),
            found: hostname,
        })
        .into_iter()
        .collect())
}

/// Which address to give back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseIp {
    /// IPv4 or IPv6 address.
    #[schemars(length(max = 45))]
    ip: Ip,
}

/// A released address.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Released {
    /// The allocation as it was.
    released: Address,
}

/// Release an allocated IP address, so that it can be given out again. The device that uses it is not changed.
#[tool(
    write,
    permission = "homelab:network:release",
    title = "Release an IP address",
    preview = preview_release,
    targets = release_targets,
    inverse = undo_release,
    read_back = check_release
)]
pub(crate) async fn homelab_release_ip(lab: &Homelab, args: ReleaseIp) -> ToolResult<Released> {
    let _writing = lab.writing.lock().await;
    let released = lab.find::<Address>("ip", &args.ip.to_string()).await?;
    Records::<Address>::delete(lab.inventory(), &released.id)
        .await
        .map_err(stored)?;
    Ok(Released { released })
}

async fn preview_release(lab: &Homelab, args: &ReleaseIp) -> ToolResult<Preview> {
    let address = lab.find::<Address>("ip", &args.ip.to_string()).await?;
    let found = lab.lookup(args.ip).await?;
    Ok(Preview {
        summary: match &address.hostname {
            Some(hostname) => format!("release `{}`, allocated to `{hostname}`", args.ip),
            None => format!("release `{}`", args.ip),
        },
        changes: Vec::new(),
        impact: found
            .into_iter()
            .filter(|found| found.entity != "network_config")
            .map(|found| format!("`{}` in `{}` still has it", found.name, found.entity))
            .collect(),
    })
}

async fn release_targets(lab: &Homelab, args: &ReleaseIp) -> ToolResult<Vec<Target>> {
    let address = lab.find::<Address>("ip", &args.ip.to_string()).await?;
    Ok(vec![Target {
        kind: "address".to_owned(),
        id: address.id,
        name: Some(args.ip.to_string()),
        tags: Vec::new(),
    }])
}

/// Possible where the allocation was one that `homelab_allocate_ip` could have made.
async fn undo_release(lab: &Homelab, args: &ReleaseIp) -> ToolResult<Option<Inverse>> {
    let Some(address) = lab.get::<Address>(&args.ip.to_string()).await? else {
        return Ok(None);
    };
    let (Some(network), Some(hostname)) = (address.network, address.hostname) else {
        return Ok(None);
    };
    if address.kind.as_deref() != Some(STATIC) {
        return Ok(None);
    }
    let arguments = crate::patch::members(&json!({
        "network": network,
        "hostname": hostname,
        "ip": address.ip_address,
        "mac": address.mac,
        "allocated_to": address.allocated_to,
        "notes": address.notes,
    }))?;
    Ok(Some(Inverse {
        tool: "homelab_allocate_ip".to_owned(),
        arguments: arguments.into(),
    }))
}

async fn check_release(
    lab: &Homelab,
    args: &ReleaseIp,
    _done: &Released,
) -> ToolResult<Vec<Mismatch>> {
    let found = lab.get::<Address>(&args.ip.to_string()).await?;
    Ok(found
        .map(|address| Mismatch {
            field: "ip",
            wanted: "no allocation".to_owned(),
            found: address.hostname.unwrap_or_else(|| args.ip.to_string()),
        })
        .into_iter()
        .collect())
}

/// The network, and its range, if the wanted address can be given out in it.
async fn usable_network(lab: &Homelab, args: &AllocateIp) -> ToolResult<(Network, Cidr)> {
    let network = lab.find::<Network>("network", &args.network).await?;
    let name = &network.name;
    let Some(cidr) = network.cidr else {
        let message = format!("the range of the network `{name}` is not recorded");
        return Err(ToolError::new(Code::Conflict, message)
            .reason("network_without_range")
            .field("network")
            .hint("record its CIDR with `homelab-mcp inventory import`"));
    };
    if let Some(ip) = args.ip
        && let Some(problem) = unusable(ip, &network, cidr)
    {
        return Err(ToolError::invalid("ip", format!("`{ip}` {problem}"))
            .hint("leave `ip` out to get the lowest free address"));
    }
    Ok((network, cidr))
}

fn unusable(ip: Ip, network: &Network, cidr: Cidr) -> Option<String> {
    let name = &network.name;
    // In networks of two addresses or one, each is usable (RFC 3021, RFC 6164).
    let has_ends = cidr.0.max_prefix_len() - cidr.0.prefix_len() > 1;
    if !cidr.contains(ip) {
        Some(format!("is not in the network `{name}` ({cidr})"))
    } else if has_ends && ip.0 == cidr.0.network() {
        Some(format!("is the address of the network `{name}` itself"))
    } else if has_ends && ip.0.is_ipv4() && ip.0 == cidr.0.broadcast() {
        Some(format!("is the broadcast address of `{name}`"))
    } else if network.gateway == Some(ip) {
        Some(format!("is the gateway of `{name}`"))
    } else if let (Some(start), Some(end)) = (network.dhcp_start, network.dhcp_end)
        && (start..=end).contains(&ip)
    {
        Some(format!(
            "is in the DHCP pool of `{name}` ({start} to {end})"
        ))
    } else {
        None
    }
}

/// The allocation that the host name has in the network already.
///
/// # Errors
/// `conflict` if it is not the wanted address.
async fn present(lab: &Homelab, network: &str, args: &AllocateIp) -> ToolResult<Option<Address>> {
    let found = lab.search(&args.hostname, SEARCHED).await?;
    for found in found {
        if found.entity != "network_config" {
            continue;
        }
        let Some(address) = lab.get::<Address>(&found.id).await? else {
            continue;
        };
        let same_host = address
            .hostname
            .as_ref()
            .is_some_and(|hostname| hostname.eq_ignore_ascii_case(&args.hostname));
        if !same_host || address.network.as_deref() != Some(network) {
            continue;
        }
        let has = address.ip_address;
        if let Some(ip) = args.ip
            && ip != has
        {
            let hostname = &args.hostname;
            let message = format!("`{hostname}` has `{has}` in `{network}` already");
            return Err(ToolError::new(Code::Conflict, message)
                .reason("ip_in_use")
                .field("ip")
                .hint("release it first with `homelab_release_ip`"));
        }
        return Ok(Some(address));
    }
    Ok(None)
}

fn record(args: &AllocateIp, network: &Network) -> Address {
    Address {
        id: String::new(),
        // Replaced by the one that is allocated.
        ip_address: args
            .ip
            .unwrap_or(Ip(std::net::Ipv4Addr::UNSPECIFIED.into())),
        hostname: Some(args.hostname.clone()),
        allocated_to: Some(
            args.allocated_to
                .clone()
                .unwrap_or_else(|| args.hostname.clone()),
        ),
        kind: Some(STATIC.to_owned()),
        network: Some(network.name.clone()),
        mac: args.mac,
        notes: args.notes.clone(),
        updated_at: None,
    }
}
